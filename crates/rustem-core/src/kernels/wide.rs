//! Joint densities and moments of full covariances of five features and more, as products of blocks that fill the
//! registers.
//!
//! The E-step's triangular product takes [`ROWS`] rows of the factor times two vectors of samples at a time. The M-step's
//! sums of products do the same with vectors of features where there are many (no sum over lanes is then needed), and
//! with vectors of samples where there are few.

#![expect(clippy::needless_range_loop, reason = "indices of rows and vectors read like the formulas")]

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::aligned::Aligned;
use super::lanes::{Lanes, Real, load, splat, store};
use super::{Densities, Moments};
use crate::samples::TILE;

/// Rows of a product that share each load of a vector: with two vectors, 12 sums fit the 16 registers of AVX2.
const ROWS: usize = 6;
/// Up to this number of features, vectors of samples serve the M-step better.
const NARROW: usize = 16;
/// A multiple of every vector width.
const PADDING: usize = 16;

/// Room for one tile and component.
pub(super) struct Scratch<T> {
    /// x − mean, feature by feature (rows, TILE); later times the responsibility.
    difference: Aligned<T>,
    /// The values sample by sample (TILE, padded).
    transposed: Aligned<T>,
    /// x − mean, sample by sample (TILE, padded).
    centred: Aligned<T>,
}

impl<T: Real> Scratch<T> {
    pub(super) fn new(d: usize) -> Self {
        let (rows, padded) = (d.next_multiple_of(ROWS), d.next_multiple_of(PADDING));
        Self {
            difference: Aligned::new(rows * TILE),
            transposed: Aligned::new(TILE * padded),
            centred: Aligned::new(TILE * padded),
        }
    }
}

/// A lower triangle, row by row, in panels of [`ROWS`] rows, column by column, zeros above the diagonal.
pub(super) fn panels<T: Real>(triangle: &[T], d: usize) -> Vec<T> {
    let mut panels = Vec::new();
    for start in (0..d).step_by(ROWS) {
        for column in 0..d.min(start + ROWS) {
            panels.extend((start..start + ROWS).map(|row| {
                if column <= row && row < d { triangle[row * (row + 1) / 2 + column] } else { T::default() }
            }));
        }
    }
    panels
}

/// log₂ of weight times density of each component (k, TILE) for a tile's values (d, TILE).
#[inline(always)]
pub(super) fn joint_tile<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    joint: &mut [T],
    scratch: &mut Scratch<T>,
) {
    let (d, pair) = (densities.n_features, 2 * Lanes::<S, T>::LEN);
    for (component, row) in joint.chunks_exact_mut(TILE).enumerate() {
        let parameters = densities.of(component);
        let constant = splat(simd, parameters[parameters.len() - 1]);
        difference_tile(simd, values, &parameters[..d], None, &mut scratch.difference);
        for lane in (0..TILE).step_by(pair) {
            let mut sum = [splat(simd, T::default()); 2];
            whitened_square(simd, densities.panels_of(component), &scratch.difference, lane, &mut sum);
            for v in 0..2 {
                store::<S, T>(constant - sum[v], row, lane + v * pair / 2);
            }
        }
    }
}

/// Adds |factor · difference|² of two vectors of samples to `sum`.
#[inline(always)]
fn whitened_square<S: Simd, T: Real>(simd: S, panels: &[T], difference: &[T], lane: usize, sum: &mut [Lanes<S, T>; 2]) {
    let (columns, len) = (difference.as_chunks::<TILE>().0, Lanes::<S, T>::LEN);
    let mut panels = panels.as_chunks::<ROWS>().0;
    let mut width = ROWS;
    while !panels.is_empty() {
        // The last panel may be narrower than its rows.
        let (panel, rest) = panels.split_at(width.min(panels.len()));
        let mut y = [[splat(simd, T::default()); 2]; ROWS];
        for (factors, column) in panel.iter().zip(columns) {
            let x = [load(simd, column, lane), load(simd, column, lane + len)];
            for row in 0..ROWS {
                let factor = splat(simd, factors[row]);
                y[row] = [x[0].mul_add(factor, y[row][0]), x[1].mul_add(factor, y[row][1])];
            }
        }
        for row in 0..ROWS {
            *sum = [y[row][0].mul_add(y[row][0], sum[0]), y[row][1].mul_add(y[row][1], sum[1])];
        }
        panels = rest;
        width += ROWS;
    }
}

