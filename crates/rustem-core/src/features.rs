//! What the regions of a picture are told apart by: colour and texture of each pixel.
//!
//! Colour is CIELAB, smoothed a little. Texture follows the structure tensor of the lightness (Bigün & Granlund 1987;
//! Weickert 1998, "Anisotropic Diffusion in Image Processing"): how strong its gradients are around a pixel, and
//! whether they share a direction; beside it the local deviation of the lightness.

use crate::error::{Error, Result};
use crate::filters::{ROWS, blur};
use crate::parallel::Threads;
use crate::samples::Element;

/// Features of each pixel in `Features::rows`.
pub const N_FEATURES: usize = 7;
/// Standard deviations, in pixels, of the windows that smooth colour, deviation and gradients.
const COLOUR_SIGMA: f64 = 1.0;
const DEVIATION_SIGMA: f64 = 4.5;
const TENSOR_SIGMA: f64 = 4.0;
/// Keeps flat places from having a direction; in squared units of lightness per pixel.
const COHERENCE_FLOOR: f32 = 4.0;

/// A picture as it lies in the caller's array.
#[derive(Clone, Copy)]
pub struct Picture<'a, E> {
    /// Values (height, width, channels).
    pub values: &'a [E],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values per pixel.
    pub channels: usize,
    /// The values that stand for black and white.
    pub range: (f64, f64),
    /// Which pixels take part; all where there is none.
    pub inside: Option<&'a [bool]>,
}

/// Three colour coordinates per pixel (height, width, 3) at the scale at which regions are sought.
#[derive(Debug, Clone)]
pub struct Colours {
    /// CIELAB, or what stands for it: lightness in about [0, 100].
    pub values: Vec<f32>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Which pixels take part; all where there is none.
    pub inside: Option<Vec<bool>>,
}

impl<E: Element> Picture<'_, E> {
    /// Checks that the arrays belong together.
    ///
    /// # Errors
    /// No pixels, none inside, or lengths that do not fit.
    pub fn check(&self) -> Result<()> {
        let n_pixels = self.height * self.width;
        let expected = n_pixels * self.channels;
        if self.values.len() != expected {
            return Err(Error::Length { what: "the picture", expected, found: self.values.len() });
        }
        if let Some(inside) = self.inside
            && inside.len() != n_pixels
        {
            return Err(Error::Length { what: "the mask", expected: n_pixels, found: inside.len() });
        }
        if expected == 0 || self.inside.is_some_and(|inside| !inside.contains(&true)) {
            return Err(Error::Empty);
        }
        Ok(())
    }

    /// The picture shrunk by a whole factor (means of `factor` × `factor` pixels inside the mask), in CIELAB.
    ///
    /// Three channels are taken for sRGB, one for grey; of any other number the first three principal components take
    /// the place of CIELAB.
    ///
    /// # Errors
    /// An interruption.
    pub fn colours(&self, factor: usize, threads: &Threads) -> Result<Colours> {
        let (height, width) = (self.height.div_ceil(factor), self.width.div_ceil(factor));
        let mut shrunk = vec![0.0; height * width * self.channels];
        let row_len = width * self.channels;
        let rows = threads.map_chunks(&mut shrunk, ROWS * row_len, |block, rows, checkpoint| {
            let mut inside = Vec::with_capacity(ROWS * width);
            for (offset, row) in rows.chunks_exact_mut(row_len).enumerate() {
                checkpoint.pass()?;
                self.shrink_row(block * ROWS + offset, factor, row, &mut inside);
            }
            Ok(inside)
        })?;
        let inside = self.inside.map(|_| rows.concat());
        if let Some(inside) = &inside {
            fill_outside(&mut shrunk, inside, width, self.channels);
        }
        let values = match self.channels {
            1 | 3 => to_lab(&shrunk, self.channels, threads)?,
            channels => principal_components(&shrunk, channels, threads)?,
        };
        Ok(Colours { values, height, width, inside })
    }

    /// Sum over the channels of the absolute differences across a pixel, as shares of the range.
    pub(crate) fn gradient(&self, y: usize, x: usize) -> f32 {
        let pixel = |y: usize, x: usize| &self.values[(y * self.width + x) * self.channels..][..self.channels];
        let difference =
            |a: &[E], b: &[E]| -> f64 { a.iter().zip(b).map(|(a, b)| (a.to_f64() - b.to_f64()).abs()).sum() };
        let across = difference(pixel(y, x.saturating_sub(1)), pixel(y, (x + 1).min(self.width - 1)));
        let down = difference(pixel(y.saturating_sub(1), x), pixel((y + 1).min(self.height - 1), x));
        ((across + down) / (self.range.1 - self.range.0)) as f32
    }

    /// One row of means, scaled to [0, 1]; pushes for each whether any of its pixels lay inside.
    fn shrink_row(&self, y: usize, factor: usize, row: &mut [f32], inside: &mut Vec<bool>) {
        let scale = 1.0 / (self.range.1 - self.range.0);
        for (x, means) in row.chunks_exact_mut(self.channels).enumerate() {
            let mut count = 0.0_f32;
            for y in y * factor..self.height.min((y + 1) * factor) {
                for x in x * factor..self.width.min((x + 1) * factor) {
                    let pixel = y * self.width + x;
                    if self.inside.is_none_or(|inside| inside[pixel]) {
                        count += 1.0;
                        let values = &self.values[pixel * self.channels..][..self.channels];
                        for (mean, value) in means.iter_mut().zip(values) {
                            *mean += ((value.to_f64() - self.range.0) * scale) as f32;
                        }
                    }
                }
            }
            for mean in means {
                *mean /= count.max(1.0);
            }
            inside.push(count > 0.0);
        }
    }
}

