//! A checked view of (n, d) samples with weights, and the layout in which the kernels read them.

use crate::error::{Error, Result};
use crate::kernels::Real;

/// Samples in one tile: a multiple of every vector width, so that no loop has a tail.
pub const TILE: usize = 128;

/// A number as it lies in the caller's array.
pub trait Element: Copy + Send + Sync {
    /// The same value.
    fn to_f64(self) -> f64;
}

macro_rules! elements {
    ($($number:ty),*) => {$(
        impl Element for $number {
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}
elements!(u8, u16, f32, f64);

/// Samples standardised by one shift per feature and one common scale, in tiles of [`TILE`] samples: feature by
/// feature within a tile, the last tile filled up with samples of weight zero.
///
/// The shift keeps `f32` accurate far from the origin; one *common* scale keeps distances and spherical families true.
#[derive(Debug, Clone)]
pub struct Samples<T> {
    len: usize,
    n_features: usize,
    values: Vec<T>,
    weights: Vec<T>,
    total_weight: f64,
    /// Weighted mean of each feature, in the caller's unit.
    pub(crate) centre: Vec<f64>,
    /// Root of the weighted variance averaged over the features, in the caller's unit; 1 where all samples are equal.
    pub(crate) scale: f64,
}

impl<T: Real> Samples<T> {
    /// Checks and lays out `rows` (n samples of `n_features` values, row after row), each value divided by `unit`.
    ///
    /// # Errors
    /// No samples or no weight; lengths that do not fit; NaN, infinite or too large values; negative weights.
    pub fn new<E: Element>(rows: &[E], n_features: usize, weights: Option<&[f64]>, unit: f64) -> Result<Self> {
        if n_features == 0 || rows.is_empty() {
            return Err(Error::Empty);
        }
        let n_samples = rows.len() / n_features;
        let whole = n_samples * n_features;
        if rows.len() != whole {
            return Err(Error::Length { what: "samples", expected: whole, found: rows.len() });
        }
        let total_weight = check_weights(weights, n_samples)?;
        let (centre, scale) = centre_and_scale(rows, n_features, weights, total_weight)?;

        let n_tiles = n_samples.div_ceil(TILE);
        let mut values = vec![T::default(); n_tiles * TILE * n_features];
        for (tile, rows) in values.chunks_exact_mut(TILE * n_features).zip(rows.chunks(TILE * n_features)) {
            for (lane, row) in rows.chunks_exact(n_features).enumerate() {
                for (feature, value) in row.iter().enumerate() {
                    tile[feature * TILE + lane] = T::from_f64((value.to_f64() - centre[feature]) / scale);
                }
            }
        }
        let mut tile_weights = vec![T::default(); n_tiles * TILE];
        match weights {
            Some(weights) => tile_weights.iter_mut().zip(weights).for_each(|(to, from)| *to = T::from_f64(*from)),
            None => tile_weights[..n_samples].fill(T::ONE),
        }
        let centre = centre.iter().map(|value| value / unit).collect();
        Ok(Self {
            len: n_samples,
            n_features,
            values,
            weights: tile_weights,
            total_weight,
            centre,
            scale: scale / unit,
        })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: empty input is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of features of each sample.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Sum of the weights.
    #[must_use]
    pub fn total_weight(&self) -> f64 {
        self.total_weight
    }

    pub(crate) fn n_tiles(&self) -> usize {
        self.weights.len() / TILE
    }

    /// One tile's values (feature by feature) and weights.
    pub(crate) fn tile(&self, tile: usize) -> (&[T], &[T]) {
        let size = TILE * self.n_features;
        (&self.values[tile * size..(tile + 1) * size], &self.weights[tile * TILE..(tile + 1) * TILE])
    }

    /// One sample's standardised values.
    pub(crate) fn sample(&self, index: usize) -> impl Iterator<Item = T> {
        let (values, _) = self.tile(index / TILE);
        values[index % TILE..].iter().step_by(TILE).copied()
    }
}

fn check_weights(weights: Option<&[f64]>, n_samples: usize) -> Result<f64> {
    let Some(weights) = weights else {
        return Ok(n_samples as f64);
    };
    if weights.len() != n_samples {
        return Err(Error::Length { what: "sample_weight", expected: n_samples, found: weights.len() });
    }
    if let Some(row) = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
        return Err(Error::InvalidWeight { row, weight: weights[row] });
    }
    let total: f64 = weights.iter().sum();
    if total > 0.0 { Ok(total) } else { Err(Error::Empty) }
}

/// Weighted mean of each feature, and the root of the variance averaged over the features.
fn centre_and_scale<E: Element>(
    rows: &[E],
    d: usize,
    weights: Option<&[f64]>,
    total_weight: f64,
) -> Result<(Vec<f64>, f64)> {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let mut centre = vec![0.0; d];
    for (row, values) in rows.chunks_exact(d).enumerate() {
        for (feature, value) in values.iter().enumerate() {
            let value = value.to_f64();
            if !value.is_finite() {
                return Err(Error::NotFinite { row, feature });
            }
            centre[feature] += weight(row) * value;
        }
    }
    for sum in &mut centre {
        *sum /= total_weight;
    }
    let mut squares = 0.0;
    for (row, values) in rows.chunks_exact(d).enumerate() {
        let square: f64 = values.iter().zip(&centre).map(|(value, centre)| (value.to_f64() - centre).powi(2)).sum();
        squares += weight(row) * square;
    }
    let scale = (squares / (total_weight * d as f64)).sqrt();
    // The f32 kernels square standardised values; up to this bound nothing overflows on the way back either.
    if !scale.is_finite() || centre.iter().any(|value| value.abs() > 1e150) {
        return Err(Error::TooLarge);
    }
    Ok((centre, if scale > 0.0 { scale } else { 1.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_last_tile_is_filled_with_weightless_samples() {
        let samples = Samples::<f32>::new(&[0u8, 255, 51], 1, None, 255.0).expect("valid");
        assert_eq!((samples.len(), samples.n_tiles()), (3, 1));
        let (_, weights) = samples.tile(0);
        assert_eq!(weights[..4], [1.0, 1.0, 1.0, 0.0]);
        let back: Vec<f64> =
            (0..3).flat_map(|i| samples.sample(i)).map(|x| f64::from(x) * samples.scale + samples.centre[0]).collect();
        for (value, expected) in back.iter().zip([0.0, 1.0, 0.2]) {
            assert!((value - expected).abs() < 1e-7);
        }
    }

    #[test]
    fn bad_input_is_refused() {
        let new = |rows: &[f64], d, weights| Samples::<f64>::new(rows, d, weights, 1.0).map(|_| ());
        assert_eq!(new(&[], 3, None), Err(Error::Empty));
        assert_eq!(new(&[1.0, f64::NAN], 2, None), Err(Error::NotFinite { row: 0, feature: 1 }));
        assert_eq!(
            new(&[1.0, 2.0], 1, Some(&[1.0])),
            Err(Error::Length { what: "sample_weight", expected: 2, found: 1 })
        );
        assert_eq!(new(&[1.0, 2.0], 1, Some(&[1.0, -1.0])), Err(Error::InvalidWeight { row: 1, weight: -1.0 }));
        assert_eq!(new(&[1.0, 2.0], 1, Some(&[0.0, 0.0])), Err(Error::Empty));
        assert_eq!(new(&[1e300, -1e300], 1, None), Err(Error::TooLarge));
    }
}
