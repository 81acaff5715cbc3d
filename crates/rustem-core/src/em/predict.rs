//! What a fitted mixture says of samples: labels, responsibilities, log-densities.

use super::e_step::TILES_PER_RUN;
use crate::error::{Error, Result};
use crate::kernels::{Densities, Posterior, posterior_tile};
use crate::mixture::Mixture;
use crate::parallel::{LEAST_WORK, Threads};
use crate::samples::{Samples, TILE};
use crate::simd::Real;

/// The densities of a mixture in the unit of the samples.
fn densities_of<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<Densities<T>> {
    if mixture.n_features != samples.n_features() {
        let (expected, found) = (mixture.n_features, samples.n_features());
        return Err(Error::Length { what: "each sample", expected, found });
    }
    Densities::new(&mixture.clone().standardized(&samples.frame), threads)
}

/// The most probable component of each sample, and the weighted mean log-likelihood (nats per sample).
///
/// # Errors
/// Another number of features; a covariance that is not positive-definite; an interruption.
pub fn label<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<(Vec<u32>, f64)> {
    let densities = densities_of(samples, mixture, threads)?;
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
    let densities = densities_of(samples, mixture, threads)?;
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
    let densities = densities_of(samples, mixture, threads)?;
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
