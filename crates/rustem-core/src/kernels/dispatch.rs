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
