//! How strongly a picture changes at each pixel, by direction: between soft textures, and between colours.
//!
//! Soft textures are the responsibilities of a mixture over colour and texture features. Their change across a pixel is
//! half the χ² distance between smoothed responsibilities on either side, as Martin, Fowlkes & Malik compare histograms
//! of textons (2004, doi:10.1109/TPAMI.2004.1273918). Departures: soft responsibilities in the place of hard textons,
//! two Gaussian windows in the place of half-discs, and larger radii on a halved picture.

use fearless_simd::Simd;
use fearless_simd::prelude::*;

use super::features::gradient_tensor;
use super::filters::{ROWS, blur, halve};
use super::raster::ColorImage;
use super::texture::SoftTexture;
use crate::error::Result;
use crate::parallel::Threads;
use crate::simd::{Lanes, dispatch, level};

/// Directions of edges over half a turn.
pub(super) const DIRECTIONS: usize = 8;
/// Standard deviation of a window beside an edge, over the distance of its centre.
const SIGMA_PER_RADIUS: f64 = 0.6;
/// Standard deviation of the smoothing before colour gradients.
const COLOR_SIGMA: f64 = 1.5;

/// Strengths of edges by direction, perhaps of a smaller picture.
#[derive(Debug, Clone)]
pub(super) struct Edges {
    /// Strength (height, width, [`DIRECTIONS`]); direction o is that of an edge whose normal has the angle π o / 8.
    values: Vec<f32>,
    width: usize,
    /// Binary logarithm of the factor by which the picture was shrunk.
    shift: u32,
}

impl Edges {
    /// Half χ² distances, between 0 and 1, of responsibilities to either side: 3 pixels away, and 8 pixels away
    /// (4 on the halved picture).
    ///
    /// # Errors
    /// An interruption.
    pub(super) fn of_texture(texture: &SoftTexture, threads: &Threads) -> Result<[Self; 2]> {
        let fine = Self::at_radius(&texture.values, texture.height, texture.stride, 3, 0, threads)?;
        let (half, height) = halve(&texture.values, texture.height, texture.stride, threads)?;
        let coarse = Self::at_radius(&half, height, texture.stride, 4, 1, threads)?;
        Ok([fine, coarse])
    }

    fn at_radius(
        texture: &[f32],
        height: usize,
        stride: usize,
        radius: usize,
        shift: u32,
        threads: &Threads,
    ) -> Result<Self> {
        let smooth = blur(texture, height, stride, SIGMA_PER_RADIUS * radius as f64, threads)?;
        let width = smooth.len() / height / stride;
        let offsets: [(isize, isize); DIRECTIONS] = std::array::from_fn(|direction| {
            let (sin, cos) = (std::f64::consts::PI * direction as f64 / DIRECTIONS as f64).sin_cos();
            ((radius as f64 * sin).round() as isize, (radius as f64 * cos).round() as isize)
        });
        let mut values = vec![0.0; height * width * DIRECTIONS];
        threads.map_chunks(&mut values, ROWS * width * DIRECTIONS, |block, rows, checkpoint| {
            for (offset, row) in rows.chunks_exact_mut(width * DIRECTIONS).enumerate() {
                checkpoint.pass()?;
                let y = block * ROWS + offset;
                dispatch!(level(), simd => half_chi2_row(simd, &smooth, (height, width, stride), &offsets, y, row));
            }
            Ok(())
        })?;
        Ok(Self { values, width, shift })
    }

    /// Strength at a pixel (of the full picture) in one direction.
    pub(crate) fn at(&self, y: usize, x: usize, direction: usize) -> f32 {
        self.values[((y >> self.shift) * self.width + (x >> self.shift)) * DIRECTIONS + direction]
    }

    /// The largest strength over all directions at a pixel.
    pub(crate) fn largest(&self, y: usize, x: usize) -> f32 {
        let start = ((y >> self.shift) * self.width + (x >> self.shift)) * DIRECTIONS;
        self.values[start..start + DIRECTIONS].iter().fold(0.0, |a, b| a.max(*b))
    }
}

