//! Dithering to a palette: error diffusion, and ordered dithering by blue noise.
//!
//! Colours are points in whatever space the caller chose; errors add up in it, so that it should be one of light, and
//! distances are taken in it. Its first feature is the lightness.

pub mod blue_noise;
mod detail;
mod diffusion;
pub mod nearest;
mod ordered;

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::parallel::Threads;
use detail::Canvas;
use nearest::{Nearest, Point};

/// The index of a pixel that takes no part, and its label.
pub const OUTSIDE: u32 = u32::MAX;

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

/// A picture by its distinct colours.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
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

impl Picture<'_> {
    fn height(&self) -> usize {
        self.index.len() / self.width
    }

    fn row(&self, y: usize) -> &[u32] {
        &self.index[y * self.width..][..self.width]
    }

    #[inline]
    fn colour(&self, number: u32) -> Point {
        point(&self.table[number as usize * self.n_features..][..self.n_features])
    }

    /// A pixel's colour and its sensitivity; NaN for one that takes no part.
    #[inline]
    fn seen(&self, number: u32) -> (Point, f32) {
        if number == OUTSIDE { ([f32::NAN; 4], 0.0) } else { (self.colour(number), self.sensitivity[number as usize]) }
    }

    /// Whether it pays to work something out for each colour, rather than for each pixel.
    fn few_colours(&self) -> bool {
        self.sensitivity.len() * 8 <= self.index.len()
    }

    fn check(&self) -> Result<()> {
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

fn check_finite(values: &[f32], d: usize) -> Result<()> {
    let bad = values.iter().position(|value| !value.is_finite());
    bad.map_or(Ok(()), |place| Err(Error::NotFinite { row: place / d, feature: place % d }))
}

fn point(values: &[f32]) -> Point {
    let mut point = [0.0; 4];
    point[..values.len()].copy_from_slice(values);
    point
}

/// Labels each pixel with an entry of the (k, `n_features`) `palette`, so that areas keep their mean colours.
///
/// `strength` is the part of each error that is made up for, from 0 (none: the nearest entries) to 1. `edge_aware`
/// leaves pixels alone where dithering would only soil: small differences, edges, flat areas.
///
/// # Errors
/// A picture or palette that is none, or an interruption.
pub fn dither(
    picture: &Picture,
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
    let colours = palette.chunks_exact(picture.n_features).map(point).collect();
    let table = picture.table.chunks_exact(picture.n_features).map(point);
    let palette = Nearest::new(colours, picture.n_features, table);
    let canvas = Canvas::new(picture, &palette, edge_aware, threads)?;
    match method {
        Method::ErrorDiffusion => diffusion::diffuse(&canvas, strength, threads),
        Method::BlueNoise => ordered::order(&canvas, strength, threads),
    }
}
