//! Squared distances to centres, for the start: k-means++ potentials and nearest centres.

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use crate::samples::TILE;
use crate::simd::{Lanes, Real, load, splat, store};

#[inline(always)]
fn squared_distance<S: Simd, T: Real>(simd: S, values: &[T], lane: usize, center: &[T]) -> Lanes<S, T> {
    let mut sum = splat(simd, T::default());
    for (values, center) in values.chunks_exact(TILE).zip(center) {
        let difference = load(simd, values, lane) - splat(simd, *center);
        sum = difference.mul_add(difference, sum);
    }
    sum
}

/// The nearest of `centers` (k, d) for each sample of a tile, the first of equals; and its squared distance.
#[inline(always)]
pub(super) fn nearest_tile<S: Simd, T: Real>(
    simd: S,
    values: &[T],
    centers: &[T],
    nearest: &mut [T; TILE],
    distance: &mut [T; TILE],
) {
    let d = values.len() / TILE;
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        let mut smallest = squared_distance(simd, values, lane, &centers[..d]);
        let mut winner = splat(simd, T::default());
        let mut index = splat(simd, T::ONE);
        for center in centers[d..].chunks_exact(d) {
            let value = squared_distance(simd, values, lane, center);
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

/// Lowers `distance` to the squared distance to `center` where that is smaller; returns the weighted sum.
#[inline(always)]
pub(super) fn lower_tile<S: Simd, T: Real>(
    simd: S,
    values: &[T],
    weights: &[T],
    center: &[T],
    distance: &mut [T],
) -> f64 {
    let mut sum = splat(simd, T::default());
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        let value = squared_distance(simd, values, lane, center).min(load(simd, distance, lane));
        store::<S, T>(value, distance, lane);
        sum = value.mul_add(load(simd, weights, lane), sum);
    }
    sum.reduce_sum().to_f64()
}

/// Candidates of a tile beyond which samples are summed one by one.
const MAX_MASKED: usize = 24;
/// Features that are summed at a time.
const FEATURES: usize = 4;

/// Adds the samples of a tile to the sums of their nearest centres, Σ w x (d values) and Σ w; returns Σ w distance².
/// `nearest` holds indices into `candidates`, which are numbers of centres.
#[inline(always)]
pub(super) fn cluster_tile<S: Simd, T: Real>(
    simd: S,
    (values, weights): (&[T], &[T]),
    nearest: &[T; TILE],
    distance: &[T; TILE],
    candidates: &[u32],
    sums: &mut [f64],
) -> f64 {
    let d = values.len() / TILE;
    let mut error = splat(simd, T::default());
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        error = load(simd, weights, lane).mul_add(load(simd, distance, lane), error);
    }
    if candidates.len() > MAX_MASKED {
        for (lane, weight) in weights.iter().enumerate() {
            let center = candidates[nearest[lane].to_f64() as usize] as usize;
            let (sums, weight) = (&mut sums[center * (d + 1)..(center + 1) * (d + 1)], weight.to_f64());
            for (sum, value) in sums.iter_mut().zip(values[lane..].iter().step_by(TILE)) {
                *sum += weight * value.to_f64();
            }
            sums[d] += weight;
        }
        return error.reduce_sum().to_f64();
    }
    for (number, center) in candidates.iter().enumerate() {
        let (number, sums) = (T::from_f64(number as f64), &mut sums[*center as usize * (d + 1)..][..=d]);
        let mut mass = 0.0;
        for (values, sums) in values.chunks(FEATURES * TILE).zip(sums.chunks_mut(FEATURES)) {
            mass = match values.len() / TILE {
                1 => add_features::<S, T, 1>(simd, values, weights, nearest, number, sums),
                2 => add_features::<S, T, 2>(simd, values, weights, nearest, number, sums),
                3 => add_features::<S, T, 3>(simd, values, weights, nearest, number, sums),
                _ => add_features::<S, T, FEATURES>(simd, values, weights, nearest, number, sums),
            };
        }
        sums[d] += mass;
    }
    error.reduce_sum().to_f64()
}

/// Adds Σ w x of the samples of a tile whose nearest candidate has this number, for up to D features; returns Σ w.
#[inline(always)]
fn add_features<S: Simd, T: Real, const D: usize>(
    simd: S,
    values: &[T],
    weights: &[T],
    nearest: &[T; TILE],
    number: T,
    sums: &mut [f64],
) -> f64 {
    let (zero, number) = (splat(simd, T::default()), splat(simd, number));
    let (mut mass, mut first) = (zero, [zero; D]);
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        let weight = load(simd, nearest, lane).simd_eq(number).select(load(simd, weights, lane), zero);
        mass += weight;
        for (a, first) in first.iter_mut().enumerate() {
            *first = load(simd, values, a * TILE + lane).mul_add(weight, *first);
        }
    }
    for (sum, first) in sums.iter_mut().zip(first) {
        *sum += first.reduce_sum().to_f64();
    }
    mass.reduce_sum().to_f64()
}
