//! What is counted, and what comes of it.

use crate::element::Channel;
use crate::morton::Keys;

/// Pixels that are counted at a time.
pub(super) const BLOCK: usize = 1 << 16;
/// Up to so many colours are counted in any case.
pub(super) const FEW: usize = 4096;

/// The distinct colours of a picture, in Morton order: bits of the channels interleaved, the last channel's first.
#[derive(Debug, Clone, PartialEq)]
pub struct Colors<C> {
    /// (m, channels), row by row.
    pub values: Vec<C>,
    /// Pixels of each colour (m,).
    pub counts: Vec<f64>,
}

/// Rows of `N` channels, those of them that count, and their keys.
pub(super) struct Pixels<'a, C, const N: usize> {
    pub(super) rows: &'a [[C; N]],
    pub(super) mask: Option<&'a [bool]>,
    pub(super) keys: Keys<C, N>,
}

impl<C: Channel, const N: usize> Pixels<'_, C, N> {
    /// The number of colours up to which counting pays, at so many per pixel.
    pub(super) fn most(&self, per_pixel: f64) -> usize {
        let n_pixels = self.mask.map_or(self.rows.len(), |mask| mask.iter().filter(|inside| **inside).count());
        FEW.max((per_pixel * n_pixels as f64) as usize)
    }

    /// Visits those of `length` rows that count; returns how many.
    pub(super) fn for_each_inside(&self, start: usize, length: usize, mut visit: impl FnMut(&[C; N])) -> usize {
        let end = self.rows.len().min(start + length);
        let rows = &self.rows[start..end];
        let Some(mask) = self.mask else {
            rows.iter().for_each(visit);
            return rows.len();
        };
        let inside = rows.iter().zip(&mask[start..end]).filter(|(_, inside)| **inside);
        inside.map(|(row, _)| visit(row)).count()
    }
}
