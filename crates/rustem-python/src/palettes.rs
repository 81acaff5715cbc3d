//! Palettes applied: dithering.

use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rustem_core::dither::{IndexedPicture, Method};
use rustem_core::parallel::Threads;

use crate::convert::{in_c_order, interrupted, raise};

/// Labels (H, W) of a dithered picture: entries of the (k, d) `palette`, 2³² - 1 where `index` is.
///
/// The picture is given by the (m, d) `table` of its colours and the (H, W) `index` into it; `sensitivity` (m,) says how
/// many steps of lightness the eye sees in a unit of each colour's features.
#[pyfunction]
pub(crate) fn dither<'py>(
    py: Python<'py>,
    table: PyReadonlyArray2<'py, f32>,
    index: PyReadonlyArray2<'py, u32>,
    sensitivity: PyReadonlyArray1<'py, f32>,
    palette: PyReadonlyArray2<'py, f32>,
    options: Options,
) -> PyResult<Bound<'py, PyArray2<u32>>> {
    let shape = [index.shape()[0], index.shape()[1]];
    let picture = IndexedPicture {
        width: shape[1],
        index: in_c_order(&index)?,
        table: in_c_order(&table)?,
        n_features: table.shape()[1],
        sensitivity: in_c_order(&sensitivity)?,
    };
    let palette = in_c_order(&palette)?;
    let labels = py
        .detach(|| {
            let method: Method = options.method.parse()?;
            let threads = Threads::new(options.n_threads, &interrupted);
            rustem_core::dither::dither(&picture, palette, method, options.strength, options.edge_aware, &threads)
        })
        .map_err(|error| raise(py, error))?;
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
