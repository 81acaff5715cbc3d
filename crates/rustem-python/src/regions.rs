//! Regions: a picture in, its superpixels and their merges out.

use std::ops::ControlFlow;

use numpy::{
    Element as NumpyElement, IntoPyArray, PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray2,
    PyReadonlyArray3, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use rustem_core::element::Element;
use rustem_core::parallel::Threads;
use rustem_core::regions::Raster;
use rustem_core::regions::Weights;
use rustem_core::regions::{Config, hierarchy};
use rustem_core::spatial::LabelMap;

use crate::convert::{in_c_order, interrupted, raise};

/// A C-contiguous (height, width, channels) array of any type that the core takes.
#[derive(FromPyObject)]
pub(crate) enum Pixels<'py> {
    U8(PyReadonlyArray3<'py, u8>),
    U16(PyReadonlyArray3<'py, u16>),
    F32(PyReadonlyArray3<'py, f32>),
    F64(PyReadonlyArray3<'py, f64>),
}

/// What [`regions`] is asked for, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    n_components: usize,
    seed: u64,
    max_pixels: usize,
    range: (f64, f64),
    n_threads: usize,
    /// Of the terms of the merging cost, for whoever wants to tune them.
    weights: Option<[f64; 7]>,
}

type HierarchyArrays<'py> = (Bound<'py, PyArray2<u32>>, Bound<'py, PyArray2<u32>>, Bound<'py, PyArray1<f64>>);

/// Superpixels (height, width), their merges (n − 1, 2) and the level (n − 1,) of each merge.
///
/// `progress` is called with the name of each stage as it begins.
#[pyfunction]
pub(crate) fn regions<'py>(
    py: Python<'py>,
    pixels: Pixels<'py>,
    mask: Option<PyReadonlyArray2<'py, bool>>,
    options: Options,
    progress: Option<Py<PyAny>>,
) -> PyResult<HierarchyArrays<'py>> {
    let (mask, progress) = (mask.as_ref(), progress.as_ref());
    match &pixels {
        Pixels::U8(pixels) => regions_of(py, pixels, mask, &options, progress),
        Pixels::U16(pixels) => regions_of(py, pixels, mask, &options, progress),
        Pixels::F32(pixels) => regions_of(py, pixels, mask, &options, progress),
        Pixels::F64(pixels) => regions_of(py, pixels, mask, &options, progress),
    }
}

fn regions_of<'py, E: Element + NumpyElement>(
    py: Python<'py>,
    pixels: &PyReadonlyArray3<'py, E>,
    mask: Option<&PyReadonlyArray2<'py, bool>>,
    options: &Options,
    progress: Option<&Py<PyAny>>,
) -> PyResult<HierarchyArrays<'py>> {
    let (height, width, channels) = (pixels.shape()[0], pixels.shape()[1], pixels.shape()[2]);
    let inside = mask.map(PyReadonlyArray2::as_slice).transpose()?;
    let picture = Raster { values: in_c_order(pixels)?, height, width, channels, range: options.range, inside };
    let mut failure: Option<PyErr> = None;
    let mut stages = |name: &'static str| match progress.map(|call| Python::attach(|py| call.call1(py, (name,)))) {
        Some(Err(error)) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    };
    let weights = options.weights.map_or_else(Weights::default, Weights::from);
    let config =
        Config { n_components: options.n_components, seed: options.seed, max_pixels: options.max_pixels, weights };
    let outcome =
        py.detach(|| hierarchy(&picture, &config, &Threads::new(options.n_threads, &interrupted), &mut stages));
    if let Some(error) = failure {
        return Err(error);
    }
    let found = outcome.map_err(|error| raise(py, error))?;
    let levels = found.tree.levels();
    let n_merges = found.tree.merges.len();
    Ok((
        found.labels.into_pyarray(py).reshape([height, width])?,
        found.tree.merges.into_flattened().into_pyarray(py).reshape([n_merges, 2])?,
        levels.into_pyarray(py),
    ))
}

/// Connected components of a label map (depth, height, width): the component of each pixel, or the largest uint32 where the
/// label is negative, and their number.
#[pyfunction]
pub(crate) fn connected_components<'py>(
    py: Python<'py>,
    labels: PyReadonlyArray3<'py, i32>,
) -> PyResult<(Bound<'py, PyArray3<u32>>, usize)> {
    let map = label_map(&labels)?;
    let found =
        py.detach(|| map.connected_components(&Threads::new(1, &interrupted))).map_err(|error| raise(py, error))?;
    Ok((found.0.into_pyarray(py).reshape(map.shape)?, found.1))
}

/// The label (n,) of each component after those under `min_size` pixels have gone over to the neighbours that fit best, by
/// `affinity` (n, k).
#[pyfunction]
pub(crate) fn absorb_components<'py>(
    py: Python<'py>,
    labels: PyReadonlyArray3<'py, i32>,
    components: PyReadonlyArray3<'py, u32>,
    affinity: PyReadonlyArray2<'py, f32>,
    min_size: usize,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let (map, components, values) = (label_map(&labels)?, components.as_slice()?, affinity.as_slice()?);
    let (n, k) = (affinity.shape()[0], affinity.shape()[1]);
    py.detach(|| map.absorb_components(components, n, min_size, k, values, &Threads::new(1, &interrupted)))
        .map(|labels| labels.into_pyarray(py))
        .map_err(|error| raise(py, error))
}

fn label_map<'a>(labels: &'a PyReadonlyArray3<i32>) -> PyResult<LabelMap<'a>> {
    let shape = labels.shape();
    Ok(LabelMap { labels: labels.as_slice()?, shape: [shape[0], shape[1], shape[2]] })
}
