//! Palettes fitted: k-means and the nearest entries.

use std::ops::ControlFlow;

use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use rustem_core::kmeans::{self, Config};
use rustem_core::parallel::Threads;

use crate::convert::{in_c_order, interrupted, raise};

/// What [`fit_palette`] is asked for, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct PaletteOptions {
    n_clusters: usize,
    n_fixed: usize,
    tol: f64,
    max_iter: usize,
    seed: u64,
    n_threads: usize,
}

/// Centres (k, d) for weighted `samples` (n, d), from those of `start` on; the mean squared distance, and the steps.
#[pyfunction]
pub(crate) fn fit_palette<'py>(
    py: Python<'py>,
    samples: PyReadonlyArray2<'py, f32>,
    sample_weight: Option<PyReadonlyArray1<'py, f64>>,
    start: PyReadonlyArray2<'py, f64>,
    options: PaletteOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Bound<'py, PyArray2<f64>>, f64, usize)> {
    let (rows, d, start) = (in_c_order(&samples)?, samples.shape()[1], in_c_order(&start)?.to_vec());
    let weights = sample_weight.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let PaletteOptions { n_clusters, n_fixed, tol, max_iter, seed, n_threads } = options;
    let config = Config { n_clusters, start, n_fixed, tol, max_iter, seed };
    let mut failure: Option<PyErr> = None;
    let mut report = |step: usize, error: f64| match &progress {
        None => ControlFlow::Continue(()),
        Some(callback) => match Python::attach(|py| callback.call1(py, (step, error))) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    };
    let found =
        py.detach(|| kmeans::fit(rows, d, weights, &config, &Threads::new(n_threads, &interrupted), &mut report));
    if let Some(error) = failure {
        return Err(error);
    }
    let found = found.map_err(|error| raise(py, error))?;
    let k = found.centres.len() / d;
    Ok((found.centres.into_pyarray(py).reshape([k, d])?, found.error, found.n_iter))
}

/// Labels, and squared distances.
type LabelArrays<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<f32>>);

/// The nearest of the `centres` (k, d) for each of the `samples` (n, d), and the squared distance to it.
#[pyfunction]
pub(crate) fn nearest<'py>(
    py: Python<'py>,
    samples: PyReadonlyArray2<'py, f32>,
    centres: PyReadonlyArray2<'py, f64>,
    n_threads: usize,
) -> PyResult<LabelArrays<'py>> {
    let (rows, d, centres) = (in_c_order(&samples)?, samples.shape()[1], in_c_order(&centres)?);
    let (labels, distances) = py
        .detach(|| kmeans::nearest(rows, d, centres, &Threads::new(n_threads, &interrupted)))
        .map_err(|error| raise(py, error))?;
    Ok((labels.into_pyarray(py), distances.into_pyarray(py)))
}
