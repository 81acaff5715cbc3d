//! From joint densities to responsibilities, for one tile: log-sum-exp with the maximum taken out.

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use crate::samples::TILE;
use crate::simd::{Lanes, Real, exp2, load, log2, splat, store};

/// Vectors of samples taken together, so that one's sums do not wait for each other.
const GROUP: usize = 4;

/// Turns log₂ joint densities `joint` (k, TILE) into densities relative to the largest of their sample, and writes the
/// inverse of their sum to `inverse` and log₂ p(x) to `log_density`: the responsibility is `joint * inverse`.
#[inline(always)]
pub(super) fn softmax_tile<S: Simd, T: Real>(
    simd: S,
    offset: T,
    joint: &mut [T],
    inverse: &mut [T; TILE],
    log_density: &mut [T; TILE],
) {
    let len = Lanes::<S, T>::LEN;
    for start in (0..TILE).step_by(GROUP * len) {
        let mut largest = [splat(simd, T::LOWEST); GROUP];
        for row in joint.chunks_exact(TILE) {
            for (member, largest) in largest.iter_mut().enumerate() {
                *largest = largest.max(load(simd, row, start + member * len));
            }
        }
        let mut sum = [splat(simd, T::default()); GROUP];
        for row in joint.chunks_exact_mut(TILE) {
            for member in 0..GROUP {
                let lane = start + member * len;
                let relative = exp2::<S, T>(simd, load(simd, row, lane) - largest[member]);
                sum[member] += relative;
                store::<S, T>(relative, row, lane);
            }
        }
        for member in 0..GROUP {
            let lane = start + member * len;
            // A sum is at least one, unless every density is below the lowest that counts.
            let sum = sum[member].max(splat(simd, T::ONE));
            store::<S, T>(splat(simd, T::ONE) / sum, inverse, lane);
            store::<S, T>(largest[member] - splat(simd, offset) + log2::<S, T>(simd, sum), log_density, lane);
        }
    }
}

/// The component of the largest responsibility for each sample of the tile, the first of equals.
#[inline(always)]
pub(super) fn argmax_tile<S: Simd, T: Real>(simd: S, joint: &[T], best: &mut [T; TILE]) {
    for lane in (0..TILE).step_by(Lanes::<S, T>::LEN) {
        let mut largest = splat(simd, -T::ONE);
        let mut winner = splat(simd, T::default());
        let mut component = splat(simd, T::default());
        for row in joint.chunks_exact(TILE) {
            let value = load(simd, row, lane);
            let better = value.simd_gt(largest);
            largest = better.select(value, largest);
            winner = better.select(component, winner);
            component += splat(simd, T::ONE);
        }
        store::<S, T>(winner, best, lane);
    }
}
