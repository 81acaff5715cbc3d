//! What is known of a mixture beforehand.

use pyo3::prelude::*;
use rustem_core::em::{CovariancePrior, Prior};

/// Held components and priors, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct PriorOptions {
    frozen_means: Vec<bool>,
    frozen_covariances: Vec<bool>,
    prior_weight: f64,
    covariance_prior: Option<Vec<f64>>,
    degrees_of_freedom: f64,
}

impl From<PriorOptions> for Prior {
    fn from(options: PriorOptions) -> Self {
        let degrees_of_freedom = options.degrees_of_freedom;
        Self {
            held_means: options.frozen_means,
            held_covariances: options.frozen_covariances,
            prior_weight: options.prior_weight,
            covariance_prior: options.covariance_prior.map(|scale| CovariancePrior { scale, degrees_of_freedom }),
        }
    }
}
