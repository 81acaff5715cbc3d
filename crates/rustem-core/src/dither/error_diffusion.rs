//! Error diffusion: R. W. Floyd and L. Steinberg, "An adaptive algorithm for spatial greyscale", Proceedings of the
//! Society for Information Display 17 (1976) 75-77, on a serpentine path (R. Ulichney, "Digital Halftoning", 1987).
//!
//! Departures:
//! - A serpentine has no two rows that could be done at once. The picture is cut into bands of rows, of a height that
//!   depends on nothing, and each band starts some rows above itself, where its labels are thrown away: at its own
//!   first row the errors are in their usual motion, and no seam is seen. Bits do not depend on the threads.
//! - A pixel takes as much of the errors passed to it as [`super::visibility`] allows. The rest is lost on purpose.
//! - Errors are limited to the spacing of the palette, and to the reach of the pixel: see [`super::choice`]. Colours that
//!   no mixture of the palette makes would pile them up, and let go at the next edge.

use super::choice::{added, choose, limited};
use super::indexed_picture::OUTSIDE;
use super::nearest_color::Point;
use super::visibility::{Canvas, Entry};
use crate::error::Result;
use crate::parallel::Threads;

/// Rows of a band.
const BAND: usize = 256;
/// Rows that a band starts above itself.
const WARM_UP: usize = 16;
/// Parts of an error that go ahead, and to the row below.
const AHEAD: f32 = 7.0 / 16.0;
const BEHIND: f32 = 3.0 / 16.0;
const BELOW: f32 = 5.0 / 16.0;
const BEYOND: f32 = 1.0 / 16.0;

pub(super) fn diffuse(canvas: &Canvas, strength: f32, threads: &Threads) -> Result<Vec<u32>> {
    let (width, limit) = (canvas.picture.width, canvas.palette.spacing());
    let mut labels = vec![OUTSIDE; canvas.picture.index.len()];
    threads.map_chunks(&mut labels, BAND * width, |band, labels, checkpoint| {
        let first = band * BAND;
        let mut diffusion = Diffusion::new(canvas, strength, limit);
        let mut scratch = vec![OUTSIDE; width];
        for y in first.saturating_sub(WARM_UP)..first {
            checkpoint.pass()?;
            diffusion.paint(y, &mut scratch);
        }
        for (y, labels) in (first..).zip(labels.chunks_exact_mut(width)) {
            checkpoint.pass()?;
            diffusion.paint(y, labels);
        }
        Ok(())
    })?;
    Ok(labels)
}

/// Errors on their way down the picture.
struct Diffusion<'a> {
    canvas: &'a Canvas<'a>,
    strength: f32,
    limit: f32,
    /// Errors for the row to come, with one pixel of margin on each side.
    below: Vec<Point>,
    entries: Vec<Entry>,
    amounts: Vec<f32>,
}

impl<'a> Diffusion<'a> {
    fn new(canvas: &'a Canvas<'a>, strength: f32, limit: f32) -> Self {
        let below = vec![[0.0; 4]; canvas.picture.width + 2];
        Self { canvas, strength, limit, below, entries: Vec::new(), amounts: Vec::new() }
    }

    /// Labels row `y`, from the left if it is even.
    fn paint(&mut self, y: usize, labels: &mut [u32]) {
        self.canvas.load(y, &mut self.entries, &mut self.amounts);
        if y.is_multiple_of(2) {
            self.walk(self.canvas.picture.row(y), labels, 0..labels.len(), 1);
        } else {
            self.walk(self.canvas.picture.row(y), labels, (0..labels.len()).rev(), -1);
        }
    }

    #[inline]
    fn walk(&mut self, row: &[u32], labels: &mut [u32], path: impl Iterator<Item = usize>, direction: isize) {
        let palette = self.canvas.palette;
        // Errors ahead, and those straight below and behind that are not complete: they replace the ones from above.
        let (mut ahead, mut under, mut corner) = ([0.0; 4], [0.0; 4], [0.0; 4]);
        for x in path {
            let from_above = self.below[x + 1];
            let mut error = [0.0; 4];
            if row[x] != OUTSIDE {
                let pixel = &self.entries[x];
                let (wanted, label) = choose(palette, pixel, added(ahead, from_above, 1.0), self.amounts[x]);
                labels[x] = label;
                let left = added(wanted, palette.colors[label as usize], -1.0);
                error = limited(left, self.limit.min(pixel.reach)).map(|value| value * self.strength);
            }
            ahead = error.map(|value| value * AHEAD);
            self.below[(x + 1).wrapping_add_signed(-direction)] = added(under, error, BEHIND);
            under = added(corner, error, BELOW);
            corner = error.map(|value| value * BEYOND);
            self.below[x + 1] = under;
        }
    }
}
