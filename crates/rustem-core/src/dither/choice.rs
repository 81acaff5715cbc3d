//! Which entry a pixel is painted with: the nearest one to its colour and the error passed to it, unless that one lies
//! out of the pixel's reach.
//!
//! Where the palette has no neighbours in the direction of an error, errors pile up until they reach some entry far
//! away, and it comes out as a stray dot of another hue. Printers therefore choose among a few near colours first, the
//! quadruples of minimum brightness variation (N. Damera-Venkata, B. L. Evans and V. Monga, "Color error-diffusion
//! halftoning", IEEE Signal Processing Magazine 20 (2003) 51-58,
//! [doi:10.1109/MSP.2003.1215231](https://doi.org/10.1109/MSP.2003.1215231)). A palette has no such fixed groups. A
//! pixel's reach is its distance to its nearest entry and that one's spacing, so that it holds the handful of entries
//! which mix it; or, if that is further, what the eye hardly sees as another colour.

use super::nearest_color::{Nearest, Point, squared_distance};
use super::visibility::Entry;

/// An entry's spacing is the distance to as many-th nearest of the others. Palettes of devices have few entries, far
/// apart: their colours are mixed of a tetrahedron's four corners, as are all where every mean is to be kept. Where a
/// picture's own colours are many, dots of the next two are enough, and those of more are seen.
pub(super) const fn neighbors(n_entries: usize, keep_means: bool) -> usize {
    if n_entries <= 16 || keep_means { 4 } else { 2 }
}

/// Reach that every pixel has, in lightness, black to white being 1.
pub(super) const LEAST_REACH: f32 = 0.08;
/// Weight of the lightness in squared distances from a pixel's own colour: dots of the same hue are seen less.
const LIGHTNESS: f32 = 0.5;
/// Halvings of an error before the nearest entry is taken.
const HALVINGS: u32 = 3;

/// The colour wanted at a pixel to which `amount` of the error `missing` is passed, and the entry that paints it.
#[inline]
pub(super) fn choose(palette: &Nearest, pixel: &Entry, missing: Point, amount: f32) -> (Point, u32) {
    let wanted = palette.clamp(added(pixel.color, missing, amount));
    let label = palette.find(wanted);
    if within_reach(palette, pixel, label) {
        (wanted, label)
    } else {
        (wanted, nearer(palette, pixel, missing, amount))
    }
}

/// The entry for the largest part of the error that asks for one within reach.
#[cold]
fn nearer(palette: &Nearest, pixel: &Entry, missing: Point, amount: f32) -> u32 {
    let parts = (1..=HALVINGS).map(|halvings| amount / (1 << halvings) as f32);
    let mut labels = parts.map(|part| palette.find(palette.clamp(added(pixel.color, missing, part))));
    labels.find(|label| within_reach(palette, pixel, *label)).unwrap_or(pixel.nearest)
}

#[inline]
fn within_reach(palette: &Nearest, pixel: &Entry, label: u32) -> bool {
    let painted = palette.colors[label as usize];
    let lightness = pixel.color[0] - painted[0];
    squared_distance(pixel.color, painted) - (1.0 - LIGHTNESS) * lightness * lightness <= pixel.reach * pixel.reach
}

/// An error, made no longer than `limit`.
#[inline]
pub(super) fn limited(error: Point, limit: f32) -> Point {
    let length = squared_distance(error, [0.0; 4]);
    if length > limit * limit { error.map(|value| value * (limit / length.sqrt())) } else { error }
}

#[inline]
pub(super) fn added(a: Point, b: Point, factor: f32) -> Point {
    std::array::from_fn(|axis| a[axis] + b[axis] * factor)
}
