//! Where dithering helps the eye, and where it only soils: how much of it each pixel gets.
//!
//! A pixel is left at its nearest colour where the difference is too small to be seen, and at edges, where errors of
//! one side would come out as specks on the other. Flat areas of drawings and the surroundings of letters tolerate a
//! larger difference than gradients do, where the eye sees bands. Both have areas of one colour; they are told apart by
//! the steps at the areas' borders, counted over tiles: gradients step by a level or two, drawings by a contrast.

use super::choice::{LEAST_REACH, neighbors};
use super::indexed_picture::{IndexedPicture, OUTSIDE};
use super::nearest_color::{Nearest, Point, squared_distance};
use crate::error::Result;
use crate::parallel::Threads;

/// Colours that are looked at at a time.
const BLOCK: usize = 4096;
/// Side of a tile in pixels.
const TILE: usize = 16;
/// Tiles to each side within which a gradient is looked for.
const REACH: usize = 2;
/// Steps up to this are those of gradients (in lightness, black to white being 1).
const SMALL_STEP: f32 = 0.02;
/// Contrasts at which dithering begins to fade and at which it has gone.
const EDGE: (f32, f32) = (0.08, 0.20);
/// Differences to the nearest colour at which dithering sets in and is in full use, in gradients.
const SEEN_IN_GRADIENTS: (f32, f32) = (0.002, 0.008);
/// The same in flat areas.
const SEEN_IN_FLAT: (f32, f32) = (0.03, 0.06);

/// What surrounds the pixels: contrasts next to each, gradients near each tile.
pub(super) struct Surroundings {
    /// The largest contrast to a neighbour (n,), in 255ths of the end of [`EDGE`].
    contrasts: Vec<u8>,
    tiles_per_row: usize,
    gradients: Vec<bool>,
}

impl Surroundings {
    pub(super) fn look(picture: &IndexedPicture, threads: &Threads) -> Result<Self> {
        let (columns, rows) = (picture.width.div_ceil(TILE), picture.height().div_ceil(TILE));
        let mut contrasts = vec![0; picture.index.len()];
        let found = threads.map_chunks(&mut contrasts, TILE * picture.width, |row, contrasts, checkpoint| {
            checkpoint.pass()?;
            Ok(look_at_tiles(picture, row * TILE, contrasts))
        })?;
        let nearby = |tile: usize| {
            let (row, column) = (tile / columns, tile % columns);
            let around = found[row.saturating_sub(REACH)..].iter().take(row.min(REACH) + REACH + 1);
            let (from, length) = (column.saturating_sub(REACH), column.min(REACH) + REACH + 1);
            around.into_iter().any(|tiles| tiles[from..].iter().take(length).any(|gradient| *gradient))
        };
        Ok(Self { contrasts, tiles_per_row: columns, gradients: (0..columns * rows).map(nearby).collect() })
    }
}

/// Fills in the contrasts of a row of tiles, and tells which of them have at least as many small steps as large ones.
fn look_at_tiles(picture: &IndexedPicture, first: usize, contrasts: &mut [u8]) -> Vec<bool> {
    let width = picture.width;
    let mut counts = vec![(0u32, 0u32); width.div_ceil(TILE)];
    let load = |y: usize, row: &mut Vec<(Point, f32)>| {
        row.clear();
        row.extend(picture.row(y.min(picture.height() - 1)).iter().map(|pixel| picture.seen(*pixel)));
    };
    let (mut here, mut below) = (Vec::new(), Vec::new());
    load(first.saturating_sub(1), &mut below);
    load(first, &mut here);
    let mut above: Vec<f32> = below.iter().zip(&here).map(|(one, other)| contrast(*one, *other)).collect();
    for (y, contrasts) in (first + 1..).zip(contrasts.chunks_exact_mut(width)) {
        load(y, &mut below);
        let mut left = 0.0;
        for x in 0..width {
            let right = contrast(here[x], here[(x + 1).min(width - 1)]);
            let down = contrast(here[x], below[x]);
            let (small, large) = &mut counts[x / TILE];
            for step in [right, down] {
                *small += u32::from(step > 0.0 && step < SMALL_STEP * SMALL_STEP);
                *large += u32::from(step >= SMALL_STEP * SMALL_STEP);
            }
            // Contrasts with pixels outside are NaN, which max() passes over.
            let largest = 0f32.max(left).max(right).max(down).max(above[x]);
            contrasts[x] = (largest.sqrt() * (255.0 / EDGE.1)) as u8;
            left = right;
            above[x] = down;
        }
        std::mem::swap(&mut here, &mut below);
    }
    counts.into_iter().map(|(small, large)| small > 0 && small >= large).collect()
}

