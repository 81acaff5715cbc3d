//! Connected components of label maps.

use numpy::{IntoPyArray, PyArray1, PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use rustem_core::spatial::LabelMap;

use crate::arrays::{Plain2, Plain3};
use crate::call::run;

/// Connected components of a label map (depth, height, width): the component of each pixel, or the largest uint32 where the
/// label is negative, and their number.
#[pyfunction]
pub(crate) fn connected_components<'py>(
    py: Python<'py>,
    labels: Plain3<'py, i32>,
) -> PyResult<(Bound<'py, PyArray3<u32>>, usize)> {
    let map = label_map(&labels)?;
    let (components, n) = run(py, 1, None, |threads, _| map.connected_components(threads))?;
    Ok((components.into_pyarray(py).reshape(map.shape)?, n))
}

/// The label (n,) of each component after those under `min_size` pixels have gone over to the neighbours that fit best, by
/// `affinity` (n, k).
#[pyfunction]
pub(crate) fn absorb_components<'py>(
    py: Python<'py>,
    labels: Plain3<'py, i32>,
    components: Plain3<'py, u32>,
    affinity: Plain2<'py, f32>,
    min_size: usize,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let (map, components, values) = (label_map(&labels)?, components.values()?, affinity.values()?);
    let (n, k) = (affinity.shape()[0], affinity.shape()[1]);
    let absorbed = run(py, 1, None, |threads, _| map.absorb_components(components, n, min_size, k, values, threads))?;
    Ok(absorbed.into_pyarray(py))
}

fn label_map<'a>(labels: &'a Plain3<i32>) -> PyResult<LabelMap<'a>> {
    let shape = labels.shape();
    Ok(LabelMap { labels: labels.values()?, shape: [shape[0], shape[1], shape[2]] })
}
