//! Which components count in a tile: the others are left out of its E- and M-step.
//!
//! A tile of sorted samples lies in a small box. There each whitened difference yₐ = (P(x − μ))ₐ stays within
//! `rₐ = Σ_b |P_ab| h_b` of its value at the box's middle (h: half widths), so that the joint density of component j lies
//! between 2^lowerⱼ and 2^upperⱼ throughout. Let best be the largest lower bound. A component with
//! upperⱼ < best − margin has pⱼ(x) < 2^−margin p(x) for every sample x of the tile. With margin = mantissa bits + 1 +
//! log₂ k + 1, all that are left out together are less than 2^−(mantissa bits + 2) of p(x), a quarter of the last digit
//! of the sum: in `f32`, less than 3e-8 nats per sample, and as much of the sample's weight in the moments. The same
//! holds for a component whose calculated log-densities in the tile are all below best − margin: the E-step leaves those
//! out too, since boxes are wide beside narrow components.

#![expect(clippy::needless_range_loop, reason = "indices of features read like the formulas")]

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::densities::{Bounds, Densities};
use super::moments::Form;
use crate::simd::{Lanes, Real, load, splat, store};

/// Writes to `components` those that count in the box around `middle` with half widths `half`; returns best − margin.
#[inline(always)]
pub(super) fn active<S: Simd, T: Real>(
    simd: S,
    densities: &Densities<T>,
    bounds: &Bounds<T>,
    (middle, half): (&[T], &[T]),
    upper: &mut [T],
    components: &mut Vec<u32>,
) -> T {
    let (d, zero) = (densities.n_features, splat(simd, T::default()));
    let row = |index: usize| &bounds.rows[index * bounds.padded..(index + 1) * bounds.padded];
    // Rounding in the kernels moves y by far less than this share of it.
    let shrink = splat(simd, T::from_f64(1.0 - 1e-4));
    let mut best = splat(simd, T::LOWEST);
    for at in (0..bounds.padded).step_by(Lanes::<S, T>::LEN) {
        let (mut near, mut far) = (zero, zero);
        let mut add = |y: Lanes<S, T>, radius: Lanes<S, T>| {
            let least = (y.abs() * shrink - radius).max(zero);
            let most = y.abs() + radius;
            near = least.mul_add(least, near);
            far = most.mul_add(most, far);
        };
        let difference = |a: usize| splat(simd, middle[a]) - load(simd, row(a), at);
        for a in 0..d {
            match densities.form {
                Form::Full => {
                    let (mut y, mut radius) = (zero, zero);
                    for b in 0..=a {
                        let factor = load(simd, row(d + a * (a + 1) / 2 + b), at);
                        y = factor.mul_add(difference(b), y);
                        radius = factor.abs().mul_add(splat(simd, half[b]), radius);
                    }
                    add(y, radius);
                }
                Form::Diag | Form::Spherical => {
                    let index = if densities.form == Form::Diag { d + a } else { d };
                    let factor = load(simd, row(index), at);
                    add(factor * difference(a), factor.abs() * splat(simd, half[a]));
                }
            }
        }
        let constant = load(simd, row(densities.stride - 1), at);
        store::<S, T>(constant - near, upper, at);
        best = best.max(constant - far);
    }
    let least = best.reduce_max() - bounds.margin;
    components.clear();
    for (component, upper) in upper[..densities.n_components].iter().enumerate() {
        if *upper >= least {
            components.push(component as u32);
        }
    }
    least
}
