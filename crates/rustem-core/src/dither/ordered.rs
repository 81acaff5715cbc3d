//! Ordered dithering to any palette: each colour becomes a mixture of entries that make it up on average, in the order
//! of their lightness, and a blue-noise mask chooses among them. T. Knoll, "Pattern dithering", US patent 6,606,166
//! (filed 1999, expired); the mask is that of [`super::blue_noise`]. Nothing is passed on, so that a pixel's label
//! depends on its own colour and place alone: no noise crawls from frame to frame, and edits stay local.

use super::blue_noise::{SIDE, mask};
use super::indexed_picture::{OUTSIDE, point};
use super::nearest_color::{Nearest, Point};
use super::visibility::Canvas;
use crate::error::Result;
use crate::parallel::Threads;

/// Entries of a mixture.
const PARTS: usize = 16;
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
            let colors = picture.table[block * BLOCK * picture.n_features..].chunks_exact(picture.n_features);
            for (mixture, color) in mixtures.iter_mut().zip(colors) {
                *mixture = mix(point(color), palette, strength);
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
                    _ if amounts[x] < 0.5 => entries[x].nearest,
                    Some(mixture) => mixture[part],
                    None => mix(entries[x].color, palette, strength)[part],
                };
            }
        }
        Ok(())
    })?;
    Ok(labels)
}

/// Entries that make up a colour on average, by lightness.
fn mix(color: Point, palette: &Nearest, strength: f32) -> Mixture {
    let mut missing = [0.0; 4];
    let mut mixture = [0; PARTS];
    for part in &mut mixture {
        let wanted = palette.clamp(std::array::from_fn(|axis| color[axis] + strength * missing[axis]));
        *part = palette.find(wanted);
        let found = palette.colors[*part as usize];
        missing = std::array::from_fn(|axis| missing[axis] + color[axis] - found[axis]);
    }
    let lightness = |entry: u32| palette.colors[entry as usize][0];
    mixture.sort_unstable_by(|a, b| lightness(*a).total_cmp(&lightness(*b)).then(a.cmp(b)));
    mixture
}
