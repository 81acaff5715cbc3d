//! Mixtures as points of a space without constraints, in which steps can be extrapolated.
//!
//! The coordinates, block by block: ln π (k); the means (k, d); and of each precision's Cholesky factor P (P Σ Pᵀ = 1),
//! row by row, the entries beside the diagonal divided by the diagonal, then the diagonal's logarithm. These are the
//! modified Cholesky factors of Pourahmadi 1999 (doi:10.1093/biomet/86.3.677). Every point is a mixture again, once the
//! weights are brought to sum to one.

use crate::covariance::{CovarianceType, add_outer, lift, lower_inverse, precision_factor};
use crate::mixture::Mixture;

/// Weights below this count as this, so that their logarithm is finite.
const LEAST_WEIGHT: f64 = 1e-30;

/// A mixture with the Cholesky factors of its precisions.
pub(crate) struct Place<'a> {
    mixture: &'a Mixture,
    factors: Vec<Vec<f64>>,
}

impl<'a> Place<'a> {
    /// `None` where a covariance is not positive-definite.
    pub(crate) fn new(mixture: &'a Mixture) -> Option<Self> {
        let (family, d) = (mixture.covariance_type, mixture.n_features);
        let covariances = mixture.covariances.chunks(family.values_each(d));
        let factors = covariances.map(|covariance| precision_factor(covariance, family, d)).collect::<Option<_>>()?;
        Some(Self { mixture, factors })
    }

    /// Where this mixture lies.
    pub(crate) fn coordinates(&self) -> Vec<f64> {
        let d = self.mixture.n_features;
        let mut point: Vec<f64> = self.mixture.weights.iter().map(|weight| weight.max(LEAST_WEIGHT).ln()).collect();
        point.extend(&self.mixture.means);
        for factor in &self.factors {
            if self.has_matrices() {
                for (a, row) in factor.chunks_exact(d).enumerate() {
                    point.extend(row[..a].iter().map(|value| value / row[a]));
                    point.push(row[a].ln());
                }
            } else {
                point.extend(factor.iter().map(|value| value.ln()));
            }
        }
        point
    }

    /// The gradient of the mean log-likelihood, told by the M-step `next` from here.
    ///
    /// With mass N, shift δ of the mean and new covariance Σ⁺, the scatter about the old mean was N (Σ⁺ + δδᵀ), which
    /// is all that the gradient needs. Where the floor held Σ⁺ back, only the motion that it allows is told.
    pub(crate) fn gradient(&self, next: &Mixture) -> Vec<f64> {
        let (d, here) = (self.mixture.n_features, self.mixture);
        let mut gradient: Vec<f64> = next.weights.iter().zip(&here.weights).map(|(new, old)| new - old).collect();
        let shifts: Vec<f64> = next.means.iter().zip(&here.means).map(|(new, old)| new - old).collect();
        for (j, shift) in shifts.chunks_exact(d).enumerate() {
            let white = self.whiten(j, shift);
            let factor = self.factor(j);
            gradient.extend((0..d).map(|a| {
                let slope = if self.has_matrices() {
                    (a..d).map(|b| factor[b * d + a] * white[b]).sum()
                } else {
                    factor[a % factor.len()] * white[a]
                };
                next.weights[j] * slope
            }));
        }
        for (index, factor) in self.factors.iter().enumerate() {
            let (mass, scatter) = self.scatter(index, next, &shifts);
            if self.has_matrices() {
                for (a, row) in factor.chunks_exact(d).enumerate() {
                    let product = |b: usize| -> f64 { (0..=a).map(|c| row[c] * scatter[c * d + b]).sum() };
                    gradient.extend((0..a).map(|b| -mass * row[a] * product(b)));
                    gradient.push(mass * (1.0 - (0..=a).map(|b| product(b) * row[b]).sum::<f64>()));
                }
            } else {
                let times = mass * (d / factor.len()) as f64;
                gradient.extend(scatter.iter().zip(factor).map(|(value, root)| times * (1.0 - root * root * value)));
            }
        }
        gradient
    }

