//! Squared distances to centres, for the start: k-means++ potentials and nearest centres.

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::lanes::{Lanes, Real, load, splat, store};
use crate::samples::TILE;

#[inline(always)]
fn squared_distance<S: Simd, T: Real>(simd: S, values: &[T], lane: usize, centre: &[T]) -> Lanes<S, T> {
    let mut sum = splat(simd, T::default());
    for (values, centre) in values.chunks_exact(TILE).zip(centre) {
        let difference = load(simd, values, lane) - splat(simd, *centre);
        sum = difference.mul_add(difference, sum);
    }
    sum
}

/// The nearest of `centres` (k, d) for each sample of a tile, the first of equals; and its squared distance.
#[inline(always)]
pub(super) fn nearest_tile<S: Simd, T: Real>(
    simd: S,
    values: &[T],
    centres: &[T],
    nearest: &mut [T; TILE],
    distance: &mut [T; TILE],
) {
    let d = values.len() / TILE;
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        let mut smallest = squared_distance(simd, values, lane, &centres[..d]);
        let mut winner = splat(simd, T::default());
        let mut index = splat(simd, T::ONE);
        for centre in centres[d..].chunks_exact(d) {
            let value = squared_distance(simd, values, lane, centre);
            let better = value.simd_lt(smallest);
            smallest = better.select(value, smallest);
            winner = better.select(index, winner);
            index += splat(simd, T::ONE);
        }
        store::<S, T>(winner, nearest, lane);
        store::<S, T>(smallest, distance, lane);
    }
}

/// For each candidate centre the weighted sum, over a tile, of the squared distance to it or to the centres before
/// it (`distance`), whichever is smaller.
#[inline(always)]
pub(super) fn potentials_tile<S: Simd, T: Real>(
    simd: S,
    values: &[T],
    weights: &[T],
    distance: &[T],
    candidates: &[T],
    potentials: &mut [f64],
) {
    let d = values.len() / TILE;
    for (candidate, potential) in candidates.chunks_exact(d).zip(potentials) {
        let mut sum = splat(simd, T::default());
        for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
            let value = squared_distance(simd, values, lane, candidate).min(load(simd, distance, lane));
            sum = value.mul_add(load(simd, weights, lane), sum);
        }
        *potential += sum.reduce_sum().to_f64();
    }
}

/// Lowers `distance` to the squared distance to `centre` where that is smaller; returns the weighted sum.
#[inline(always)]
pub(super) fn lower_tile<S: Simd, T: Real>(
    simd: S,
    values: &[T],
    weights: &[T],
    centre: &[T],
    distance: &mut [T],
) -> f64 {
    let mut sum = splat(simd, T::default());
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        let value = squared_distance(simd, values, lane, centre).min(load(simd, distance, lane));
        store::<S, T>(value, distance, lane);
        sum = value.mul_add(load(simd, weights, lane), sum);
    }
    sum.reduce_sum().to_f64()
}

/// Adds the samples of a tile that are nearest to one candidate: Σ w x (d values), Σ w, Σ w distance².
#[inline(always)]
pub(super) fn cluster_tile<S: Simd, T: Real>(
    simd: S,
    values: &[T],
    weights: &[T],
    nearest: &[T; TILE],
    distance: &[T; TILE],
    candidate: usize,
    sums: &mut [f64],
) {
    let (len, zero) = (Lanes::<S, T>::LEN, splat(simd, T::default()));
    let candidate = splat(simd, T::from_f64(candidate as f64));
    let mut own = [T::default(); TILE];
    let (mut mass, mut error) = (zero, zero);
    for lane in (0..TILE).step_by(len) {
        let weight = load(simd, nearest, lane).simd_eq(candidate).select(load(simd, weights, lane), zero);
        mass += weight;
        error = weight.mul_add(load(simd, distance, lane), error);
        store::<S, T>(weight, &mut own, lane);
    }
    let d = values.len() / TILE;
    for (values, sum) in values.chunks_exact(TILE).zip(sums.iter_mut()) {
        let mut first = zero;
        for lane in (0..TILE).step_by(len) {
            first = load(simd, values, lane).mul_add(load(simd, &own, lane), first);
        }
        *sum += first.reduce_sum().to_f64();
    }
    sums[d] += mass.reduce_sum().to_f64();
    sums[d + 1] += error.reduce_sum().to_f64();
}
