//! Several fits from different starts, and the best of them.

use std::ops::ControlFlow;

use super::acceleration::Acceleration;
use super::predict::label;
use super::start::{Method, Start, initialize, search};
use super::{Config, Fit, fit};
use crate::covariance::CovarianceType;
use crate::error::{Error, Result};
use crate::memory::check_room;
use crate::parallel::{Progress, Threads};
use crate::samples::Samples;
use crate::simd::Real;

/// A fit, the most probable component of each sample, and the mean log-likelihood (nats per sample) of its parameters.
pub type Labelled = (Fit, Vec<u32>, f64);

/// Below so many products a pass, a thread does more with a restart of its own than with a share of each pass.
const SIDE_BY_SIDE: usize = 1 << 26;
/// Restarts that each thread does before their progress is reported.
const RESTARTS_PER_THREAD: usize = 4;
/// Mixtures and moments that are kept at a time, at least.
const COPIES: usize = 6;

/// Fits k components from `n_init` starts (at least one) and keeps the first of the most likely.
///
/// Small fits run side by side, large ones one after another on all threads: the result is the same to the bit.
/// `progress` hears of every iteration in the order of the restarts; of small fits some time later.
///
/// # Errors
/// As [`initialize`] and [`fit`].
#[expect(clippy::too_many_arguments, reason = "each is a choice of the caller's")]
pub fn fit_best<T: Real>(
    samples: &Samples<T>,
    k: usize,
    family: CovarianceType,
    start: &Start,
    config: Config,
    n_init: usize,
    threads: &Threads,
    progress: Progress,
) -> Result<Labelled> {
    let numbers = family.values_each(samples.n_features()).saturating_add(samples.n_features() + 1);
    check_room("so many components", k.saturating_mul(numbers), COPIES * size_of::<f64>())?;
    let one_fit = |restart: usize, threads: &Threads, progress: Progress| -> Result<Labelled> {
        let start = Start { seed: start.nth_seed(restart), ..start.clone() };
        let config = Config { acceleration: after(config.acceleration, start.method), ..config };
        let first = match start.method {
            Method::Search => search(samples, k, family, &start, config, threads, progress)?,
            _ => initialize(samples, k, family, &start, config.regularization, threads)?,
        };
        let fit = fit(samples, &first, config, threads, progress)?;
        let (labels, log_likelihood) = label(samples, &fit.mixture, threads)?;
        Ok((fit, labels, log_likelihood))
    };
    let mut best: Option<Labelled> = None;
    let mut keep = |other: Labelled| {
        if best.as_ref().is_none_or(|best| other.2 > best.2) {
            best = Some(other);
        }
    };
    let d = samples.n_features();
    let work = samples.len() * k * (d * (d + 3) / 2 + 8);
    let batch = if work < SIDE_BY_SIDE { RESTARTS_PER_THREAD * threads.count() } else { 1 };
    for first in (0..n_init.max(1)).step_by(batch) {
        let here = batch.min(n_init.max(1) - first);
        if here == 1 || threads.count() == 1 {
            (first..first + here).try_for_each(|restart| one_fit(restart, threads, progress).map(&mut keep))?;
            continue;
        }
        let fits = threads.map(here, |index, checkpoint| {
            let interrupted = || checkpoint.pass().is_err();
            let mut quiet = |_, _| ControlFlow::Continue(());
            one_fit(first + index, &Threads::new(1, &interrupted), &mut quiet)
        })?;
        for fit in fits {
            for (iteration, log_likelihood) in fit.0.history.iter().enumerate() {
                if progress(iteration + 1, *log_likelihood).is_break() {
                    return Err(Error::Interrupted);
                }
            }
            keep(fit);
        }
    }
    best.ok_or(Error::Empty)
}

/// What suits a start by this method: a search has chosen the hill, and EM from it no claim to be followed.
fn after(acceleration: Acceleration, method: Method) -> Acceleration {
    match (acceleration, method) {
        (Acceleration::Lbfgs, Method::Search) => Acceleration::Leaps,
        _ => acceleration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::covariance::Regularization;

    #[test]
    fn restarts_side_by_side_change_no_bit_and_report_in_order() {
        let rows: Vec<u8> = (0..3000).map(|i| ((i / 3 * [7, 13, 29][i % 3]) % 251) as u8).collect();
        let samples = Samples::<f32>::for_fit(&rows, 3, None, 255.0, &[], 5).expect("valid");
        let start = Start { method: Method::RandomFromData, weights: None, means: None, covariances: None, seed: 1 };
        let regularization = Regularization { floor: 1e-6, added: 0.0 };
        let config = Config::textbook(0.0, 7, regularization);
        let run = |threads: &Threads| {
            let mut calls = Vec::new();
            let mut report = |iteration, log_likelihood| {
                calls.push((iteration, log_likelihood));
                ControlFlow::Continue(())
            };
            let best = fit_best(&samples, 5, CovarianceType::Full, &start, config, 11, threads, &mut report);
            let (fit, labels, log_likelihood) = best.expect("a fit");
            (fit.mixture, labels, log_likelihood, calls)
        };
        let one = run(&Threads::single());
        assert_eq!(one.3.len(), 11 * 7);
        for count in [2, 8] {
            assert_eq!(one, run(&Threads::new(count, &|| false)));
        }
        let threads = Threads::new(2, &|| false);
        let mut stop = |_, _| ControlFlow::Break(());
        let stopped = fit_best(&samples, 5, CovarianceType::Full, &start, config, 4, &threads, &mut stop);
        assert!(matches!(stopped, Err(Error::Interrupted)));
    }
}
