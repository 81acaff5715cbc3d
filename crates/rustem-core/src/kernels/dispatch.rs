//! The one place that knows CPU levels: each function here picks the level at run time and calls its kernel.

use std::ops::Range;
use std::sync::OnceLock;

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd};

use super::aligned::{Aligned, Row};
use super::diagonal::{Diag, Spherical};
use super::lanes::{Lanes, Real, load, splat, store};
use super::small::{Full, Shape};
use super::{Densities, Form, Moments, bounds, boxes, distances, small, softmax, wide};
use crate::samples::{Samples, TILE};

/// Instantiates a kernel for AVX-512, AVX2 with FMA, SSE2, NEON or none of them, and calls the one for `level`.
///
/// SSE4.2 is left out: it would gain little, and each level costs as much compilation as the others.
#[cfg(target_arch = "x86_64")]
macro_rules! dispatch {
    ($level:expr, $simd:ident => $call:expr) => {
        match $level {
            Level::Avx512($simd) => $simd.vectorize(
                #[inline(always)]
                || $call,
            ),
            Level::Avx2($simd) => $simd.vectorize(
                #[inline(always)]
                || $call,
            ),
            #[cfg(test)]
            Level::Fallback($simd) => $simd.vectorize(
                #[inline(always)]
                || $call,
            ),
            level => match level.as_sse2() {
                Some($simd) => $simd.vectorize(
                    #[inline(always)]
                    || $call,
                ),
                None => unreachable!("every x86-64 has SSE2"),
            },
        }
    };
}
#[cfg(not(target_arch = "x86_64"))]
use fearless_simd::dispatch;

/// The best level of this CPU; or the lower one that the environment variable `RUSTEM_SIMD_LEVEL` names (`avx2`, `sse2`), to
/// measure it or to get the same bits as another machine.
fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let best = Level::new();
        #[cfg(target_arch = "x86_64")]
        let lower = match std::env::var("RUSTEM_SIMD_LEVEL").as_deref() {
            Ok("avx2") => best.as_avx2().map(Level::Avx2),
            Ok("sse2") => best.as_sse2().map(Level::Sse2),
            _ => None,
        };
        #[cfg(not(target_arch = "x86_64"))]
        let lower = None;
        lower.unwrap_or(best)
    })
}

/// With more features, typical densities differ from the largest by more than can be added up without a scale of each
/// sample's own.
const MAX_DIRECT: usize = 32;

/// The name of the CPU level that the kernels run at, for reports.
#[must_use]
pub fn simd_level() -> String {
    let name = format!("{:?}", level());
    name.split('(').next().unwrap_or_default().to_lowercase()
}

/// Calls a function of this file for the shape at hand, or else what stands for it.
macro_rules! by_shape {
    ($densities:expr, $function:ident($($argument:expr),*), $otherwise:expr) => {
        match ($densities.form, $densities.n_features) {
            // One feature has one factor, whatever the form.
            (_, 1) => $function::<T, Spherical<1>>($($argument),*),
            (Form::Spherical, 2) => $function::<T, Spherical<2>>($($argument),*),
            (Form::Spherical, 3) => $function::<T, Spherical<3>>($($argument),*),
            (Form::Spherical, 4) => $function::<T, Spherical<4>>($($argument),*),
            (Form::Spherical, _) => $function::<T, Spherical<0>>($($argument),*),
            (Form::Diag, 2) => $function::<T, Diag<2>>($($argument),*),
            (Form::Diag, 3) => $function::<T, Diag<3>>($($argument),*),
            (Form::Diag, 4) => $function::<T, Diag<4>>($($argument),*),
            (Form::Diag, _) => $function::<T, Diag<0>>($($argument),*),
            (Form::Full, 2) => $function::<T, Full<2>>($($argument),*),
            (Form::Full, 3) => $function::<T, Full<3>>($($argument),*),
            (Form::Full, 4) => $function::<T, Full<4>>($($argument),*),
            (Form::Full, 5) => $function::<T, Full<5>>($($argument),*),
            (Form::Full, 6) => $function::<T, Full<6>>($($argument),*),
            (Form::Full, 7) => $function::<T, Full<7>>($($argument),*),
            (Form::Full, 8) => $function::<T, Full<8>>($($argument),*),
            _ => $otherwise,
        }
    };
}

