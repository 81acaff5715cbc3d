//! The parameters of a mixture.

use crate::covariance::{CovarianceType, inverse};
use crate::error::{Error, Result};

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

    /// The same mixture of the samples (x − centre) / scale.
    pub(crate) fn standardized(mut self, center: &[f64], scale: f64) -> Self {
        for mean in self.means.chunks_exact_mut(self.n_features) {
            mean.iter_mut().zip(center).for_each(|(value, center)| *value = (*value - center) / scale);
        }
        self.covariances.iter_mut().for_each(|value| *value /= scale * scale);
        self
    }

    /// Undoes [`Self::standardized`].
    pub(crate) fn restored(mut self, center: &[f64], scale: f64) -> Self {
        for mean in self.means.chunks_exact_mut(self.n_features) {
            mean.iter_mut().zip(center).for_each(|(value, center)| *value = *value * scale + center);
        }
        self.covariances.iter_mut().for_each(|value| *value *= scale * scale);
        self
    }
}
