//! The picture that comes in, and the small one of three colour coordinates that its regions are sought in.

use std::collections::VecDeque;

use super::filters::ROWS;
use super::principal_components::principal_components;
use crate::colors::to_lab;
use crate::element::Element;
use crate::error::{Error, Result};
use crate::parallel::Threads;
use crate::spatial::for_neighbors;

/// A picture as it lies in the caller's array.
#[derive(Clone, Copy)]
pub struct Raster<'a, E> {
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
pub struct ColorImage {
    /// CIELAB, or what stands for it: lightness in about [0, 100].
    pub values: Vec<f32>,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Which pixels take part; all where there is none.
    pub inside: Option<Vec<bool>>,
}

impl<E: Element> Raster<'_, E> {
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
    pub fn colors(&self, factor: usize, threads: &Threads) -> Result<ColorImage> {
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
        Ok(ColorImage { values, height, width, inside })
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
    let mut queue: VecDeque<usize> = (0..inside.len()).filter(|pixel| inside[*pixel]).collect();
    while let Some(pixel) = queue.pop_front() {
        for_neighbors(pixel, width, height, |neighbor| {
            if !filled[neighbor] {
                filled[neighbor] = true;
                values.copy_within(pixel * channels..(pixel + 1) * channels, neighbor * channels);
                queue.push_back(neighbor);
            }
        });
    }
}
