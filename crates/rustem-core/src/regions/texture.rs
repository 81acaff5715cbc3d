//! Soft textures: the responsibilities of a mixture over colour and texture features.

use std::ops::ControlFlow;

use super::features::N_FEATURES;
use super::raster::ColorImage;
use crate::covariance::{CovarianceType, Regularization};
use crate::em::{self, Method, Start, initialize};
use crate::error::Result;
use crate::parallel::Threads;
use crate::samples::Samples;

/// Responsibilities of a pixel are stored in groups of as many: a multiple of every CPU's lanes.
const GROUP: usize = 16;
/// Pixels to which the mixture is fitted.
const MAX_SAMPLES: usize = 8000;
/// Added to each variance of the mixture: squared units of lightness.
const ADDED_VARIANCE: f64 = 2.0;
const MAX_ITER: usize = 40;
const TOL: f64 = 1e-4;

/// Responsibilities of a mixture for each pixel.
#[derive(Debug, Clone)]
pub(super) struct SoftTexture {
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
pub(super) fn soft_texture(
    colors: &ColorImage,
    n_components: usize,
    seed: u64,
    threads: &Threads,
) -> Result<SoftTexture> {
    let features = colors.features(threads)?;
    let pixels: Option<Vec<usize>> =
        colors.inside.as_ref().map(|inside| (0..inside.len()).filter(|pixel| inside[*pixel]).collect());
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
    let first = initialize(&samples, n_components, CovarianceType::Full, &start, regularization, threads)?;
    let config = em::Config::textbook(TOL, MAX_ITER, regularization);
    let mixture = em::fit(&samples, &first, config, threads, &mut |_, _| ControlFlow::Continue(()))?.mixture;

    let values =
        em::Prediction::<f32>::new(&features, N_FEATURES, None, 1.0, &mixture, threads)?.responsibilities(threads)?;
    let n_components = mixture.n_components();
    let stride = n_components.next_multiple_of(GROUP);
    let values = if stride == n_components { values } else { padded(&values, n_components, stride) };
    Ok(SoftTexture { values, height: colors.height, stride, n_components })
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
