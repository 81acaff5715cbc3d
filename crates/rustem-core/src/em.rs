//! Expectation-maximisation (Dempster, Laird & Rubin 1977, doi:10.1111/j.2517-6161.1977.tb01600.x) on weighted samples.
//!
//! E- and M-step are one pass over blocks of samples; responsibilities live for one tile only, unless asked for.

use std::ops::ControlFlow;

use crate::accelerate::{Acceleration, Ascent};
use crate::convergence::{last_step, remaining_gain};
use crate::error::{Error, Result};
use crate::kernels::{Densities, Moments, Posterior, Real, Workspace, fused_tiles, posterior_tile};
use crate::mixture::{Mixture, Regularization};
use crate::parallel::{LEAST_WORK, Threads};
use crate::samples::{Samples, TILE};

/// Tiles whose `f32` sums are added up before they go over to `f64`.
const TILES_PER_RUN: usize = 32;
/// The most blocks that a pass is cut into, and the most memory that their sums may take together.
const MAX_BLOCKS: usize = 64;
const MAX_SUMS: usize = 4 << 20;
/// The least of a block, so that adding up its sums is little beside its work.
const LEAST_TILES: usize = 4;

/// When to stop, and what keeps covariances away from zero.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Converged when [`remaining_gain`] is less (nats per sample); 0: never.
    pub tol: f64,
    /// Converged when the last step gained less than `tol`, up or down, as scikit-learn has it.
    pub tol_is_step: bool,
    /// The most passes over the samples.
    pub max_iter: usize,
    /// How passes are made fewer.
    pub acceleration: Acceleration,
    /// In the squared unit of the samples.
    pub regularization: Regularization,
}

impl Config {
    /// Textbook EM, which stops at a step shorter than `tol`.
    #[must_use]
    pub fn textbook(tol: f64, max_iter: usize, regularization: Regularization) -> Self {
        Self { tol, tol_is_step: true, max_iter, acceleration: Acceleration::None, regularization }
    }
}

/// What a fit gives.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The M-step from the point of the highest likelihood.
    pub mixture: Mixture,
    /// Mean log-likelihood (nats per sample) after each pass's E-step, before its M-step; that of the point kept, where
    /// the pass tried one that is worse, or was on its way to another.
    pub history: Vec<f64>,
    /// Whether [`remaining_gain`] fell below `tol`.
    pub converged: bool,
}

/// Called after each iteration with its number, from 1, and its log-likelihood; may break off the fit.
pub type Progress<'a> = &'a mut dyn FnMut(usize, f64) -> ControlFlow<()>;

/// Fits a mixture from `start`, both in the samples' own unit.
///
/// # Errors
/// A covariance that is not positive-definite; an interruption.
pub fn fit<T: Real>(
    samples: &Samples<T>,
    start: Mixture,
    config: Config,
    threads: &Threads,
    progress: Progress,
) -> Result<Fit> {
    let (centre, scale) = (&samples.centre, samples.scale);
    let regularization = config.regularization.standardised::<T>(scale);
    // Where the M-step does not maximise the likelihood, it can fall, and its slope is not what the M-step tells.
    let acceleration = if regularization.added > 0.0 { Acceleration::None } else { config.acceleration };
    let rounding = if size_of::<T>() == 4 { 1e-6 } else { 1e-12 };
    let mut ascent = Ascent::new(start.standardised(centre, scale), acceleration, regularization.floor, rounding);
    let mut history: Vec<f64> = Vec::new();
    let mut converged = false;
    while history.len() < config.max_iter && !converged {
        let densities = ascent.trial.densities::<T>(threads)?;
        let moments = expect(samples, &densities, threads)?;
        let next = ascent.trial.maximise(&moments, &densities.means(), regularization, threads)?;
        history.push(ascent.take(samples.mean_log_density(moments.log_likelihood), next));
        let left = if config.tol_is_step { last_step(&history) } else { remaining_gain(&history) };
        converged = ascent.arrived && left < config.tol;
        if progress(history.len(), history[history.len() - 1]).is_break() {
            return Err(Error::Interrupted);
        }
    }
    Ok(Fit { mixture: ascent.into_mixture().restored(centre, scale), history, converged })
}

