//! What a fitted mixture says of samples: labels, responsibilities, log-densities.

use super::e_step::TILES_PER_RUN;
use crate::element::Element;
use crate::error::{Error, Result};
use crate::kernels::{Densities, Posterior, posterior_tile};
use crate::memory::check_room;
use crate::mixture::Mixture;
use crate::parallel::{LEAST_WORK, Threads};
use crate::samples::{Samples, TILE, check_rows};
use crate::simd::Real;

/// Rows further than this from a mixture's middle, in its standard deviations, are asked about in double precision.
const FAR: f64 = 128.0;
/// From this steepness of a density, in the mixture's standard deviations, all are: single precision would move a sample
/// by a thousandth of a component's deviation.
const STEEP: f64 = 1e4;

/// What a mixture says of rows, of each by itself.
pub struct Prediction<T> {
    near: Part<T>,
    /// Rows out of the reach of single precision, ascending, and what stands for them.
    far: Vec<usize>,
    far_part: Option<Part<f64>>,
    total_weight: f64,
}

struct Part<T> {
    samples: Samples<T>,
    densities: Densities<T>,
}

impl<T: Real> Prediction<T> {
    /// Checks and lays out `rows` (n samples of `n_features` values, row after row), each value divided by `unit`.
    ///
    /// # Errors
    /// As [`Samples::new`]; another number of features; a covariance that is not positive-definite; an interruption.
    pub fn new<E: Element>(
        rows: &[E],
        n_features: usize,
        weights: Option<&[f64]>,
        unit: f64,
        mixture: &Mixture,
        threads: &Threads,
    ) -> Result<Self> {
        if mixture.n_features != n_features {
            return Err(Error::Length { what: "each sample", expected: mixture.n_features, found: n_features });
        }
        let weights = check_rows(rows, n_features, weights)?;
        let Some(frame) = mixture.frame() else {
            // Says which covariance is none.
            Densities::<f64>::new(mixture, threads)?;
            return Err(Error::TooLarge);
        };
        let standardized = mixture.clone().standardized(&frame);
        let densities = Densities::new(&standardized, threads)?;
        let limit = if densities.steepest() > STEEP { -1.0 } else { FAR };
        let (samples, far) = Samples::for_prediction(rows, &weights, unit, &frame, limit)?;
        let mut far_part = None;
        if !far.is_empty() {
            let of_far = |row: &usize| rows[row * n_features..][..n_features].iter().map(|value| value.to_f64());
            let far_rows: Vec<f64> = far.iter().flat_map(of_far).collect();
            let densities = Densities::new(&standardized, threads)?;
            let far_weights = weights.of_rows(&far);
            let (samples, _) = Samples::for_prediction(&far_rows, &far_weights, unit, &frame, FAR)?;
            far_part = Some(Part { samples, densities });
        }
        Ok(Self { near: Part { samples, densities }, far, far_part, total_weight: weights.total })
    }

    /// The most probable component of each row, and the weighted mean log-likelihood (nats per sample).
    ///
    /// # Errors
    /// An interruption.
    pub fn label(&self, threads: &Threads) -> Result<(Vec<u32>, f64)> {
        let (mut labels, mut sum) = self.near.label(threads)?;
        if let Some(part) = &self.far_part {
            let (far_labels, far_sum) = part.label(threads)?;
            self.put(&mut labels, 1, far_labels);
            sum += far_sum;
        }
        Ok((labels, sum / self.total_weight))
    }

    /// The responsibilities (n, k) of the components for each row.
    ///
    /// # Errors
    /// An interruption.
    pub fn responsibilities(&self, threads: &Threads) -> Result<Vec<T>> {
        let mut rows = self.near.responsibilities(threads)?;
        if let Some(part) = &self.far_part {
            let far = part.responsibilities(threads)?.into_iter().map(T::from_f64);
            self.put(&mut rows, part.densities.n_components, far);
        }
        Ok(rows)
    }

    /// The log-density (nats) of each row.
    ///
    /// # Errors
    /// An interruption.
    pub fn log_densities(&self, threads: &Threads) -> Result<Vec<f64>> {
        let mut values = self.near.log_densities(threads)?;
        if let Some(part) = &self.far_part {
            self.put(&mut values, 1, part.log_densities(threads)?);
        }
        Ok(values)
    }

    /// Puts what was said of the far rows, `each` numbers of a row, into their places.
    fn put<R>(&self, output: &mut [R], each: usize, far: impl IntoIterator<Item = R>) {
        let places = self.far.iter().flat_map(|row| row * each..(row + 1) * each);
        places.zip(far).for_each(|(place, value)| output[place] = value);
    }
}

impl<T: Real> Part<T> {
    /// Labels, and the weighted sum of log-densities (nats).
    fn label(&self, threads: &Threads) -> Result<(Vec<u32>, f64)> {
        label_tiles(&self.samples, &self.densities, threads)
    }

    fn responsibilities(&self, threads: &Threads) -> Result<Vec<T>> {
        let k = self.densities.n_components;
        check_room("the responsibilities", self.samples.len().saturating_mul(k), size_of::<T>())?;
        let mut rows = vec![T::default(); self.samples.len() * k];
        for_each_tile(&self.samples, &self.densities, threads, &mut rows, k, |posterior, _, rows| {
            for (lane, row) in rows.chunks_exact_mut(k).enumerate() {
                for (component, value) in row.iter_mut().enumerate() {
                    *value = posterior.joint[component * TILE + lane] * posterior.inverse[lane];
                }
            }
            0.0
        })?;
        Ok(rows)
    }

    fn log_densities(&self, threads: &Threads) -> Result<Vec<f64>> {
        let mut values = vec![0.0; self.samples.len()];
        let taken = self.samples.log_jacobian();
        for_each_tile(&self.samples, &self.densities, threads, &mut values, 1, |posterior, _, values| {
            for (value, log_density) in values.iter_mut().zip(posterior.log_density.iter()) {
                *value = log_density.to_f64() * std::f64::consts::LN_2 - taken;
            }
            0.0
        })?;
        Ok(values)
    }
}

/// The most probable component of each sample of a fit, and the weighted mean log-likelihood (nats per sample).
///
/// # Errors
/// A covariance that is not positive-definite; an interruption.
pub(super) fn label<T: Real>(samples: &Samples<T>, mixture: &Mixture, threads: &Threads) -> Result<(Vec<u32>, f64)> {
    let densities = Densities::new(&mixture.clone().standardized(&samples.frame), threads)?;
    let (labels, sum) = label_tiles(samples, &densities, threads)?;
    Ok((samples.in_callers_order(labels, 1), sum / samples.total_weight()))
}

/// The label of each sample, and the weighted sum of log-densities (nats).
fn label_tiles<T: Real>(samples: &Samples<T>, densities: &Densities<T>, threads: &Threads) -> Result<(Vec<u32>, f64)> {
    let mut labels = vec![0; samples.len()];
    let sum = for_each_tile(samples, densities, threads, &mut labels, 1, |posterior, weights, labels| {
        labels.iter_mut().zip(posterior.best.iter()).for_each(|(label, best)| *label = best.to_f64() as u32);
        weights.iter().zip(posterior.log_density.iter()).map(|(w, l)| w.to_f64() * l.to_f64()).sum()
    })?;
    let taken = samples.total_weight() * samples.log_jacobian();
    Ok((labels, sum * std::f64::consts::LN_2 - taken))
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
