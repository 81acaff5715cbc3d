//! The one place that knows CPU levels: each function here picks the level at run time and calls its kernel.

use std::ops::Range;

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch};

use super::lanes::{Lanes, Real, load, splat, store};
use super::small::{Diag, Full, Spherical};
use super::{Densities, Form, Moments, distances, small, softmax, wide};
use crate::samples::{Samples, TILE};

/// The name of the CPU level that the kernels run at, for reports.
#[must_use]
pub fn simd_level() -> String {
    let name = format!("{:?}", Level::new());
    name.split('(').next().unwrap_or_default().to_lowercase()
}

/// Calls a kernel of `small` for the form and the number of features at hand, or else the one of `wide`.
macro_rules! by_shape {
    ($densities:expr, $kernel:ident, $simd:expr, ($($argument:expr),*), $scratch:expr) => {
        match ($densities.form, $densities.n_features) {
            (Form::Full, 1) => small::$kernel::<_, T, Full, 1>($simd, $densities, $($argument),*),
            (Form::Full, 2) => small::$kernel::<_, T, Full, 2>($simd, $densities, $($argument),*),
            (Form::Full, 3) => small::$kernel::<_, T, Full, 3>($simd, $densities, $($argument),*),
            (Form::Full, 4) => small::$kernel::<_, T, Full, 4>($simd, $densities, $($argument),*),
            (Form::Diag, 1) => small::$kernel::<_, T, Diag, 1>($simd, $densities, $($argument),*),
            (Form::Diag, 2) => small::$kernel::<_, T, Diag, 2>($simd, $densities, $($argument),*),
            (Form::Diag, 3) => small::$kernel::<_, T, Diag, 3>($simd, $densities, $($argument),*),
            (Form::Diag, 4) => small::$kernel::<_, T, Diag, 4>($simd, $densities, $($argument),*),
            (Form::Spherical, 1) => small::$kernel::<_, T, Spherical, 1>($simd, $densities, $($argument),*),
            (Form::Spherical, 2) => small::$kernel::<_, T, Spherical, 2>($simd, $densities, $($argument),*),
            (Form::Spherical, 3) => small::$kernel::<_, T, Spherical, 3>($simd, $densities, $($argument),*),
            (Form::Spherical, 4) => small::$kernel::<_, T, Spherical, 4>($simd, $densities, $($argument),*),
            _ => wide::$kernel($simd, $densities, $($argument),*, $scratch),
        }
    };
}

/// What one tile's E-step gives, reused from tile to tile.
pub(crate) struct Posterior<T> {
    /// Densities relative to the largest of their sample, (k, TILE).
    pub(crate) joint: Vec<T>,
    /// Times this, they are responsibilities.
    pub(crate) inverse: [T; TILE],
    /// log₂ p(x).
    pub(crate) log_density: [T; TILE],
    /// The component with the largest responsibility.
    pub(crate) best: [T; TILE],
    scratch: Vec<T>,
}

impl<T: Real> Posterior<T> {
    pub(crate) fn new(densities: &Densities<T>) -> Self {
        Self {
            joint: vec![T::default(); densities.n_components * TILE],
            inverse: [T::default(); TILE],
            log_density: [T::default(); TILE],
            best: [T::default(); TILE],
            scratch: vec![T::default(); if densities.n_features > 4 { densities.n_features * TILE } else { 0 }],
        }
    }
}

/// The E-step of one tile, labels among it.
pub(crate) fn posterior_tile<T: Real>(densities: &Densities<T>, values: &[T], posterior: &mut Posterior<T>) {
    dispatch!(Level::new(), simd => {
        expect_tile(simd, densities, values, posterior);
        softmax::argmax_tile(simd, &posterior.joint, &mut posterior.best);
    });
}

/// E- and M-step in one pass over a run of tiles, added to `moments`.
pub(crate) fn fused_tiles<T: Real>(
    samples: &Samples<T>,
    tiles: Range<usize>,
    densities: &Densities<T>,
    moments: &mut Moments,
) {
    dispatch!(Level::new(), simd => fused(simd, samples, tiles, densities, moments));
}

/// See [`distances::nearest_tile`].
pub(crate) fn nearest_tile<T: Real>(values: &[T], centres: &[T], nearest: &mut [T; TILE], distance: &mut [T; TILE]) {
    dispatch!(Level::new(), simd => distances::nearest_tile(simd, values, centres, nearest, distance));
}

/// See [`distances::potentials_tile`].
pub(crate) fn potentials_tile<T: Real>(
    values: &[T],
    weights: &[T],
    distance: &[T],
    candidates: &[T],
    potentials: &mut [f64],
) {
    dispatch!(Level::new(), simd => distances::potentials_tile(simd, values, weights, distance, candidates, potentials));
}

