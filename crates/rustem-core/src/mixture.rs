//! The parameters of a mixture, and the M-step that makes them from moments.

use crate::covariance::{
    CovarianceType, add_to_diagonal, half_log_det_precision, inverse, lift_all, map_covariances, precision_factor,
};
use crate::error::{Error, Result};
use crate::kernels::{Densities, Moments, Real};
use crate::parallel::Threads;

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

/// What keeps covariances away from zero.
#[derive(Debug, Clone, Copy, Default)]
pub struct Regularization {
    /// Variances (eigenvalues) are lifted to at least this, inside the M-step's optimum.
    pub floor: f64,
    /// Added to the diagonal after the M-step, as scikit-learn does; the likelihood may then fall.
    pub added: f64,
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
    pub(crate) fn standardised(mut self, centre: &[f64], scale: f64) -> Self {
        for mean in self.means.chunks_exact_mut(self.n_features) {
            mean.iter_mut().zip(centre).for_each(|(value, centre)| *value = (*value - centre) / scale);
        }
        self.covariances.iter_mut().for_each(|value| *value /= scale * scale);
        self
    }

    /// Undoes [`Self::standardised`].
    pub(crate) fn restored(mut self, centre: &[f64], scale: f64) -> Self {
        for mean in self.means.chunks_exact_mut(self.n_features) {
            mean.iter_mut().zip(centre).for_each(|(value, centre)| *value = *value * scale + centre);
        }
        self.covariances.iter_mut().for_each(|value| *value *= scale * scale);
        self
    }

    /// The parameters as the kernels read them.
    ///
    /// # Errors
    /// A covariance that is not positive-definite; an interruption.
    pub(crate) fn densities<T: Real>(&self, threads: &Threads) -> Result<Densities<T>> {
        let (family, d) = (self.covariance_type, self.n_features);
        let each = family.values_each(d);
        let factors = map_covariances(family.count(self.n_components()), d, threads, |component| {
            let factor = precision_factor(&self.covariances[component * each..(component + 1) * each], family, d)
                .ok_or(Error::NotPositiveDefinite { what: "covariance", component })?;
            let half_log_det = half_log_det_precision(&factor, family, d);
            Ok((factor, half_log_det))
        })?;
        Ok(Densities::new(self, &factors))
    }

    /// The M-step: the mixture that the moments, taken about `about` (k, d), ask for.
    ///
    /// A component with next to no responsibility keeps its mean and covariance, with the weight it has: it stays
    /// harmless, and can be told by that weight.
    ///
    /// # Errors
    /// An interruption.
    pub(crate) fn maximise(
        &self,
        moments: &Moments,
        about: &[f64],
        regularization: Regularization,
        threads: &Threads,
    ) -> Result<Self> {
        let (family, d) = (self.covariance_type, self.n_features);
        let total: f64 = moments.mass.iter().sum();
        let alive = |j: usize| moments.mass[j] > 1e-10 * total;
        let mut next = self.clone();
        let mut pooled = vec![0.0; if family == CovarianceType::Tied { d * d } else { 0 }];
        for j in 0..self.n_components() {
            let mass = moments.mass[j];
            next.weights[j] = mass / total;
            if !alive(j) {
                continue;
            }
            let shift: Vec<f64> = moments.first[j * d..(j + 1) * d].iter().map(|sum| sum / mass).collect();
            for (feature, shift) in shift.iter().enumerate() {
                next.means[j * d + feature] = about[j * d + feature] + shift;
            }
            let covariance = covariance_about_mean(moments.second_of(j), mass, &shift, family);
            if family == CovarianceType::Tied {
                pooled.iter_mut().zip(&covariance).for_each(|(sum, value)| *sum += mass / total * value);
            } else {
                next.covariances[j * covariance.len()..(j + 1) * covariance.len()].copy_from_slice(&covariance);
            }
        }
        if family == CovarianceType::Tied {
            next.covariances = pooled;
        }
        let changed = |j: usize| family == CovarianceType::Tied || alive(j);
        for (j, covariance) in next.covariances.chunks_mut(family.values_each(d)).enumerate() {
            if changed(j) {
                add_to_diagonal(covariance, family, d, regularization.added);
            }
        }
        lift_all(&mut next.covariances, family, d, regularization.floor, threads, changed)?;
        Ok(next)
    }
}

/// Second moments about an old mean, divided by the mass and moved to the new mean.
fn covariance_about_mean(second: &[f64], mass: f64, shift: &[f64], family: CovarianceType) -> Vec<f64> {
    let d = shift.len();
    match family {
        CovarianceType::Full | CovarianceType::Tied => {
            let mut covariance = vec![0.0; d * d];
            let mut sums = second.iter();
            for a in 0..d {
                for (b, sum) in (0..=a).zip(sums.by_ref()) {
                    let value = sum / mass - shift[a] * shift[b];
                    covariance[a * d + b] = value;
                    covariance[b * d + a] = value;
                }
            }
            covariance
        }
        CovarianceType::Diag => second.iter().zip(shift).map(|(sum, shift)| sum / mass - shift * shift).collect(),
        CovarianceType::Spherical => {
            let square: f64 = shift.iter().map(|shift| shift * shift).sum();
            vec![(second[0] / mass - square) / d as f64]
        }
    }
}