/// What one tile's E-step gives, reused from tile to tile.
pub(crate) struct Posterior<T> {
    /// The components that count in this tile.
    components: Vec<u32>,
    /// Those whose log₂ density stays below this do not count.
    least: Option<T>,
    /// Their densities relative to one number for each sample, a row of TILE each.
    pub(crate) joint: Aligned<T>,
    /// Times this, they are responsibilities.
    pub(crate) inverse: Row<[T; TILE]>,
    /// log₂ p(x).
    pub(crate) log_density: Row<[T; TILE]>,
    /// The component with the largest responsibility.
    pub(crate) best: Row<[T; TILE]>,
    bounds: Aligned<T>,
    scratch: wide::Scratch<T>,
}

impl<T: Real> Posterior<T> {
    pub(crate) fn new(densities: &Densities<T>) -> Self {
        let wide_features = if densities.is_wide() { densities.n_features } else { 0 };
        Self {
            components: (0..densities.n_components as u32).collect(),
            least: None,
            joint: Aligned::new(densities.n_components * TILE),
            inverse: Row([T::default(); TILE]),
            log_density: Row([T::default(); TILE]),
            best: Row([T::default(); TILE]),
            bounds: Aligned::new(densities.n_components + TILE),
            scratch: wide::Scratch::new(densities.n_components, wide_features),
        }
    }

    /// Forgets what earlier tiles have left: which these were may depend on threads.
    fn restart(&mut self, densities: &Densities<T>) {
        self.all_components(densities);
        self.least = None;
        self.scratch.restart(densities.n_components);
    }

    fn all_components(&mut self, densities: &Densities<T>) {
        self.components.clear();
        self.components.extend(0..densities.n_components as u32);
    }
}

/// The E-step of one tile, all components and labels among it.
pub(crate) fn posterior_tile<T: Real>(densities: &Densities<T>, values: &[T], posterior: &mut Posterior<T>) {
    let level = level();
    expect_tile(level, densities, values, posterior);
    dispatch!(level, simd => softmax::argmax_tile(simd, &posterior.joint, &mut posterior.best));
}

/// Room for E- and M-step, megabytes where there are many components: kept from pass to pass, because memory fresh from
/// the system costs more than the work on it.
pub(crate) struct Workspace<T> {
    shape: (Form, usize, usize),
    posterior: Posterior<T>,
    sums: Aligned<T>,
}

impl<T: Real> Workspace<T> {
    pub(crate) fn new(densities: &Densities<T>) -> Self {
        let shape = (densities.form, densities.n_components, densities.n_features);
        Self { shape, posterior: Posterior::new(densities), sums: Aligned::new(0) }
    }

    pub(crate) fn fits(&self, densities: &Densities<T>) -> bool {
        self.shape == (densities.form, densities.n_components, densities.n_features)
    }
}

/// E- and M-step in one pass over a run of tiles, added to `moments`.
pub(crate) fn fused_tiles<T: Real>(
    samples: &Samples<T>,
    tiles: Range<usize>,
    densities: &Densities<T>,
    workspace: &mut Workspace<T>,
    moments: &mut Moments,
) {
    fused_at(level(), samples, tiles, densities, workspace, moments);
}

/// See [`distances::nearest_tile`].
pub(crate) fn nearest_tile<T: Real>(values: &[T], centres: &[T], nearest: &mut [T; TILE], distance: &mut [T; TILE]) {
    dispatch!(level(), simd => distances::nearest_tile(simd, values, centres, nearest, distance));
}

/// See [`distances::potentials_tile`].
pub(crate) fn potentials_tile<T: Real>(
    values: &[T],
    weights: &[T],
    distance: &[T],
    candidates: &[T],
    potentials: &mut [f64],
) {
    dispatch!(level(), simd => distances::potentials_tile(simd, values, weights, distance, candidates, potentials));
}

/// See [`distances::lower_tile`].
pub(crate) fn lower_tile<T: Real>(values: &[T], weights: &[T], centre: &[T], distance: &mut [T]) -> f64 {
    dispatch!(level(), simd => distances::lower_tile(simd, values, weights, centre, distance))
}

/// See [`boxes::margins`]. `centres` and `margins` are padded to a multiple of 16 centres.
pub(crate) fn box_margins<T: Real>(low: &[T], high: &[T], centres: &[T], margins: &mut [T]) {
    let stride = margins.len();
    dispatch!(level(), simd => boxes::margins(simd, low, high, centres, stride, margins));
}

