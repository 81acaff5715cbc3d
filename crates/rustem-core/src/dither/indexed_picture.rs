//! What is dithered: a picture by its distinct colours.

use super::nearest_color::Point;
use crate::error::{Error, Result};

/// The index of a pixel that takes no part, and its label.
pub const OUTSIDE: u32 = u32::MAX;

/// A picture by its distinct colours.
#[derive(Debug, Clone, Copy)]
pub struct IndexedPicture<'a> {
    /// Pixels of a row.
    pub width: usize,
    /// The colour of each pixel, row by row; [`OUTSIDE`] for pixels that take no part.
    pub index: &'a [u32],
    /// (m, `n_features`) colours.
    pub table: &'a [f32],
    /// 1 to 4.
    pub n_features: usize,
    /// (m,) steps of lightness that the eye sees in a unit of each colour's features: 1 in a perceptual space.
    pub sensitivity: &'a [f32],
}

impl IndexedPicture<'_> {
    pub(super) fn height(&self) -> usize {
        self.index.len() / self.width
    }

    pub(super) fn row(&self, y: usize) -> &[u32] {
        &self.index[y * self.width..][..self.width]
    }

    #[inline]
    pub(super) fn color(&self, number: u32) -> Point {
        point(&self.table[number as usize * self.n_features..][..self.n_features])
    }

    /// A pixel's colour and its sensitivity; NaN for one that takes no part.
    #[inline]
    pub(super) fn seen(&self, number: u32) -> (Point, f32) {
        if number == OUTSIDE { ([f32::NAN; 4], 0.0) } else { (self.color(number), self.sensitivity[number as usize]) }
    }

    /// Whether it pays to work something out for each colour, rather than for each pixel.
    pub(super) fn few_colors(&self) -> bool {
        self.sensitivity.len() * 8 <= self.index.len()
    }

    pub(super) fn check(&self) -> Result<()> {
        let (d, m) = (self.n_features, self.sensitivity.len());
        if self.index.is_empty() || self.width == 0 || !self.index.len().is_multiple_of(self.width) {
            return Err(Error::Empty);
        }
        if !(1..=4).contains(&d) {
            return Err(Error::OutOfRange { name: "the number of features", value: d as f64, range: "from 1 to 4" });
        }
        if self.table.len() != m * d {
            return Err(Error::Length { what: "the table of colours", expected: m * d, found: self.table.len() });
        }
        check_finite(self.table, d)?;
        check_finite(self.sensitivity, 1)?;
        if let Some(bad) = self.index.iter().find(|number| **number != OUTSIDE && **number as usize >= m) {
            return Err(Error::OutOfRange { name: "an index", value: f64::from(*bad), range: "a row of the table" });
        }
        Ok(())
    }
}

pub(super) fn check_finite(values: &[f32], d: usize) -> Result<()> {
    let bad = values.iter().position(|value| !value.is_finite());
    bad.map_or(Ok(()), |place| Err(Error::NotFinite { row: place / d, feature: place % d }))
}

pub(super) fn point(values: &[f32]) -> Point {
    let mut point = [0.0; 4];
    point[..values.len()].copy_from_slice(values);
    point
}