/// Gives each pixel outside the mask the values of a pixel inside near to it, so that filters see no edge there.
fn fill_outside(values: &mut [f32], inside: &[bool], width: usize, channels: usize) {
    let height = inside.len() / width;
    let mut filled = inside.to_vec();
    let mut queue: std::collections::VecDeque<usize> = (0..inside.len()).filter(|pixel| inside[*pixel]).collect();
    while let Some(pixel) = queue.pop_front() {
        crate::superpixels::for_neighbours(pixel, width, height, |neighbour| {
            if !filled[neighbour] {
                filled[neighbour] = true;
                values.copy_within(pixel * channels..(pixel + 1) * channels, neighbour * channels);
                queue.push_back(neighbour);
            }
        });
    }
}

/// A function on [0, 1], read by linear interpolation; arguments outside are taken for the nearest end.
struct Table(Vec<f32>);

impl Table {
    const STEPS: usize = 4096;

    fn new(function: impl Fn(f64) -> f64) -> Self {
        Self((0..=Self::STEPS).map(|step| function(step as f64 / Self::STEPS as f64) as f32).collect())
    }

    fn at(&self, x: f32) -> f32 {
        let position = x.clamp(0.0, 1.0) * Self::STEPS as f32;
        let step = (position as usize).min(Self::STEPS - 1);
        let (low, high) = (self.0[step], self.0[step + 1]);
        low + (high - low) * (position - step as f32)
    }
}

/// CIELAB (n, 3) of sRGB or grey values in [0, 1] (IEC 61966-2-1; CIE 15): lightness in [0, 100].
fn to_lab(values: &[f32], channels: usize, threads: &Threads) -> Result<Vec<f32>> {
    let linear = Table::new(|v| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) });
    let root = Table::new(|t| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 });
    // Linear sRGB to XYZ relative to the white point D65: the rows sum to one.
    let xyz =
        [[0.433_953, 0.376_219, 0.189_828_f32], [0.212_671, 0.715_16, 0.072_169], [0.017_758, 0.109_477, 0.872_766]];
    let mut lab = vec![0.0; values.len() / channels * 3];
    threads.map_chunks(&mut lab, 3 * 4096, |block, rows, checkpoint| {
        checkpoint.pass()?;
        let values = &values[block * 4096 * channels..];
        for (lab, value) in rows.chunks_exact_mut(3).zip(values.chunks_exact(channels)) {
            let rgb = [0, 1, 2].map(|c| linear.at(value[c.min(channels - 1)]));
            let [x, y, z] = xyz.map(|row| root.at(row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]));
            lab.copy_from_slice(&[116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]);
        }
        Ok(())
    })?;
    Ok(lab)
}

