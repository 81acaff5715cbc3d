//! Plain EM with what is known beforehand: components held fixed, and priors for the maximum a posteriori fit; and its
//! stepwise form for samples that come in batches.
//!
//! Priors as in Fraley & Raftery 2007 (doi:10.1007/s00357-007-0004-5): Dirichlet on the weights, inverse Wishart on the
//! covariances (inverse gamma on single variances), none on the means. Departures: the weights' prior, which they leave
//! out; and the mode is that of the covariances alone, since a flat prior on the means adds nothing to them. Stepwise
//! EM as in Cappé & Moulines 2009 (doi:10.1111/j.1467-9868.2009.00698.x), with batches for single samples.

use super::Fit;
use super::e_step::expect;
use super::m_step;
use crate::covariance::{
    CovarianceType, Regularization, add_to_diagonal, half_log_det_precision, inverse, lift_all, precision_factor,
};
use crate::error::{Error, Result};
use crate::kernels::{Densities, Moments};
use crate::mixture::Mixture;
use crate::parallel::{Progress, Threads};
use crate::samples::Samples;
use crate::simd::Real;

/// What is known of a mixture before its samples are seen.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
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

impl Knowledge {
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

    pub(super) fn standardized(&self, scale: f64) -> Self {
        let mut knowledge = self.clone();
        if let Some(prior) = &mut knowledge.covariance_prior {
            prior.scale.iter_mut().for_each(|value| *value /= scale * scale);
        }
        knowledge
    }

    fn holds_mean(&self, component: usize) -> bool {
        self.held_means.get(component).copied().unwrap_or(false)
    }

    fn holds_covariance(&self, component: usize) -> bool {
        self.held_covariances.get(component).copied().unwrap_or(false)
    }

    /// The M-step under this knowledge. Whatever is not held is at the optimum given what is: the posterior never falls.
    pub(super) fn maximize(
        &self,
        mixture: &Mixture,
        moments: &Moments,
        about: &[f64],
        regularization: Regularization,
        threads: &Threads,
    ) -> Result<Mixture> {
        let (family, d, k) = (mixture.covariance_type, mixture.n_features, mixture.n_components());
        let mut next = m_step::maximize(mixture, moments, about, Regularization::default(), threads)?;
        let total: f64 = moments.mass.iter().sum();
        let each = family.values_each(d);
        for j in 0..k {
            next.weights[j] = (moments.mass[j] + self.prior_weight) / (total + k as f64 * self.prior_weight);
            if self.holds_mean(j) {
                let held = &mixture.means[j * d..(j + 1) * d];
                let shift: Vec<f64> = next.means[j * d..(j + 1) * d].iter().zip(held).map(|(a, b)| a - b).collect();
                next.means[j * d..(j + 1) * d].copy_from_slice(held);
                let share = if family == CovarianceType::Tied { moments.mass[j] / total } else { 1.0 };
                let which = if family == CovarianceType::Tied { 0 } else { j };
                add_square(&mut next.covariances[which * each..(which + 1) * each], &shift, share, family);
            }
        }
        for (j, covariance) in next.covariances.chunks_mut(each).enumerate() {
            if self.holds_covariance(j) {
                covariance.copy_from_slice(&mixture.covariances[j * each..(j + 1) * each]);
                continue;
            }
            if let Some(prior) = &self.covariance_prior {
                let per_value = if family == CovarianceType::Spherical { d as f64 } else { 1.0 };
                let mass = per_value * if family == CovarianceType::Tied { total } else { moments.mass[j] };
                let all = mass + prior.exponent(family, d);
                covariance.iter_mut().zip(&prior.scale).for_each(|(s, psi)| *s = (*s * mass + psi) / all);
            }
            add_to_diagonal(covariance, family, d, regularization.added);
        }
        let free = |component| !self.holds_covariance(component);
        lift_all(&mut next.covariances, family, d, regularization.floor, threads, free)?;
        Ok(next)
    }

    /// Logarithm of the priors' density at a mixture, less a constant.
    fn log_density(&self, mixture: &Mixture) -> f64 {
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
}

/// Adds share · shift shiftᵀ to a covariance of the family.
pub(super) fn add_square(covariance: &mut [f64], shift: &[f64], share: f64, family: CovarianceType) {
    let d = shift.len();
    match family {
        CovarianceType::Full | CovarianceType::Tied => {
            for (index, value) in covariance.iter_mut().enumerate() {
                *value += share * shift[index / d] * shift[index % d];
            }
        }
        CovarianceType::Diag => covariance.iter_mut().zip(shift).for_each(|(value, a)| *value += share * a * a),
        CovarianceType::Spherical => covariance[0] += share * shift.iter().map(|a| a * a).sum::<f64>() / d as f64,
    }
}

/// tr Σ⁻¹ Ψ.
fn trace(covariance: &[f64], scale: &[f64], family: CovarianceType, d: usize) -> f64 {
    // Both are symmetric: the trace of their product is the sum of the products of their entries.
    inverse(covariance, family, d)
        .map_or(f64::INFINITY, |precision| precision.iter().zip(scale).map(|(p, s)| p * s).sum())
}

/// What [`fit`] is asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Converged when the objective changes by less (nats per sample); 0: never.
    pub tol: f64,
    /// The most iterations.
    pub max_iter: usize,
    /// The objective that the first iteration is compared with, where there is one.
    pub before: Option<f64>,
    /// In the squared unit of the samples.
    pub regularization: Regularization,
    /// Held components and priors.
    pub knowledge: Knowledge,
}

