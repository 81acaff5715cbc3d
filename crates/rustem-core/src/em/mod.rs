//! Expectation-maximisation (Dempster, Laird & Rubin 1977, doi:10.1111/j.2517-6161.1977.tb01600.x) on weighted samples.
//!
//! E- and M-step are one pass over blocks of samples; responsibilities live for one tile only, unless asked for.

mod acceleration;
mod convergence;
mod e_step;
mod m_step;
mod predict;
mod prior;
mod restarts;
mod start;
mod stepwise;

use crate::covariance::Regularization;
use crate::error::{Error, Result};
use crate::kernels::Densities;
use crate::mixture::Mixture;
use crate::parallel::{Progress, Threads};
use crate::samples::Samples;
use crate::simd::Real;
pub use acceleration::Acceleration;
use acceleration::Ascent;
use convergence::last_step;
pub use convergence::remaining_gain;
use e_step::expect;
use m_step::maximize;
pub use predict::Prediction;
pub use prior::{CovariancePrior, Prior};
pub use restarts::{Labelled, fit_best};
pub use start::{Method, Start, initialize, search, seeds};
pub use stepwise::step;

/// When to stop, what is known beforehand, and what keeps covariances away from zero.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a> {
    /// Converged when [`remaining_gain`] is less (nats per sample); 0: never.
    pub tol: f64,
    /// Converged when the last step gained less than `tol`, up or down, as scikit-learn has it.
    pub tol_is_step: bool,
    /// The objective that the first pass is compared with, where steps are, and where there is one.
    pub before: Option<f64>,
    /// The most passes over the samples.
    pub max_iter: usize,
    /// How passes are made fewer.
    pub acceleration: Acceleration,
    /// In the squared unit of the samples.
    pub regularization: Regularization,
    /// Components that are held, and priors.
    pub prior: &'a Prior,
}

impl Config<'_> {
    /// Textbook EM, which stops at a step shorter than `tol`.
    #[must_use]
    pub fn textbook(tol: f64, max_iter: usize, regularization: Regularization) -> Self {
        let (acceleration, prior) = (Acceleration::None, Prior::none());
        Self { tol, tol_is_step: true, before: None, max_iter, acceleration, regularization, prior }
    }

    /// Where the M-step does not maximise the likelihood, it can fall, and its slope is not what the M-step tells.
    fn acceleration(&self) -> Acceleration {
        let tells = self.regularization.added <= 0.0 && self.prior.is_none();
        if tells { self.acceleration } else { Acceleration::None }
    }

    /// What more passes promise to gain, or what the last one did.
    fn left(&self, history: &[f64]) -> f64 {
        if self.tol_is_step { last_step(self.before, history) } else { remaining_gain(history) }
    }
}

/// What a fit gives.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The M-step from the point of the highest likelihood.
    pub mixture: Mixture,
    /// Mean log-likelihood (nats per sample) after each pass's E-step, before its M-step, plus the logarithm of the priors
    /// over the number of samples; that of the point kept, where the pass tried one that is worse, or was on its way to
    /// another.
    pub history: Vec<f64>,
    /// Whether [`remaining_gain`] fell below `tol`.
    pub converged: bool,
}

