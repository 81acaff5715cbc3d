//! Joint densities and moments of diagonal and spherical covariances.

#![expect(clippy::needless_range_loop, reason = "indices of features and vectors read like the formulas")]

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::shape::{GROUP, Shape, add};
use crate::samples::TILE;
use crate::simd::{Lanes, Real, load, splat};

/// One variance for each of D features; of any number where D is 0.
pub(super) struct Diag<const D: usize>;
/// One variance for all of D features; of any number where D is 0.
pub(super) struct Spherical<const D: usize>;

impl<const D: usize> Shape for Diag<D> {
    #[inline(always)]
    fn log_joint<S: Simd, T: Real>(
        simd: S,
        parameters: &[T],
        values: &[[T; TILE]],
        start: usize,
    ) -> [Lanes<S, T>; GROUP] {
        if D > 0 {
            return log_joint_few::<S, T, true, D>(simd, parameters, values, start);
        }
        let (mean, factor) = parameters.split_at(values.len());
        let mut log = [splat(simd, factor[factor.len() - 1]); GROUP];
        for ((values, mean), factor) in values.iter().zip(mean).zip(factor) {
            for member in 0..GROUP {
                let y = difference(simd, values, start, member, *mean) * splat(simd, *factor);
                log[member] = (-y).mul_add(y, log[member]);
            }
        }
        log
    }

    #[inline(always)]
    fn add_moments<S: Simd, T: Real>(simd: S, mean: &[T], values: &[[T; TILE]], rows: [&[T; TILE]; 2], sums: &mut [T]) {
        if D > 0 {
            return add_few::<S, T, true, D>(simd, mean, values, rows, sums);
        }
        let (d, zero) = (mean.len(), splat(simd, T::default()));
        for start in (0..TILE).step_by(GROUP * Lanes::<S, T>::LEN) {
            let responsibility = responsibilities(simd, rows, start, sums);
            for (a, (values, mean)) in values.iter().zip(mean).enumerate() {
                let (mut first, mut second) = (zero, zero);
                for member in 0..GROUP {
                    let difference = difference(simd, values, start, member, *mean);
                    let weighted = responsibility[member] * difference;
                    first += weighted;
                    second = weighted.mul_add(difference, second);
                }
                add(simd, sums, 1 + a, first);
                add(simd, sums, 1 + d + a, second);
            }
        }
    }
}

impl<const D: usize> Shape for Spherical<D> {
    #[inline(always)]
    fn log_joint<S: Simd, T: Real>(
        simd: S,
        parameters: &[T],
        values: &[[T; TILE]],
        start: usize,
    ) -> [Lanes<S, T>; GROUP] {
        if D > 0 {
            return log_joint_few::<S, T, false, D>(simd, parameters, values, start);
        }
        let (mean, rest) = parameters.split_at(values.len());
        let (scale, constant) = (splat(simd, rest[0] * rest[0]), splat(simd, rest[1]));
        let mut log = [splat(simd, T::default()); GROUP];
        for (values, mean) in values.iter().zip(mean) {
            for member in 0..GROUP {
                let difference = difference(simd, values, start, member, *mean);
                log[member] = difference.mul_add(difference, log[member]);
            }
        }
        for member in 0..GROUP {
            log[member] = (-log[member]).mul_add(scale, constant);
        }
        log
    }

    #[inline(always)]
    fn add_moments<S: Simd, T: Real>(simd: S, mean: &[T], values: &[[T; TILE]], rows: [&[T; TILE]; 2], sums: &mut [T]) {
        if D > 0 {
            return add_few::<S, T, false, D>(simd, mean, values, rows, sums);
        }
        let (d, zero) = (mean.len(), splat(simd, T::default()));
        for start in (0..TILE).step_by(GROUP * Lanes::<S, T>::LEN) {
            let responsibility = responsibilities(simd, rows, start, sums);
            let mut squares = [zero; GROUP];
            for (a, (values, mean)) in values.iter().zip(mean).enumerate() {
                let mut first = zero;
                for member in 0..GROUP {
                    let difference = difference(simd, values, start, member, *mean);
                    first = responsibility[member].mul_add(difference, first);
                    squares[member] = difference.mul_add(difference, squares[member]);
                }
                add(simd, sums, 1 + a, first);
            }
            let mut second = zero;
            for member in 0..GROUP {
                second = squares[member].mul_add(responsibility[member], second);
            }
            add(simd, sums, 1 + d, second);
        }
    }
}

