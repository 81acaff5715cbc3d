//! EM from a given start, with components held fixed and priors; and its stepwise form.

use std::ops::ControlFlow;

use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rustem_core::covariance::Regularization;
use rustem_core::em::{self, CovariancePrior, Knowledge, Plan};
use rustem_core::parallel::Threads;
use rustem_core::samples::Samples;

use crate::convert::{self, MixtureArrays, Rows, interrupted, raise, with_rows};

/// What both functions are asked for, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct InformedOptions {
    tol: f64,
    max_iter: usize,
    before: Option<f64>,
    reg_covar: f64,
    covariance_floor: f64,
    frozen_means: Vec<bool>,
    frozen_covariances: Vec<bool>,
    prior_weight: f64,
    covariance_prior: Option<Vec<f64>>,
    degrees_of_freedom: f64,
    n_threads: usize,
}

impl InformedOptions {
    fn regularization(&self) -> Regularization {
        Regularization { floor: self.covariance_floor, added: self.reg_covar }
    }

    fn knowledge(&self) -> Knowledge {
        let prior =
            |scale: &Vec<f64>| CovariancePrior { scale: scale.clone(), degrees_of_freedom: self.degrees_of_freedom };
        Knowledge {
            held_means: self.frozen_means.clone(),
            held_covariances: self.frozen_covariances.clone(),
            prior_weight: self.prior_weight,
            covariance_prior: self.covariance_prior.as_ref().map(prior),
        }
    }
}

/// Textbook EM from a whole start: (mixture, history of the objective, converged).
#[pyfunction]
pub(crate) fn fit_informed<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    unit: f64,
    start: MixtureArrays<'py>,
    options: InformedOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<(MixtureArrays<'py>, Vec<f64>, bool)> {
    let weights = sample_weight.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let start = convert::mixture_from(&start)?;
    let plan = Plan {
        tol: options.tol,
        max_iter: options.max_iter,
        before: options.before,
        regularization: options.regularization(),
        knowledge: options.knowledge(),
    };
    let mut failure: Option<PyErr> = None;
    let mut report = |iteration: usize, objective: f64| match &progress {
        None => ControlFlow::Continue(()),
        Some(callback) => match Python::attach(|py| callback.call1(py, (iteration, objective))) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    };
    let outcome = with_rows!(samples, |rows, d, T| py.detach(|| {
        let samples = Samples::<T>::new(rows, d, weights, unit)?;
        em::fit_informed(&samples, &start, &plan, &Threads::new(options.n_threads, &interrupted), &mut report)
    }));
    if let Some(error) = failure {
        return Err(error);
    }
    let fit = outcome.map_err(|error| raise(py, error))?;
    Ok((convert::mixture_arrays(py, fit.mixture)?, fit.history, fit.converged))
}

/// One step of stepwise EM on a batch: (statistics, mixture).
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "each is one quantity of the step's formula")]
pub(crate) fn step_informed<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    unit: f64,
    statistics: MixtureArrays<'py>,
    current: MixtureArrays<'py>,
    rate: f64,
    n_seen: f64,
    options: InformedOptions,
) -> PyResult<(MixtureArrays<'py>, MixtureArrays<'py>)> {
    let weights = sample_weight.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let (statistics, current) = (convert::mixture_from(&statistics)?, convert::mixture_from(&current)?);
    let (regularization, knowledge) = (options.regularization(), options.knowledge());
    let (statistics, next) = with_rows!(samples, |rows, d, T| py
        .detach(|| {
            let samples = Samples::<T>::new(rows, d, weights, unit)?;
            let threads = Threads::new(options.n_threads, &interrupted);
            em::step(&samples, &statistics, &current, rate, n_seen, regularization, &knowledge, &threads)
        })
        .map_err(|error| raise(py, error)))?;
    Ok((convert::mixture_arrays(py, statistics)?, convert::mixture_arrays(py, next)?))
}
