//! What is known beforehand: components held fixed, and priors for the maximum a posteriori fit.
//!
//! Priors as in Fraley & Raftery 2007 (doi:10.1007/s00357-007-0004-5): Dirichlet on the weights, inverse Wishart on the
//! covariances (inverse gamma on single variances), none on the means. Departures: the weights' prior, which they leave
//! out; and the mode is that of the covariances alone, since a flat prior on the means adds nothing to them.

use crate::covariance::{CovarianceType, add_outer, half_log_det_precision, inverse, precision_factor};
use crate::error::{Error, Result};
use crate::kernels::Moments;
use crate::mixture::{Mixture, rescale};
use crate::samples::Frame;

/// What is known of a mixture before its samples are seen.
#[derive(Debug, Clone, Default)]
pub struct Prior {
    /// Components whose means stay; empty: none.
    pub held_means: Vec<bool>,
    /// Components whose covariances stay; empty: none. Of tied covariances all or none.
    pub held_covariances: Vec<bool>,
    /// Samples that each component has beforehand: α − 1 of the Dirichlet prior, not negative.
    pub prior_weight: f64,
    /// The inverse-Wishart prior of the covariances.
    pub covariance_prior: Option<CovariancePrior>,
}

/// Scale matrix and degrees of freedom of an inverse Wishart (or inverse gamma) prior.
#[derive(Debug, Clone)]
pub struct CovariancePrior {
    /// One covariance of the family: (d, d), (d,) or a single value.
    pub scale: Vec<f64>,
    /// More than d − 1 (single variances: more than 0).
    pub degrees_of_freedom: f64,
}

impl CovariancePrior {
    /// The exponent ν + d + 1 of the determinant (single variances: ν + 2).
    fn exponent(&self, family: CovarianceType, d: usize) -> f64 {
        match family {
            CovarianceType::Full | CovarianceType::Tied => self.degrees_of_freedom + d as f64 + 1.0,
            CovarianceType::Diag | CovarianceType::Spherical => self.degrees_of_freedom + 2.0,
        }
    }
}

/// Nothing is known.
static NONE: Prior =
    Prior { held_means: Vec::new(), held_covariances: Vec::new(), prior_weight: 0.0, covariance_prior: None };