#[inline(always)]
fn difference<S: Simd, T: Real>(simd: S, values: &[T; TILE], start: usize, member: usize, mean: T) -> Lanes<S, T> {
    load(simd, values, start + member * Lanes::<S, T>::LEN) - splat(simd, mean)
}

/// The products of two rows for [`GROUP`] vectors; adds them to the mass.
#[inline(always)]
fn responsibilities<S: Simd, T: Real>(
    simd: S,
    rows: [&[T; TILE]; 2],
    start: usize,
    sums: &mut [T],
) -> [Lanes<S, T>; GROUP] {
    let mut products = [splat(simd, T::default()); GROUP];
    let mut mass = products[0];
    for member in 0..GROUP {
        let lane = start + member * Lanes::<S, T>::LEN;
        products[member] = load(simd, rows[0], lane) * load(simd, rows[1], lane);
        mass += products[member];
    }
    add(simd, sums, 0, mass);
    products
}

/// Sample by sample where their values fit the registers.
#[inline(always)]
fn log_joint_few<S: Simd, T: Real, const DIAG: bool, const D: usize>(
    simd: S,
    parameters: &[T],
    values: &[[T; TILE]],
    start: usize,
) -> [Lanes<S, T>; GROUP] {
    let (mean, rest) = parameters.split_at(D);
    let mut log = [splat(simd, rest[rest.len() - 1]); GROUP];
    let Some(values) = values.first_chunk::<D>() else { return log };
    for member in 0..GROUP {
        let mut square = splat(simd, T::default());
        for a in 0..D {
            let difference = difference(simd, &values[a], start, member, mean[a]);
            if DIAG {
                let y = difference * splat(simd, rest[a]);
                log[member] = (-y).mul_add(y, log[member]);
            } else {
                square = if a == 0 { difference * difference } else { difference.mul_add(difference, square) };
            }
        }
        if !DIAG {
            log[member] = (-square).mul_add(splat(simd, rest[0] * rest[0]), log[member]);
        }
    }
    log
}

/// Moments of so few features that all their sums fit the registers.
#[inline(always)]
fn add_few<S: Simd, T: Real, const DIAG: bool, const D: usize>(
    simd: S,
    mean: &[T],
    values: &[[T; TILE]],
    rows: [&[T; TILE]; 2],
    sums: &mut [T],
) {
    let zero = splat(simd, T::default());
    let (Some(mean), Some(values)) = (mean.first_chunk::<D>(), values.first_chunk::<D>()) else { return };
    // Of known length, so that no check comes between the sums and keeps them from the registers.
    let sums = &mut sums[..(1 + D + if DIAG { D } else { 1 }) * Lanes::<S, T>::LEN];
    let (mut mass, mut first, mut second) = (zero, [zero; D], [zero; D]);
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        let responsibility = load(simd, rows[0], lane) * load(simd, rows[1], lane);
        mass += responsibility;
        let mut square = zero;
        for a in 0..D {
            let difference = load(simd, &values[a], lane) - splat(simd, mean[a]);
            if DIAG {
                let weighted = responsibility * difference;
                first[a] += weighted;
                second[a] = weighted.mul_add(difference, second[a]);
            } else {
                first[a] = responsibility.mul_add(difference, first[a]);
                square = if a == 0 { difference * difference } else { difference.mul_add(difference, square) };
            }
        }
        if !DIAG {
            second[0] = responsibility.mul_add(square, second[0]);
        }
    }
    add(simd, sums, 0, mass);
    for a in 0..D {
        add(simd, sums, 1 + a, first[a]);
    }
    for a in 0..if DIAG { D } else { 1 } {
        add(simd, sums, 1 + D + a, second[a]);
    }
}
