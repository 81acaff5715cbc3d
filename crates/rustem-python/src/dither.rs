//! Dithering.

use numpy::{IntoPyArray, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use rustem_core::dither::IndexedPicture;

use crate::arrays::{Plain1, Plain2};
use crate::call::run;

/// Labels (H, W) of a dithered picture: entries of the (k, d) `palette`, 2³² - 1 where `index` is.
///
/// The picture is given by the (m, d) `table` of its colours and the (H, W) `index` into it; `sensitivity` (m,) says how
/// many steps of lightness the eye sees in a unit of each colour's features.
#[pyfunction]
pub(crate) fn dither<'py>(
    py: Python<'py>,
    table: Plain2<'py, f32>,
    index: Plain2<'py, u32>,
    sensitivity: Plain1<'py, f32>,
    palette: Plain2<'py, f32>,
    options: Options,
) -> PyResult<Bound<'py, PyArray2<u32>>> {
    let shape = [index.shape()[0], index.shape()[1]];
    let picture = IndexedPicture {
        width: shape[1],
        index: index.values()?,
        table: table.values()?,
        n_features: table.shape()[1],
        sensitivity: sensitivity.values()?,
    };
    let palette = palette.values()?;
    let Options { method, strength, edge_aware, n_threads } = options;
    let labels = run(py, n_threads, None, |threads, _| {
        rustem_core::dither::dither(&picture, palette, method.parse()?, strength, edge_aware, threads)
    })?;
    labels.into_pyarray(py).reshape(shape)
}

/// How [`dither`] does it, by name.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    method: String,
    strength: f32,
    edge_aware: bool,
    n_threads: usize,
}
