//! Regions: a picture in, its superpixels and their merges out.

use numpy::{Element as NumpyElement, IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use rustem_core::element::Element;
use rustem_core::regions::{Config, Raster, Weights, hierarchy};

use crate::arrays::{Pixels, Plain2, Plain3};
use crate::call::run;

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
    mask: Option<Plain2<'py, bool>>,
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
    pixels: &Plain3<'py, E>,
    mask: Option<&Plain2<'py, bool>>,
    options: &Options,
    progress: Option<&Py<PyAny>>,
) -> PyResult<HierarchyArrays<'py>> {
    let (height, width, channels) = (pixels.shape()[0], pixels.shape()[1], pixels.shape()[2]);
    let inside = mask.map(Plain2::values).transpose()?;
    let picture = Raster { values: pixels.values()?, height, width, channels, range: options.range, inside };
    let weights = options.weights.map_or_else(Weights::default, Weights::from);
    let config =
        Config { n_components: options.n_components, seed: options.seed, max_pixels: options.max_pixels, weights };
    let found = run(py, options.n_threads, progress, |threads, report| {
        hierarchy(&picture, &config, threads, &mut |stage| report.tell((stage,)))
    })?;
    let levels = found.tree.levels();
    let n_merges = found.tree.merges.len();
    Ok((
        found.labels.into_pyarray(py).reshape([height, width])?,
        found.tree.merges.into_flattened().into_pyarray(py).reshape([n_merges, 2])?,
        levels.into_pyarray(py),
    ))
}