/// See [`distances::lower_tile`].
pub(crate) fn lower_tile<T: Real>(values: &[T], weights: &[T], centre: &[T], distance: &mut [T]) -> f64 {
    dispatch!(Level::new(), simd => distances::lower_tile(simd, values, weights, centre, distance))
}

#[inline(always)]
fn expect_tile<S: Simd, T: Real>(simd: S, densities: &Densities<T>, values: &[T], posterior: &mut Posterior<T>) {
    let Posterior { joint, inverse, log_density, scratch, .. } = posterior;
    by_shape!(densities, joint_tile, simd, (values, joint), scratch);
    softmax::softmax_tile(simd, joint, inverse, log_density);
}

#[inline(always)]
fn fused<S: Simd, T: Real>(
    simd: S,
    samples: &Samples<T>,
    tiles: Range<usize>,
    densities: &Densities<T>,
    moments: &mut Moments,
) {
    let (d, len) = (densities.n_features, Lanes::<S, T>::LEN);
    let wide = d > 4;
    let statistics = 1 + d + densities.form.second_len(d);
    let width = if wide { 1 } else { len };
    let mut sums = vec![T::default(); densities.n_components * statistics * width];
    let mut posterior = Posterior::new(densities);
    for tile in tiles {
        let (values, weights) = samples.tile(tile);
        expect_tile(simd, densities, values, &mut posterior);
        let Posterior { joint, inverse, log_density, scratch, .. } = &mut posterior;
        let mut log_likelihood = splat(simd, T::default());
        for lane in (0..TILE).step_by(len) {
            let weight = load(simd, weights, lane);
            log_likelihood = weight.mul_add(load(simd, log_density, lane), log_likelihood);
            store::<S, T>(weight * load(simd, inverse, lane), inverse, lane);
        }
        moments.log_likelihood += log_likelihood.reduce_sum().to_f64() * std::f64::consts::LN_2;
        by_shape!(densities, moments_tile, simd, (values, inverse, joint, &mut sums), scratch);
    }
    for (component, sums) in sums.chunks_exact(statistics * width).enumerate() {
        let (mass, first, second) = moments.of(component);
        let targets = std::iter::once(mass).chain(first).chain(second);
        for (target, sums) in targets.zip(sums.chunks_exact(width)) {
            *target += if wide { sums[0] } else { load(simd, sums, 0).reduce_sum() }.to_f64();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::covariance::CovarianceType;
    use crate::kernels::levels;
    use crate::mixture::Mixture;

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
            moments.log_likelihood += weight * (largest + sum.ln());
            for (j, log_joint) in log_joint.iter().enumerate() {
                let responsibility = (log_joint - largest).exp() / sum;
                moments.add(form, j, weight * responsibility, &difference(j).into_iter());
            }
        }
        moments
    }

    fn check<T: Real>(bound: f64) {
        let families = [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag, CovarianceType::Spherical];
        for (family, d) in families.into_iter().flat_map(|family| [1, 2, 3, 4, 5, 11].map(|d| (family, d))) {
            let n = 5 * TILE + 17;
            let weights: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
            let samples = Samples::<T>::new(&scattered(n, d), d, Some(&weights), 1.0).expect("valid samples");
            let densities = mixture(family, 7, d).densities::<T>().expect("valid mixture");
            let expected = textbook(&samples, &densities);
            for level in levels() {
                let mut found = Moments::zero(densities.form, 7, d);
                dispatch!(level, simd => fused(simd, &samples, 0..samples.n_tiles(), &densities, &mut found));
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
                let error = (expected.log_likelihood - found.log_likelihood).abs() / samples.total_weight();
                assert!(error < bound, "{family:?} d={d} {level:?}: log-likelihood off by {error:e}");
            }
        }
    }

    #[test]
    fn moments_agree_with_the_textbook_in_single_precision() {
        check::<f32>(3e-6);
    }

    #[test]
    fn moments_agree_with_the_textbook_in_double_precision() {
        check::<f64>(1e-13);
    }

    #[test]
    fn far_samples_and_dead_components_give_finite_numbers() {
        let samples = Samples::<f32>::new(&[0.0, 1e-4, 1.0, 5e4], 1, None, 1.0).expect("valid samples");
        let mut dead = mixture(CovarianceType::Spherical, 3, 1);
        dead.weights = vec![1.0, 0.0, 0.0];
        dead.covariances = vec![1e-12; 3];
        let densities = dead.densities::<f32>().expect("valid mixture");
        for level in levels() {
            let mut moments = Moments::zero(densities.form, 3, 1);
            dispatch!(level, simd => fused(simd, &samples, 0..1, &densities, &mut moments));
            let numbers = moments.mass.iter().chain(&moments.first).chain(&moments.second);
            assert!(numbers.chain([&moments.log_likelihood]).all(|value| value.is_finite()), "{moments:?}");
        }
    }
}