/// Half χ² distances between the pixels at either end of each offset, for one row.
#[expect(clippy::inline_always, reason = "must be inlined into the function that enables the CPU's features")]
#[inline(always)]
fn half_chi2_row<S: Simd>(
    simd: S,
    texture: &[f32],
    (height, width, stride): (usize, usize, usize),
    offsets: &[(isize, isize); DIRECTIONS],
    y: usize,
    row: &mut [f32],
) {
    let clamped = |position: usize, offset: isize, len: usize| position.saturating_add_signed(offset).min(len - 1);
    for (x, output) in row.chunks_exact_mut(DIRECTIONS).enumerate() {
        for (value, (dy, dx)) in output.iter_mut().zip(offsets) {
            let a = (clamped(y, *dy, height) * width + clamped(x, *dx, width)) * stride;
            let b = (clamped(y, -dy, height) * width + clamped(x, -dx, width)) * stride;
            *value = half_chi2(simd, &texture[a..a + stride], &texture[b..b + stride]);
        }
    }
}

#[expect(clippy::inline_always, reason = "must be inlined into the function that enables the CPU's features")]
#[inline(always)]
fn half_chi2<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let len = Lanes::<S, f32>::LEN;
    let mut sum = Lanes::<S, f32>::splat(simd, 0.0);
    for (a, b) in a.chunks_exact(len).zip(b.chunks_exact(len)) {
        let (a, b) = (Lanes::<S, f32>::from_slice(simd, a), Lanes::<S, f32>::from_slice(simd, b));
        let difference = a - b;
        sum += difference * difference / (a + b + Lanes::<S, f32>::splat(simd, 1e-6));
    }
    0.5 * sum.reduce_sum()
}

/// Gradients of colour in any direction, in units of CIELAB per pixel.
#[derive(Debug, Clone)]
pub(super) struct ColorEdges {
    /// Structure tensor (height, width, 3).
    tensor: Vec<f32>,
    width: usize,
}

impl ColorEdges {
    /// Gradients of the smoothed colours.
    ///
    /// # Errors
    /// An interruption.
    pub(super) fn new(colors: &ColorImage, threads: &Threads) -> Result<Self> {
        let smooth = blur(&colors.values, colors.height, 3, COLOR_SIGMA, threads)?;
        Ok(Self { tensor: gradient_tensor(&smooth, colors.height, 3, threads)?, width: colors.width })
    }

    fn at_pixel(&self, y: usize, x: usize) -> &[f32] {
        &self.tensor[(y * self.width + x) * 3..][..3]
    }

    /// Root of Σ over channels of the squared derivative along the direction's normal.
    pub(crate) fn at(&self, y: usize, x: usize, direction: usize) -> f32 {
        let tensor = self.at_pixel(y, x);
        let (sin, cos) = (std::f32::consts::PI * direction as f32 / DIRECTIONS as f32).sin_cos();
        (tensor[0] * cos * cos + 2.0 * tensor[1] * sin * cos + tensor[2] * sin * sin).max(0.0).sqrt()
    }

    /// The largest over all directions: the root of the tensor's larger eigenvalue.
    pub(crate) fn largest(&self, y: usize, x: usize) -> f32 {
        let tensor = self.at_pixel(y, x);
        let (half, difference) = (0.5 * (tensor[0] + tensor[2]), 0.5 * (tensor[0] - tensor[2]));
        (half + (difference * difference + tensor[1] * tensor[1]).sqrt()).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vertical edge between two pure textures.
    fn step(height: usize, width: usize) -> SoftTexture {
        let values = (0..height * width)
            .flat_map(|pixel| {
                let left = pixel % width < width / 2;
                (0..16).map(move |component| f32::from(u8::from(component == usize::from(left))))
            })
            .collect();
        SoftTexture { values, height, stride: 16, n_components: 2 }
    }

    #[test]
    fn an_edge_is_strongest_across_itself() {
        let edges = Edges::of_texture(&step(40, 40), &Threads::single()).expect("uninterrupted");
        for edges in &edges {
            assert!(edges.at(20, 20, 0) > 0.7, "{}", edges.at(20, 20, 0));
            assert!(edges.at(20, 20, 4) < 0.1, "along the edge nothing changes");
            assert!(edges.largest(20, 2) < 0.05);
        }
    }

    #[test]
    fn color_edges_have_the_direction_of_the_gradient() {
        let values = (0..30 * 30).flat_map(|pixel| [2.0 * (pixel / 30) as f32, 0.0, 0.0]).collect();
        let colors = ColorImage { values, height: 30, width: 30, inside: None };
        let edges = ColorEdges::new(&colors, &Threads::single()).expect("uninterrupted");
        assert!((edges.at(15, 15, 4) - 2.0).abs() < 1e-3 && edges.at(15, 15, 0) < 1e-3);
        assert!((edges.largest(15, 15) - 2.0).abs() < 1e-3);
    }
}