/// Numbers that [`moments_tile`] adds to for each component, on a CPU with `len` lanes.
pub(super) fn sums_each(d: usize, len: usize) -> usize {
    let padded = d.next_multiple_of(PADDING);
    if d <= NARROW { (d + d * (d + 1) / 2) * len } else { padded + d.next_multiple_of(ROWS) * padded }
}

/// Adds what [`moments_tile`] has gathered to `moments`.
pub(super) fn flush<T: Real>(d: usize, len: usize, sums: &[T], moments: &mut Moments) {
    let padded = d.next_multiple_of(PADDING);
    for (component, sums) in sums.chunks_exact(sums_each(d, len)).enumerate() {
        let (_, first, second) = moments.of(component);
        if d <= NARROW {
            for (to, from) in first.iter_mut().chain(second).zip(sums.chunks_exact(len)) {
                *to += from.iter().map(|value| value.to_f64()).sum::<f64>();
            }
            continue;
        }
        let (first_sums, second_sums) = sums.split_at(padded);
        first.iter_mut().zip(first_sums).for_each(|(to, from)| *to += from.to_f64());
        let triangle = second_sums.chunks_exact(padded).enumerate().flat_map(|(a, row)| &row[..(a + 1).min(d)]);
        second.iter_mut().zip(triangle).for_each(|(to, from)| *to += from.to_f64());
    }
}

/// Adds a tile's masses to `mass`, and its other moments to `sums`.
///
/// `weight` is the sample's weight over the sum of its relative densities `joint`.
#[inline(always)]
pub(super) fn moments_tile<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    (joint, weight): (&[T], &[T; TILE]),
    scratch: &mut Scratch<T>,
    sums: &mut [T],
    mass: &mut [f64],
) {
    let (d, len) = (densities.n_features, Lanes::<S, T>::LEN);
    let padded = d.next_multiple_of(PADDING);
    if d > NARROW {
        for (feature, values) in values.chunks_exact(TILE).enumerate() {
            scratch.transposed[feature..].iter_mut().step_by(padded).zip(values).for_each(|(to, from)| *to = *from);
        }
    }
    let mut responsibility = [T::default(); TILE];
    let rows = joint.chunks_exact(TILE).zip(sums.chunks_exact_mut(sums_each(d, len))).zip(mass);
    for (component, ((row, sums), mass)) in rows.enumerate() {
        let mut total = splat(simd, T::default());
        for lane in (0..TILE).step_by(len) {
            let value = load(simd, row, lane) * load(simd, weight, lane);
            total += value;
            store::<S, T>(value, &mut responsibility, lane);
        }
        *mass += total.reduce_sum().to_f64();
        let mean = &densities.of(component)[..d];
        if d <= NARROW {
            difference_tile(simd, values, mean, None, &mut scratch.difference);
            products_of_samples(simd, &responsibility, &scratch.difference[..d * TILE], sums);
            continue;
        }
        let (first, second) = sums.split_at_mut(padded);
        centre(simd, mean, &responsibility, scratch, first);
        difference_tile(simd, values, mean, Some(&responsibility), &mut scratch.difference);
        products_of_features(simd, &scratch.difference, &scratch.centred, padded, second);
    }
}

/// x − mean for a whole tile, (d, TILE), times `weight` where that is given.
#[inline(always)]
fn difference_tile<S: Simd, T: Real>(
    simd: S,
    values: &[T],
    mean: &[T],
    weight: Option<&[T; TILE]>,
    difference: &mut [T],
) {
    for ((values, mean), difference) in values.chunks_exact(TILE).zip(mean).zip(difference.chunks_exact_mut(TILE)) {
        for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
            let centred = load(simd, values, lane) - splat(simd, *mean);
            let weighted = weight.map_or(centred, |weight| centred * load(simd, weight, lane));
            store::<S, T>(weighted, difference, lane);
        }
    }
}

