//! Where the rest of the crate enters: each function here runs its kernel at the level that [`crate::simd`] has chosen.

use std::ops::Range;

use super::densities::Densities;
use super::fused::{expect_tile, fused_at};
use super::moments::Moments;
use super::workspace::{Posterior, Workspace};
use super::{center_pruning, distances, softmax};
use crate::samples::{Samples, TILE};
use crate::simd::{Real, dispatch, level};

/// The E-step of one tile, all components and labels among it.
pub(crate) fn posterior_tile<T: Real>(densities: &Densities<T>, values: &[T], posterior: &mut Posterior<T>) {
    let level = level();
    expect_tile(level, densities, values, posterior);
    dispatch!(level, simd => softmax::argmax_tile(simd, &posterior.joint, &mut posterior.best));
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
pub(crate) fn nearest_tile<T: Real>(values: &[T], centers: &[T], nearest: &mut [T; TILE], distance: &mut [T; TILE]) {
    dispatch!(level(), simd => distances::nearest_tile(simd, values, centers, nearest, distance));
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
pub(crate) fn lower_tile<T: Real>(values: &[T], weights: &[T], center: &[T], distance: &mut [T]) -> f64 {
    dispatch!(level(), simd => distances::lower_tile(simd, values, weights, center, distance))
}

/// See [`center_pruning::margins`]. `centers` and `margins` are padded to a multiple of 16 centres.
pub(crate) fn box_margins<T: Real>(low: &[T], high: &[T], centers: &[T], margins: &mut [T]) {
    let stride = margins.len();
    dispatch!(level(), simd => center_pruning::margins(simd, low, high, centers, stride, margins));
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
