//! E- and M-step of one tile, component by component, for any shape of covariance whose component fits the registers.

#![expect(clippy::needless_range_loop, reason = "indices of features read like the formulas")]

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::densities::Densities;
use super::moments::Moments;
use crate::samples::TILE;
use crate::simd::{Lanes, Real, exp2_in_range, load, log2, splat, store};

/// Vectors of samples that share one load of a component's parameters, and one decision to leave it out: a whole tile
/// of `f32` at AVX-512.
pub(super) const GROUP: usize = 8;

/// What depends on the shape of the covariances. `parameters` are those of one component, see [`Densities`]; `values` are
/// the tile's, feature by feature.
pub(super) trait Shape {
    /// log₂ joint densities for [`GROUP`] vectors of samples.
    fn log_joint<S: Simd, T: Real>(
        simd: S,
        parameters: &[T],
        values: &[[T; TILE]],
        start: usize,
    ) -> [Lanes<S, T>; GROUP];

    /// Adds the moments about `mean` to `sums`, one vector each: mass, first, second. Responsibilities are the products
    /// of the two rows.
    fn add_moments<S: Simd, T: Real>(simd: S, mean: &[T], values: &[[T; TILE]], rows: [&[T; TILE]; 2], sums: &mut [T]);
}

/// log₂ joint densities of all components, a row of `joint` each.
#[inline(always)]
pub(super) fn log_joint_tile<S: Simd, T: Real, F: Shape>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    joint: &mut [T],
) {
    let len = Lanes::<S, T>::LEN;
    for (component, row) in joint.chunks_exact_mut(TILE).enumerate() {
        for start in (0..TILE).step_by(GROUP * len) {
            let log = F::log_joint(simd, densities.of(component), values.as_chunks().0, start);
            for member in 0..GROUP {
                store::<S, T>(log[member], row, start + member * len);
            }
        }
    }
}

/// The E-step of a tile: densities of the given `components` relative to a common scale (one row of TILE each), the
/// inverse of their sum, and log₂ p(x). Components whose log₂ density is below `least` throughout are taken off the list.
///
/// The scale is that of [`Densities`] for all samples alike, which spares the search for each sample's largest density.
/// Returns false where a sample is so far from every component that its sum has lost digits; another way must do then.
#[inline(always)]
pub(super) fn expect_tile<S: Simd, T: Real, F: Shape>(
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
    let mut sums = [T::default(); TILE];
    let mut kept = 0;
    for at in 0..components.len() {
        let component = components[at];
        let mut counts = false;
        for start in (0..TILE).step_by(GROUP * len) {
            let log = F::log_joint(simd, densities.of(component as usize), values.as_chunks().0, start);
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

/// Adds a tile's moments to `sums`: for each of the mixture's components 1 + d + … vectors, one after the other.
///
/// `weight` is the sample's weight over the sum of its relative densities `joint`.
#[inline(always)]
pub(super) fn moments_tile<S: Simd, T: Real, F: Shape>(
    simd: S,
    densities: &Densities<T>,
    values: &[T],
    components: &[u32],
    joint: &[T],
    weight: &[T; TILE],
    sums: &mut [T],
) {
    let each = sums.len() / densities.n_components;
    for (component, row) in components.iter().zip(joint.as_chunks::<TILE>().0) {
        let component = *component as usize;
        let mean = &densities.of(component)[..densities.n_features];
        let sums = &mut sums[component * each..(component + 1) * each];
        F::add_moments(simd, mean, values.as_chunks().0, [row, weight], sums);
    }
}

/// Adds to the vector at `index`.
#[inline(always)]
pub(super) fn add<S: Simd, T: Real>(simd: S, sums: &mut [T], index: usize, value: Lanes<S, T>) {
    let at = index * Lanes::<S, T>::LEN;
    store::<S, T>(load(simd, sums, at) + value, sums, at);
}

/// Adds what [`moments_tile`] has gathered to `moments`.
#[inline(always)]
pub(super) fn flush<S: Simd, T: Real>(simd: S, sums: &[T], moments: &mut Moments) {
    let k = moments.mass.len();
    for (component, sums) in sums.chunks_exact(sums.len() / k).enumerate() {
        let (mass, first, second) = moments.of(component);
        let targets = std::iter::once(mass).chain(first).chain(second);
        for (target, sums) in targets.zip(sums.chunks_exact(Lanes::<S, T>::LEN)) {
            *target += load(simd, sums, 0).reduce_sum().to_f64();
        }
    }
}
