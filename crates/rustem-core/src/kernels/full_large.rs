//! Joint densities and moments of full covariances of nine features and more, as products of blocks that fill the
//! registers.
//!
//! The E-step's triangular product takes [`ROWS`] rows of the factor times two vectors of samples at a time, and stops
//! where the component is out of the question. The M-step's sums of products do the same with vectors of features where
//! there are many (no sum over lanes is then needed, and samples can be left out one by one), and with vectors of samples
//! where there are few.

#![expect(clippy::needless_range_loop, reason = "indices of rows and vectors read like the formulas")]

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::densities::{Densities, ROWS, negligible};
use super::moments::Moments;
use crate::samples::TILE;
use crate::simd::{Aligned, Lanes, Real, Row, load, splat, store};

/// Vectors of samples that share each load of a factor.
const VECTORS: usize = 2;
/// Up to this number of features, vectors of samples serve the M-step better.
const NARROW: usize = 16;
/// A multiple of every vector width.
const PADDING: usize = 16;

/// Room for one tile and component.
pub(super) struct Scratch<T> {
    /// Components in the order of the E-step, those that were the likeliest of late first.
    order: Vec<u32>,
    /// x − mean: a few vectors of samples for each feature in the E-step; (features, TILE) in the M-step of few features.
    difference: Aligned<T>,
    /// The values sample by sample (TILE, padded).
    transposed: Aligned<T>,
    /// x − mean of the samples that count, sample by sample (TILE, padded); the same times the responsibility.
    centered: Aligned<T>,
    weighted: Aligned<T>,
}

impl<T: Real> Scratch<T> {
    pub(super) fn new(n_components: usize, d: usize) -> Self {
        let samples = || Aligned::new(TILE * padded(d));
        let (difference, transposed) = (Aligned::new(d * TILE), samples());
        let mut scratch = Self { order: Vec::new(), difference, transposed, centered: samples(), weighted: samples() };
        scratch.restart(n_components);
        scratch
    }

    /// The order that nothing is known about.
    pub(super) fn restart(&mut self, n_components: usize) {
        self.order.clear();
        self.order.extend(0..n_components as u32);
    }
}

/// Room for the features of one sample: whole vectors and whole panels.
fn padded(d: usize) -> usize {
    d.next_multiple_of(ROWS).next_multiple_of(PADDING)
}

/// log₂ of weight times density of each component (k, TILE) for a tile's values (d, TILE).
///
/// A squared distance only grows from panel to panel. Where a component has fallen behind the best one before it by more
/// than `margin` for all samples at hand, its density is lost in the rounding of the sum (see [`super::component_pruning`]), and the
/// rest of its factor is left out.
#[inline(always)]
pub(super) fn joint_tile<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    joint: &mut [T],
    scratch: &mut Scratch<T>,
) {
    let (len, lowest) = (Lanes::<S, T>::LEN, splat(simd, T::LOWEST));
    let margin = splat(simd, T::from_f64(negligible::<T>(densities.n_components)));
    for start in (0..TILE).step_by(VECTORS * len) {
        let (mut best, mut leader) = ([lowest; VECTORS], 0);
        for position in 0..scratch.order.len() {
            let component = scratch.order[position] as usize;
            pack(simd, densities, component, values, start, &mut scratch.difference);
            let log = log_joint(simd, densities, component, &scratch.difference, &best, margin);
            for v in 0..VECTORS {
                if log[v].simd_gt(best[v]).any_true() {
                    leader = position;
                }
                best[v] = best[v].max(log[v]);
                store::<S, T>(log[v], joint, component * TILE + start + v * len);
            }
        }
        scratch.order[..=leader].rotate_right(1);
    }
}