/// See [`distances::cluster_tile`].
pub(crate) fn cluster_tile<T: Real>(
    samples: (&[T], &[T]),
    nearest: &[T; TILE],
    distance: &[T; TILE],
    candidates: &[u32],
    sums: &mut [f64],
) -> f64 {
    dispatch!(level(), simd => distances::cluster_tile(simd, samples, nearest, distance, candidates, sums))
}

fn expect_tile<T: Real>(level: Level, densities: &Densities<T>, values: &[T], posterior: &mut Posterior<T>) {
    let direct = densities.n_features <= MAX_DIRECT;
    if direct && by_shape!(densities, expect_small(level, densities, values, posterior), false) {
        return;
    }
    posterior.all_components(densities);
    by_shape!(densities, log_joint_small(level, densities, values, posterior), {
        let Posterior { joint, scratch, .. } = posterior;
        dispatch!(level, simd => wide::joint_tile(simd, densities, values, joint, scratch));
    });
    let Posterior { joint, inverse, log_density, .. } = posterior;
    dispatch!(level, simd => softmax::softmax_tile(simd, densities.offset, joint, inverse, log_density));
}

fn log_joint_small<T: Real, F: Shape>(
    level: Level,
    densities: &Densities<T>,
    values: &[T],
    posterior: &mut Posterior<T>,
) {
    dispatch!(level, simd => small::log_joint_tile::<_, T, F>(simd, densities, values, &mut posterior.joint));
}

fn expect_small<T: Real, F: Shape>(
    level: Level,
    densities: &Densities<T>,
    values: &[T],
    posterior: &mut Posterior<T>,
) -> bool {
    let Posterior { components, least, joint, inverse, log_density, .. } = posterior;
    dispatch!(level, simd => {
        small::expect_tile::<_, T, F>(simd, densities, values, (components, *least), joint, inverse, log_density)
    })
}

fn moments_small<T: Real, F: Shape>(
    level: Level,
    densities: &Densities<T>,
    values: &[T],
    posterior: &Posterior<T>,
    sums: &mut [T],
) {
    let Posterior { components, joint, inverse, .. } = posterior;
    dispatch!(level, simd => {
        small::moments_tile::<_, T, F>(simd, densities, values, components, joint, inverse, sums);
    });
}

/// Multiplies `inverse` by the samples' weights; returns Σ w log₂ p(x).
#[inline(always)]
fn weigh<S: Simd, T: Real>(simd: S, weights: &[T], inverse: &mut [T; TILE], log_density: &[T; TILE]) -> f64 {
    let mut sum = splat(simd, T::default());
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        let weight = load(simd, weights, lane);
        sum = weight.mul_add(load(simd, log_density, lane), sum);
        store::<S, T>(load(simd, inverse, lane) * weight, inverse, lane);
    }
    sum.as_slice().iter().map(|value| value.to_f64()).sum()
}

fn fused_at<T: Real>(
    level: Level,
    samples: &Samples<T>,
    tiles: Range<usize>,
    densities: &Densities<T>,
    workspace: &mut Workspace<T>,
    moments: &mut Moments,
) {
    let len = dispatch!(level, simd => lanes_of::<_, T>(simd));
    let Workspace { posterior, sums, .. } = workspace;
    let each =
        if densities.is_wide() { wide::sums_each(densities.n_features, len) } else { statistics(densities) * len };
    sums.reset(densities.n_components * each);
    posterior.restart(densities);
    for tile in tiles {
        let (values, weights) = samples.tile(tile);
        if let (Some(bounds), Some(corners)) = (&densities.bounds, samples.tile_box(tile)) {
            let Posterior { components, least, bounds: upper, .. } = &mut *posterior;
            *least =
                Some(dispatch!(level, simd => bounds::active(simd, densities, bounds, corners, upper, components)));
        }
        expect_tile(level, densities, values, posterior);
        let Posterior { inverse, log_density, .. } = &mut *posterior;
        let sum = dispatch!(level, simd => weigh(simd, weights, inverse, log_density));
        moments.log_likelihood += sum * std::f64::consts::LN_2;
        by_shape!(densities, moments_small(level, densities, values, posterior, sums), {
            let Posterior { joint, inverse, scratch, .. } = &mut *posterior;
            let mass = &mut moments.mass;
            dispatch!(level, simd => {
                wide::moments_tile(simd, densities, (values, weights), (joint, inverse), scratch, sums, mass);
            });
        });
    }
    if densities.is_wide() {
        wide::flush(densities.n_features, len, sums, moments);
    } else {
        dispatch!(level, simd => small::flush(simd, sums, moments));
    }
}

