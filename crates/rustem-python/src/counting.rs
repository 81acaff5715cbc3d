//! Distinct colours, and painting through their index.

use numpy::{
    Element, IntoPyArray, PyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rustem_core::colors::{self, Colors};
use rustem_core::error::Result;
use rustem_core::parallel::Threads;

use crate::convert::{Rows, in_c_order, interrupted, raise, with_rows};

/// Pixels below which starting threads takes longer than the work.
const WORTH_THREADS: usize = 1 << 19;

/// Distinct rows of (n, c) `pixels`: (colours, counts, index), or None where counting does not pay.
///
/// Pixels that `mask` (n,) leaves out are not counted; their index is the number of colours.
#[pyfunction]
#[pyo3(signature = (pixels, n_threads, mask=None))]
pub(crate) fn count_colors<'py>(
    py: Python<'py>,
    pixels: Rows<'py>,
    n_threads: usize,
    mask: Option<PyReadonlyArray1<'py, bool>>,
) -> PyResult<Option<ColorArrays<'py>>> {
    match pixels {
        Rows::U8(pixels) => count_of(py, &pixels, n_threads, mask.as_ref(), colors::count),
        Rows::U16(pixels) => count_of(py, &pixels, n_threads, mask.as_ref(), colors::count),
        Rows::F32(pixels) => count_of(py, &pixels, n_threads, mask.as_ref(), colors::count_floats),
        Rows::F64(pixels) => count_of(py, &pixels, n_threads, mask.as_ref(), colors::count_floats),
    }
}

/// Mean colours (m, 3), 257 times the values, and pixels (m,) of the cells of 2 × 2 × 2 colours of (n, 3) `pixels`.
#[pyfunction]
pub(crate) fn count_cells<'py>(
    py: Python<'py>,
    pixels: PyReadonlyArray2<'py, u8>,
    n_threads: usize,
) -> PyResult<CellArrays<'py>> {
    let (values, n) = (in_c_order(&pixels)?, pixels.shape()[0]);
    if pixels.shape()[1] != 3 {
        return Err(PyValueError::new_err("cells are counted of three channels"));
    }
    let cells = py.detach(|| colors::cells(values, &threads_for(n, n_threads))).map_err(|error| raise(py, error))?;
    let m = cells.counts.len();
    Ok((cells.values.into_pyarray(py).reshape([m, 3])?, cells.counts.into_pyarray(py)))
}

type CellArrays<'py> = (Bound<'py, PyArray2<u16>>, Bound<'py, PyArray1<u64>>);

type ColorArrays<'py> = (Bound<'py, PyAny>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<u32>>);

fn count_of<'py, C: Element + Send + Sync>(
    py: Python<'py>,
    pixels: &PyReadonlyArray2<'py, C>,
    n_threads: usize,
    mask: Option<&PyReadonlyArray1<'py, bool>>,
    count: impl Fn(&[C], usize, Option<&[bool]>, &mut [u32], &Threads) -> Result<Option<Colors<C>>> + Sync,
) -> PyResult<Option<ColorArrays<'py>>> {
    let [n, channels] = *pixels.shape() else { return Ok(None) };
    let index: Bound<PyArray1<u32>> = empty(py, [n])?;
    let mut numbers = index.try_readwrite()?;
    let (values, numbers) = (in_c_order(pixels)?, numbers.as_slice_mut()?);
    let mask = mask.map(PyReadonlyArray1::as_slice).transpose()?;
    let counted = py
        .detach(|| count(values, channels, mask, numbers, &threads_for(n, n_threads)))
        .map_err(|error| raise(py, error))?;
    counted
        .map(|found| {
            let values = found.values.into_pyarray(py).reshape([found.counts.len(), channels])?;
            Ok((values.into_any(), found.counts.into_pyarray(py), index))
        })
        .transpose()
}

/// `table[index]` for an (m, bytes) uint8 `table`: (n, bytes).
#[pyfunction]
pub(crate) fn paint<'py>(
    py: Python<'py>,
    table: PyReadonlyArray2<'py, u8>,
    index: PyReadonlyArray1<'py, u32>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let width = table.shape()[1];
    let (rows, index) = (in_c_order(&table)?, in_c_order(&index)?);
    let painted: Bound<PyArray2<u8>> = empty(py, [index.len(), width])?;
    let mut output = painted.try_readwrite()?;
    let bytes = output.as_slice_mut()?;
    py.detach(|| colors::paint(rows, width, index, bytes, &threads_for(index.len(), n_threads)))
        .map_err(|error| raise(py, error))?;
    drop(output);
    Ok(painted)
}

/// Pixels (k,) of each label, and the sum (k, c) of their values: (n, c) `values` that stand for as many pixels as `counts`
/// (n,) says, or for one.
#[pyfunction]
pub(crate) fn sums_by_label<'py>(
    py: Python<'py>,
    values: Rows<'py>,
    counts: Option<PyReadonlyArray1<'py, f64>>,
    labels: PyReadonlyArray1<'py, u32>,
    n_labels: usize,
) -> PyResult<LabelSums<'py>> {
    let counts = counts.as_ref().map(PyReadonlyArray1::as_slice).transpose()?;
    let labels = in_c_order(&labels)?;
    let (channels, (pixels, sums)) = with_rows!(values, |rows, channels, _T| (
        channels,
        py.detach(|| colors::sums(rows, channels, counts, labels, n_labels)).map_err(|error| raise(py, error))?
    ));
    Ok((pixels.into_pyarray(py), sums.into_pyarray(py).reshape([n_labels, channels])?))
}

type LabelSums<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>);

/// An array from `NumPy`'s own allocator, which asks for huge pages: memory that is not zeroed here and faults less.
fn empty<T: Element, const D: usize>(
    py: Python<'_>,
    shape: [usize; D],
) -> PyResult<Bound<'_, PyArray<T, numpy::ndarray::Dim<[usize; D]>>>>
where
    numpy::ndarray::Dim<[usize; D]>: numpy::ndarray::Dimension,
{
    let array = py.import("numpy")?.call_method1("empty", (shape.to_vec(), T::get_dtype(py)))?;
    Ok(array.cast_into()?)
}

fn threads_for(n_pixels: usize, n_threads: usize) -> Threads<'static> {
    Threads::new(if n_pixels < WORTH_THREADS { 1 } else { n_threads }, &interrupted)
}