/// x − mean for [`VECTORS`] vectors of samples, feature by feature. Rows of a tile would share few sets of the
/// first-level cache.
#[inline(always)]
fn pack<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    component: usize,
    values: &[T],
    start: usize,
    packed: &mut [T],
) {
    let len = Lanes::<S, T>::LEN;
    let rows = values.chunks_exact(TILE).zip(densities.of(component)).zip(packed.chunks_exact_mut(VECTORS * len));
    for ((values, mean), packed) in rows {
        for v in 0..VECTORS {
            store::<S, T>(load(simd, values, start + v * len) - splat(simd, *mean), packed, v * len);
        }
    }
}

/// Constant − |factor · difference|², or less than any density where it falls behind `best` by `margin`.
#[inline(always)]
fn log_joint<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    component: usize,
    packed: &[T],
    best: &[Lanes<S, T>; VECTORS],
    margin: Lanes<S, T>,
) -> [Lanes<S, T>; VECTORS] {
    let (zero, len) = (splat(simd, T::default()), Lanes::<S, T>::LEN);
    let constant = densities.of(component)[densities.stride - 1];
    let mut log = [splat(simd, constant); VECTORS];
    let mut panels = densities.panels_of(component).as_chunks::<ROWS>().0;
    let mut width = ROWS;
    while !panels.is_empty() {
        // The last panel may be narrower than its rows.
        let (panel, rest) = panels.split_at(width.min(panels.len()));
        let mut y = [[zero; VECTORS]; ROWS];
        for (factors, column) in panel.iter().zip(packed.chunks_exact(VECTORS * len)) {
            let mut x = [zero; VECTORS];
            for v in 0..VECTORS {
                x[v] = load(simd, column, v * len);
            }
            for row in 0..ROWS {
                let factor = splat(simd, factors[row]);
                for v in 0..VECTORS {
                    y[row][v] = x[v].mul_add(factor, y[row][v]);
                }
            }
        }
        let mut ahead = false;
        for v in 0..VECTORS {
            for row in 0..ROWS {
                log[v] = (-y[row][v]).mul_add(y[row][v], log[v]);
            }
            ahead |= log[v].simd_ge(best[v] - margin).any_true();
        }
        if !ahead {
            return [splat(simd, T::LOWEST); VECTORS];
        }
        panels = rest;
        width += ROWS;
    }
    log
}

/// Numbers that [`moments_tile`] adds to for each component, on a CPU with `len` lanes.
pub(super) fn sums_each(d: usize, len: usize) -> usize {
    if d <= NARROW { (d + d * (d + 1) / 2) * len } else { (1 + d.next_multiple_of(ROWS)) * padded(d) }
}

/// Adds what [`moments_tile`] has gathered to `moments`.
pub(super) fn flush<T: Real>(d: usize, len: usize, sums: &[T], moments: &mut Moments) {
    for (component, sums) in sums.chunks_exact(sums_each(d, len)).enumerate() {
        let (_, first, second) = moments.of(component);
        if d <= NARROW {
            for (to, from) in first.iter_mut().chain(second).zip(sums.chunks_exact(len)) {
                *to += from.iter().map(|value| value.to_f64()).sum::<f64>();
            }
            continue;
        }
        let (first_sums, second_sums) = sums.split_at(padded(d));
        first.iter_mut().zip(first_sums).for_each(|(to, from)| *to += from.to_f64());
        let triangle = second_sums.chunks_exact(padded(d)).enumerate().flat_map(|(a, row)| &row[..(a + 1).min(d)]);
        second.iter_mut().zip(triangle).for_each(|(to, from)| *to += from.to_f64());
    }
}

