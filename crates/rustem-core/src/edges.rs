//! How strongly a picture changes at each pixel, by direction: between soft textures, and between colours.
//!
//! Soft textures are the responsibilities of a mixture over colour and texture features. Their change across a pixel is
//! half the χ² distance between smoothed responsibilities on either side, as Martin, Fowlkes & Malik compare histograms
//! of textons (2004, doi:10.1109/TPAMI.2004.1273918). Departures: soft responsibilities in the place of hard textons,
//! two Gaussian windows in the place of half-discs, and larger radii on a halved picture.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, SimdFloatElement, dispatch};

use crate::covariance::CovarianceType;
use crate::em;
use crate::error::Result;
use crate::features::{Colours, N_FEATURES, gradient_tensor};
use crate::filters::{ROWS, blur, halve};
use crate::initialise::{Method, Start, initialise};
use crate::mixture::Regularization;
use crate::parallel::Threads;
use crate::samples::Samples;

/// Directions of edges over half a turn.
pub const DIRECTIONS: usize = 8;
/// Responsibilities of a pixel are stored in groups of as many: a multiple of every CPU's lanes.
const GROUP: usize = 16;
/// Standard deviation of a window beside an edge, over the distance of its centre.
const SIGMA_PER_RADIUS: f64 = 0.6;
/// Standard deviation of the smoothing before colour gradients.
const COLOUR_SIGMA: f64 = 1.5;
/// Pixels to which the mixture is fitted.
const MAX_SAMPLES: usize = 8000;
/// Added to each variance of the mixture: squared units of lightness.
const ADDED_VARIANCE: f64 = 2.0;
const MAX_ITER: usize = 40;
const TOL: f64 = 1e-4;

/// One vector of the CPU at hand.
type Lanes<S> = <f32 as SimdFloatElement>::Native<S>;

/// Responsibilities of a mixture for each pixel.
#[derive(Debug, Clone)]
pub struct SoftTexture {
    /// Responsibilities (height, width, stride), zeros after the first `n_components` of each pixel.
    pub values: Vec<f32>,
    /// Rows.
    pub height: usize,
    /// Values from one pixel to the next, a multiple of the lanes of the filters.
    pub stride: usize,
    /// Components of the mixture.
    pub n_components: usize,
}

/// Fits a mixture to an evenly spread, random subset of the pixels inside, and gives its responsibilities for all.
///
/// # Errors
/// A wrong number of components; an interruption.
pub fn soft_texture(colours: &Colours, n_components: usize, seed: u64, threads: &Threads) -> Result<SoftTexture> {
    let features = colours.features(threads)?;
    let pixels: Option<Vec<usize>> =
        colours.inside.as_ref().map(|inside| (0..inside.len()).filter(|pixel| inside[*pixel]).collect());
    let n_inside = pixels.as_ref().map_or(features.len() / N_FEATURES, Vec::len);
    let n_samples = n_inside.min(MAX_SAMPLES);
    let mut random = seed;
    let mut subset = Vec::with_capacity(n_samples * N_FEATURES);
    for sample in 0..n_samples {
        // One pixel of each of as many runs of equal length.
        let (start, end) = (sample * n_inside / n_samples, (sample + 1) * n_inside / n_samples);
        let chosen = start + (split_mix(&mut random) % (end - start) as u64) as usize;
        let pixel = pixels.as_ref().map_or(chosen, |pixels| pixels[chosen]);
        subset.extend_from_slice(&features[pixel * N_FEATURES..(pixel + 1) * N_FEATURES]);
    }
    let samples = Samples::<f32>::new(&subset, N_FEATURES, None, 1.0)?;
    let regularization = Regularization { floor: 0.0, added: ADDED_VARIANCE };
    let start = Start { method: Method::KMeansPlusPlus, weights: None, means: None, covariances: None, seed };
    let first = initialise(&samples, n_components, CovarianceType::Full, &start, regularization, threads)?;
    let config = em::Config::textbook(TOL, MAX_ITER, regularization);
    let mixture = em::fit(&samples, first, config, threads, &mut |_, _| std::ops::ControlFlow::Continue(()))?.mixture;

    let samples = Samples::<f32>::new(&features, N_FEATURES, None, 1.0)?;
    let values = em::responsibilities(&samples, &mixture, threads)?;
    let n_components = mixture.n_components();
    let stride = n_components.next_multiple_of(GROUP);
    let values = if stride == n_components { values } else { padded(&values, n_components, stride) };
    Ok(SoftTexture { values, height: colours.height, stride, n_components })
}

/// The next number of Steele, Lea & Flood's generator (`SplitMix64`, 2014, doi:10.1145/2714064.2660195).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn padded(rows: &[f32], width: usize, stride: usize) -> Vec<f32> {
    let mut output = vec![0.0; rows.len() / width * stride];
    for (to, from) in output.chunks_exact_mut(stride).zip(rows.chunks_exact(width)) {
        to[..width].copy_from_slice(from);
    }
    output
}

/// Strengths of edges by direction, perhaps of a smaller picture.
#[derive(Debug, Clone)]
pub struct Edges {
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
    pub fn of_texture(texture: &SoftTexture, threads: &Threads) -> Result<[Self; 2]> {
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
                dispatch!(Level::new(), simd => half_chi2_row(simd, &smooth, (height, width, stride), &offsets, y, row));
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
    let len = Lanes::<S>::LEN;
    let mut sum = Lanes::<S>::splat(simd, 0.0);
    for (a, b) in a.chunks_exact(len).zip(b.chunks_exact(len)) {
        let (a, b) = (Lanes::<S>::from_slice(simd, a), Lanes::<S>::from_slice(simd, b));
        let difference = a - b;
        sum += difference * difference / (a + b + Lanes::<S>::splat(simd, 1e-6));
    }
    0.5 * sum.reduce_sum()
}

/// Gradients of colour in any direction, in units of CIELAB per pixel.
#[derive(Debug, Clone)]
pub struct ColourEdges {
    /// Structure tensor (height, width, 3).
    tensor: Vec<f32>,
    width: usize,
}

impl ColourEdges {
    /// Gradients of the smoothed colours.
    ///
    /// # Errors
    /// An interruption.
    pub fn new(colours: &Colours, threads: &Threads) -> Result<Self> {
        let smooth = blur(&colours.values, colours.height, 3, COLOUR_SIGMA, threads)?;
        Ok(Self { tensor: gradient_tensor(&smooth, colours.height, 3, threads)?, width: colours.width })
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
    fn colour_edges_have_the_direction_of_the_gradient() {
        let values = (0..30 * 30).flat_map(|pixel| [2.0 * (pixel / 30) as f32, 0.0, 0.0]).collect();
        let colours = Colours { values, height: 30, width: 30, inside: None };
        let edges = ColourEdges::new(&colours, &Threads::single()).expect("uninterrupted");
        assert!((edges.at(15, 15, 4) - 2.0).abs() < 1e-3 && edges.at(15, 15, 0) < 1e-3);
        assert!((edges.largest(15, 15) - 2.0).abs() < 1e-3);
    }
}
