//! The M-step: from moments to the mixture that they ask for.

use super::prior::Prior;
use crate::covariance::{CovarianceType, Regularization, add_to_diagonal, lift_all};
use crate::error::Result;
use crate::kernels::Moments;
use crate::mixture::Mixture;
use crate::parallel::Threads;

/// The M-step: the mixture that the moments, taken about `about` (k, d), and the prior ask for.
///
/// A component with next to no responsibility keeps its mean and, without a prior, its covariance, with the weight it
/// has: it stays harmless, and can be told by that weight.
///
/// # Errors
/// An interruption.
pub(crate) fn maximize(
    mixture: &Mixture,
    moments: &Moments,
    about: &[f64],
    prior: &Prior,
    regularization: Regularization,
    threads: &Threads,
) -> Result<Mixture> {
    let (family, d) = (mixture.covariance_type, mixture.n_features);
    let mut next = likeliest(mixture, moments, about);
    prior.impose(&mut next, mixture, moments);
    let total: f64 = moments.mass.iter().sum();
    let told = family == CovarianceType::Tied || prior.covariance_prior.is_some();
    let changed = |j: usize| (told || is_alive(moments.mass[j], total)) && !prior.holds_covariance(j);
    for (j, covariance) in next.covariances.chunks_mut(family.values_each(d)).enumerate() {
        if changed(j) {
            add_to_diagonal(covariance, family, d, regularization.added);
        }
    }
    lift_all(&mut next.covariances, family, d, regularization.floor, threads, changed)?;
    Ok(next)
}

/// Whether a component has enough of the `total` responsibility to tell its parameters.
fn is_alive(mass: f64, total: f64) -> bool {
    mass > 1e-10 * total
}

/// The mixture of the highest likelihood.
fn likeliest(mixture: &Mixture, moments: &Moments, about: &[f64]) -> Mixture {
    let (family, d) = (mixture.covariance_type, mixture.n_features);
    let total: f64 = moments.mass.iter().sum();
    let mut next = mixture.clone();
    let mut pooled = vec![0.0; if family == CovarianceType::Tied { d * d } else { 0 }];
    for j in 0..mixture.n_components() {
        let mass = moments.mass[j];
        next.weights[j] = mass / total;
        if !is_alive(mass, total) {
            continue;
        }
        let shift: Vec<f64> = moments.first[j * d..(j + 1) * d].iter().map(|sum| sum / mass).collect();
        for (feature, shift) in shift.iter().enumerate() {
            next.means[j * d + feature] = about[j * d + feature] + shift;
        }
        let covariance = covariance_about_mean(moments.second_of(j), mass, &shift, family);
        if family == CovarianceType::Tied {
            pooled.iter_mut().zip(&covariance).for_each(|(sum, value)| *sum += mass / total * value);
        } else {
            next.covariances[j * covariance.len()..(j + 1) * covariance.len()].copy_from_slice(&covariance);
        }
    }
    if family == CovarianceType::Tied {
        next.covariances = pooled;
    }
    next
}

/// Second moments about an old mean, divided by the mass and moved to the new mean.
fn covariance_about_mean(second: &[f64], mass: f64, shift: &[f64], family: CovarianceType) -> Vec<f64> {
    let d = shift.len();
    match family {
        CovarianceType::Full | CovarianceType::Tied => {
            let mut covariance = vec![0.0; d * d];
            let mut sums = second.iter();
            for a in 0..d {
                for (b, sum) in (0..=a).zip(sums.by_ref()) {
                    let value = sum / mass - shift[a] * shift[b];
                    covariance[a * d + b] = value;
                    covariance[b * d + a] = value;
                }
            }
            covariance
        }
        CovarianceType::Diag => second.iter().zip(shift).map(|(sum, shift)| sum / mass - shift * shift).collect(),
        CovarianceType::Spherical => {
            let square: f64 = shift.iter().map(|shift| shift * shift).sum();
            vec![(second[0] / mass - square) / d as f64]
        }
    }
}