/// Adds a tile's masses to `mass`, and its other moments to `sums`.
///
/// `inverse` is the sample's weight over the sum of its relative densities `joint`. With many features few components
/// have a share in a sample that is more than rounding (see [`super::component_pruning`]): the others leave it out.
#[inline(always)]
pub(super) fn moments_tile<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    (values, weights): (&[T], &[T]),
    (joint, inverse): (&[T], &[T; TILE]),
    scratch: &mut Scratch<T>,
    sums: &mut [T],
    mass: &mut [f64],
) {
    let (d, len) = (densities.n_features, Lanes::<S, T>::LEN);
    if d > NARROW {
        for (feature, values) in values.chunks_exact(TILE).enumerate() {
            let column = scratch.transposed[feature..].iter_mut().step_by(padded(d));
            column.zip(values).for_each(|(to, from)| *to = *from);
        }
    }
    let least = splat(simd, T::from_f64((-negligible::<T>(densities.n_components)).exp2()));
    let mut responsibility = [T::default(); TILE];
    let rows = joint.chunks_exact(TILE).zip(sums.chunks_exact_mut(sums_each(d, len))).zip(mass);
    for (component, ((row, sums), mass)) in rows.enumerate() {
        let mut total = splat(simd, T::default());
        for lane in (0..TILE).step_by(len) {
            let value = load(simd, row, lane) * load(simd, inverse, lane);
            let counts = value.simd_gt(load(simd, weights, lane) * least);
            let value = counts.select(value, splat(simd, T::default()));
            total += value;
            store::<S, T>(value, &mut responsibility, lane);
        }
        let total = total.reduce_sum().to_f64();
        if total > 0.0 {
            *mass += total;
            let mean = &densities.of(component)[..d];
            if d <= NARROW {
                difference_tile(simd, values, mean, &mut scratch.difference);
                products_of_samples(simd, &responsibility, &scratch.difference, sums);
            } else {
                products_of_features(simd, mean, &responsibility, scratch, sums);
            }
        }
    }
}

/// x − mean for a whole tile, (d, TILE).
#[inline(always)]
fn difference_tile<S: Simd, T: Real>(simd: S, values: &[T], mean: &[T], difference: &mut [T]) {
    for ((values, mean), difference) in values.chunks_exact(TILE).zip(mean).zip(difference.chunks_exact_mut(TILE)) {
        for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
            store::<S, T>(load(simd, values, lane) - splat(simd, *mean), difference, lane);
        }
    }
}

/// Adds Σ r (x − mean) and the second moments to `sums`, a vector for each: two rows of the triangle by [`ROWS`] columns at
/// a time, so that the sums of a block fill the registers.
#[inline(always)]
fn products_of_samples<S: Simd, T: Real>(simd: S, responsibility: &[T; TILE], difference: &[T], sums: &mut [T]) {
    let (len, zero) = (Lanes::<S, T>::LEN, splat(simd, T::default()));
    let columns = difference.as_chunks::<TILE>().0;
    let (first, second) = sums.split_at_mut(columns.len() * len);
    let mut weighted = [Row([T::default(); TILE]), Row([T::default(); TILE])];
    for start in (0..columns.len()).step_by(2) {
        let rows = start..columns.len().min(start + 2);
        for (a, weighted) in rows.clone().zip(&mut weighted) {
            let mut sum = load(simd, first, a * len);
            for lane in (0..TILE).step_by(len) {
                let value = load(simd, responsibility, lane) * load(simd, &columns[a], lane);
                sum += value;
                store::<S, T>(value, &mut **weighted, lane);
            }
            store::<S, T>(sum, first, a * len);
        }
        for from in (0..rows.end).step_by(ROWS) {
            // Columns past the last are calculated as others once more, and left: a block of fixed size has no loop.
            let mut block = [&columns[0]; ROWS];
            for (b, column) in block.iter_mut().enumerate() {
                *column = &columns[(from + b).min(columns.len() - 1)];
            }
            let mut products = [[zero; ROWS]; 2];
            for lane in (0..TILE).step_by(len) {
                let (upper, lower) = (load(simd, &*weighted[0], lane), load(simd, &*weighted[1], lane));
                for b in 0..ROWS {
                    let x = load(simd, block[b], lane);
                    products[0][b] = upper.mul_add(x, products[0][b]);
                    products[1][b] = lower.mul_add(x, products[1][b]);
                }
            }
            for (a, products) in rows.clone().zip(&products) {
                for (b, product) in (from..=a).zip(products) {
                    let at = (a * (a + 1) / 2 + b) * len;
                    store::<S, T>(load(simd, second, at) + *product, second, at);
                }
            }
        }
    }
}

