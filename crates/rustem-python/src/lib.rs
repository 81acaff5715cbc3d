//! Python's door to `rustem-core`: arrays in, arrays out.
//!
//! State lives in Python as `NumPy` arrays. Each function checks shapes, releases the GIL, polls Python's signals about
//! every 50 ms, and turns core errors into exceptions.

#![expect(clippy::needless_pass_by_value, reason = "Python's arguments arrive by value")]

mod convert;
mod counting;
mod informed;
mod palettes;
mod png16;
mod quantize;
mod regions;

use std::ops::ControlFlow;

use numpy::{IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rustem_core::covariance::Regularization;
use rustem_core::element::Element;
use rustem_core::em::Start;
use rustem_core::em::{self, Config};
use rustem_core::em::{Labelled, fit_best};
use rustem_core::mixture::Mixture;
use rustem_core::parallel::Threads;
use rustem_core::samples::Samples;
use rustem_core::simd::Real;

use convert::{MixtureArrays, Rows, interrupted, raise, with_rows};

/// What [`fit`] is asked for, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct FitOptions {
    n_components: usize,
    covariance_type: String,
    init_params: String,
    weights_init: Option<Vec<f64>>,
    means_init: Option<Vec<f64>>,
    precisions_init: Option<Vec<f64>>,
    tol: f64,
    max_iter: usize,
    acceleration: String,
    n_init: usize,
    reg_covar: f64,
    covariance_floor: f64,
    seed: u64,
    n_threads: usize,
}

/// Fits a mixture to (n, d) `samples`, values divided by `unit`; the best of `n_init` restarts.
///
/// Returns ((weights, means, covariances), history, converged, labels, log-likelihood).
#[pyfunction]
fn fit<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    unit: f64,
    options: FitOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<FitArrays<'py>> {
    let weights = sample_weight.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    with_rows!(samples, |rows, d, T| fit_of::<_, T>(py, rows, d, weights, unit, &options, progress.as_ref()))
}

type FitArrays<'py> = (MixtureArrays<'py>, Vec<f64>, bool, Bound<'py, PyArray1<u32>>, f64);

fn fit_of<'py, E: Element, T: Real>(
    py: Python<'py>,
    rows: &[E],
    d: usize,
    weights: Option<&[f64]>,
    unit: f64,
    options: &FitOptions,
    progress: Option<&Py<PyAny>>,
) -> PyResult<FitArrays<'py>> {
    let mut failure: Option<PyErr> = None;
    let mut report = |iteration: usize, log_likelihood: f64| match progress {
        None => ControlFlow::Continue(()),
        Some(callback) => match Python::attach(|py| callback.call1(py, (iteration, log_likelihood))) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    };
    let outcome = py.detach(|| {
        let threads = Threads::new(options.n_threads, &interrupted);
        let samples = Samples::<T>::for_fit(rows, d, weights, unit, options.n_components)?;
        best_fit(&samples, options, &threads, &mut report)
    });
    if let Some(error) = failure {
        return Err(error);
    }
    let (fit, labels, log_likelihood) = outcome.map_err(|error| raise(py, error))?;
    let arrays = convert::mixture_arrays(py, fit.mixture)?;
    Ok((arrays, fit.history, fit.converged, labels.into_pyarray(py), log_likelihood))
}

fn best_fit<T: Real>(
    samples: &Samples<T>,
    options: &FitOptions,
    threads: &Threads,
    progress: rustem_core::parallel::Progress,
) -> rustem_core::error::Result<Labelled> {
    let (family, d) = (options.covariance_type.parse()?, samples.n_features());
    let regularization = Regularization { floor: options.covariance_floor, added: options.reg_covar };
    let config = Config {
        tol: options.tol,
        tol_is_step: false,
        max_iter: options.max_iter,
        acceleration: options.acceleration.parse()?,
        regularization,
    };
    let start = Start {
        method: options.init_params.parse()?,
        weights: options.weights_init.clone(),
        means: options.means_init.clone(),
        covariances: options
            .precisions_init
            .as_ref()
            .map(|precisions| Mixture::covariances_from_precisions(precisions, family, d))
            .transpose()?,
        seed: options.seed,
    };
    fit_best(samples, options.n_components, family, &start, config, options.n_init, threads, progress)
}

/// The most probable component (n,) of each of the (n, d) `samples`, and their mean log-likelihood.
#[pyfunction]
fn label<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    unit: f64,
    mixture: MixtureArrays<'py>,
    n_threads: usize,
) -> PyResult<(Bound<'py, PyArray1<u32>>, f64)> {
    let weights = sample_weight.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let mixture = convert::mixture_from(&mixture)?;
    let (labels, log_likelihood) = with_rows!(samples, |rows, d, T| py
        .detach(|| {
            let samples = Samples::<T>::new(rows, d, weights, unit)?;
            em::label(&samples, &mixture, &Threads::new(n_threads, &interrupted))
        })
        .map_err(|error| raise(py, error)))?;
    Ok((labels.into_pyarray(py), log_likelihood))
}

/// Responsibilities (n, k) of the components for the (n, d) `samples`.
#[pyfunction]
fn responsibilities<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    unit: f64,
    mixture: MixtureArrays<'py>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let mixture = convert::mixture_from(&mixture)?;
    let k = mixture.n_components();
    with_rows!(samples, |rows, d, T| {
        let values = py
            .detach(|| {
                let samples = Samples::<T>::new(rows, d, None, unit)?;
                em::responsibilities(&samples, &mixture, &Threads::new(n_threads, &interrupted))
            })
            .map_err(|error| raise(py, error))?;
        Ok(values.into_pyarray(py).reshape([rows.len() / d, k])?.into_any())
    })
}

/// Log-density (n,) of the mixture at each of the (n, d) `samples`.
#[pyfunction]
fn log_densities<'py>(
    py: Python<'py>,
    samples: Rows<'py>,
    unit: f64,
    mixture: MixtureArrays<'py>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let mixture = convert::mixture_from(&mixture)?;
    let values = with_rows!(samples, |rows, d, T| py
        .detach(|| {
            let samples = Samples::<T>::new(rows, d, None, unit)?;
            em::log_densities(&samples, &mixture, &Threads::new(n_threads, &interrupted))
        })
        .map_err(|error| raise(py, error)))?;
    Ok(values.into_pyarray(py))
}

/// The CPU level that the kernels run at.
#[pyfunction]
fn simd_level() -> String {
    rustem_core::simd::simd_level()
}

/// The compiled core of rustem; see `_core.pyi`.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::counting::{count_cells, count_colors, paint, sums_by_label};
    #[pymodule_export]
    use super::informed::{fit_informed, step_informed};
    #[pymodule_export]
    use super::palettes::dither;
    #[pymodule_export]
    use super::png16::{decode_png16, encode_png16};
    #[pymodule_export]
    use super::quantize::{ColorPyramid, nearest, oklab};
    #[pymodule_export]
    use super::regions::{absorb_components, connected_components, regions};
    #[pymodule_export]
    use super::{fit, label, log_densities, responsibilities, simd_level};
}
