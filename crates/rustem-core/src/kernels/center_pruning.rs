//! Which centres can be the nearest of some point in a box.

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use crate::simd::{Lanes, Real, load, splat, store};

/// For each of the `centers`, given feature by feature with `stride` values each, a margin that is positive only if no
/// point of the box from `low` to `high` is nearer to it than to `z`, the centre nearest to the middle of the box.
///
/// The centre c wins somewhere in the box only if it wins at the corner v furthest in the direction of u = c − z, and
/// |v − c|² − |v − z|² = u · (c + z − 2v).
#[inline(always)]
pub(super) fn margins<S: Simd, T: Real>(
    simd: S,
    low: &[T],
    high: &[T],
    centers: &[T],
    stride: usize,
    margins: &mut [T],
) {
    let (len, half) = (Lanes::<S, T>::LEN, T::from_f64(0.5));
    for lane in (0..stride).step_by(len) {
        let mut sum = splat(simd, T::default());
        for ((values, low), high) in centers.chunks_exact(stride).zip(low).zip(high) {
            let middle = (splat(simd, *low) + splat(simd, *high)) * splat(simd, half);
            let difference = load(simd, values, lane) - middle;
            sum = difference.mul_add(difference, sum);
        }
        store::<S, T>(sum, margins, lane);
    }
    let mut nearest = 0;
    for (center, distance) in margins.iter().enumerate() {
        if *distance < margins[nearest] {
            nearest = center;
        }
    }
    for lane in (0..stride).step_by(len) {
        let mut sum = splat(simd, T::default());
        for ((values, low), high) in centers.chunks_exact(stride).zip(low).zip(high) {
            let (value, winner) = (load(simd, values, lane), splat(simd, values[nearest]));
            let direction = value - winner;
            let corner = direction.simd_gt(splat(simd, T::default())).select(splat(simd, *high), splat(simd, *low));
            sum = direction.mul_add(value + winner - corner - corner, sum);
        }
        store::<S, T>(sum, margins, lane);
    }
}