/// The E-step's moments over all samples: fixed blocks, added in their order.
pub(crate) fn expect<T: Real>(samples: &Samples<T>, densities: &Densities<T>, threads: &Threads) -> Result<Moments> {
    let (k, d) = (densities.n_components, densities.n_features);
    let zero = Moments::zero(densities.form, k, d);
    let sums = zero.mass.len() + zero.first.len() + zero.second.len();
    let work = samples.n_tiles() * TILE * (sums + 8 * k);
    let most = (MAX_SUMS / sums).clamp(4, MAX_BLOCKS).min(samples.n_tiles().div_ceil(LEAST_TILES));
    let n_blocks = (work / LEAST_WORK).clamp(1, most);
    let block_tiles = samples.n_tiles().div_ceil(n_blocks);
    let blocks = threads.map(samples.n_tiles().div_ceil(block_tiles), |block, checkpoint| {
        let mut moments = zero.clone();
        let end = samples.n_tiles().min((block + 1) * block_tiles);
        let fits = |workspace: &Workspace<T>| workspace.fits(densities);
        threads.with_scratch(
            fits,
            || Workspace::new(densities),
            |workspace| {
                for start in (block * block_tiles..end).step_by(TILES_PER_RUN) {
                    checkpoint.pass()?;
                    let tiles = start..end.min(start + TILES_PER_RUN);
                    fused_tiles(samples, tiles, densities, workspace, &mut moments);
                }
                Ok(moments)
            },
        )
    })?;
    Ok(Moments::sum(zero, &blocks))
}

impl Regularization {
    /// In the unit of standardised samples. Variances stay above the rounding noise of `T`, whatever was asked, so
    /// that no fit ends on a singular matrix.
    pub(crate) fn standardised<T: Real>(self, scale: f64) -> Self {
        let least = if size_of::<T>() == 4 { 1e-11 } else { 1e-14 };
        Self { floor: (self.floor / (scale * scale)).max(least), added: self.added / (scale * scale) }
    }
}

impl<T: Real> Samples<T> {
    /// Mean log-density in the samples' own unit, from a weighted sum over standardised ones.
    pub(crate) fn mean_log_density(&self, sum: f64) -> f64 {
        sum / self.total_weight() - self.log_jacobian()
    }

    /// What standardising took from each log-density.
    fn log_jacobian(&self) -> f64 {
        self.n_features() as f64 * self.scale.ln()
    }

    fn densities_of(&self, mixture: &Mixture, threads: &Threads) -> Result<Densities<T>> {
        if mixture.n_features != self.n_features() {
            let (expected, found) = (mixture.n_features, self.n_features());
            return Err(Error::Length { what: "each sample", expected, found });
        }
        mixture.clone().standardised(&self.centre, self.scale).densities(threads)
    }
}

/// The most probable component of each sample, and the weighted mean log-likelihood (nats per sample).
///
/// # Errors
/// Another number of features; a covariance that is not positive-definite; an interruption.
pub fn label<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<(Vec<u32>, f64)> {
    let densities = samples.densities_of(mixture, threads)?;
    let mut labels = vec![0; samples.len()];
    let sums = for_each_tile(samples, &densities, threads, &mut labels, 1, |posterior, weights, labels| {
        labels.iter_mut().zip(posterior.best.iter()).for_each(|(label, best)| *label = best.to_f64() as u32);
        weights.iter().zip(posterior.log_density.iter()).map(|(w, l)| w.to_f64() * l.to_f64()).sum()
    })?;
    Ok((samples.in_callers_order(labels, 1), samples.mean_log_density(sums * std::f64::consts::LN_2)))
}

