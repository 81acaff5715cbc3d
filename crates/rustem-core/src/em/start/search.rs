//! A search for the start from which EM ends high: short trial runs, then components split and merged.
//!
//! Trial runs from many starts, of which the best go on: Biernacki, Celeux & Govaert 2003
//! (doi:10.1016/S0167-9473(02)00163-9). Moves: Ueda et al. 2000 (doi:10.1162/089976600300015088) rank components, split
//! one and merge two others. Here all are split, EM lets the halves find their places, and the mergers that cost least
//! (Runnalls 2007) lead back to k: nothing needs to be ranked.
//!
//! Departures. All this happens on a few thousand samples, drawn evenly by weight, so that it costs no more than a fit
//! or two; only the last heat, among the best few, sees all samples, or some hundred thousand of more, where the best one
//! then climbs to the top. Trials are long enough to tell a good hill from a poor one: 60 accelerated passes; after 25
//! they often cannot.

use std::ops::ControlFlow;

use super::super::{Config, fit};
use super::split_merge::{merge, split};
use super::{Method, Start, initialize};
use crate::covariance::CovarianceType;
use crate::error::{Error, Result};
use crate::kernels::Form;
use crate::mixture::Mixture;
use crate::parallel::{Progress, Threads};
use crate::samples::Samples;
use crate::simd::Real;

/// Samples that the search looks at, and the least number for each component.
const SAMPLES: usize = 4096;
const SAMPLES_EACH: usize = 128;
/// Samples that the last heat looks at.
const HEAT_SAMPLES: usize = 1 << 18;
/// Trial runs: as many as have so many components together, within bounds.
const TRIAL_COMPONENTS: usize = 320;
const FEWEST_TRIALS: usize = 8;
const MOST_TRIALS: usize = 40;
/// Passes of a trial run.
const TRIAL_PASSES: usize = 60;
/// The most work of all trials, in products: about a second. Where not one can be had for it, there is no search.
const MOST_WORK: usize = 1 << 34;
/// Trial runs that are taken further.
const FINALISTS: usize = 4;
/// Rounds of splitting and merging, at most; their passes with twice the components, and after the mergers.
const ROUNDS: usize = 8;
const SPLIT_PASSES: usize = 10;
const MERGED_PASSES: usize = 12;
/// A round that gains no more than this (nats per sample) is the last.
const LEAST_GAIN: f64 = 1e-4;

/// A mixture, and its mean log-likelihood on the samples that it was last fitted to.
type Entry = (f64, Mixture);

/// The start for a fit with k components by `config`, in the samples' own unit.
///
/// `progress` hears now and then, as iteration 0, of the highest likelihood so far. The result is the same to the bit
/// at any number of threads.
///
/// # Errors
/// As [`initialize`] and [`fit`].
pub fn search<T: Real>(
    samples: &Samples<T>,
    k: usize,
    family: CovarianceType,
    start: &Start,
    config: Config,
    threads: &Threads,
    progress: Progress,
) -> Result<Mixture> {
    let thinned = samples.thinned(SAMPLES.max(SAMPLES_EACH * k));
    let few = thinned.as_ref().unwrap_or(samples);
    let mut field = side_by_side(threads, n_trials(few, k, family), |trial, threads| {
        let first = initialize(few, k, family, &trial_start(start, trial), config.regularization, threads)?;
        run(few, &first, TRIAL_PASSES, config, threads)
    })?;
    // Where the few samples have not k different values, all together may.
    let most = field.iter().map(|(_, mixture)| mixture.n_components()).max().unwrap_or(k);
    let enough = if thinned.is_some() { k } else { most };
    field.retain(|(_, mixture)| mixture.n_components() >= enough);
    rank(&mut field, FINALISTS, progress)?;
    field = side_by_side(threads, field.len(), |index, threads| improve(few, field[index].clone(), config, threads))?;
    rank(&mut field, FINALISTS, progress)?;
    if thinned.is_some() {
        let many = samples.thinned(HEAT_SAMPLES);
        for entry in &mut field {
            *entry = run(many.as_ref().unwrap_or(samples), &entry.1, MERGED_PASSES, config, threads)?;
        }
        rank(&mut field, 1, progress)?;
        if let (Some(many), Some(best)) = (many, field.first_mut()) {
            best.1 = fit(&many, &best.1, config, threads, &mut |_, _| ControlFlow::Continue(()))?.mixture;
        }
    }
    match field.into_iter().next() {
        Some((_, best)) => Ok(best),
        None => initialize(samples, k, family, start, config.regularization, threads),
    }
}

