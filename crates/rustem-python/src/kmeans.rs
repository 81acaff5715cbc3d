//! k-means, and the nearest centres.

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rustem_core::kmeans::{self, Config, Pyramid};
use rustem_core::morton::color_keys;

use crate::arrays::{Plain1, Plain2, Rows};
use crate::call::run;

/// What [`ColorPyramid::fit`] is asked for, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct PaletteOptions {
    n_clusters: usize,
    n_fixed: usize,
    tol: f64,
    max_iter: usize,
    coarse: bool,
    seed: u64,
    n_threads: usize,
}

/// Weighted samples (n, d), sorted for any number of fits of about `n_clusters` centres: by the integer `colors`
/// (n, c) that they were made of, if given. Where those are sorted already, as counted ones are, that takes no time.
#[pyclass(frozen, module = "rustem._core")]
pub(crate) struct ColorPyramid {
    pyramid: Pyramid,
    n_features: usize,
}

#[pymethods]
impl ColorPyramid {
    #[new]
    #[pyo3(signature = (samples, sample_weight, n_clusters, colors=None))]
    fn new(
        py: Python<'_>,
        samples: Plain2<'_, f32>,
        sample_weight: Option<Plain1<'_, f64>>,
        n_clusters: usize,
        colors: Option<Rows<'_>>,
    ) -> PyResult<Self> {
        let (rows, n_features) = (samples.values()?, samples.shape()[1]);
        let weights = sample_weight.as_ref().map(Plain1::values).transpose()?;
        let keys = match &colors {
            Some(Rows::U8(colors)) => color_keys(colors.values()?, colors.shape()[1]),
            Some(Rows::U16(colors)) => color_keys(colors.values()?, colors.shape()[1]),
            _ => None,
        };
        let pyramid = run(py, 1, None, |_, _| Pyramid::new(rows, n_features, weights, n_clusters, keys))?;
        Ok(Self { pyramid, n_features })
    }

    /// Centres (k, d), those of `start` moved and the others found; the mean squared distance, and the steps.
    fn fit<'py>(
        &self,
        py: Python<'py>,
        start: Plain2<'py, f64>,
        options: PaletteOptions,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(Bound<'py, PyArray2<f64>>, f64, usize)> {
        let start = self.points(&start)?.to_vec();
        let PaletteOptions { n_clusters, n_fixed, tol, max_iter, coarse, seed, n_threads } = options;
        let config = Config { n_clusters, start, n_fixed, tol, max_iter, coarse, seed };
        let found = run(py, n_threads, progress.as_ref(), |threads, report| {
            self.pyramid.fit(&config, threads, &mut |step, error| report.tell((step, error)))
        })?;
        let k = found.centers.len() / self.n_features;
        Ok((found.centers.into_pyarray(py).reshape([k, self.n_features])?, found.error, found.n_iter))
    }

    /// The nearest of the `centers` (k, d) for each sample, and the squared distance to it.
    fn nearest<'py>(&self, py: Python<'py>, centers: Plain2<'py, f64>, n_threads: usize) -> PyResult<LabelArrays<'py>> {
        let centers = self.points(&centers)?;
        let (labels, distances) = run(py, n_threads, None, |threads, _| self.pyramid.nearest(centers, threads))?;
        Ok((labels.into_pyarray(py), distances.into_pyarray(py)))
    }
}

impl ColorPyramid {
    /// Values of (k, d) points.
    fn points<'a>(&self, points: &'a Plain2<'_, f64>) -> PyResult<&'a [f64]> {
        let (found, d) = (points.shape()[1], self.n_features);
        if found != d {
            return Err(PyValueError::new_err(format!("points have {found} features, the samples have {d}")));
        }
        points.values()
    }
}

/// Labels, and squared distances.
type LabelArrays<'py> = (Bound<'py, PyArray1<u32>>, Bound<'py, PyArray1<f32>>);

/// The nearest of the `centers` (k, d) for each of the `samples` (n, d), and the squared distance to it.
#[pyfunction]
pub(crate) fn nearest<'py>(
    py: Python<'py>,
    samples: Plain2<'py, f32>,
    centers: Plain2<'py, f64>,
    n_threads: usize,
) -> PyResult<LabelArrays<'py>> {
    let (rows, d, centers) = (samples.values()?, samples.shape()[1], centers.values()?);
    let (labels, distances) = run(py, n_threads, None, |threads, _| kmeans::nearest(rows, d, centers, threads))?;
    Ok((labels.into_pyarray(py), distances.into_pyarray(py)))
}
