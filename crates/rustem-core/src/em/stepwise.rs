//! EM for samples that come in batches: stepwise EM as in Cappé & Moulines 2009 (doi:10.1111/j.1467-9868.2009.00698.x),
//! with batches for single samples.

use super::e_step::expect;
use super::m_step::maximize;
use super::prior::Prior;
use crate::covariance::{CovarianceType, Regularization, add_outer};
use crate::error::Result;
use crate::kernels::{Densities, Form, Moments};
use crate::mixture::Mixture;
use crate::parallel::Threads;
use crate::samples::Samples;
use crate::simd::Real;

/// One step of stepwise EM: the statistics of all batches so far, as the mixture that they alone ask for, move towards
/// those of this batch by the share `rate`; then one M-step as if they came from `n_seen` samples.
///
/// Returns the new statistics and the new mixture.
///
/// # Errors
/// As [`fit`](super::fit).
#[expect(clippy::too_many_arguments, reason = "each is one quantity of the step's formula")]
pub fn step<T: Real>(
    samples: &Samples<T>,
    statistics: &Mixture,
    current: &Mixture,
    rate: f64,
    n_seen: f64,
    regularization: Regularization,
    prior: &Prior,
    threads: &Threads,
) -> Result<(Mixture, Mixture)> {
    prior.check(current)?;
    let frame = &samples.frame;
    let standard = current.clone().standardized(frame);
    let densities = Densities::<T>::new(&standard, threads)?;
    let batch = expect(samples, &densities, threads)?;
    let about = densities.means();
    let old = statistics.clone().standardized(frame);
    let earlier = moments_of(&old, &about, &densities);
    let blended = blend(&earlier, n_seen * (1.0 - rate), &batch, n_seen * rate / samples.total_weight());
    let least = Regularization::default().standardized::<T>(frame.scale);
    let statistics = maximize(&old, &blended, &about, Prior::none(), least, threads)?.restored(frame);
    let (regularization, standard_prior) =
        (regularization.standardized::<T>(frame.scale), prior.standardized(current.covariance_type, frame));
    let mut next = maximize(&standard, &blended, &about, &standard_prior, regularization, threads)?.restored(frame);
    prior.keep(current, &mut next);
    Ok((statistics, next))
}

/// The moments, for a mass of one, that have this mixture as their M-step, taken about other means.
fn moments_of<T: Real>(mixture: &Mixture, about: &[f64], densities: &Densities<T>) -> Moments {
    let (d, family, form) = (mixture.n_features, mixture.covariance_type, densities.form);
    let mut moments = Moments::zero(form, mixture.n_components(), d);
    moments.second.clear();
    for (j, mass) in mixture.weights.iter().enumerate() {
        let shift: Vec<f64> = (j * d..(j + 1) * d).map(|index| mixture.means[index] - about[index]).collect();
        moments.mass[j] = *mass;
        moments.first[j * d..(j + 1) * d].iter_mut().zip(&shift).for_each(|(sum, shift)| *sum = mass * shift);
        let each = family.values_each(d);
        let which = if family == CovarianceType::Tied { 0 } else { j };
        let mut covariance = mixture.covariances[which * each..(which + 1) * each].to_vec();
        add_outer(&mut covariance, family, 1.0, &shift);
        match form {
            Form::Full => (0..d).for_each(|a| {
                moments.second.extend(covariance[a * d..=a * d + a].iter().map(|value| mass * value));
            }),
            Form::Diag => moments.second.extend(covariance.iter().map(|value| mass * value)),
            Form::Spherical => moments.second.push(mass * covariance[0] * d as f64),
        }
    }
    moments
}

/// a · x + b · y.
fn blend(x: &Moments, a: f64, y: &Moments, b: f64) -> Moments {
    let mix = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| a * x + b * y).collect();
    Moments {
        mass: mix(&x.mass, &y.mass),
        first: mix(&x.first, &y.first),
        second: mix(&x.second, &y.second),
        log_likelihood: a * x.log_likelihood + b * y.log_likelihood,
    }
}