/// Textbook EM from `start`. The history is the mean log-likelihood plus the logarithm of the priors over the number of
/// samples, before each M-step.
///
/// # Errors
/// Knowledge that does not fit; a covariance that is not positive-definite; an interruption.
pub fn fit<T: Real>(
    samples: &Samples<T>,
    start: &Mixture,
    plan: &Plan,
    threads: &Threads,
    progress: Progress,
) -> Result<Fit> {
    plan.knowledge.check(start)?;
    let (center, scale) = (&samples.center, samples.scale);
    let regularization = plan.regularization.standardized::<T>(scale);
    let knowledge = plan.knowledge.standardized(scale);
    let mut mixture = start.clone().standardized(center, scale);
    let mut history: Vec<f64> = Vec::new();
    let mut last = plan.before;
    let mut converged = false;
    while history.len() < plan.max_iter && !converged {
        let densities = Densities::<T>::new(&mixture, threads)?;
        let moments = expect(samples, &densities, threads)?;
        let prior = knowledge.log_density(&mixture) / samples.total_weight();
        let objective = samples.mean_log_density(moments.log_likelihood) + prior;
        mixture = knowledge.maximize(&mixture, &moments, &densities.means(), regularization, threads)?;
        converged = last.is_some_and(|last| (objective - last).abs() < plan.tol);
        last = Some(objective);
        history.push(objective);
        if progress(history.len(), objective).is_break() {
            return Err(Error::Interrupted);
        }
    }
    let mut mixture = mixture.restored(center, scale);
    plan.knowledge.keep(start, &mut mixture);
    Ok(Fit { mixture, history, converged })
}

impl Knowledge {
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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::em::step;

    /// A progress that goes on and tells nobody.
    fn silent(_iteration: usize, _objective: f64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

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

    fn prior(family: CovarianceType) -> CovariancePrior {
        let scale = match family {
            CovarianceType::Full | CovarianceType::Tied => vec![0.5, 0.1, 0.1, 0.7],
            CovarianceType::Diag => vec![0.5, 0.7],
            CovarianceType::Spherical => vec![0.5],
        };
        CovariancePrior { scale, degrees_of_freedom: 4.0 }
    }

    fn plan(knowledge: Knowledge) -> Plan {
        Plan { tol: 0.0, max_iter: 60, before: None, regularization: Regularization::default(), knowledge }
    }

    #[test]
    fn the_posterior_never_falls() {
        for family in FAMILIES {
            let held = [vec![], vec![true, false, true]];
            for (means, covariances) in held.iter().flat_map(|m| [vec![], vec![true; 3]].map(|c| (m.clone(), c))) {
                for (prior_weight, covariance_prior) in [(0.0, None), (3.0, None), (3.0, Some(prior(family)))] {
                    let knowledge = Knowledge {
                        held_means: means.clone(),
                        held_covariances: covariances.clone(),
                        prior_weight,
                        covariance_prior,
                    };
                    let fit = fit(&samples(), &start(family), &plan(knowledge), &Threads::single(), &mut silent)
                        .expect("a fit");
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
            let knowledge = Knowledge {
                held_means: vec![false, true, false],
                held_covariances: vec![true; 3],
                ..Knowledge::default()
            };
            let fit = fit(&samples(), &first, &plan(knowledge), &Threads::single(), &mut silent).expect("a fit");
            assert_eq!(fit.mixture.means[2..4], first.means[2..4]);
            assert_ne!(fit.mixture.means[..2], first.means[..2]);
            assert_eq!(fit.mixture.covariances, first.covariances);
        }
    }

    #[test]
    fn the_whole_data_as_one_batch_at_full_rate_is_an_iteration() {
        for family in FAMILIES {
            let (samples, threads) = (samples(), Threads::single());
            let one = Plan { max_iter: 1, ..plan(Knowledge::default()) };
            let whole = fit(&samples, &start(family), &one, &threads, &mut silent).expect("a fit").mixture;
            let none = Regularization::default();
            let (statistics, next) =
                step(&samples, &start(family), &start(family), 1.0, 60.0, none, &Knowledge::default(), &threads)
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
            let (kept, _) =
                step(&samples, &whole, &whole, 0.0, 60.0, none, &Knowledge::default(), &threads).expect("one");
            for (a, b) in kept.covariances.iter().zip(&whole.covariances) {
                assert!((a - b).abs() < 1e-12, "{family:?}");
            }
        }
    }

    #[test]
    fn knowledge_that_does_not_fit_is_refused() {
        let refuse = |knowledge| {
            fit(&samples(), &start(CovarianceType::Full), &plan(knowledge), &Threads::single(), &mut silent)
                .expect_err("refused")
        };
        let short = refuse(Knowledge { held_means: vec![true], ..Knowledge::default() });
        assert_eq!(short, Error::Length { what: "frozen_means", expected: 3, found: 1 });
        let few = CovariancePrior { degrees_of_freedom: 1.0, ..prior(CovarianceType::Full) };
        let few = refuse(Knowledge { covariance_prior: Some(few), ..Knowledge::default() });
        assert!(few.to_string().contains("degrees_of_freedom_prior is 1"));
    }
}
