//! The parameters of a mixture.

use crate::covariance::{CovarianceType, inverse};
use crate::error::{Error, Result};
use crate::samples::Frame;

/// A Gaussian mixture of k components over d features; matrices row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The covariance family.
    pub covariance_type: CovarianceType,
    /// d.
    pub n_features: usize,
    /// Component weights (k,), summing to one.
    pub weights: Vec<f64>,
    /// Component means (k, d).
    pub means: Vec<f64>,
    /// Covariances in the shape of the family.
    pub covariances: Vec<f64>,
}

impl Mixture {
    /// k.
    #[must_use]
    pub fn n_components(&self) -> usize {
        self.weights.len()
    }

    /// Checks lengths, weights and finiteness of parameters that come from outside.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn check(&self) -> Result<()> {
        let (k, d) = (self.n_components(), self.n_features);
        let count = self.covariance_type.count(k) * self.covariance_type.values_each(d);
        for (what, expected, values) in [
            ("means", k * d, &self.means),
            ("covariances", count, &self.covariances),
            ("weights", k.max(1), &self.weights),
        ] {
            if values.len() != expected {
                return Err(Error::Length { what, expected, found: values.len() });
            }
        }
        if let Some(weight) = self.weights.iter().find(|weight| !(0.0..=1.0 + 1e-6).contains(*weight)) {
            return Err(Error::OutOfRange { name: "a component's weight", value: *weight, range: "between 0 and 1" });
        }
        if let Some(index) = self.means.iter().position(|mean| !mean.is_finite()) {
            return Err(Error::NotFinite { row: index / d, feature: index % d });
        }
        Ok(())
    }

    /// Covariances from precisions (inverse covariances) of the same shape.
    ///
    /// # Errors
    /// A precision that is not symmetric positive-definite.
    pub fn covariances_from_precisions(precisions: &[f64], family: CovarianceType, d: usize) -> Result<Vec<f64>> {
        let mut covariances = Vec::with_capacity(precisions.len());
        for (component, precision) in precisions.chunks(family.values_each(d)).enumerate() {
            covariances.extend(
                inverse(precision, family, d).ok_or(Error::NotPositiveDefinite { what: "precision", component })?,
            );
        }
        Ok(covariances)
    }

    /// What standardises samples as this mixture spreads them: by its mean, and by its standard deviation, of each
    /// feature where the family may have them apart. `None` where that overflows, or a variance is no number.
    pub(crate) fn frame(&self) -> Option<Frame> {
        let (k, d) = (self.n_components(), self.n_features);
        let shares = match self.weights.iter().sum::<f64>() {
            total if total > 0.0 => self.weights.iter().map(|weight| weight / total).collect(),
            _ => vec![1.0 / k as f64; k],
        };
        let mean_of = |value: &dyn Fn(usize) -> f64| shares.iter().enumerate().map(|(j, share)| share * value(j)).sum();
        let center: Vec<f64> = (0..d).map(|a| mean_of(&|j| self.means[j * d + a])).collect();
        let around = |j: usize, a: usize| self.variance(j, a) + (self.means[j * d + a] - center[a]).powi(2);
        let variances: Vec<f64> = (0..d).map(|a| mean_of(&|j| around(j, a))).collect();
        let mean = variances.iter().sum::<f64>() / d as f64;
        let ratio =
            |variance: &f64| if self.covariance_type == CovarianceType::Spherical { 1.0 } else { variance / mean };
        let ratios: Vec<f64> = variances.iter().map(|variance| ratio(variance).sqrt()).collect();
        let scale = mean.sqrt();
        let positive = |value: &f64| *value > 0.0 && value.is_finite();
        let valid = positive(&scale) && ratios.iter().all(positive) && center.iter().all(|value| value.is_finite());
        valid.then_some(Frame { center, scale, ratios })
    }

    /// One component's variance of one feature.
    fn variance(&self, component: usize, feature: usize) -> f64 {
        let d = self.n_features;
        self.covariances[match self.covariance_type {
            CovarianceType::Full => (component * d + feature) * d + feature,
            CovarianceType::Tied => feature * d + feature,
            CovarianceType::Diag => component * d + feature,
            CovarianceType::Spherical => component,
        }]
    }

    /// The same mixture of standardised samples.
    pub(crate) fn standardized(mut self, frame: &Frame) -> Self {
        for mean in self.means.chunks_exact_mut(self.n_features) {
            for ((value, center), scale) in mean.iter_mut().zip(&frame.center).zip(frame.scales()) {
                *value = (*value - center) / scale;
            }
        }
        rescale(&mut self.covariances, self.covariance_type, frame, |value, square| value / square);
        self
    }

    /// Undoes [`Self::standardized`].
    pub(crate) fn restored(mut self, frame: &Frame) -> Self {
        for mean in self.means.chunks_exact_mut(self.n_features) {
            for ((value, center), scale) in mean.iter_mut().zip(&frame.center).zip(frame.scales()) {
                *value = *value * scale + center;
            }
        }
        rescale(&mut self.covariances, self.covariance_type, frame, |value, square| value * square);
        self
    }
}

/// Multiplies or divides covariances, one after the other, by the scales of the two features that each value is of.
pub(crate) fn rescale(
    covariances: &mut [f64],
    family: CovarianceType,
    frame: &Frame,
    change: impl Fn(f64, f64) -> f64,
) {
    let squares: Vec<f64> = match family {
        CovarianceType::Full | CovarianceType::Tied => {
            frame.scales().flat_map(|a| frame.scales().map(move |b| a * b)).collect()
        }
        CovarianceType::Diag => frame.scales().map(|scale| scale * scale).collect(),
        CovarianceType::Spherical => vec![frame.scale * frame.scale],
    };
    for (value, square) in covariances.iter_mut().zip(squares.iter().cycle()) {
        *value = change(*value, *square);
    }
}