/// Writes x − mean sample by sample; adds Σ r (x − mean) to `first`.
#[inline(always)]
fn centre<S: Simd, T: Real>(
    simd: S,
    mean: &[T],
    responsibility: &[T; TILE],
    scratch: &mut Scratch<T>,
    first: &mut [T],
) {
    let (padded, len) = (first.len(), Lanes::<S, T>::LEN);
    let mut mean_here = [T::default(); PADDING];
    for at in (0..padded).step_by(len) {
        let here = &mut mean_here[..len];
        here.fill(T::default());
        here.iter_mut().zip(mean.iter().skip(at)).for_each(|(to, from)| *to = *from);
        let mean = load(simd, here, 0);
        let mut sum = splat(simd, T::default());
        for (sample, responsibility) in responsibility.iter().enumerate() {
            let centred = load(simd, &scratch.transposed, sample * padded + at) - mean;
            sum = centred.mul_add(splat(simd, *responsibility), sum);
            store::<S, T>(centred, &mut scratch.centred, sample * padded + at);
        }
        store::<S, T>(load(simd, first, at) + sum, first, at);
    }
}

/// Adds Σ r (x − mean) and the second moments to `sums`, a vector for each.
#[inline(always)]
fn products_of_samples<S: Simd, T: Real>(simd: S, responsibility: &[T; TILE], difference: &[T], sums: &mut [T]) {
    let len = Lanes::<S, T>::LEN;
    let mut weighted = [T::default(); TILE];
    let columns = difference.as_chunks::<TILE>().0;
    let (first, second) = sums.split_at_mut(columns.len() * len);
    let mut at = 0;
    for ((a, column), first) in columns.iter().enumerate().zip(first.chunks_exact_mut(len)) {
        let mut sum = load(simd, first, 0);
        for lane in (0..TILE).step_by(len) {
            let value = load(simd, responsibility, lane) * load(simd, column, lane);
            sum += value;
            store::<S, T>(value, &mut weighted, lane);
        }
        store::<S, T>(sum, first, 0);
        for group in columns[..=a].chunks(ROWS) {
            let mut products = [splat(simd, T::default()); ROWS];
            for lane in (0..TILE).step_by(len) {
                let weighted = load(simd, &weighted, lane);
                for (product, column) in products.iter_mut().zip(group) {
                    *product = weighted.mul_add(load(simd, column, lane), *product);
                }
            }
            for product in &products[..group.len()] {
                store::<S, T>(load(simd, second, at) + *product, second, at);
                at += len;
            }
        }
    }
}

/// Adds Σ weighted · centredᵀ to `sums` (rows, padded), the blocks that touch the lower triangle only.
#[inline(always)]
fn products_of_features<S: Simd, T: Real>(simd: S, weighted: &[T], centred: &[T], padded: usize, sums: &mut [T]) {
    let len = Lanes::<S, T>::LEN;
    for at in (0..padded).step_by(2 * len) {
        for start in (at / ROWS * ROWS..weighted.len() / TILE).step_by(ROWS) {
            let weighted = &weighted[start * TILE..(start + ROWS) * TILE];
            let sums = &mut sums[start * padded..(start + ROWS) * padded];
            if at + len < padded && at + len < start + ROWS {
                block::<S, T, 2>(simd, weighted, centred, padded, at, sums);
            } else {
                block::<S, T, 1>(simd, weighted, centred, padded, at, sums);
            }
        }
    }
}

/// [`ROWS`] rows of the product, N vectors wide.
#[inline(always)]
fn block<S: Simd, T: Real, const N: usize>(
    simd: S,
    weighted: &[T],
    centred: &[T],
    padded: usize,
    at: usize,
    sums: &mut [T],
) {
    let len = Lanes::<S, T>::LEN;
    let Some(weighted) = weighted.as_chunks::<TILE>().0.first_chunk::<ROWS>() else { return };
    let mut products = [[splat(simd, T::default()); N]; ROWS];
    for (sample, centred) in centred.chunks_exact(padded).take(TILE).enumerate() {
        let mut x = [splat(simd, T::default()); N];
        for v in 0..N {
            x[v] = load(simd, centred, at + v * len);
        }
        for row in 0..ROWS {
            let weight = splat(simd, weighted[row][sample]);
            for v in 0..N {
                products[row][v] = x[v].mul_add(weight, products[row][v]);
            }
        }
    }
    for row in 0..ROWS {
        for v in 0..N {
            let index = row * padded + at + v * len;
            store::<S, T>(load(simd, sums, index) + products[row][v], sums, index);
        }
    }
}
