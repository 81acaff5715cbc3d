//! What standardises samples.

use super::TILE;
use super::weights::{Weights, weighted_sums};
use crate::element::{Element, with_known_features};
use crate::error::{Error, Result};

/// What standardises samples, feature by feature: (x − centre) / (scale · ratio), in the caller's unit.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Weighted mean of each feature.
    pub(crate) center: Vec<f64>,
    /// Root of the weighted variance averaged over the features, each in its ratio; 1 where all samples are equal.
    pub(crate) scale: f64,
    /// The unit of each feature beside the others; 1 where they are alike.
    pub(crate) ratios: Vec<f64>,
}

impl Frame {
    /// The frame of rows of `d` values; without `ratios` the features are alike.
    ///
    /// # Errors
    /// NaN, infinite or too large values.
    pub(super) fn of<E: Element>(rows: &[E], d: usize, weights: &Weights, ratios: &[f64]) -> Result<Self> {
        let (n_samples, total_weight, weights) = (rows.len() / d, weights.total, weights.each());
        let mut center = weighted_sums(n_samples, d, weights, |row, feature| rows[row * d + feature].to_f64());
        if center.iter().any(|sum| !sum.is_finite())
            && let Some(at) = rows.iter().position(|value| !value.to_f64().is_finite())
        {
            return Err(Error::NotFinite { row: at / d, feature: at % d });
        }
        for sum in &mut center {
            *sum /= total_weight;
        }
        let square = |row: usize, feature: usize| (rows[row * d + feature].to_f64() - center[feature]).powi(2);
        let ratios = if ratios.is_empty() { vec![1.0; d] } else { ratios.to_vec() };
        let squares = weighted_sums(n_samples, d, weights, square);
        let squares: f64 = squares.iter().zip(&ratios).map(|(square, ratio)| square / (ratio * ratio)).sum();
        let scale = (squares / (total_weight * d as f64)).sqrt();
        // The f32 kernels square standardised values; up to this bound nothing overflows on the way back either.
        if !scale.is_finite() || center.iter().any(|value| value.abs() > 1e150) {
            return Err(Error::TooLarge);
        }
        Ok(Self { center, scale: if scale > 0.0 { scale } else { 1.0 }, ratios })
    }

    /// What each feature is divided by.
    pub(crate) fn scales(&self) -> impl Iterator<Item = f64> + Clone {
        self.ratios.iter().map(|ratio| self.scale * ratio)
    }

    /// What standardising takes from each log-density.
    pub(super) fn log_jacobian(&self) -> f64 {
        self.center.len() as f64 * self.scale.ln() + self.ratios.iter().map(|ratio| ratio.ln()).sum::<f64>()
    }

    /// The rows, ascending, that lie further than `limit` from the centre in some feature.
    ///
    /// # Errors
    /// A value that is not finite.
    pub(super) fn far_rows<E: Element>(&self, rows: &[E], limit: f64) -> Result<Vec<usize>> {
        let d = self.center.len();
        let scales: Vec<f64> = self.scales().collect();
        let within = |row: &[E]| {
            let distances = row.iter().zip(&self.center).zip(&scales);
            distances.fold(true, |all, ((x, center), scale)| all & ((x.to_f64() - center).abs() <= limit * scale))
        };
        let mut far = Vec::new();
        for (block, rows) in rows.chunks(TILE * d).enumerate() {
            if with_known_features!(d, |d| rows.chunks_exact(d).fold(true, |all, row| all & within(row))) {
                continue;
            }
            for (lane, values) in rows.chunks_exact(d).enumerate().filter(|(_, values)| !within(values)) {
                let row = block * TILE + lane;
                if let Some(feature) = values.iter().position(|value| !value.to_f64().is_finite()) {
                    return Err(Error::NotFinite { row, feature });
                }
                far.push(row);
            }
        }
        Ok(far)
    }
}