    /// The length of a step: the root of its square in the Fisher information that the complete data would have, about
    /// twice the divergence between old and new mixture. Steps beside the factors' diagonals go with the others and
    /// are not counted.
    pub(crate) fn length(&self, step: &[f64]) -> f64 {
        let (k, d) = (self.mixture.n_components(), self.mixture.n_features);
        let weights = &self.mixture.weights;
        let (shares, rest) = step.split_at(k);
        let (means, rest) = rest.split_at(k * d);
        let mut square: f64 = shares.iter().zip(weights).map(|(step, weight)| weight * step * step).sum();
        for (j, mean) in means.chunks_exact(d).enumerate() {
            square += weights[j] * self.whiten(j, mean).iter().map(|value| value * value).sum::<f64>();
        }
        let each = rest.len() / self.factors.len();
        for (j, step) in rest.chunks_exact(each).enumerate() {
            let weight = if self.factors.len() == k { weights[j] } else { 1.0 };
            let logarithms: f64 = if self.has_matrices() {
                (0..d).map(|a| step[(a + 1) * (a + 2) / 2 - 1].powi(2)).sum()
            } else {
                (d / each) as f64 * step.iter().map(|value| value * value).sum::<f64>()
            };
            square += 2.0 * weight * logarithms;
        }
        square.sqrt()
    }

    fn has_matrices(&self) -> bool {
        matches!(self.mixture.covariance_type, CovarianceType::Full | CovarianceType::Tied)
    }

    fn factor(&self, component: usize) -> &[f64] {
        &self.factors[component % self.factors.len()]
    }

    /// P times a vector.
    fn whiten(&self, component: usize, vector: &[f64]) -> Vec<f64> {
        let (d, factor) = (vector.len(), self.factor(component));
        if self.has_matrices() {
            let rows = factor.chunks_exact(d).enumerate();
            rows.map(|(a, row)| row[..=a].iter().zip(vector).map(|(x, y)| x * y).sum()).collect()
        } else {
            vector.iter().zip(factor.iter().cycle()).map(|(value, root)| value * root).collect()
        }
    }

    /// Mass and mean scatter about the old means of the components that share one covariance.
    fn scatter(&self, index: usize, next: &Mixture, shifts: &[f64]) -> (f64, Vec<f64>) {
        let (family, d) = (self.mixture.covariance_type, self.mixture.n_features);
        let each = family.values_each(d);
        let mut scatter = next.covariances[index * each..(index + 1) * each].to_vec();
        let tied = family == CovarianceType::Tied;
        let members = if tied { 0..next.n_components() } else { index..index + 1 };
        for member in members {
            let share = if tied { next.weights[member] } else { 1.0 };
            let shift = &shifts[member * d..(member + 1) * d];
            add_outer(&mut scatter, family, share, shift);
        }
        (if tied { 1.0 } else { next.weights[index] }, scatter)
    }
}

/// The mixture at a point, of the same shape as `like`, its covariances lifted to `floor`; `None` where numbers leave
/// what can be computed with.
pub(crate) fn mixture_at(point: &[f64], like: &Mixture, floor: f64) -> Option<Mixture> {
    let (family, d, k) = (like.covariance_type, like.n_features, like.n_components());
    let mut mixture = like.clone();
    let (logarithms, rest) = point.split_at(k);
    let (means, factors) = rest.split_at(k * d);
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logarithms.iter().map(|value| (value - largest).exp()).sum();
    for (weight, value) in mixture.weights.iter_mut().zip(logarithms) {
        *weight = (value - largest).exp() / sum;
    }
    mixture.means.copy_from_slice(means);
    let covariances = mixture.covariances.chunks_mut(family.values_each(d));
    let each = factors.len() / covariances.len();
    for (covariance, values) in covariances.zip(factors.chunks_exact(each)) {
        match family {
            CovarianceType::Full | CovarianceType::Tied => multiply_out(values, d, covariance),
            CovarianceType::Diag | CovarianceType::Spherical => {
                covariance.iter_mut().zip(values).for_each(|(to, from)| *to = (-2.0 * from).exp());
            }
        }
        if !covariance.iter().all(|value| value.is_finite()) {
            return None;
        }
        lift(covariance, family, d, floor);
    }
    (means.iter().all(|mean| mean.is_finite()) && Place::new(&mixture).is_some()).then_some(mixture)
}

/// Σ = P⁻¹ P⁻ᵀ from the coordinates of P.
fn multiply_out(values: &[f64], d: usize, covariance: &mut [f64]) {
    let mut factor = vec![0.0; d * d];
    for (a, row) in factor.chunks_exact_mut(d).enumerate() {
        let values = &values[a * (a + 1) / 2..=a * (a + 1) / 2 + a];
        row[a] = values[a].exp();
        let diagonal = row[a];
        row[..a].iter_mut().zip(values).for_each(|(to, from)| *to = from * diagonal);
    }
    let root = lower_inverse(&factor, d);
    for a in 0..d {
        for b in 0..=a {
            let value: f64 = root[a * d..=a * d + b].iter().zip(&root[b * d..]).map(|(x, y)| x * y).sum();
            covariance[a * d + b] = value;
            covariance[b * d + a] = value;
        }
    }
}
