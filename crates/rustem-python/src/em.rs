//! Mixtures fitted, and what they say of samples.

use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use rustem_core::covariance::Regularization;
use rustem_core::em::{self, Config, Labelled, Prediction, Prior};
use rustem_core::error::Result;
use rustem_core::mixture::Mixture;
use rustem_core::parallel::{Progress, Threads};
use rustem_core::samples::Samples;
use rustem_core::simd::{self, Real};

use crate::arrays::{GivenMixture, MixtureArrays, Plain1, Rows, mixture_arrays, mixture_from, with_rows};
use crate::call::run;
use crate::prior::PriorOptions;

/// How [`fit`] goes on and when it ends, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct FitOptions {
    tol: f64,
    tol_is_step: bool,
    before: Option<f64>,
    max_iter: usize,
    acceleration: String,
    reg_covar: f64,
    covariance_floor: f64,
    n_threads: usize,
}

impl FitOptions {
    fn regularization(&self) -> Regularization {
        Regularization { floor: self.covariance_floor, added: self.reg_covar }
    }

    fn config<'a>(&self, prior: &'a Prior) -> Result<Config<'a>> {
        Ok(Config {
            tol: self.tol,
            tol_is_step: self.tol_is_step,
            before: self.before,
            max_iter: self.max_iter,
            acceleration: self.acceleration.parse()?,
            regularization: self.regularization(),
            prior,
        })
    }
}

/// Where [`fit`] starts.
#[derive(FromPyObject)]
pub(crate) enum Start<'py> {
    Given(GivenMixture<'py>),
    Sought(StartOptions),
}

/// A start that is sought, by name: of `n_init` fits, the best is kept.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct StartOptions {
    n_components: usize,
    covariance_type: String,
    init_params: String,
    weights_init: Option<Vec<f64>>,
    means_init: Option<Vec<f64>>,
    precisions_init: Option<Vec<f64>>,
    n_init: usize,
    feature_ratios: Vec<f64>,
    seed: u64,
}

/// (mixture, history, converged, (labels, log-likelihood) where the start was sought)
type FitArrays<'py> = (MixtureArrays<'py>, Vec<f64>, bool, Option<(Bound<'py, PyArray1<u32>>, f64)>);

/// Fits a mixture to (n, d) `samples`, values divided by `unit`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "samples, start, prior and how to go on")]
pub(crate) fn fit<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<Plain1<'py, f64>>,
    unit: f64,
    start: Start<'py>,
    prior: Option<PriorOptions>,
    options: FitOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<FitArrays<'py>> {
    let weights = sample_weight.as_ref().map(Plain1::values).transpose()?;
    let (prior, progress) = (prior.map(Prior::from).unwrap_or_default(), progress.as_ref());
    let (fit, labelled) = match start {
        Start::Given(start) => {
            let start = mixture_from(py, &start)?;
            let fit = with_rows!(samples, |rows, d, T| run(py, options.n_threads, progress, |threads, report| {
                let samples = Samples::<T>::new(rows, d, weights, unit)?;
                em::fit(&samples, &start, options.config(&prior)?, threads, &mut |i, value| report.tell((i, value)))
            }))?;
            (fit, None)
        }
        Start::Sought(start) => {
            let found = with_rows!(samples, |rows, d, T| run(py, options.n_threads, progress, |threads, report| {
                let samples = Samples::<T>::for_fit(rows, d, weights, unit, &start.feature_ratios, start.n_components)?;
                let config = options.config(&prior)?;
                best_fit(&samples, &start, config, threads, &mut |i, value| report.tell((i, value)))
            }));
            let (fit, labels, log_likelihood) = found?;
            (fit, Some((labels.into_pyarray(py), log_likelihood)))
        }
    };
    Ok((mixture_arrays(py, fit.mixture)?, fit.history, fit.converged, labelled))
}

fn best_fit<T: Real>(
    samples: &Samples<T>,
    options: &StartOptions,
    config: Config,
    threads: &Threads,
    progress: Progress,
) -> Result<Labelled> {
    let (family, d) = (options.covariance_type.parse()?, samples.n_features());
    let inverted = |precisions: &Vec<f64>| Mixture::covariances_from_precisions(precisions, family, d);
    let start = em::Start {
        method: options.init_params.parse()?,
        weights: options.weights_init.clone(),
        means: options.means_init.clone(),
        covariances: options.precisions_init.as_ref().map(inverted).transpose()?,
        seed: options.seed,
    };
    em::fit_best(samples, options.n_components, family, &start, config, options.n_init, threads, progress)
}