/// How many trials are worth their while: none for a single component.
fn n_trials<T: Real>(samples: &Samples<T>, k: usize, family: CovarianceType) -> usize {
    if k < 2 {
        return 0;
    }
    let d = samples.n_features();
    let work = TRIAL_PASSES * samples.len() * k * (d + Form::of(family).second_len(d) + 8);
    (TRIAL_COMPONENTS / k).clamp(FEWEST_TRIALS, MOST_TRIALS).min(MOST_WORK / work)
}

/// Starts of two kinds in turn: k-means++ spreads components evenly, random samples lie where there are most.
fn trial_start(start: &Start, trial: usize) -> Start {
    let method = if trial.is_multiple_of(2) { Method::KMeansPlusPlus } else { Method::RandomFromData };
    Start { method, seed: start.nth_seed(trial), ..start.clone() }
}

/// Splits and merges until a round does not help: never a lower likelihood than that of the start.
fn improve<T: Real>(samples: &Samples<T>, start: Entry, config: Config, threads: &Threads) -> Result<Entry> {
    let mut best = start;
    let k = best.1.n_components();
    for _ in 0..ROUNDS {
        let halves = split(&best.1, config.regularization.floor);
        let (_, halves) = run(samples, &halves, SPLIT_PASSES, config, threads)?;
        let next = run(samples, &merge(&halves, k), MERGED_PASSES, config, threads)?;
        if next.0 <= best.0 + LEAST_GAIN {
            break;
        }
        best = next;
    }
    Ok(best)
}

/// So many passes from a mixture.
fn run<T: Real>(
    samples: &Samples<T>,
    from: &Mixture,
    passes: usize,
    config: Config,
    threads: &Threads,
) -> Result<Entry> {
    let config = Config { tol: 0.0, max_iter: passes, ..config };
    let fit = fit(samples, from, config, threads, &mut |_, _| ControlFlow::Continue(()))?;
    let last = fit.history.last().copied().filter(|value| value.is_finite());
    Ok((last.unwrap_or(f64::NEG_INFINITY), fit.mixture))
}

/// `work` for each index, each on a thread of its own, in the order of the indices.
fn side_by_side(
    threads: &Threads,
    count: usize,
    work: impl Fn(usize, &Threads) -> Result<Entry> + Sync,
) -> Result<Vec<Entry>> {
    threads.map(count, |index, checkpoint| work(index, &Threads::new(1, &|| checkpoint.pass().is_err())))
}