impl Prior {
    /// Nothing is known: the fit is that of the highest likelihood.
    #[must_use]
    pub fn none() -> &'static Self {
        &NONE
    }

    /// Whether the samples alone decide.
    pub(super) fn is_none(&self) -> bool {
        let holds = self.held_means.contains(&true) || self.held_covariances.contains(&true);
        !holds && self.prior_weight == 0.0 && self.covariance_prior.is_none()
    }

    /// # Errors
    /// Lengths that do not fit the mixture; numbers out of range.
    pub fn check(&self, mixture: &Mixture) -> Result<()> {
        let (k, d, family) = (mixture.n_components(), mixture.n_features, mixture.covariance_type);
        for (what, held) in [("frozen_means", &self.held_means), ("frozen_covariances", &self.held_covariances)] {
            if !held.is_empty() && held.len() != k {
                return Err(Error::Length { what, expected: k, found: held.len() });
            }
        }
        if !(self.prior_weight >= 0.0 && self.prior_weight.is_finite()) {
            let (name, value) = ("weight_concentration_prior", self.prior_weight + 1.0);
            return Err(Error::OutOfRange { name, value, range: "at least 1" });
        }
        let Some(prior) = &self.covariance_prior else { return Ok(()) };
        let expected = family.values_each(d);
        if prior.scale.len() != expected {
            return Err(Error::Length { what: "covariance_prior", expected, found: prior.scale.len() });
        }
        let least = if matches!(family, CovarianceType::Full | CovarianceType::Tied) { d as f64 - 1.0 } else { 0.0 };
        if !(prior.degrees_of_freedom > least && prior.degrees_of_freedom.is_finite()) {
            let (name, value) = ("degrees_of_freedom_prior", prior.degrees_of_freedom);
            return Err(Error::OutOfRange { name, value, range: "more than the number of features less one" });
        }
        if inverse(&prior.scale, family, d).is_none() {
            return Err(Error::NotPositiveDefinite { what: "covariance_prior", component: 0 });
        }
        Ok(())
    }

    pub(super) fn standardized(&self, family: CovarianceType, frame: &Frame) -> Self {
        let mut prior = self.clone();
        if let Some(covariance) = &mut prior.covariance_prior {
            rescale(&mut covariance.scale, family, frame, |value, square| value / square);
        }
        prior
    }

    fn holds_mean(&self, component: usize) -> bool {
        self.held_means.get(component).copied().unwrap_or(false)
    }

    pub(super) fn holds_covariance(&self, component: usize) -> bool {
        self.held_covariances.get(component).copied().unwrap_or(false)
    }

    /// Turns `next`, the M-step of samples alone, into the M-step under this prior. Whatever is not held is at the optimum
    /// given what is: the posterior never falls.
    pub(super) fn impose(&self, next: &mut Mixture, mixture: &Mixture, moments: &Moments) {
        let (family, d, k) = (mixture.covariance_type, mixture.n_features, mixture.n_components());
        let total: f64 = moments.mass.iter().sum();
        let (each, tied) = (family.values_each(d), family == CovarianceType::Tied);
        for j in 0..k {
            next.weights[j] = (moments.mass[j] + self.prior_weight) / (total + k as f64 * self.prior_weight);
            if self.holds_mean(j) {
                let held = &mixture.means[j * d..(j + 1) * d];
                let shift: Vec<f64> = next.means[j * d..(j + 1) * d].iter().zip(held).map(|(a, b)| a - b).collect();
                next.means[j * d..(j + 1) * d].copy_from_slice(held);
                let (which, share) = if tied { (0, moments.mass[j] / total) } else { (j, 1.0) };
                add_outer(&mut next.covariances[which * each..(which + 1) * each], family, share, &shift);
            }
        }
        for (j, covariance) in next.covariances.chunks_mut(each).enumerate() {
            if self.holds_covariance(j) {
                covariance.copy_from_slice(&mixture.covariances[j * each..(j + 1) * each]);
            } else if let Some(prior) = &self.covariance_prior {
                let per_value = if family == CovarianceType::Spherical { d as f64 } else { 1.0 };
                let mass = per_value * if tied { total } else { moments.mass[j] };
                let all = mass + prior.exponent(family, d);
                covariance.iter_mut().zip(&prior.scale).for_each(|(s, psi)| *s = (*s * mass + psi) / all);
            }
        }
    }

    /// Logarithm of the priors' density at a mixture, less a constant.
    pub(super) fn log_density(&self, mixture: &Mixture) -> f64 {
        let (family, d) = (mixture.covariance_type, mixture.n_features);
        let mut sum = 0.0;
        if self.prior_weight > 0.0 {
            sum += self.prior_weight * mixture.weights.iter().map(|weight| weight.ln()).sum::<f64>();
        }
        if let Some(prior) = &self.covariance_prior {
            for covariance in mixture.covariances.chunks(family.values_each(d)) {
                let Some(factor) = precision_factor(covariance, family, d) else { return f64::NEG_INFINITY };
                let per_value = if family == CovarianceType::Spherical { d as f64 } else { 1.0 };
                let half_log_det = half_log_det_precision(&factor, family, d) / per_value;
                sum += prior.exponent(family, d) * half_log_det - 0.5 * trace(covariance, &prior.scale, family, d);
            }
        }
        sum
    }

    /// Puts back what is held, to the bit: rounding may have moved it on the way to the samples' scale and back.
    pub(super) fn keep(&self, start: &Mixture, mixture: &mut Mixture) {
        let (d, each) = (mixture.n_features, mixture.covariance_type.values_each(mixture.n_features));
        for j in 0..mixture.n_components() {
            if self.holds_mean(j) {
                mixture.means[j * d..(j + 1) * d].copy_from_slice(&start.means[j * d..(j + 1) * d]);
            }
            if self.holds_covariance(j) && j * each < mixture.covariances.len() {
                mixture.covariances[j * each..(j + 1) * each]
                    .copy_from_slice(&start.covariances[j * each..(j + 1) * each]);
            }
        }
    }
}

