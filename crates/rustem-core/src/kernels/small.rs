//! Joint densities and moments for d = 1…4 features, everything of one component in registers.

#![expect(clippy::needless_range_loop, reason = "indices of features read like the formulas")]

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::lanes::{Lanes, Real, load, splat, store};
use super::{Densities, Form};
use crate::samples::TILE;

/// Vectors that share one load of a component's parameters.
const GROUP: usize = 2;

/// A [`Form`] as a type, so that each family gets code of its own.
pub(super) trait Family {
    const FORM: Form;
}
pub(super) struct Full;
pub(super) struct Diag;
pub(super) struct Spherical;
impl Family for Full {
    const FORM: Form = Form::Full;
}
impl Family for Diag {
    const FORM: Form = Form::Diag;
}
impl Family for Spherical {
    const FORM: Form = Form::Spherical;
}

#[inline(always)]
fn difference<S: Simd, T: Real, const D: usize>(simd: S, values: &[T], lane: usize, mean: &[T]) -> [Lanes<S, T>; D] {
    let mut difference = [splat(simd, T::default()); D];
    for a in 0..D {
        difference[a] = load(simd, values, a * TILE + lane) - splat(simd, mean[a]);
    }
    difference
}

/// constant − |factor · difference|².
#[inline(always)]
fn log_joint<S: Simd, T: Real, F: Family, const D: usize>(
    simd: S,
    difference: &[Lanes<S, T>; D],
    factor: &[T],
    constant: T,
) -> Lanes<S, T> {
    let mut sum = splat(simd, constant);
    match F::FORM {
        Form::Full => {
            for a in 0..D {
                let row = a * (a + 1) / 2;
                let mut y = difference[0] * splat(simd, factor[row]);
                for b in 1..=a {
                    y = difference[b].mul_add(splat(simd, factor[row + b]), y);
                }
                sum = (-y).mul_add(y, sum);
            }
        }
        Form::Diag => {
            for a in 0..D {
                let y = difference[a] * splat(simd, factor[a]);
                sum = (-y).mul_add(y, sum);
            }
        }
        Form::Spherical => {
            let mut square = difference[0] * difference[0];
            for a in 1..D {
                square = difference[a].mul_add(difference[a], square);
            }
            sum = square.mul_add(splat(simd, -(factor[0] * factor[0])), sum);
        }
    }
    sum
}

/// log₂ of weight times density of each component (k, TILE) for a tile's values (D, TILE).
#[inline(always)]
pub(super) fn joint_tile<S: Simd, T: Real, F: Family, const D: usize>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    joint: &mut [T],
) {
    let group = GROUP * Lanes::<S, T>::LEN;
    for start in (0..TILE).step_by(group) {
        for (component, row) in joint.chunks_exact_mut(TILE).enumerate() {
            let parameters = densities.of(component);
            let (mean, factor) = parameters.split_at(D);
            let constant = parameters[parameters.len() - 1];
            for member in 0..GROUP {
                let lane = start + member * Lanes::<S, T>::LEN;
                let difference = difference::<S, T, D>(simd, values, lane, mean);
                store::<S, T>(log_joint::<S, T, F, D>(simd, &difference, factor, constant), row, lane);
            }
        }
    }
}

/// Adds a tile's moments to `sums`: for each component 1 + D + … vectors, one after the other.
///
/// `weight` is the sample's weight over the sum of its relative densities `joint`.
#[inline(always)]
pub(super) fn moments_tile<S: Simd, T: Real, F: Family, const D: usize>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    weight: &[T; TILE],
    joint: &[T],
    sums: &mut [T],
) {
    let len = Lanes::<S, T>::LEN;
    let zero = splat(simd, T::default());
    let statistics = 1 + D + F::FORM.second_len(D);
    for (component, (row, sums)) in joint.chunks_exact(TILE).zip(sums.chunks_exact_mut(statistics * len)).enumerate() {
        let mean = &densities.of(component)[..D];
        let mut mass = zero;
        let mut first = [zero; D];
        let mut second = [[zero; D]; D];
        for lane in (0..TILE).step_by(len) {
            let responsibility = load(simd, row, lane) * load(simd, weight, lane);
            let difference = difference::<S, T, D>(simd, values, lane, mean);
            mass += responsibility;
            for a in 0..D {
                let weighted = responsibility * difference[a];
                first[a] = responsibility.mul_add(difference[a], first[a]);
                match F::FORM {
                    Form::Full => {
                        for b in 0..=a {
                            second[a][b] = weighted.mul_add(difference[b], second[a][b]);
                        }
                    }
                    Form::Diag => second[0][a] = weighted.mul_add(difference[a], second[0][a]),
                    Form::Spherical => second[0][0] = weighted.mul_add(difference[a], second[0][0]),
                }
            }
        }
        add(simd, sums, 0, mass);
        for a in 0..D {
            add(simd, sums, 1 + a, first[a]);
        }
        let start = 1 + D;
        match F::FORM {
            Form::Full => {
                for a in 0..D {
                    for b in 0..=a {
                        add(simd, sums, start + a * (a + 1) / 2 + b, second[a][b]);
                    }
                }
            }
            Form::Diag => {
                for a in 0..D {
                    add(simd, sums, start + a, second[0][a]);
                }
            }
            Form::Spherical => add(simd, sums, start, second[0][0]),
        }
    }
}

/// Adds to the vector at `index`.
#[inline(always)]
fn add<S: Simd, T: Real>(simd: S, sums: &mut [T], index: usize, value: Lanes<S, T>) {
    let at = index * Lanes::<S, T>::LEN;
    store::<S, T>(load(simd, sums, at) + value, sums, at);
}