/// Adds Σ r (x − mean) and the second moments to `sums`, of samples with a responsibility: features along the lanes, the
/// blocks that touch the lower triangle only.
#[inline(always)]
fn products_of_features<S: Simd, T: Real>(
    simd: S,
    mean: &[T],
    responsibility: &[T; TILE],
    scratch: &mut Scratch<T>,
    sums: &mut [T],
) {
    let (d, len, width) = (mean.len(), Lanes::<S, T>::LEN, padded(mean.len()));
    let (first, second) = sums.split_at_mut(width);
    let counted = center(simd, mean, responsibility, scratch, first);
    let (centered, weighted) = (&scratch.centered[..counted * width], &scratch.weighted[..counted * width]);
    for at in (0..d).step_by(2 * len) {
        for start in (at / ROWS * ROWS..d).step_by(ROWS) {
            let sums = &mut second[start * width..(start + ROWS) * width];
            if at + len < width && at + len < start + ROWS {
                block::<S, T, 2>(simd, weighted, centered, (start, at), width, sums);
            } else {
                block::<S, T, 1>(simd, weighted, centered, (start, at), width, sums);
            }
        }
    }
}

/// Packs x − mean of the samples with a responsibility, and the same times that; adds its sum to `first`. Returns how many
/// samples they are.
#[inline(always)]
fn center<S: Simd, T: Real>(
    simd: S,
    mean: &[T],
    responsibility: &[T; TILE],
    scratch: &mut Scratch<T>,
    first: &mut [T],
) -> usize {
    let (width, len) = (first.len(), Lanes::<S, T>::LEN);
    let mut counted = 0;
    for (sample, responsibility) in responsibility.iter().enumerate().filter(|(_, value)| **value > T::default()) {
        let from = &scratch.transposed[sample * width..][..width];
        let centered = &mut scratch.centered[counted * width..][..width];
        let weighted = &mut scratch.weighted[counted * width..][..width];
        centered.iter_mut().zip(from).zip(mean).for_each(|((to, from), mean)| *to = *from - *mean);
        for at in (0..width).step_by(len) {
            let product = load(simd, centered, at) * splat(simd, *responsibility);
            store::<S, T>(product, weighted, at);
            store::<S, T>(load(simd, first, at) + product, first, at);
        }
        counted += 1;
    }
    counted
}

/// Adds [`ROWS`] rows of Σ weighted · centredᵀ from number `start`, N vectors wide from column `at`.
#[inline(always)]
fn block<S: Simd, T: Real, const N: usize>(
    simd: S,
    weighted: &[T],
    centered: &[T],
    (start, at): (usize, usize),
    width: usize,
    sums: &mut [T],
) {
    let len = Lanes::<S, T>::LEN;
    let mut products = [[splat(simd, T::default()); N]; ROWS];
    for (weighted, centered) in weighted.chunks_exact(width).zip(centered.chunks_exact(width)) {
        let Some(weighted) = weighted[start..].first_chunk::<ROWS>() else { return };
        let mut x = [splat(simd, T::default()); N];
        for v in 0..N {
            x[v] = load(simd, centered, at + v * len);
        }
        for row in 0..ROWS {
            let weight = splat(simd, weighted[row]);
            for v in 0..N {
                products[row][v] = x[v].mul_add(weight, products[row][v]);
            }
        }
    }
    for row in 0..ROWS {
        for v in 0..N {
            let index = row * width + at + v * len;
            store::<S, T>(load(simd, sums, index) + products[row][v], sums, index);
        }
    }
}