/// The responsibilities (n, k) of the components for each sample, row by row.
///
/// # Errors
/// As [`label`].
pub fn responsibilities<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<Vec<T>> {
    let densities = samples.densities_of(mixture, threads)?;
    let k = mixture.n_components();
    let mut rows = vec![T::default(); samples.len() * k];
    for_each_tile(samples, &densities, threads, &mut rows, k, |posterior, _, rows| {
        for (lane, row) in rows.chunks_exact_mut(k).enumerate() {
            for (component, value) in row.iter_mut().enumerate() {
                *value = posterior.joint[component * TILE + lane] * posterior.inverse[lane];
            }
        }
        0.0
    })?;
    Ok(samples.in_callers_order(rows, k))
}

/// The log-density (nats) of each sample.
///
/// # Errors
/// As [`label`].
pub fn log_densities<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<Vec<f64>> {
    let densities = samples.densities_of(mixture, threads)?;
    let mut values = vec![0.0; samples.len()];
    for_each_tile(samples, &densities, threads, &mut values, 1, |posterior, _, values| {
        for (value, log_density) in values.iter_mut().zip(posterior.log_density.iter()) {
            *value = log_density.to_f64() * std::f64::consts::LN_2 - samples.log_jacobian();
        }
        0.0
    })?;
    Ok(samples.in_callers_order(values, 1))
}

/// Runs the E-step tile by tile; `write` turns each tile's posterior into `each` outputs per sample, and a number.
/// Returns the sum of these numbers.
fn for_each_tile<T: Real, R: Send>(
    samples: &Samples<T>,
    densities: &Densities<T>,
    threads: &Threads,
    output: &mut [R],
    each: usize,
    write: impl Fn(&Posterior<T>, &[T], &mut [R]) -> f64 + Sync,
) -> Result<f64> {
    let (k, d) = (densities.n_components, densities.n_features);
    let work = TILE * k * (d + densities.form.second_len(d) + 8);
    let block_tiles = TILES_PER_RUN.max(LEAST_WORK / work);
    let sums = threads.map_chunks(output, block_tiles * TILE * each, |block, chunk, _| {
        let mut posterior = Posterior::new(densities);
        let mut sum = 0.0;
        for (offset, chunk) in chunk.chunks_mut(TILE * each).enumerate() {
            let (values, weights) = samples.tile(block * block_tiles + offset);
            posterior_tile(densities, values, &mut posterior);
            sum += write(&posterior, weights, chunk);
        }
        Ok(sum)
    })?;
    Ok(sums.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::covariance::CovarianceType;
    use crate::initialise::{Method, Start, initialise};

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
        let first = initialise(samples, k, family, &start(3), FLOOR, threads).expect("a start");
        let config = Config { tol: 0.0, tol_is_step: false, max_iter: 40, acceleration, regularization: FLOOR };
        fit(samples, first, config, threads, &mut |_, _| ControlFlow::Continue(())).expect("a fit")
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
            initialise(&weighted, 4, CovarianceType::Full, &start(0), FLOOR, &Threads::single()).expect("a start");
        let config = Config::textbook(0.0, 20, FLOOR);
        let [a, b] = [&weighted, &plain].map(|samples| {
            fit(samples, first.clone(), config, &Threads::single(), &mut |_, _| ControlFlow::Continue(()))
                .expect("a fit")
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
        let rows = responsibilities(&samples, &fit.mixture, &threads).expect("rows");
        let (labels, likelihood) = label(&samples, &fit.mixture, &threads).expect("labels");
        for (row, label) in rows.chunks(6).zip(&labels) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(row.iter().all(|value| *value <= row[*label as usize]));
        }
        let densities = log_densities(&samples, &fit.mixture, &threads).expect("densities");
        let mean = densities.iter().zip(&weights).map(|(l, w)| l * w).sum::<f64>() / samples.total_weight();
        assert!((mean - likelihood).abs() < 1e-12);
    }

    #[test]
    fn pictures_of_few_colours_fit_without_error() {
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
        let first = initialise(&samples, 3, CovarianceType::Diag, &start(0), FLOOR, &threads).expect("a start");
        let config = Config::textbook(0.0, 100, FLOOR);
        let outcome = fit(&samples, first, config, &threads, &mut |iteration, _| {
            if iteration == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(outcome.map(|fit| fit.history.len()), Err(Error::Interrupted));
    }
}
