//! E- and M-step of a run of tiles at one CPU level: the kernels for the shape at hand, one after another.

use std::ops::Range;

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd};

use super::densities::Densities;
use super::diagonal::{Diag, Spherical};
use super::full_small::Full;
use super::moments::{Form, Moments};
use super::shape::{self, Shape};
use super::workspace::{Posterior, Workspace};
use super::{component_pruning, full_large, softmax};
use crate::samples::{Samples, TILE};
use crate::simd::{Lanes, Real, dispatch, load, splat, store};

/// With more features, typical densities differ from the largest by more than can be added up without a scale of each
/// sample's own.
const MAX_DIRECT: usize = 32;

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

pub(super) fn expect_tile<T: Real>(level: Level, densities: &Densities<T>, values: &[T], posterior: &mut Posterior<T>) {
    let direct = densities.n_features <= MAX_DIRECT;
    if direct && by_shape!(densities, expect_small(level, densities, values, posterior), false) {
        return;
    }
    posterior.all_components(densities);
    by_shape!(densities, log_joint_small(level, densities, values, posterior), {
        let Posterior { joint, scratch, .. } = posterior;
        dispatch!(level, simd => full_large::joint_tile(simd, densities, values, joint, scratch));
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
    dispatch!(level, simd => shape::log_joint_tile::<_, T, F>(simd, densities, values, &mut posterior.joint));
}

fn expect_small<T: Real, F: Shape>(
    level: Level,
    densities: &Densities<T>,
    values: &[T],
    posterior: &mut Posterior<T>,
) -> bool {
    let Posterior { components, least, joint, inverse, log_density, .. } = posterior;
    dispatch!(level, simd => {
        shape::expect_tile::<_, T, F>(simd, densities, values, (components, *least), joint, inverse, log_density)
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
        shape::moments_tile::<_, T, F>(simd, densities, values, components, joint, inverse, sums);
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

pub(super) fn fused_at<T: Real>(
    level: Level,
    samples: &Samples<T>,
    tiles: Range<usize>,
    densities: &Densities<T>,
    workspace: &mut Workspace<T>,
    moments: &mut Moments,
) {
    let len = dispatch!(level, simd => lanes_of::<_, T>(simd));
    let Workspace { posterior, sums, .. } = workspace;
    let each = if densities.is_large() {
        full_large::sums_each(densities.n_features, len)
    } else {
        statistics(densities) * len
    };
    sums.reset(densities.n_components * each);
    posterior.restart(densities);
    for tile in tiles {
        let (values, weights) = samples.tile(tile);
        if let (Some(bounds), Some(corners)) = (&densities.bounds, samples.tile_box(tile)) {
            let Posterior { components, least, bounds: upper, .. } = &mut *posterior;
            *least = Some(
                dispatch!(level, simd => component_pruning::active(simd, densities, bounds, corners, upper, components)),
            );
        }
        expect_tile(level, densities, values, posterior);
        let Posterior { inverse, log_density, .. } = &mut *posterior;
        let sum = dispatch!(level, simd => weigh(simd, weights, inverse, log_density));
        moments.log_likelihood += sum * std::f64::consts::LN_2;
        by_shape!(densities, moments_small(level, densities, values, posterior, sums), {
            let Posterior { joint, inverse, scratch, .. } = &mut *posterior;
            let mass = &mut moments.mass;
            dispatch!(level, simd => {
                full_large::moments_tile(simd, densities, (values, weights), (joint, inverse), scratch, sums, mass);
            });
        });
    }
    if densities.is_large() {
        full_large::flush(densities.n_features, len, sums, moments);
    } else {
        dispatch!(level, simd => shape::flush(simd, sums, moments));
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
    use crate::mixture::Mixture;
    use crate::parallel::Threads;
    use crate::simd::levels;

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
            let densities = Densities::<T>::new(&mixture, &Threads::single()).expect("valid mixture");
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
        let samples = Samples::<f32>::for_fit(&scattered(n, 3), 3, None, 1.0, &[], 40).expect("valid samples");
        for family in [CovarianceType::Full, CovarianceType::Diag, CovarianceType::Spherical] {
            let mut narrow = mixture(family, 40, 3);
            narrow.covariances.iter_mut().for_each(|value| *value *= 0.01);
            let mut densities = Densities::<f32>::new(&narrow, &Threads::single()).expect("valid mixture");
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
                        component_pruning::active(simd, &densities, bounds, corners, &mut upper, &mut components);
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
        let densities = Densities::<f32>::new(&dead, &Threads::single()).expect("valid mixture");
        for level in levels() {
            let mut moments = Moments::zero(densities.form, 3, 1);
            fused_at(level, &samples, 0..1, &densities, &mut Workspace::new(&densities), &mut moments);
            let numbers = moments.mass.iter().chain(&moments.first).chain(&moments.second);
            assert!(numbers.chain([&moments.log_likelihood]).all(|value| value.is_finite()), "{moments:?}");
        }
    }
}
