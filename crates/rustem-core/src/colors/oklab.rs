//! `OKLab` (B. Ottosson, "A perceptual color space for image processing", 2020, <https://bottosson.github.io/posts/oklab/>)
//! of many stored colours: light by table, mixed to the responses of three cones, their cube roots, mixed again.

use fearless_simd::Simd;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::simd::{dispatch, level};

/// Colours that are converted together: several vectors of any width.
const BLOCK: usize = 64;

/// What the space is made of.
#[derive(Debug, Clone, Copy)]
pub struct Space<'a> {
    /// Light of each stored value.
    pub linear: &'a [f32],
    /// Weights of red, green and blue in each cone's response.
    pub cones: [[f32; 3]; 3],
    /// Weights of the responses' cube roots in each coordinate.
    pub axes: [[f32; 3]; 3],
}

/// Coordinates (n, 3) of colours (n, 3) of 8 or 16 bits.
///
/// # Errors
/// Values that are not whole or not in the table.
pub fn coordinates<E: Element>(colors: &[E], space: &Space) -> Result<Vec<f32>> {
    let values = 1 << (8 * size_of::<E>()).min(16);
    if space.linear.len() < values || colors.first().is_some_and(|value| value.bits().is_none()) {
        return Err(Error::Length { what: "linear", expected: values, found: space.linear.len() });
    }
    let mut found = vec![0.0; colors.len()];
    dispatch!(level(), simd => convert(simd, colors, space, &mut found));
    Ok(found)
}

#[expect(clippy::inline_always, reason = "must become part of the function that enables a CPU level")]
#[inline(always)]
fn convert<E: Element, S: Simd>(_: S, colors: &[E], space: &Space, found: &mut [f32]) {
    let mut light = [[0.0; BLOCK]; 3];
    let mut roots = [[0.0; BLOCK]; 3];
    for (colors, found) in colors.chunks(3 * BLOCK).zip(found.chunks_mut(3 * BLOCK)) {
        for (i, color) in colors.chunks_exact(3).enumerate() {
            for (light, value) in light.iter_mut().zip(color) {
                light[i] = value.bits().and_then(|bits| space.linear.get(bits as usize)).copied().unwrap_or_default();
            }
        }
        for (roots, cone) in roots.iter_mut().zip(&space.cones) {
            for (i, root) in roots.iter_mut().enumerate() {
                *root = cube_root(cone[0] * light[0][i] + cone[1] * light[1][i] + cone[2] * light[2][i]);
            }
        }
        for (i, found) in found.chunks_exact_mut(3).enumerate() {
            for (value, axis) in found.iter_mut().zip(&space.axes) {
                *value = axis[0] * roots[0][i] + axis[1] * roots[1][i] + axis[2] * roots[2][i];
            }
        }
    }
}

/// The cube root of a number that is not negative, within two roundings: a third of the exponent, then two steps of
/// Halley's method, each of which leaves about the cube of the error, 3 % at first.
#[expect(clippy::inline_always, reason = "must become part of the function that enables a CPU level")]
#[inline(always)]
fn cube_root(x: f32) -> f32 {
    let mut y = f32::from_bits(x.to_bits() / 3 + 0x2A51_37A0);
    for _ in 0..2 {
        let cube = y * y * y;
        y *= (cube + x + x) / (cube + cube + x);
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cube_roots_are_exact_within_two_roundings() {
        for i in 1..100_000 {
            let x = i as f32 / 65536.0;
            let error = f64::from(cube_root(x)) / f64::from(x).cbrt() - 1.0;
            assert!(error.abs() < 2.0 * f64::from(f32::EPSILON), "{x}: {error:e}");
        }
        assert!(cube_root(0.0) < 1e-12);
    }

    #[test]
    fn colors_of_any_number_are_converted_one_by_one() {
        let linear: Vec<f32> = (0..256).map(|value| value as f32 / 255.0).collect();
        let identity = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let space = Space { linear: &linear, cones: identity, axes: identity };
        let colors: Vec<u8> = (0..3 * 200u32).map(|i| (i * 7 % 256) as u8).collect();
        let found = coordinates(&colors, &space).expect("valid");
        for (value, root) in colors.iter().zip(&found) {
            assert!((root.powi(3) * 255.0 - f32::from(*value)).abs() < 1e-3);
        }
        assert!(coordinates(&colors, &Space { linear: &linear[..255], ..space }).is_err());
        assert!(coordinates(&[0.5f32; 3], &space).is_err());
    }
}
