//! Joint densities and moments for any number of features.

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::lanes::{Lanes, Real, load, splat, store};
use super::{Densities, Form};
use crate::samples::TILE;

/// Rows of a triangular product that share one pass over the features.
const ROWS: usize = 4;

/// x − mean for a whole tile, (d, TILE).
#[inline(always)]
fn difference_tile<S: Simd, T: Real>(simd: S, values: &[T], mean: &[T], difference: &mut [T]) {
    for ((values, mean), difference) in values.chunks_exact(TILE).zip(mean).zip(difference.chunks_exact_mut(TILE)) {
        for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
            store::<S, T>(load(simd, values, lane) - splat(simd, *mean), difference, lane);
        }
    }
}

/// log₂ of weight times density of each component (k, TILE) for a tile's values (d, TILE).
#[inline(always)]
pub(super) fn joint_tile<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    joint: &mut [T],
    scratch: &mut [T],
) {
    let d = densities.n_features;
    for (component, row) in joint.chunks_exact_mut(TILE).enumerate() {
        let parameters = densities.of(component);
        let (mean, factor) = parameters.split_at(d);
        let constant = splat(simd, parameters[parameters.len() - 1]);
        difference_tile(simd, values, mean, scratch);
        for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
            let mut sum = splat(simd, T::default());
            match densities.form {
                Form::Full => {
                    for start in (0..d).step_by(ROWS) {
                        sum = triangular_rows(simd, factor, scratch, start..d.min(start + ROWS), lane, sum);
                    }
                }
                Form::Diag => {
                    for (difference, factor) in scratch.chunks_exact(TILE).zip(factor) {
                        let y = load(simd, difference, lane) * splat(simd, *factor);
                        sum = y.mul_add(y, sum);
                    }
                }
                Form::Spherical => {
                    for difference in scratch.chunks_exact(TILE) {
                        let y = load(simd, difference, lane);
                        sum = y.mul_add(y, sum);
                    }
                    let factor = splat(simd, factor[0]);
                    sum *= factor * factor;
                }
            }
            store::<S, T>(constant - sum, row, lane);
        }
    }
}

/// Adds the squares of up to [`ROWS`] rows of the lower-triangular product `factor · difference` to `sum`.
#[inline(always)]
fn triangular_rows<S: Simd, T: Real>(
    simd: S,
    factor: &[T],
    difference: &[T],
    rows: std::ops::Range<usize>,
    lane: usize,
    mut sum: Lanes<S, T>,
) -> Lanes<S, T> {
    let row_start = |row: usize| row * (row + 1) / 2;
    let mut products = [splat(simd, T::default()); ROWS];
    // The columns that all these rows have, then the corner of the triangle.
    for column in 0..=rows.start {
        let x = load(simd, difference, column * TILE + lane);
        for (product, row) in products.iter_mut().zip(rows.clone()) {
            *product = x.mul_add(splat(simd, factor[row_start(row) + column]), *product);
        }
    }
    for (product, row) in products.iter_mut().zip(rows.clone()) {
        for column in rows.start + 1..=row {
            let x = load(simd, difference, column * TILE + lane);
            *product = x.mul_add(splat(simd, factor[row_start(row) + column]), *product);
        }
        sum = product.mul_add(*product, sum);
    }
    sum
}

/// Adds a tile's moments to `sums`: for each component 1 + d + … numbers.
///
/// `weight` is the sample's weight over the sum of its relative densities `joint`.
#[inline(always)]
pub(super) fn moments_tile<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    weight: &[T; TILE],
    joint: &[T],
    sums: &mut [T],
    scratch: &mut [T],
) {
    let (d, len) = (densities.n_features, Lanes::<S, T>::LEN);
    let statistics = 1 + d + densities.form.second_len(d);
    let mut responsibility = [T::default(); TILE];
    let mut weighted = [T::default(); TILE];
    for (component, (row, sums)) in joint.chunks_exact(TILE).zip(sums.chunks_exact_mut(statistics)).enumerate() {
        difference_tile(simd, values, &densities.of(component)[..d], scratch);
        let mut mass = splat(simd, T::default());
        for lane in (0..TILE).step_by(len) {
            let value = load(simd, row, lane) * load(simd, weight, lane);
            mass += value;
            store::<S, T>(value, &mut responsibility, lane);
        }
        sums[0] += mass.reduce_sum();
        let (first, second) = sums[1..].split_at_mut(d);
        let mut at = 0;
        for a in 0..d {
            let difference = &scratch[a * TILE..(a + 1) * TILE];
            let mut sum = splat(simd, T::default());
            for lane in (0..TILE).step_by(len) {
                let value = load(simd, &responsibility, lane) * load(simd, difference, lane);
                sum += value;
                store::<S, T>(value, &mut weighted, lane);
            }
            first[a] += sum.reduce_sum();
            match densities.form {
                Form::Full => {
                    products(simd, &weighted, scratch, 0, &mut second[at..=at + a]);
                    at += a + 1;
                }
                Form::Diag => products(simd, &weighted, scratch, a, &mut second[a..=a]),
                Form::Spherical => products(simd, &weighted, scratch, a, &mut second[..1]),
            }
        }
    }
}

/// Adds Σ weighted · difference over the tile to each of `sums`, for the features from `feature` on.
#[inline(always)]
fn products<S: Simd, T: Real>(simd: S, weighted: &[T; TILE], difference: &[T], feature: usize, sums: &mut [T]) {
    for (group, sums) in sums.chunks_mut(ROWS).enumerate() {
        let mut products = [splat(simd, T::default()); ROWS];
        for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
            let weighted = load(simd, weighted, lane);
            for (product, b) in products.iter_mut().zip(0..sums.len()) {
                let row = feature + group * ROWS + b;
                *product = weighted.mul_add(load(simd, difference, row * TILE + lane), *product);
            }
        }
        for (sum, product) in sums.iter_mut().zip(products) {
            *sum += product.reduce_sum();
        }
    }
}
