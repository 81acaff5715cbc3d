//! The weights of samples, and sums under them.

use std::borrow::Cow;

use super::TILE;
use crate::element::with_known_features;
use crate::error::{Error, Result};

/// The weights of samples; none where each counts once.
pub(crate) struct Weights<'a> {
    each: Option<Cow<'a, [f64]>>,
    pub(crate) total: f64,
}

impl<'a> Weights<'a> {
    /// Largest weights beyond this, or below its inverse, are brought near to 1 by a power of two, all alike: only their
    /// ratios count, and no sum or square of any overflows, in single precision either.
    const EXTREME: i32 = 64;

    /// Checks the weights of `n_samples`.
    pub(crate) fn new(each: Option<&'a [f64]>, n_samples: usize) -> Result<Self> {
        let Some(each) = each else {
            return Ok(Self { each: None, total: n_samples as f64 });
        };
        if each.len() != n_samples {
            return Err(Error::Length { what: "sample_weight", expected: n_samples, found: each.len() });
        }
        let valid = |weight: &f64| (0.0..f64::INFINITY).contains(weight);
        let mut blocks = each.chunks(TILE);
        if !blocks.all(|weights| weights.iter().fold(true, |all, weight| all & valid(weight)))
            && let Some(row) = each.iter().position(|weight| !valid(weight))
        {
            return Err(Error::InvalidWeight { row, weight: each[row] });
        }
        let largest = each.iter().fold(0.0, |largest: f64, weight| largest.max(*weight));
        if largest <= 0.0 {
            return Err(Error::Empty);
        }
        let exponent = largest.log2().round() as i32;
        let each = if exponent.abs() > Self::EXTREME {
            // In two steps, of which none is out of range.
            let half = 2f64.powi(-exponent / 2);
            let rest = 2f64.powi(-exponent - -exponent / 2);
            Cow::Owned(each.iter().map(|weight| weight * half * rest).collect())
        } else {
            Cow::Borrowed(each)
        };
        let total = weighted_sums(n_samples, 1, None, |row, _| each[row])[0];
        Ok(Self { each: Some(each), total })
    }

    /// Those of some of the rows.
    pub(crate) fn of_rows(&self, rows: &[usize]) -> Weights<'static> {
        let each: Vec<f64> = rows.iter().map(|row| self.of(*row)).collect();
        Weights { total: each.iter().sum(), each: Some(Cow::Owned(each)) }
    }

    /// One for each row, if they are not all 1.
    pub(super) fn each(&self) -> Option<&[f64]> {
        self.each.as_deref()
    }

    pub(super) fn of(&self, row: usize) -> f64 {
        self.each.as_ref().map_or(1.0, |each| each[row])
    }
}

/// Of each feature, the sum of a value for each row, times the row's weight.
pub(super) fn weighted_sums(
    n: usize,
    d: usize,
    weights: Option<&[f64]>,
    value: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    /// Rows that are summed side by side, so that additions need not wait for each other.
    const LANES: usize = 8;
    let mut sums = vec![[0.0; LANES]; d];
    with_known_features!(d, |d| {
        for start in (0..n).step_by(LANES) {
            let lanes = LANES.min(n - start);
            for (feature, sums) in sums.iter_mut().take(d).enumerate() {
                for (lane, sum) in sums.iter_mut().enumerate().take(lanes) {
                    let row = start + lane;
                    *sum += weights.map_or(1.0, |weights| weights[row]) * value(row, feature);
                }
            }
        }
    });
    sums.iter().map(|lanes| lanes.iter().sum()).collect()
}