/// Squared contrast of two colours, given with their sensitivities.
#[inline]
fn contrast((one, sensitivity): (Point, f32), (other, other_sensitivity): (Point, f32)) -> f32 {
    let sensitivity = sensitivity.min(other_sensitivity);
    squared_distance(one, other) * (sensitivity * sensitivity)
}

/// A colour as the ditherers want it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) color: Point,
    /// The nearest entry of the palette.
    pub(super) nearest: u32,
    /// How much that one differs to the eye.
    pub(super) difference: f32,
    /// How far from its colour the pixel's label may lie.
    pub(super) reach: f32,
}

/// Looks up, or makes, the entry of each pixel, and says how much dithering it gets.
pub(super) struct Canvas<'a> {
    pub(super) picture: &'a IndexedPicture<'a>,
    pub(super) palette: &'a Nearest,
    surroundings: Option<Surroundings>,
    /// An entry per colour; none if they are hardly fewer than the pixels.
    entries: Vec<Entry>,
    /// Of the palette's entries.
    spacings: Vec<f32>,
}

impl<'a> Canvas<'a> {
    /// Without `edge_aware`, every pixel gets all of the dithering.
    pub(super) fn new(
        picture: &'a IndexedPicture<'a>,
        palette: &'a Nearest,
        edge_aware: bool,
        threads: &Threads,
    ) -> Result<Self> {
        let surroundings = edge_aware.then(|| Surroundings::look(picture, threads)).transpose()?;
        let spacings = palette.spacings(neighbors(palette.colors.len(), !edge_aware));
        let mut canvas = Self { picture, palette, surroundings, entries: Vec::new(), spacings };
        if picture.few_colors() {
            let mut entries = vec![Entry::default(); picture.sensitivity.len()];
            threads.map_chunks(&mut entries, BLOCK, |block, entries, checkpoint| {
                checkpoint.pass()?;
                for (number, entry) in ((block * BLOCK) as u32..).zip(entries) {
                    *entry = canvas.look(number);
                }
                Ok(())
            })?;
            canvas.entries = entries;
        }
        Ok(canvas)
    }

    /// The entries of row `y`, defaults where there is no pixel, and how much dithering from 0 to 1 each pixel gets.
    pub(super) fn load(&self, y: usize, entries: &mut Vec<Entry>, amounts: &mut Vec<f32>) {
        let row = self.picture.row(y);
        let mut last = (OUTSIDE, Entry::default());
        entries.clear();
        entries.extend(row.iter().map(|pixel| {
            if *pixel == OUTSIDE {
                return Entry::default();
            }
            if last.0 != *pixel {
                last = (*pixel, self.entry(*pixel));
            }
            last.1
        }));
        amounts.clear();
        let Some(Surroundings { contrasts, tiles_per_row, gradients }) = &self.surroundings else {
            amounts.resize(row.len(), 1.0);
            return;
        };
        let contrasts = &contrasts[y * row.len()..][..row.len()];
        let tiles = gradients[y / TILE * tiles_per_row..].iter();
        for (tile, (entries, contrasts)) in tiles.zip(entries.chunks(TILE).zip(contrasts.chunks(TILE))) {
            let threshold = if *tile { SEEN_IN_GRADIENTS } else { SEEN_IN_FLAT };
            amounts.extend(entries.iter().zip(contrasts).map(|(entry, contrast)| {
                let edge = f32::from(*contrast) * (EDGE.1 / 255.0);
                ramp(entry.difference, threshold) * (1.0 - ramp(edge, EDGE))
            }));
        }
    }

    /// The entry of a colour.
    #[inline]
    pub(super) fn entry(&self, number: u32) -> Entry {
        self.entries.get(number as usize).copied().unwrap_or_else(|| self.look(number))
    }

    #[inline]
    fn look(&self, number: u32) -> Entry {
        let color = self.picture.color(number);
        let nearest = self.palette.find(color);
        let distance = squared_distance(color, self.palette.colors[nearest as usize]).sqrt();
        let sensitivity = self.picture.sensitivity[number as usize];
        let reach = (distance + self.spacings[nearest as usize]).max(LEAST_REACH / sensitivity);
        Entry { color, nearest, difference: distance * sensitivity, reach }
    }
}

/// From 0 below the range to 1 above it.
fn ramp(value: f32, (from, to): (f32, f32)) -> f32 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}
