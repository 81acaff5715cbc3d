//! Full covariances of few features, with all sums in registers.

#![expect(clippy::needless_range_loop, reason = "indices of features read like the formulas")]

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::shape::{GROUP, Shape, add};
use crate::samples::TILE;
use crate::simd::{Lanes, Real, load, splat};

/// Lower triangles of D rows.
pub(super) struct Full<const D: usize>;

impl<const D: usize> Shape for Full<D> {
    #[inline(always)]
    fn log_joint<S: Simd, T: Real>(
        simd: S,
        parameters: &[T],
        values: &[[T; TILE]],
        start: usize,
    ) -> [Lanes<S, T>; GROUP] {
        let (mean, rest) = parameters.split_at(D);
        let Some(values) = values.first_chunk::<D>() else { return [splat(simd, T::LOWEST); GROUP] };
        let mut log = [splat(simd, rest[rest.len() - 1]); GROUP];
        for member in 0..GROUP {
            let difference = difference::<S, T, D>(simd, values, start + member * Lanes::<S, T>::LEN, mean);
            for a in 0..D {
                let row = a * (a + 1) / 2;
                let mut y = difference[0] * splat(simd, rest[row]);
                for b in 1..=a {
                    y = difference[b].mul_add(splat(simd, rest[row + b]), y);
                }
                log[member] = (-y).mul_add(y, log[member]);
            }
        }
        log
    }

    #[inline(always)]
    fn add_moments<S: Simd, T: Real>(simd: S, mean: &[T], values: &[[T; TILE]], rows: [&[T; TILE]; 2], sums: &mut [T]) {
        let zero = splat(simd, T::default());
        let Some(values) = values.first_chunk::<D>() else { return };
        // Of known length, so that no check comes between the sums and keeps them from the registers.
        let sums = &mut sums[..(1 + D + D * (D + 1) / 2) * Lanes::<S, T>::LEN];
        let mut mass = zero;
        let mut first = [zero; D];
        let mut second = [[zero; D]; D];
        for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
            let responsibility = load(simd, rows[0], lane) * load(simd, rows[1], lane);
            let difference = difference::<S, T, D>(simd, values, lane, mean);
            mass += responsibility;
            for a in 0..D {
                let weighted = responsibility * difference[a];
                first[a] += weighted;
                for b in 0..=a {
                    second[a][b] = weighted.mul_add(difference[b], second[a][b]);
                }
            }
        }
        add(simd, sums, 0, mass);
        for a in 0..D {
            add(simd, sums, 1 + a, first[a]);
            for b in 0..=a {
                add(simd, sums, 1 + D + a * (a + 1) / 2 + b, second[a][b]);
            }
        }
    }
}

#[inline(always)]
fn difference<S: Simd, T: Real, const D: usize>(
    simd: S,
    values: &[[T; TILE]; D],
    lane: usize,
    mean: &[T],
) -> [Lanes<S, T>; D] {
    let mut difference = [splat(simd, T::default()); D];
    for a in 0..D {
        difference[a] = load(simd, &values[a], lane) - splat(simd, mean[a]);
    }
    difference
}
