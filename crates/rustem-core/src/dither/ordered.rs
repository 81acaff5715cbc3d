//! Ordered dithering to any palette: each colour becomes a mixture of entries that make it up on average, in the order
//! of their lightness, and a blue-noise mask chooses among them. T. Knoll, "Pattern dithering", US patent 6,606,166
//! (filed 1999, expired); the mask is that of [`super::blue_noise`]. Nothing is passed on, so that a pixel's label
//! depends on its own colour and place alone: no noise crawls from frame to frame, and edits stay local.

use super::blue_noise::{SIDE, mask};
use super::choice::{added, choose, limited};
use super::indexed_picture::OUTSIDE;
use super::nearest_color::Nearest;
use super::visibility::{Canvas, Entry};
use crate::error::Result;
use crate::parallel::Threads;

/// Entries of a mixture.
const PARTS: usize = 16;
/// Reach of a mixture's parts, in reaches of the colour: what is missing is not handed on to pixels of other colours.
const REACH: f32 = 1.2;
/// Amount of dithering from which a pixel gets its part of the mixture.
const LEAST_AMOUNT: f32 = 0.35;
/// Rows that are done at a time.
const BAND: usize = 64;
/// Colours that are mixed at a time.
const BLOCK: usize = 4096;

type Mixture = [u32; PARTS];

pub(super) fn order(canvas: &Canvas, strength: f32, threads: &Threads) -> Result<Vec<u32>> {
    let (picture, palette) = (canvas.picture, canvas.palette);
    let mut kept: Vec<Mixture> = Vec::new();
    if picture.few_colors() {
        kept.resize(picture.sensitivity.len(), [0; PARTS]);
        threads.map_chunks(&mut kept, BLOCK, |block, mixtures, checkpoint| {
            checkpoint.pass()?;
            for (number, mixture) in ((block * BLOCK) as u32..).zip(mixtures) {
                *mixture = mix(&canvas.entry(number), palette, strength);
            }
            Ok(())
        })?;
    }
    let (mut labels, mask) = (vec![OUTSIDE; picture.index.len()], mask());
    threads.map_chunks(&mut labels, BAND * picture.width, |band, labels, checkpoint| {
        let (mut entries, mut amounts) = (Vec::new(), Vec::new());
        for (y, labels) in (band * BAND..).zip(labels.chunks_exact_mut(picture.width)) {
            checkpoint.pass()?;
            canvas.load(y, &mut entries, &mut amounts);
            for (x, (label, pixel)) in labels.iter_mut().zip(picture.row(y)).enumerate() {
                if *pixel == OUTSIDE {
                    continue;
                }
                let part = (mask[y % SIDE * SIDE + x % SIDE] * PARTS as f32) as usize;
                *label = match kept.get(*pixel as usize) {
                    _ if amounts[x] < LEAST_AMOUNT => entries[x].nearest,
                    Some(mixture) => mixture[part],
                    None => mix(&entries[x], palette, strength)[part],
                };
            }
        }
        Ok(())
    })?;
    Ok(labels)
}

/// Entries that make up a colour on average, by lightness.
fn mix(pixel: &Entry, palette: &Nearest, strength: f32) -> Mixture {
    let pixel = &Entry { reach: REACH * pixel.reach, ..*pixel };
    let mut missing = [0.0; 4];
    let mut mixture = [0; PARTS];
    for part in &mut mixture {
        (_, *part) = choose(palette, pixel, missing, strength);
        let found = palette.colors[*part as usize];
        missing = limited(added(added(missing, pixel.color, 1.0), found, -1.0), pixel.reach);
    }
    let lightness = |entry: u32| palette.colors[entry as usize][0];
    mixture.sort_unstable_by(|a, b| lightness(*a).total_cmp(&lightness(*b)).then(a.cmp(b)));
    mixture
}
