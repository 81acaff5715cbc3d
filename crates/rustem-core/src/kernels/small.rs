//! Joint densities and moments for d = 1…4 features, everything of one component in registers.

#![expect(clippy::needless_range_loop, reason = "indices of features read like the formulas")]

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::lanes::{Lanes, Real, exp2_in_range, load, log2, splat, store};
use super::{Densities, Form};
use crate::samples::TILE;

/// Up to this number of features there is a kernel of its own.
pub(super) const MAX_FEATURES: usize = 4;
/// Vectors of samples that share one load of a component's parameters, and one decision to leave it out: a whole tile
/// of `f32` at AVX-512.
const GROUP: usize = 8;

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
fn load_sample<S: Simd, T: Real, const D: usize>(simd: S, values: &[[T; TILE]; D], lane: usize) -> [Lanes<S, T>; D] {
    let mut sample = [splat(simd, T::default()); D];
    for a in 0..D {
        sample[a] = load(simd, &values[a], lane);
    }
    sample
}

#[inline(always)]
fn difference<S: Simd, T: Real, const D: usize>(simd: S, sample: &[Lanes<S, T>; D], mean: &[T]) -> [Lanes<S, T>; D] {
    let mut difference = *sample;
    for a in 0..D {
        difference[a] -= splat(simd, mean[a]);
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
            sum = (-square).mul_add(splat(simd, factor[0] * factor[0]), sum);
        }
    }
    sum
}

/// The E-step of a tile: densities of the given `components` relative to a common scale (one row of TILE each), the
/// inverse of their sum, and log₂ p(x). Components whose log₂ density is below `least` throughout are taken off the list.
///
/// The scale is that of [`Densities`] for all samples alike, which spares the search for each sample's largest density.
/// Returns false where a sample is so far from every component that its sum has lost digits; another way must do then.
#[inline(always)]
pub(super) fn expect_tile<S: Simd, T: Real, F: Family, const D: usize>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    (components, least): (&mut Vec<u32>, Option<T>),
    joint: &mut [T],
    inverse: &mut [T; TILE],
    log_density: &mut [T; TILE],
) -> bool {
    let len = Lanes::<S, T>::LEN;
    let (rows, _) = joint.as_chunks_mut::<TILE>();
    let Some(values) = values.as_chunks::<TILE>().0.first_chunk::<D>() else { return false };
    let mut sums = [T::default(); TILE];
    let mut kept = 0;
    for at in 0..components.len() {
        let component = components[at];
        let mut counts = false;
        for start in (0..TILE).step_by(GROUP * len) {
            let parameters = densities.of(component as usize);
            let log = log_joint_group::<S, T, F, D>(simd, parameters, values, start);
            counts |= add_densities(simd, &log, least, start, &mut sums, &mut rows[kept]);
        }
        components[kept] = component;
        kept += usize::from(counts);
    }
    components.truncate(kept);
    let mut smallest = splat(simd, T::ONE);
    for lane in (0..TILE).step_by(len) {
        let sum = load(simd, &sums, lane);
        smallest = smallest.min(sum);
        store::<S, T>(splat(simd, T::ONE) / sum, inverse, lane);
        store::<S, T>(log2::<S, T>(simd, sum) - splat(simd, densities.offset), log_density, lane);
    }
    !smallest.simd_lt(splat(simd, T::FAINT)).any_true()
}

/// log₂ joint densities of one component for [`GROUP`] vectors of samples.
#[inline(always)]
fn log_joint_group<S: Simd, T: Real, F: Family, const D: usize>(
    simd: S,
    parameters: &[T],
    values: &[[T; TILE]; D],
    start: usize,
) -> [Lanes<S, T>; GROUP] {
    let (mean, rest) = parameters.split_at(D);
    let mut log = [splat(simd, T::default()); GROUP];
    for member in 0..GROUP {
        let sample = load_sample(simd, values, start + member * Lanes::<S, T>::LEN);
        let difference = difference::<S, T, D>(simd, &sample, mean);
        log[member] = log_joint::<S, T, F, D>(simd, &difference, rest, rest[rest.len() - 1]);
    }
    log
}

/// Writes the densities to `row` and adds them to `sums`; or writes zeros and returns false where all are below `least`.
#[inline(always)]
fn add_densities<S: Simd, T: Real>(
    simd: S,
    log: &[Lanes<S, T>; GROUP],
    least: Option<T>,
    start: usize,
    sums: &mut [T; TILE],
    row: &mut [T; TILE],
) -> bool {
    let len = Lanes::<S, T>::LEN;
    if let Some(least) = least {
        let mut largest = log[0];
        for member in 1..GROUP {
            largest = largest.max(log[member]);
        }
        if !largest.simd_ge(splat(simd, least)).any_true() {
            row[start..start + GROUP * len].fill(T::default());
            return false;
        }
    }
    for member in 0..GROUP {
        let lane = start + member * len;
        let density = exp2_in_range::<S, T>(simd, log[member].max(splat(simd, T::LEAST_EXPONENT)));
        store::<S, T>(load(simd, sums, lane) + density, sums, lane);
        store::<S, T>(density, row, lane);
    }
    true
}

/// Adds a tile's moments to `sums`: for each of the mixture's components 1 + D + … vectors, one after the other.
///
/// `weight` is the sample's weight over the sum of its relative densities `joint`.
#[inline(always)]
pub(super) fn moments_tile<S: Simd, T: Real, F: Family, const D: usize>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    components: &[u32],
    joint: &[T],
    weight: &[T; TILE],
    sums: &mut [T],
) {
    let len = Lanes::<S, T>::LEN;
    let zero = splat(simd, T::default());
    let statistics = 1 + D + F::FORM.second_len(D);
    let (joint, _) = joint.as_chunks::<TILE>();
    let Some(values) = values.as_chunks::<TILE>().0.first_chunk::<D>() else { return };
    for (component, row) in components.iter().zip(joint) {
        let component = *component as usize;
        let mean = &densities.of(component)[..D];
        let sums = &mut sums[component * statistics * len..(component + 1) * statistics * len];
        let mut mass = zero;
        let mut first = [zero; D];
        let mut second = [[zero; D]; D];
        for lane in (0..TILE).step_by(len) {
            let responsibility = load(simd, row, lane) * load(simd, weight, lane);
            let difference = difference::<S, T, D>(simd, &load_sample(simd, values, lane), mean);
            mass += responsibility;
            if F::FORM == Form::Spherical {
                let mut square = difference[0] * difference[0];
                first[0] = responsibility.mul_add(difference[0], first[0]);
                for a in 1..D {
                    first[a] = responsibility.mul_add(difference[a], first[a]);
                    square = difference[a].mul_add(difference[a], square);
                }
                second[0][0] = responsibility.mul_add(square, second[0][0]);
                continue;
            }
            for a in 0..D {
                let weighted = responsibility * difference[a];
                first[a] += weighted;
                if F::FORM == Form::Diag {
                    second[0][a] = weighted.mul_add(difference[a], second[0][a]);
                    continue;
                }
                for b in 0..=a {
                    second[a][b] = weighted.mul_add(difference[b], second[a][b]);
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