/// The first three principal components (n, 3) of many bands, scaled so that the first has the standard deviation
/// that lightness has in photographs.
fn principal_components(values: &[f32], bands: usize, threads: &Threads) -> Result<Vec<f32>> {
    const LIGHTNESS_DEVIATION: f64 = 20.0;
    let n = values.len() / bands;
    let mean = sums(values, bands, bands, threads, |row, sums| {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    })?;
    let mean: Vec<f64> = mean.iter().map(|sum| sum / n as f64).collect();
    let scatter = sums(values, bands, bands * bands, threads, |row, sums| {
        for (a, sums) in sums.chunks_exact_mut(bands).enumerate() {
            let difference = f64::from(row[a]) - mean[a];
            for b in 0..=a {
                sums[b] += difference * (f64::from(row[b]) - mean[b]);
            }
        }
    })?;
    let lower = |a: usize, b: usize| scatter[a.max(b) * bands + a.min(b)] / n as f64;
    let eigen = nalgebra::DMatrix::from_fn(bands, bands, lower).symmetric_eigen();
    let mut order: Vec<usize> = (0..bands).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let largest = eigen.eigenvalues[order[0]].max(0.0).sqrt();
    let scale = if largest > 0.0 { LIGHTNESS_DEVIATION / largest } else { 0.0 };
    let mut components = vec![0.0; n * 3];
    threads.map_chunks(&mut components, 3 * 1024, |block, rows, checkpoint| {
        checkpoint.pass()?;
        for (output, row) in rows.chunks_exact_mut(3).zip(values[block * 1024 * bands..].chunks_exact(bands)) {
            for (value, axis) in output.iter_mut().zip(&order) {
                let axis = eigen.eigenvectors.column(*axis);
                // The sign of an eigenvector is arbitrary.
                let sign = axis[axis.iamax()].signum();
                let dot: f64 = row.iter().zip(&mean).zip(axis.iter()).map(|((v, m), a)| (f64::from(*v) - m) * a).sum();
                *value = (sign * scale * dot) as f32;
            }
            output[0] += 50.0;
        }
        Ok(())
    })?;
    Ok(components)
}

/// Sums over rows in fixed blocks, merged in order.
fn sums(
    values: &[f32],
    width: usize,
    len: usize,
    threads: &Threads,
    add: impl Fn(&[f32], &mut [f64]) + Sync,
) -> Result<Vec<f64>> {
    let block_len = (values.len() / width).div_ceil(16) * width;
    let blocks = threads.map(values.len().div_ceil(block_len), |block, checkpoint| {
        let mut sums = vec![0.0; len];
        for rows in values[block * block_len..values.len().min((block + 1) * block_len)].chunks(256 * width) {
            checkpoint.pass()?;
            rows.chunks_exact(width).for_each(|row| add(row, &mut sums));
        }
        Ok(sums)
    })?;
    let mut total = vec![0.0; len];
    for block in blocks {
        total.iter_mut().zip(&block).for_each(|(total, sum)| *total += sum);
    }
    Ok(total)
}

impl Colours {
    /// Colour and texture (n, [`N_FEATURES`]) of each pixel, row by row.
    ///
    /// # Errors
    /// An interruption.
    pub fn features(&self, threads: &Threads) -> Result<Vec<f32>> {
        let smooth = blur(&self.values, self.height, 3, COLOUR_SIGMA, threads)?;
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
    use super::*;

    fn picture(values: &[u8], width: usize, channels: usize) -> Picture<'_, u8> {
        Picture { values, height: values.len() / width / channels, width, channels, range: (0.0, 255.0), inside: None }
    }

    #[test]
    fn cielab_of_known_colours() {
        // Values of CIE 15 for the sRGB primaries, as any table of them has them.
        let colours =
            picture(&[255, 0, 0, 0, 0, 255, 255, 255, 255], 3, 3).colours(1, &Threads::single()).expect("valid");
        let expected = [53.24, 80.09, 67.20, 32.30, 79.19, -107.86, 100.0, 0.0, 0.0];
        for (value, expected) in colours.values.iter().zip(expected) {
            assert!((value - expected).abs() < 0.05, "{:?}", colours.values);
        }
    }

    #[test]
    fn principal_components_keep_distances() {
        let bands: Vec<u8> = (0..40_u8).flat_map(|i| [2 * i, 3 * i, 200 - i, 7, 5 * i]).collect();
        let colours = picture(&bands, 8, 5).colours(1, &Threads::single()).expect("valid");
        let (first, second): (Vec<f32>, Vec<f32>) = colours.values.chunks(3).map(|c| (c[0], c[1])).unzip();
        assert!(second.iter().all(|value| value.abs() < 1e-3));
        let step = first[1] - first[0];
        assert!(first.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1e-3) && step > 0.1);
    }

    #[test]
    fn flat_pictures_have_no_texture_and_masks_leave_no_edge() {
        let mut values = vec![90; 20 * 20];
        let inside: Vec<bool> = (0..400).map(|pixel| pixel % 20 < 10).collect();
        values.iter_mut().zip(&inside).filter(|(_, inside)| !**inside).for_each(|(value, _)| *value = 255);
        let masked = Picture { inside: Some(&inside), ..picture(&values, 20, 1) };
        let features =
            masked.colours(1, &Threads::single()).expect("valid").features(&Threads::single()).expect("valid");
        for row in features.chunks(N_FEATURES) {
            assert!((row[0] - features[0]).abs() < 1e-3 && row[3..].iter().all(|value| value.abs() < 0.1), "{row:?}");
        }
    }
}