/// tr Σ⁻¹ Ψ.
fn trace(covariance: &[f64], scale: &[f64], family: CovarianceType, d: usize) -> f64 {
    // Both are symmetric: the trace of their product is the sum of the products of their entries.
    inverse(covariance, family, d)
        .map_or(f64::INFINITY, |precision| precision.iter().zip(scale).map(|(p, s)| p * s).sum())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::covariance::Regularization;
    use crate::em::{Config, Fit, fit, step};
    use crate::parallel::Threads;
    use crate::samples::Samples;

    const FAMILIES: [CovarianceType; 4] =
        [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag, CovarianceType::Spherical];

    /// Two-dimensional samples in three groups of a few.
    fn samples() -> Samples<f64> {
        let rows: Vec<f64> = (0..60)
            .flat_map(|i| {
                let t = f64::from(i);
                [(t * 0.7).sin() + 4.0 * f64::from(i % 3), (t * 1.3).cos() * (1.0 + 0.1 * t) - f64::from(i % 3)]
            })
            .collect();
        Samples::new(&rows, 2, None, 1.0).expect("valid")
    }

    fn start(family: CovarianceType) -> Mixture {
        let covariances = match family {
            CovarianceType::Full => [1.0, 0.2, 0.2, 1.0].repeat(3),
            CovarianceType::Tied => vec![1.0, 0.2, 0.2, 1.0],
            CovarianceType::Diag => vec![1.0; 6],
            CovarianceType::Spherical => vec![1.0; 3],
        };
        let means = vec![0.1, 0.0, 3.7, -1.0, 7.9, -2.2];
        Mixture { covariance_type: family, n_features: 2, weights: vec![1.0 / 3.0; 3], means, covariances }
    }

    fn covariance_prior(family: CovarianceType) -> CovariancePrior {
        let scale = match family {
            CovarianceType::Full | CovarianceType::Tied => vec![0.5, 0.1, 0.1, 0.7],
            CovarianceType::Diag => vec![0.5, 0.7],
            CovarianceType::Spherical => vec![0.5],
        };
        CovariancePrior { scale, degrees_of_freedom: 4.0 }
    }

    fn run(first: &Mixture, max_iter: usize, prior: &Prior) -> Result<Fit> {
        let config = Config { prior, ..Config::textbook(0.0, max_iter, Regularization::default()) };
        fit(&samples(), first, config, &Threads::single(), &mut |_, _| ControlFlow::Continue(()))
    }

    #[test]
    fn the_posterior_never_falls() {
        for family in FAMILIES {
            let held = [vec![], vec![true, false, true]];
            for (means, covariances) in held.iter().flat_map(|m| [vec![], vec![true; 3]].map(|c| (m.clone(), c))) {
                for (prior_weight, covariance_prior) in
                    [(0.0, None), (3.0, None), (3.0, Some(covariance_prior(family)))]
                {
                    let prior = Prior {
                        held_means: means.clone(),
                        held_covariances: covariances.clone(),
                        prior_weight,
                        covariance_prior,
                    };
                    let fit = run(&start(family), 60, &prior).expect("a fit");
                    for pair in fit.history.windows(2) {
                        assert!(pair[1] >= pair[0] - 1e-12, "{family:?}: {} after {}", pair[1], pair[0]);
                    }
                    assert!(fit.history[59] > fit.history[0]);
                }
            }
        }
    }

    #[test]
    fn what_is_held_stays_to_the_bit() {
        for family in FAMILIES {
            let first = start(family);
            let prior =
                Prior { held_means: vec![false, true, false], held_covariances: vec![true; 3], ..Prior::default() };
            let fit = run(&first, 60, &prior).expect("a fit");
            assert_eq!(fit.mixture.means[2..4], first.means[2..4]);
            assert_ne!(fit.mixture.means[..2], first.means[..2]);
            assert_eq!(fit.mixture.covariances, first.covariances);
        }
    }

    #[test]
    fn the_whole_data_as_one_batch_at_full_rate_is_an_iteration() {
        for family in FAMILIES {
            let (samples, threads) = (samples(), Threads::single());
            let whole = run(&start(family), 1, Prior::none()).expect("a fit").mixture;
            let none = Regularization::default();
            let (statistics, next) =
                step(&samples, &start(family), &start(family), 1.0, 60.0, none, Prior::none(), &threads)
                    .expect("a step");
            for mixture in [&statistics, &next] {
                for (a, b) in mixture.means.iter().zip(&whole.means) {
                    assert!((a - b).abs() < 1e-12);
                }
                for (a, b) in mixture.covariances.iter().zip(&whole.covariances) {
                    assert!((a - b).abs() < 1e-12);
                }
            }
            // At rate zero the statistics stay.
            let (kept, _) = step(&samples, &whole, &whole, 0.0, 60.0, none, Prior::none(), &threads).expect("one");
            for (a, b) in kept.covariances.iter().zip(&whole.covariances) {
                assert!((a - b).abs() < 1e-12, "{family:?}");
            }
        }
    }

    #[test]
    fn priors_that_does_not_fit_is_refused() {
        let refuse = |prior: Prior| run(&start(CovarianceType::Full), 60, &prior).expect_err("refused");
        let short = refuse(Prior { held_means: vec![true], ..Prior::default() });
        assert_eq!(short, Error::Length { what: "frozen_means", expected: 3, found: 1 });
        let few = CovariancePrior { degrees_of_freedom: 1.0, ..covariance_prior(CovarianceType::Full) };
        let few = refuse(Prior { covariance_prior: Some(few), ..Prior::default() });
        assert!(few.to_string().contains("degrees_of_freedom_prior is 1"));
    }
}