/// Sums of each component.
fn statistics<T: Real>(densities: &Densities<T>) -> usize {
    1 + densities.n_features + densities.form.second_len(densities.n_features)
}

#[inline(always)]
fn lanes_of<S: Simd, T: Real>(_: S) -> usize {
    Lanes::<S, T>::LEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::covariance::CovarianceType;
    use crate::kernels::levels;
    use crate::mixture::Mixture;
    use crate::parallel::Threads;

    /// Values that fill the unit cube without a pattern (multiples of irrational numbers, modulo one).
    fn scattered(n: usize, d: usize) -> Vec<f64> {
        (0..n * d)
            .map(|i| {
                ((i / d + 1) as f64 * [0.618_034, 0.754_878, 0.569_840, 0.819_173][i % d % 4] * (1 + i % d) as f64)
                    .fract()
            })
            .collect()
    }

    fn mixture(family: CovarianceType, k: usize, d: usize) -> Mixture {
        let each = family.values_each(d);
        let covariances = (0..family.count(k) * each).map(|i| match family {
            CovarianceType::Full | CovarianceType::Tied => {
                let (a, b) = (i % each / d, i % d);
                if a == b { 0.5 + 0.05 * (i / each) as f64 } else { 0.4 / d as f64 * 0.9f64.powf((a + b) as f64) }
            }
            CovarianceType::Diag | CovarianceType::Spherical => 0.3 + 0.05 * (i % 7) as f64,
        });
        Mixture {
            covariance_type: family,
            n_features: d,
            weights: vec![1.0 / k as f64; k],
            means: scattered(k, d).iter().map(|value| 3.0 * value - 1.5).collect(),
            covariances: covariances.collect(),
        }
    }

    /// The same moments by the textbook, sample by sample in f64.
    fn textbook<T: Real>(samples: &Samples<T>, densities: &Densities<T>) -> Moments {
        let (k, d, form) = (densities.n_components, densities.n_features, densities.form);
        let mut moments = Moments::zero(form, k, d);
        for i in 0..samples.len() {
            let weight = samples.tile(i / TILE).1[i % TILE].to_f64();
            let x: Vec<f64> = samples.sample(i).map(Real::to_f64).collect();
            let difference =
                |j: usize| x.iter().zip(densities.of(j)).map(|(x, m)| x - m.to_f64()).collect::<Vec<f64>>();
            let log_joint: Vec<f64> = (0..k)
                .map(|j| {
                    let p: Vec<f64> = densities.of(j)[d..].iter().map(|value| value.to_f64()).collect();
                    let delta = difference(j);
                    let norm: f64 = (0..d)
                        .map(|a| match form {
                            Form::Full => (0..=a).map(|b| p[a * (a + 1) / 2 + b] * delta[b]).sum::<f64>().powi(2),
                            Form::Diag => (p[a] * delta[a]).powi(2),
                            Form::Spherical => (p[0] * delta[a]).powi(2),
                        })
                        .sum();
                    (p[p.len() - 1] - norm) * std::f64::consts::LN_2
                })
                .collect();
            let largest = log_joint.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = log_joint.iter().map(|value| (value - largest).exp()).sum();
            let offset = densities.offset.to_f64() * std::f64::consts::LN_2;
            moments.log_likelihood += weight * (largest + sum.ln() - offset);
            for (j, log_joint) in log_joint.iter().enumerate() {
                let responsibility = (log_joint - largest).exp() / sum;
                moments.add(form, j, weight * responsibility, &difference(j).into_iter());
            }
        }
        moments
    }

    /// With a small `scale`, most components are lost in the rounding of most samples.
    fn check<T: Real>(scale: f64, bound: f64) {
        let families = [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag, CovarianceType::Spherical];
        for (family, d) in
            families.into_iter().flat_map(|family| [1, 2, 3, 4, 5, 8, 11, 16, 33, 49].map(|d| (family, d)))
        {
            let n = 5 * TILE + 17;
            let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
            let samples = Samples::<T>::new(&scattered(n, d), d, Some(&weights), 1.0).expect("valid samples");
            let mut mixture = mixture(family, 7, d);
            mixture.covariances.iter_mut().for_each(|value| *value *= scale);
            let densities = mixture.densities::<T>(&Threads::single()).expect("valid mixture");
            let expected = textbook(&samples, &densities);
            for level in levels() {
                let mut found = Moments::zero(densities.form, 7, d);
                fused_at(
                    level,
                    &samples,
                    0..samples.n_tiles(),
                    &densities,
                    &mut Workspace::new(&densities),
                    &mut found,
                );
                let pairs =
                    [(&expected.mass, &found.mass), (&expected.first, &found.first), (&expected.second, &found.second)];
                for (expected, found) in pairs {
                    let scale = expected.iter().fold(0.0, |scale: f64, value| scale.max(value.abs()));
                    for (expected, found) in expected.iter().zip(found) {
                        assert!(
                            (expected - found).abs() < bound * scale,
                            "{family:?} d={d} {level:?}: {expected} {found}"
                        );
                    }
                }
                let likelihood = expected.log_likelihood / samples.total_weight();
                let error = (expected.log_likelihood - found.log_likelihood).abs() / samples.total_weight();
                let bound = bound * likelihood.abs().max(1.0);
                assert!(error < bound, "{family:?} d={d} {level:?}: log-likelihood off by {error:e}");
            }
        }
    }

    #[test]
    fn moments_agree_with_the_textbook_in_single_precision() {
        check::<f32>(1.0, 3e-6);
        check::<f32>(0.03, 1e-5);
    }

    #[test]
    fn moments_agree_with_the_textbook_in_double_precision() {
        check::<f64>(1.0, 1e-13);
        check::<f64>(0.03, 1e-13);
    }

    #[test]
    fn components_left_out_are_not_missed() {
        let n = 600 * TILE + 3;
        let samples = Samples::<f32>::for_fit(&scattered(n, 3), 3, None, 1.0, 40).expect("valid samples");
        for family in [CovarianceType::Full, CovarianceType::Diag, CovarianceType::Spherical] {
            let mut narrow = mixture(family, 40, 3);
            narrow.covariances.iter_mut().for_each(|value| *value *= 0.01);
            let mut densities = narrow.densities::<f32>(&Threads::single()).expect("valid mixture");
            for level in levels() {
                let [mut sparse, mut dense] = [(); 2].map(|()| Moments::zero(densities.form, 40, 3));
                let mut workspace = Workspace::new(&densities);
                fused_at(level, &samples, 0..samples.n_tiles(), &densities, &mut workspace, &mut sparse);
                let bounds = densities.bounds.take();
                // In the same room, of which nothing may be left.
                fused_at(level, &samples, 0..samples.n_tiles(), &densities, &mut workspace, &mut dense);
                densities.bounds = bounds;
                let mut components = Vec::new();
                if let (Some(bounds), Some(corners)) = (&densities.bounds, samples.tile_box(7)) {
                    let mut upper = [0.0; 48];
                    dispatch!(level, simd => {
                        bounds::active(simd, &densities, bounds, corners, &mut upper, &mut components);
                    });
                }
                assert!((1..30).contains(&components.len()), "{components:?}");
                let error = (sparse.log_likelihood - dense.log_likelihood).abs() / samples.total_weight();
                assert!(error < 1e-6, "{family:?} {level:?}: log-likelihood off by {error:e}");
                for (sparse, dense) in [(&sparse.mass, &dense.mass), (&sparse.second, &dense.second)] {
                    let scale = dense.iter().fold(0.0, |scale: f64, value| scale.max(value.abs()));
                    assert!(sparse.iter().zip(dense).all(|(a, b)| (a - b).abs() < 1e-6 * scale));
                }
            }
        }
    }

    #[test]
    fn far_samples_and_dead_components_give_finite_numbers() {
        let samples = Samples::<f32>::new(&[0.0, 1e-4, 1.0, 5e4], 1, None, 1.0).expect("valid samples");
        let mut dead = mixture(CovarianceType::Spherical, 3, 1);
        dead.weights = vec![1.0, 0.0, 0.0];
        dead.covariances = vec![1e-12; 3];
        let densities = dead.densities::<f32>(&Threads::single()).expect("valid mixture");
        for level in levels() {
            let mut moments = Moments::zero(densities.form, 3, 1);
            fused_at(level, &samples, 0..1, &densities, &mut Workspace::new(&densities), &mut moments);
            let numbers = moments.mass.iter().chain(&moments.first).chain(&moments.second);
            assert!(numbers.chain([&moments.log_likelihood]).all(|value| value.is_finite()), "{moments:?}");
        }
    }
}
