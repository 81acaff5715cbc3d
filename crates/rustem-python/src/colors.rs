//! Distinct colours, painting through their index, and `OKLab`.

use numpy::{Element, IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rustem_core::colors::{self, Colors, Space, coordinates};
use rustem_core::error::Result;
use rustem_core::parallel::Threads;

use crate::arrays::{Plain1, Plain2, Rows, empty, with_rows};
use crate::call::run;

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
    mask: Option<Plain1<'py, bool>>,
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
    pixels: Plain2<'py, u8>,
    n_threads: usize,
) -> PyResult<CellArrays<'py>> {
    let (values, n) = (pixels.values()?, pixels.shape()[0]);
    if pixels.shape()[1] != 3 {
        return Err(PyValueError::new_err("cells are counted of three channels"));
    }
    let cells = run(py, worth(n, n_threads), None, |threads, _| colors::cells(values, threads))?;
    let m = cells.counts.len();
    Ok((cells.values.into_pyarray(py).reshape([m, 3])?, cells.counts.into_pyarray(py)))
}

type CellArrays<'py> = (Bound<'py, PyArray2<u16>>, Bound<'py, PyArray1<u64>>);

type ColorArrays<'py> = (Bound<'py, PyAny>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<u32>>);

fn count_of<'py, C: Element + Send + Sync>(
    py: Python<'py>,
    pixels: &Plain2<'py, C>,
    n_threads: usize,
    mask: Option<&Plain1<'py, bool>>,
    count: impl Fn(&[C], usize, Option<&[bool]>, &mut [u32], &Threads) -> Result<Option<Colors<C>>> + Sync,
) -> PyResult<Option<ColorArrays<'py>>> {
    let [n, channels] = *pixels.shape() else { return Ok(None) };
    let index: Bound<PyArray1<u32>> = empty(py, [n])?;
    let mut numbers = index.try_readwrite()?;
    let (values, numbers) = (pixels.values()?, numbers.as_slice_mut()?);
    let mask = mask.map(Plain1::values).transpose()?;
    let counted = run(py, worth(n, n_threads), None, |threads, _| count(values, channels, mask, numbers, threads))?;
    counted
        .map(|found| {
            let values = found.values.into_pyarray(py).reshape([found.counts.len(), channels])?;
            Ok((values.into_any(), found.counts.into_pyarray(py), index))
        })
        .transpose()
}

/// Numbers of colours, or labels, of which a negative one stands for none.
#[derive(FromPyObject)]
pub(crate) enum Index<'py> {
    Number(Plain1<'py, u32>),
    Short(Plain1<'py, i16>),
    Long(Plain1<'py, i32>),
}

/// `table[index]` for an (m, bytes) uint8 `table`: (n, bytes); the last row for negative labels.
#[pyfunction]
pub(crate) fn paint<'py>(
    py: Python<'py>,
    table: Plain2<'py, u8>,
    index: Index<'py>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    match index {
        Index::Number(index) => painted(py, &table, &index, n_threads),
        Index::Short(index) => painted(py, &table, &index, n_threads),
        Index::Long(index) => painted(py, &table, &index, n_threads),
    }
}

fn painted<'py, I: Element + colors::Index>(
    py: Python<'py>,
    table: &Plain2<'py, u8>,
    index: &Plain1<'py, I>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let width = table.shape()[1];
    let (rows, index) = (table.values()?, index.values()?);
    let painted: Bound<PyArray2<u8>> = empty(py, [index.len(), width])?;
    let mut output = painted.try_readwrite()?;
    let bytes = output.as_slice_mut()?;
    let n_threads = worth(index.len(), n_threads);
    run(py, n_threads, None, |threads, _| colors::paint(rows, width, index, bytes, threads))?;
    drop(output);
    Ok(painted)
}

/// Pixels (k,) of each label, and the sum (k, c) of their values: (n, c) `values` that stand for as many pixels as `counts`
/// (n,) says, or for one.
#[pyfunction]
pub(crate) fn sums_by_label<'py>(
    py: Python<'py>,
    values: Rows<'py>,
    counts: Option<Plain1<'py, f64>>,
    labels: Plain1<'py, u32>,
    n_labels: usize,
) -> PyResult<LabelSums<'py>> {
    let counts = counts.as_ref().map(Plain1::values).transpose()?;
    let labels = labels.values()?;
    let (channels, (pixels, sums)) = with_rows!(values, |rows, channels, _T| (
        channels,
        run(py, 1, None, |_, _| colors::sums(rows, channels, counts, labels, n_labels))?
    ));
    Ok((pixels.into_pyarray(py), sums.into_pyarray(py).reshape([n_labels, channels])?))
}

type LabelSums<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>);

/// Coordinates (n, 3) of (n, 3) uint8 or uint16 `colors` in a space like `OKLab`: the light of each stored value by table,
/// weights (3, 3) of the light in the `cones`, and of the cube roots of their responses in the `axes`.
#[pyfunction]
pub(crate) fn oklab<'py>(
    py: Python<'py>,
    colors: Rows<'py>,
    linear: Plain1<'py, f32>,
    cones: [[f32; 3]; 3],
    axes: [[f32; 3]; 3],
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let space = Space { linear: linear.values()?, cones, axes };
    let found = with_rows!(colors, |values, _d, _T| run(py, 1, None, |_, _| coordinates(values, &space)))?;
    let n = found.len() / 3;
    found.into_pyarray(py).reshape([n, 3])
}

/// Threads for so many pixels.
fn worth(n_pixels: usize, n_threads: usize) -> usize {
    if n_pixels < WORTH_THREADS { 1 } else { n_threads }
}
