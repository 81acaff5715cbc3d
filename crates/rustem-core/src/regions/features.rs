//! What the regions of a picture are told apart by: colour and texture of each pixel.
//!
//! Colour is CIELAB, smoothed a little. Texture follows the structure tensor of the lightness (Bigün & Granlund 1987;
//! Weickert 1998, "Anisotropic Diffusion in Image Processing"): how strong its gradients are around a pixel, and
//! whether they share a direction; beside it the local deviation of the lightness.

use super::filters::blur;
use super::raster::ColorImage;
use crate::error::Result;
use crate::parallel::Threads;

/// Features of each pixel in `Features::rows`.
pub(super) const N_FEATURES: usize = 7;
/// Standard deviations, in pixels, of the windows that smooth colour, deviation and gradients.
const COLOR_SIGMA: f64 = 1.0;
const DEVIATION_SIGMA: f64 = 4.5;
const TENSOR_SIGMA: f64 = 4.0;
/// Keeps flat places from having a direction; in squared units of lightness per pixel.
const COHERENCE_FLOOR: f32 = 4.0;

impl ColorImage {
    /// Colour and texture (n, [`N_FEATURES`]) of each pixel, row by row.
    ///
    /// # Errors
    /// An interruption.
    pub fn features(&self, threads: &Threads) -> Result<Vec<f32>> {
        let smooth = blur(&self.values, self.height, 3, COLOR_SIGMA, threads)?;
        let lightness: Vec<f32> = self.values.iter().step_by(3).copied().collect();
        // About the middle of the scale, where squares lose least.
        let moments: Vec<f32> = lightness.iter().map(|l| l - 50.0).flat_map(|l| [l, l * l]).collect();
        let moments = blur(&moments, self.height, 2, DEVIATION_SIGMA, threads)?;
        let tensor = gradient_tensor(&lightness, self.height, 1, threads)?;
        let tensor = blur(&tensor, self.height, 3, TENSOR_SIGMA, threads)?;
        let mut features = Vec::with_capacity(lightness.len() * N_FEATURES);
        for ((lab, moment), tensor) in smooth.chunks_exact(3).zip(moments.chunks_exact(2)).zip(tensor.chunks_exact(3)) {
            let (energy, coherence) = (tensor[0] + tensor[2], tensor[0] + tensor[2] + COHERENCE_FLOOR);
            features.extend_from_slice(lab);
            features.push((moment[1] - moment[0] * moment[0]).max(0.0).sqrt());
            features.push(2.0 * energy.sqrt());
            features.push(5.0 * (tensor[0] - tensor[2]) / coherence);
            features.push(10.0 * tensor[1] / coherence);
        }
        Ok(features)
    }
}

/// Σ over channels of (gx², gx gy, gy²) (n, 3), gradients by Sobel's operator in units per pixel.
pub(crate) fn gradient_tensor(values: &[f32], height: usize, channels: usize, threads: &Threads) -> Result<Vec<f32>> {
    let width = values.len() / height / channels;
    let mut tensor = vec![0.0; height * width * 3];
    threads.map_chunks(&mut tensor, width * 3, |y, row, checkpoint| {
        checkpoint.pass()?;
        let rows = [y.saturating_sub(1), y, (y + 1).min(height - 1)].map(|y| &values[y * width * channels..]);
        for (x, tensor) in row.chunks_exact_mut(3).enumerate() {
            let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
            for channel in 0..channels {
                let [above, here, below] = rows.map(|row| columns.map(|x| row[x * channels + channel]));
                let gx = above[2] - above[0] + 2.0 * (here[2] - here[0]) + below[2] - below[0];
                let gy = below[0] - above[0] + 2.0 * (below[1] - above[1]) + below[2] - above[2];
                let (gx, gy) = (gx / 8.0, gy / 8.0);
                tensor[0] += gx * gx;
                tensor[1] += gx * gy;
                tensor[2] += gy * gy;
            }
        }
        Ok(())
    })?;
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::super::raster::Raster;
    use super::*;

    fn picture(values: &[u8], width: usize, channels: usize) -> Raster<'_, u8> {
        Raster { values, height: values.len() / width / channels, width, channels, range: (0.0, 255.0), inside: None }
    }

    #[test]
    fn cielab_of_known_colors() {
        // Values of CIE 15 for the sRGB primaries, as any table of them has them.
        let colors =
            picture(&[255, 0, 0, 0, 0, 255, 255, 255, 255], 3, 3).colors(1, &Threads::single()).expect("valid");
        let expected = [53.24, 80.09, 67.20, 32.30, 79.19, -107.86, 100.0, 0.0, 0.0];
        for (value, expected) in colors.values.iter().zip(expected) {
            assert!((value - expected).abs() < 0.05, "{:?}", colors.values);
        }
    }

    #[test]
    fn principal_components_keep_distances() {
        let bands: Vec<u8> = (0..40_u8).flat_map(|i| [2 * i, 3 * i, 200 - i, 7, 5 * i]).collect();
        let colors = picture(&bands, 8, 5).colors(1, &Threads::single()).expect("valid");
        let (first, second): (Vec<f32>, Vec<f32>) = colors.values.chunks(3).map(|c| (c[0], c[1])).unzip();
        assert!(second.iter().all(|value| value.abs() < 1e-3));
        let step = first[1] - first[0];
        assert!(first.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1e-3) && step > 0.1);
    }

    #[test]
    fn flat_pictures_have_no_texture_and_masks_leave_no_edge() {
        let mut values = vec![90; 20 * 20];
        let inside: Vec<bool> = (0..400).map(|pixel| pixel % 20 < 10).collect();
        values.iter_mut().zip(&inside).filter(|(_, inside)| !**inside).for_each(|(value, _)| *value = 255);
        let masked = Raster { inside: Some(&inside), ..picture(&values, 20, 1) };
        let features =
            masked.colors(1, &Threads::single()).expect("valid").features(&Threads::single()).expect("valid");
        for row in features.chunks(N_FEATURES) {
            assert!((row[0] - features[0]).abs() < 1e-3 && row[3..].iter().all(|value| value.abs() < 0.1), "{row:?}");
        }
    }
}