/// The mixture after one M-step from the clusters of k-means; fewer components where there are fewer distinct samples.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "samples, and what scikit-learn's estimator says of a start")]
pub(crate) fn k_means_start<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<Plain1<'py, f64>>,
    n_components: usize,
    covariance_type: &str,
    reg_covar: f64,
    seed: u64,
    n_threads: usize,
) -> PyResult<MixtureArrays<'py>> {
    let weights = sample_weight.as_ref().map(Plain1::values).transpose()?;
    let start = em::Start { method: em::Method::KMeans, weights: None, means: None, covariances: None, seed };
    let regularization = Regularization { floor: 0.0, added: reg_covar };
    let found = with_rows!(samples, |rows, d, T| run(py, n_threads, None, |threads, _| {
        let samples = Samples::<T>::new(rows, d, weights, 1.0)?;
        em::initialize(&samples, n_components, covariance_type.parse()?, &start, regularization, threads)
    }))?;
    mixture_arrays(py, found)
}

/// Up to k distinct samples (k, d) by greedy k-means++.
#[pyfunction]
pub(crate) fn seeds<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<Plain1<'py, f64>>,
    n_components: usize,
    seed: u64,
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let weights = sample_weight.as_ref().map(Plain1::values).transpose()?;
    with_rows!(samples, |rows, d, T| {
        let found = run(py, n_threads, None, |threads, _| {
            em::seeds(&Samples::<T>::new(rows, d, weights, 1.0)?, n_components, seed, threads)
        })?;
        let n_found = found.len() / d;
        Ok(found.into_pyarray(py).reshape([n_found, d])?.into_any())
    })
}

/// One step of stepwise EM on a batch: (statistics, mixture).
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "each is one quantity of the step's formula")]
pub(crate) fn step<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<Plain1<'py, f64>>,
    unit: f64,
    statistics: GivenMixture<'py>,
    current: GivenMixture<'py>,
    rate: f64,
    n_seen: f64,
    prior: PriorOptions,
    options: FitOptions,
) -> PyResult<(MixtureArrays<'py>, MixtureArrays<'py>)> {
    let weights = sample_weight.as_ref().map(Plain1::values).transpose()?;
    let (statistics, current) = (mixture_from(py, &statistics)?, mixture_from(py, &current)?);
    let (regularization, prior) = (options.regularization(), prior.into());
    let (statistics, next) = with_rows!(samples, |rows, d, T| run(py, options.n_threads, None, |threads, _| {
        let samples = Samples::<T>::new(rows, d, weights, unit)?;
        em::step(&samples, &statistics, &current, rate, n_seen, regularization, &prior, threads)
    }))?;
    Ok((mixture_arrays(py, statistics)?, mixture_arrays(py, next)?))
}

/// The most probable component (n,) of each of the (n, d) `samples`, and their mean log-likelihood.
#[pyfunction]
pub(crate) fn label<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<Plain1<'py, f64>>,
    unit: f64,
    mixture: GivenMixture<'py>,
    n_threads: usize,
) -> PyResult<(Bound<'py, PyArray1<u32>>, f64)> {
    let weights = sample_weight.as_ref().map(Plain1::values).transpose()?;
    let mixture = mixture_from(py, &mixture)?;
    let (labels, log_likelihood) = with_rows!(samples, |rows, d, T| run(py, n_threads, None, |threads, _| {
        Prediction::<T>::new(rows, d, weights, unit, &mixture, threads)?.label(threads)
    }))?;
    Ok((labels.into_pyarray(py), log_likelihood))
}

/// Responsibilities (n, k) of the components for the (n, d) `samples`.
#[pyfunction]
pub(crate) fn responsibilities<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    unit: f64,
    mixture: GivenMixture<'py>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let mixture = mixture_from(py, &mixture)?;
    let k = mixture.n_components();
    with_rows!(samples, |rows, d, T| {
        let values = run(py, n_threads, None, |threads, _| {
            Prediction::<T>::new(rows, d, None, unit, &mixture, threads)?.responsibilities(threads)
        })?;
        Ok(values.into_pyarray(py).reshape([rows.len() / d, k])?.into_any())
    })
}

/// Log-density (n,) of the mixture at each of the (n, d) `samples`.
#[pyfunction]
pub(crate) fn log_densities<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    unit: f64,
    mixture: GivenMixture<'py>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let mixture = mixture_from(py, &mixture)?;
    let values = with_rows!(samples, |rows, d, T| run(py, n_threads, None, |threads, _| {
        Prediction::<T>::new(rows, d, None, unit, &mixture, threads)?.log_densities(threads)
    }))?;
    Ok(values.into_pyarray(py))
}

/// The CPU level that the kernels run at.
#[pyfunction]
pub(crate) fn simd_level() -> String {
    simd::simd_level()
}