/// Fits a mixture from `start`, both in the samples' own unit: densities, E-step, M-step, until little is left to gain.
///
/// # Errors
/// A prior that does not fit; a covariance that is not positive-definite; an interruption.
pub fn fit<T: Real>(
    samples: &Samples<T>,
    start: &Mixture,
    config: Config,
    threads: &Threads,
    progress: Progress,
) -> Result<Fit> {
    config.prior.check(start)?;
    let frame = &samples.frame;
    let prior = config.prior.standardized(start.covariance_type, frame);
    let regularization = config.regularization.standardized::<T>(frame.scale);
    let rounding = if size_of::<T>() == 4 { 1e-6 } else { 1e-12 };
    let first = start.clone().standardized(frame);
    let mut ascent = Ascent::new(first, config.acceleration(), regularization.floor, rounding);
    let mut history: Vec<f64> = Vec::new();
    let mut converged = false;
    while history.len() < config.max_iter && !converged {
        let densities = Densities::<T>::new(&ascent.trial, threads)?;
        let moments = expect(samples, &densities, threads)?;
        let next = maximize(&ascent.trial, &moments, &densities.means(), &prior, regularization, threads)?;
        let log_prior = prior.log_density(&ascent.trial) / samples.total_weight();
        history.push(ascent.take(samples.mean_log_density(moments.log_likelihood) + log_prior, next));
        converged = ascent.arrived && config.left(&history) < config.tol;
        if progress(history.len(), history[history.len() - 1]).is_break() {
            return Err(Error::Interrupted);
        }
    }
    let mut mixture = ascent.into_mixture().restored(frame);
    config.prior.keep(start, &mut mixture);
    Ok(Fit { mixture, history, converged })
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::predict::label;
    use super::*;
    use crate::covariance::CovarianceType;

    const FAMILIES: [CovarianceType; 4] =
        [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag, CovarianceType::Spherical];
    const FLOOR: Regularization = Regularization { floor: 1.0 / (12.0 * 255.0 * 255.0), added: 0.0 };

    /// Smooth shades with edges, as photographs have them: rows of three bytes, and how often each occurs.
    fn picture(n: usize) -> (Vec<u8>, Vec<f64>) {
        let shade = |i: usize, channel: usize| {
            let t = i as f64 * 0.0137;
            let region = [40.0, 120.0, 200.0, 90.0][(i / 97) % 4] + 20.0 * channel as f64;
            (region + 25.0 * (t * (1.0 + 0.3 * channel as f64)).sin()).clamp(0.0, 255.0) as u8
        };
        let rows = (0..n * 3).map(|i| shade(i / 3, i % 3)).collect();
        (rows, (0..n).map(|i| 1.0 + (i % 5) as f64).collect())
    }

    fn start(seed: u64) -> Start {
        Start { method: Method::KMeansPlusPlus, weights: None, means: None, covariances: None, seed }
    }

    const EVERY: [Acceleration; 3] = [Acceleration::None, Acceleration::Lbfgs, Acceleration::Leaps];

    fn run<T: Real>(
        samples: &Samples<T>,
        family: CovarianceType,
        k: usize,
        acceleration: Acceleration,
        threads: &Threads,
    ) -> Fit {
        let first = initialize(samples, k, family, &start(3), FLOOR, threads).expect("a start");
        let config = Config {
            tol: 0.0,
            tol_is_step: false,
            before: None,
            max_iter: 40,
            acceleration,
            regularization: FLOOR,
            prior: Prior::none(),
        };
        fit(samples, &first, config, threads, &mut |_, _| ControlFlow::Continue(())).expect("a fit")
    }

    #[test]
    fn the_likelihood_never_falls() {
        let (rows, weights) = picture(5000);
        let single = Samples::<f32>::new(&rows, 3, Some(&weights), 255.0).expect("valid");
        let double = Samples::<f64>::new(&rows, 3, Some(&weights), 255.0).expect("valid");
        for (family, acceleration) in FAMILIES.into_iter().flat_map(|family| EVERY.map(|each| (family, each))) {
            let single = run(&single, family, 12, acceleration, &Threads::single());
            let double = run(&double, family, 12, acceleration, &Threads::single());
            for (fit, rounding) in [(single, 2e-6), (double, 1e-12)] {
                for pair in fit.history.windows(2) {
                    assert!(pair[1] >= pair[0] - rounding, "{family:?}: {} after {}", pair[1], pair[0]);
                }
            }
        }
    }

    #[test]
    fn threads_change_no_bit() {
        let (rows, weights) = picture(40_000);
        let samples = Samples::<f32>::new(&rows, 3, Some(&weights), 255.0).expect("valid");
        for (family, acceleration) in FAMILIES.into_iter().flat_map(|family| EVERY.map(|each| (family, each))) {
            let one = run(&samples, family, 9, acceleration, &Threads::single());
            for count in [2, 8] {
                let threads = Threads::new(count, &|| false);
                let many = run(&samples, family, 9, acceleration, &threads);
                assert_eq!(one.mixture, many.mixture);
                assert_eq!(one.history, many.history);
                assert_eq!(label(&samples, &one.mixture, &Threads::single()), label(&samples, &many.mixture, &threads));
            }
        }
    }

    #[test]
    fn threads_change_no_bit_of_large_covariances() {
        let d = 70;
        let rows: Vec<f64> = (0..900 * d).map(|i| (i as f64 * (0.37 + 0.011 * (i % d) as f64)).sin()).collect();
        let samples = Samples::<f64>::new(&rows, d, None, 1.0).expect("valid");
        for family in [CovarianceType::Full, CovarianceType::Tied] {
            let one = run(&samples, family, 5, Acceleration::None, &Threads::single());
            for count in [2, 8] {
                let many = run(&samples, family, 5, Acceleration::None, &Threads::new(count, &|| false));
                assert_eq!(one.mixture, many.mixture);
                assert_eq!(one.history, many.history);
            }
        }
        let mut flat = run(&samples, CovarianceType::Full, 3, Acceleration::None, &Threads::single()).mixture;
        flat.covariances[d * d..].fill(0.0);
        let refused = label(&samples, &flat, &Threads::new(2, &|| false));
        assert_eq!(refused, Err(Error::NotPositiveDefinite { what: "covariance", component: 1 }));
    }

    #[test]
    fn weights_count_as_repetitions() {
        let (rows, weights) = picture(600);
        let repeated: Vec<u8> =
            rows.chunks(3).zip(&weights).flat_map(|(row, weight)| row.repeat(*weight as usize)).collect();
        let weighted = Samples::<f64>::new(&rows, 3, Some(&weights), 255.0).expect("valid");
        let plain = Samples::<f64>::new(&repeated, 3, None, 255.0).expect("valid");
        let first =
            initialize(&weighted, 4, CovarianceType::Full, &start(0), FLOOR, &Threads::single()).expect("a start");
        let config = Config::textbook(0.0, 20, FLOOR);
        let [a, b] = [&weighted, &plain].map(|samples| {
            fit(samples, &first, config, &Threads::single(), &mut |_, _| ControlFlow::Continue(())).expect("a fit")
        });
        for (a, b) in
            a.mixture.means.iter().zip(&b.mixture.means).chain(a.mixture.covariances.iter().zip(&b.mixture.covariances))
        {
            assert!((a - b).abs() < 1e-10, "{a} {b}");
        }
    }

    #[test]
    fn responsibilities_labels_and_likelihood_belong_together() {
        let (rows, weights) = picture(3000);
        let samples = Samples::<f64>::new(&rows, 3, Some(&weights), 255.0).expect("valid");
        let threads = Threads::single();
        let fit = run(&samples, CovarianceType::Full, 6, Acceleration::Lbfgs, &threads);
        let asked = Prediction::<f64>::new(&rows, 3, Some(&weights), 255.0, &fit.mixture, &threads).expect("valid");
        let rows = asked.responsibilities(&threads).expect("rows");
        let (labels, likelihood) = asked.label(&threads).expect("labels");
        for (row, label) in rows.chunks(6).zip(&labels) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(row.iter().all(|value| *value <= row[*label as usize]));
        }
        let of_fit = label(&samples, &fit.mixture, &threads).expect("labels");
        assert!(labels == of_fit.0 && (likelihood - of_fit.1).abs() < 1e-12);
        let densities = asked.log_densities(&threads).expect("densities");
        let mean = densities.iter().zip(&weights).map(|(l, w)| l * w).sum::<f64>() / samples.total_weight();
        assert!((mean - likelihood).abs() < 1e-12);
    }

    #[test]
    fn what_a_mixture_says_of_a_row_does_not_depend_on_the_others() {
        let (rows, _) = picture(400);
        let rows: Vec<f32> = rows.into_iter().map(f32::from).collect();
        let samples = Samples::<f32>::new(&rows, 3, None, 255.0).expect("valid");
        let threads = Threads::single();
        for family in FAMILIES {
            let mixture = run(&samples, family, 5, Acceleration::None, &threads).mixture;
            let ask = |rows: &[f32], weights: Option<&[f64]>| {
                let asked = Prediction::<f32>::new(rows, 3, weights, 255.0, &mixture, &threads).expect("valid");
                let (labels, likelihood) = asked.label(&threads).expect("labels");
                let rows = asked.responsibilities(&threads).expect("rows");
                (labels, likelihood, rows, asked.log_densities(&threads).expect("densities"))
            };
            let alone = ask(&rows, None);
            for far in [1e6, 1e12, -1e30, f32::MAX] {
                let mut more = rows.clone();
                more.splice(300..300, [far, 12.0, 1.0]);
                let mut together = ask(&more, None);
                let (label, density) = (together.0.remove(100), together.3.remove(100));
                let shares: Vec<f32> = together.2.splice(500..505, []).collect();
                assert_eq!((&together.0, &together.2, &together.3), (&alone.0, &alone.2, &alone.3));
                assert!(density < -1e4 && (shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                let just = ask(&[far, 12.0, 1.0], None);
                assert_eq!((just.0[0], just.3[0], just.2), (label, density, shares));
                assert!((together.1 - (alone.1 * 400.0 + density) / 401.0).abs() < 1e-6 * together.1.abs());
                let mut weights = vec![1.0; 401];
                weights[100] = 0.0;
                assert!((ask(&more, Some(&weights)).1 - alone.1).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn narrow_components_far_apart_are_told_apart_in_single_precision() {
        let mixture = Mixture {
            covariance_type: CovarianceType::Spherical,
            n_features: 1,
            weights: vec![0.49, 0.49, 0.02],
            means: vec![0.0, 6.0, 1e8],
            covariances: vec![1.0, 1.0, 1.0],
        };
        let rows = [0.0f32, 1.0, 2.9, 3.1, 7.0, 1e8];
        let asked = Prediction::<f32>::new(&rows, 1, None, 1.0, &mixture, &Threads::single()).expect("valid");
        assert_eq!(asked.label(&Threads::single()).expect("labels").0, [0, 0, 0, 1, 1, 2]);
        let refused = Prediction::<f32>::new(&[0.0f32, f32::NAN], 1, None, 1.0, &mixture, &Threads::single());
        assert_eq!(refused.err(), Some(Error::NotFinite { row: 1, feature: 0 }));
    }

    #[test]
    fn pictures_of_few_colors_fit_without_error() {
        for rows in
            [vec![7u8; 3], vec![7; 300], [0, 0, 0, 255, 255, 255].repeat(50), (0..255).flat_map(|v| [v; 3]).collect()]
        {
            let samples = Samples::<f32>::new(&rows, 3, None, 255.0).expect("valid");
            for (family, acceleration) in FAMILIES.into_iter().flat_map(|family| EVERY.map(|each| (family, each))) {
                let fit = run(&samples, family, 32, acceleration, &Threads::single());
                assert!(fit.mixture.n_components() <= 32);
                assert!(
                    fit.mixture.means.iter().chain(&fit.mixture.covariances).chain(&fit.history).all(|v| v.is_finite())
                );
                assert!((fit.mixture.weights.iter().sum::<f64>() - 1.0).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_caller_can_break_off() {
        let (rows, _) = picture(500);
        let samples = Samples::<f32>::new(&rows, 3, None, 255.0).expect("valid");
        let threads = Threads::single();
        let first = initialize(&samples, 3, CovarianceType::Diag, &start(0), FLOOR, &threads).expect("a start");
        let config = Config::textbook(0.0, 100, FLOOR);
        let outcome = fit(&samples, &first, config, &threads, &mut |iteration, _| {
            if iteration == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(outcome.map(|fit| fit.history.len()), Err(Error::Interrupted));
    }
}
