//! Expectation-maximisation (Dempster, Laird & Rubin 1977, doi:10.1111/j.2517-6161.1977.tb01600.x) on weighted samples.
//!
//! E- and M-step are one pass over blocks of samples; responsibilities live for one tile only, unless asked for.

use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::kernels::{Densities, Moments, Posterior, Real, fused_tiles, posterior_tile};
use crate::mixture::{Mixture, Regularization};
use crate::parallel::Threads;
use crate::samples::{Samples, TILE};

/// Tiles whose `f32` sums are added up before they go over to `f64`.
const TILES_PER_RUN: usize = 32;
/// The most blocks that a pass is cut into, and the most memory that their sums may take together.
const MAX_BLOCKS: usize = 64;
const MAX_SUMS: usize = 4 << 20;

/// When to stop, and what keeps covariances away from zero.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Converged when the mean log-likelihood changes by less (nats per sample); 0: never.
    pub tol: f64,
    /// The most iterations.
    pub max_iter: usize,
    /// In the squared unit of the samples.
    pub regularization: Regularization,
}

/// What a fit gives.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The parameters after the last M-step.
    pub mixture: Mixture,
    /// Mean log-likelihood (nats per sample) found by each iteration's E-step, before its M-step.
    pub history: Vec<f64>,
    /// Whether the last change was below `tol`.
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
    let mut mixture = start.standardised(centre, scale);
    let mut history: Vec<f64> = Vec::new();
    let mut converged = false;
    while history.len() < config.max_iter && !converged {
        let densities = mixture.densities::<T>()?;
        let moments = expect(samples, &densities, threads)?;
        mixture = mixture.maximise(&moments, &densities.means(), regularization);
        let log_likelihood = samples.mean_log_density(moments.log_likelihood);
        converged = history.last().is_some_and(|last| (log_likelihood - last).abs() < config.tol);
        history.push(log_likelihood);
        if progress(history.len(), log_likelihood).is_break() {
            return Err(Error::Interrupted);
        }
    }
    Ok(Fit { mixture: mixture.restored(centre, scale), history, converged })
}

/// The E-step's moments over all samples: fixed blocks, added in their order.
fn expect<T: Real>(samples: &Samples<T>, densities: &Densities<T>, threads: &Threads) -> Result<Moments> {
    let (k, d) = (densities.n_components, densities.n_features);
    let zero = Moments::zero(densities.form, k, d);
    let sums = zero.mass.len() + zero.first.len() + zero.second.len();
    let n_blocks = (MAX_SUMS / sums).clamp(4, MAX_BLOCKS);
    let runs = samples.n_tiles().div_ceil(TILES_PER_RUN);
    let block_tiles = runs.div_ceil(n_blocks) * TILES_PER_RUN;
    let blocks = threads.map(samples.n_tiles().div_ceil(block_tiles), |block, checkpoint| {
        let mut moments = zero.clone();
        let end = samples.n_tiles().min((block + 1) * block_tiles);
        for start in (block * block_tiles..end).step_by(TILES_PER_RUN) {
            checkpoint.pass()?;
            fused_tiles(samples, start..end.min(start + TILES_PER_RUN), densities, &mut moments);
        }
        Ok(moments)
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
    fn mean_log_density(&self, sum: f64) -> f64 {
        sum / self.total_weight() - self.log_jacobian()
    }

    /// What standardising took from each log-density.
    fn log_jacobian(&self) -> f64 {
        self.n_features() as f64 * self.scale.ln()
    }

    fn densities_of(&self, mixture: &Mixture) -> Result<Densities<T>> {
        if mixture.n_features != self.n_features() {
            let (expected, found) = (mixture.n_features, self.n_features());
            return Err(Error::Length { what: "each sample", expected, found });
        }
        mixture.clone().standardised(&self.centre, self.scale).densities()
    }
}

/// The most probable component of each sample, and the weighted mean log-likelihood (nats per sample).
///
/// # Errors
/// Another number of features; a covariance that is not positive-definite; an interruption.
pub fn label<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<(Vec<u32>, f64)> {
    let densities = samples.densities_of(mixture)?;
    let mut labels = vec![0; samples.len()];
    let sums = for_each_tile(samples, &densities, threads, &mut labels, 1, |posterior, weights, labels| {
        labels.iter_mut().zip(&posterior.best).for_each(|(label, best)| *label = best.to_f64() as u32);
        weights.iter().zip(&posterior.log_density).map(|(w, l)| w.to_f64() * l.to_f64()).sum()
    })?;
    Ok((labels, samples.mean_log_density(sums * std::f64::consts::LN_2)))
}

/// The responsibilities (n, k) of the components for each sample, row by row.
///
/// # Errors
/// As [`label`].
pub fn responsibilities<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<Vec<T>> {
    let densities = samples.densities_of(mixture)?;
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
    Ok(rows)
}

/// The log-density (nats) of each sample.
///
/// # Errors
/// As [`label`].
pub fn log_densities<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<Vec<f64>> {
    let densities = samples.densities_of(mixture)?;
    let mut values = vec![0.0; samples.len()];
    for_each_tile(samples, &densities, threads, &mut values, 1, |posterior, _, values| {
        for (value, log_density) in values.iter_mut().zip(&posterior.log_density) {
            *value = log_density.to_f64() * std::f64::consts::LN_2 - samples.log_jacobian();
        }
        0.0
    })?;
    Ok(values)
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
    let sums = threads.map_chunks(output, TILES_PER_RUN * TILE * each, |run, chunk, _| {
        let mut posterior = Posterior::new(densities);
        let mut sum = 0.0;
        for (offset, chunk) in chunk.chunks_mut(TILE * each).enumerate() {
            let (values, weights) = samples.tile(run * TILES_PER_RUN + offset);
            posterior_tile(densities, values, &mut posterior);
            sum += write(&posterior, weights, chunk);
        }
        Ok(sum)
    })?;
    Ok(sums.into_iter().sum())
}
