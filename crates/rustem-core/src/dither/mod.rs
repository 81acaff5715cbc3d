//! Dithering to a palette: error diffusion, and ordered dithering by blue noise.
//!
//! Colours are points in whatever space the caller chose; errors add up in it, so that it should be one of light, and
//! distances are taken in it. Its first feature is the lightness.

mod blue_noise;
mod choice;
mod error_diffusion;
mod indexed_picture;
mod nearest_color;
mod ordered;
mod visibility;

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::parallel::Threads;
pub use indexed_picture::{IndexedPicture, OUTSIDE};
use indexed_picture::{check_finite, point};
use nearest_color::Nearest;
use visibility::Canvas;

/// How to dither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Errors are passed on to the neighbours not yet painted.
    ErrorDiffusion,
    /// Each pixel is painted by itself, with a threshold from a mask.
    BlueNoise,
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "floyd-steinberg" => Ok(Self::ErrorDiffusion),
            "blue-noise" => Ok(Self::BlueNoise),
            other => Err(Error::UnknownChoice {
                name: "dither",
                value: other.into(),
                choices: "\"floyd-steinberg\", \"blue-noise\"",
            }),
        }
    }
}

/// Labels each pixel with an entry of the (k, `n_features`) `palette`, so that areas keep their mean colours.
///
/// `strength` is the part of each error that is made up for, from 0 (none: the nearest entries) to 1. `edge_aware`
/// leaves pixels alone where dithering would only soil: small differences, edges, flat areas.
///
/// # Errors
/// A picture or palette that is none, or an interruption.
pub fn dither(
    picture: &IndexedPicture,
    palette: &[f32],
    method: Method,
    strength: f32,
    edge_aware: bool,
    threads: &Threads,
) -> Result<Vec<u32>> {
    picture.check()?;
    check_finite(palette, picture.n_features)?;
    if palette.is_empty() || !palette.len().is_multiple_of(picture.n_features) {
        return Err(Error::Empty);
    }
    if !(0.0..=1.0).contains(&strength) {
        return Err(Error::OutOfRange { name: "strength", value: strength.into(), range: "from 0 to 1" });
    }
    let colors = palette.chunks_exact(picture.n_features).map(point).collect();
    let table = picture.table.chunks_exact(picture.n_features).map(point);
    let palette = Nearest::new(colors, picture.n_features, table);
    let canvas = Canvas::new(picture, &palette, edge_aware, threads)?;
    match method {
        Method::ErrorDiffusion => error_diffusion::diffuse(&canvas, strength, threads),
        Method::BlueNoise => ordered::order(&canvas, strength, threads),
    }
}