/// Leaves the best few, the highest likelihood first, and reports it; equal ones stay in order.
fn rank(field: &mut Vec<Entry>, most: usize, progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>) -> Result<()> {
    field.sort_by(|a, b| b.0.total_cmp(&a.0));
    field.truncate(most);
    match field.first().map(|best| progress(0, best.0)) {
        Some(ControlFlow::Break(())) => Err(Error::Interrupted),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::covariance::Regularization;
    use crate::em::Acceleration;

    const FAMILIES: [CovarianceType; 4] =
        [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag, CovarianceType::Spherical];

    fn config() -> Config<'static> {
        let regularization = Regularization { floor: 1e-4, added: 0.0 };
        let acceleration = Acceleration::Lbfgs;
        Config { tol_is_step: false, acceleration, ..Config::textbook(1e-4, 200, regularization) }
    }

    fn start(seed: u64) -> Start {
        Start { method: Method::Search, weights: None, means: None, covariances: None, seed }
    }

    /// Points of a plane about uneven centres, with weights.
    fn scattered(n: usize) -> Samples<f64> {
        let wave = |i: usize, step: f64| (i as f64 * step).sin() * (i as f64 * step * 1.7).cos();
        let rows: Vec<f64> = (0..n)
            .flat_map(|i| {
                let (group, spread) = ((i % 11) as f64, 0.2 + (i % 11 % 3) as f64 * 0.3);
                [group * 1.3 + spread * wave(i, 12.9898), (group * group) % 7.0 + spread * wave(i, 78.233)]
            })
            .collect();
        let weights: Vec<f64> = (0..n).map(|i| 1.0 + (i % 4) as f64).collect();
        Samples::for_fit(&rows, 2, Some(&weights), 1.0, &[], 11).expect("valid")
    }

    fn found(samples: &Samples<f64>, family: CovarianceType, k: usize, threads: &Threads) -> (Mixture, Vec<f64>) {
        let mut heard = Vec::new();
        let mut hear = |iteration, log_likelihood| {
            assert_eq!(iteration, 0);
            heard.push(log_likelihood);
            ControlFlow::Continue(())
        };
        let mixture = search(samples, k, family, &start(5), config(), threads, &mut hear).expect("a start");
        (mixture, heard)
    }

    #[test]
    fn a_better_start_than_k_means_plus_plus_the_same_at_any_thread_count() {
        for (samples, heats) in [(scattered(3000), 2), (scattered(9000), 3)] {
            for family in FAMILIES {
                let (mixture, heard) = found(&samples, family, 7, &Threads::single());
                let plain = initialize(&samples, 7, family, &start(5), config().regularization, &Threads::single());
                let [ours, theirs] = [mixture.clone(), plain.expect("a start")]
                    .map(|first| run(&samples, &first, TRIAL_PASSES, config(), &Threads::single()).expect("a fit").0);
                assert!(ours >= theirs - 1e-9, "{family:?}: {ours} {theirs}");
                assert_eq!(heard.len(), heats);
                assert!(heard[1] >= heard[0]);
                for count in [2, 8] {
                    let other = found(&samples, family, 7, &Threads::new(count, &|| false));
                    assert_eq!((&mixture, &heard), (&other.0, &other.1));
                }
            }
        }
    }

    #[test]
    fn no_round_lowers_the_likelihood() {
        let (samples, threads) = (scattered(2000), Threads::single());
        for family in FAMILIES {
            for seed in 0..6 {
                let start = trial_start(&start(seed), seed as usize);
                let first = initialize(&samples, 9, family, &start, config().regularization, &threads);
                let before = run(&samples, &first.expect("a start"), 20, config(), &threads).expect("a fit");
                let after = improve(&samples, before.clone(), config(), &threads).expect("a fit");
                assert!(after.0 > before.0 + LEAST_GAIN || after == before);
                let again = run(&samples, &after.1, 1, config(), &threads).expect("a fit");
                assert!(again.0 >= after.0 - 1e-12);
            }
        }
    }

    #[test]
    fn a_search_that_does_not_pay_is_left_out() {
        let samples = scattered(3000);
        assert_eq!(n_trials(&samples, 1, CovarianceType::Full), 0);
        assert_eq!(n_trials(&samples, 8, CovarianceType::Full), 40);
        assert_eq!(n_trials(&samples, 32, CovarianceType::Full), 10);
        let wide = Samples::<f64>::new(&vec![0.0; 8000 * 200], 200, None, 1.0).expect("valid");
        assert_eq!(n_trials(&wide, 16, CovarianceType::Full), 0);
        let plain =
            initialize(&samples, 1, CovarianceType::Full, &start(5), config().regularization, &Threads::single());
        assert_eq!(found(&samples, CovarianceType::Full, 1, &Threads::single()), (plain.expect("a start"), Vec::new()));
    }

    #[test]
    fn an_interruption_and_few_distinct_samples() {
        let samples = scattered(3000);
        let threads = Threads::single();
        let mut stop = |_, _| ControlFlow::Break(());
        let stopped = search(&samples, 4, CovarianceType::Diag, &start(0), config(), &threads, &mut stop);
        assert_eq!(stopped, Err(Error::Interrupted));
        // Threads ask every 50 ms: a search of more than 100.
        let (samples, threads) = (scattered(30_000), Threads::new(2, &|| true));
        let mut quiet = |_, _| ControlFlow::Continue(());
        let stopped = search(&samples, 4, CovarianceType::Diag, &start(0), config(), &threads, &mut quiet);
        assert_eq!(stopped, Err(Error::Interrupted));
        let rows: Vec<f64> = (0..30).map(|i| f64::from(i % 3)).collect();
        let samples = Samples::<f64>::new(&rows, 1, None, 1.0).expect("valid");
        let (mixture, _) = found(&samples, CovarianceType::Full, 5, &Threads::single());
        assert_eq!(mixture.n_components(), 3);
    }
}
