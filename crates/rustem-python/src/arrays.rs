//! Between `NumPy`'s arrays and the core's slices.

use numpy::ndarray::{Dim, Dimension};
use numpy::{
    Element, IntoPyArray, PyArray, PyArray1, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray, PyReadonlyArray2,
    PyReadonlyArray3, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rustem_core::mixture::Mixture;

use crate::call::raise;

/// A C-contiguous (n, d) array of any type that the core takes.
#[derive(FromPyObject)]
pub(crate) enum Rows<'py> {
    U8(PyReadonlyArray2<'py, u8>),
    U16(PyReadonlyArray2<'py, u16>),
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
}

/// A C-contiguous (height, width, channels) array of any type that the core takes.
#[derive(FromPyObject)]
pub(crate) enum Pixels<'py> {
    U8(PyReadonlyArray3<'py, u8>),
    U16(PyReadonlyArray3<'py, u16>),
    F32(PyReadonlyArray3<'py, f32>),
    F64(PyReadonlyArray3<'py, f64>),
}

/// The values of an array row by row. The view that the binding library gives takes columns for rows without complaint.
pub(crate) fn in_c_order<'a, T: Element, D: Dimension>(array: &'a PyReadonlyArray<'_, T, D>) -> PyResult<&'a [T]> {
    if !array.is_c_contiguous() {
        return Err(PyValueError::new_err("an array is not C-contiguous: use numpy.ascontiguousarray"));
    }
    Ok(array.as_slice()?)
}

/// Runs the body for the rows' own type, with the float type that its kernels use: `f64` for `f64`, else `f32`.
macro_rules! with_rows {
    ($rows:expr, |$values:ident, $d:ident, $real:ident| $body:expr) => {
        match &$rows {
            Rows::U8(array) => $crate::arrays::with_rows!(@ array, f32, |$values, $d, $real| $body),
            Rows::U16(array) => $crate::arrays::with_rows!(@ array, f32, |$values, $d, $real| $body),
            Rows::F32(array) => $crate::arrays::with_rows!(@ array, f32, |$values, $d, $real| $body),
            Rows::F64(array) => $crate::arrays::with_rows!(@ array, f64, |$values, $d, $real| $body),
        }
    };
    (@ $array:expr, $type:ty, |$values:ident, $d:ident, $real:ident| $body:expr) => {{
        type $real = $type;
        let ($values, $d) = ($crate::arrays::in_c_order($array)?, $array.shape()[1]);
        $body
    }};
}
pub(crate) use with_rows;

/// An array from `NumPy`'s own allocator, which asks for huge pages: memory that is not zeroed here and faults less.
pub(crate) fn empty<T: Element, const D: usize>(
    py: Python<'_>,
    shape: [usize; D],
) -> PyResult<Bound<'_, PyArray<T, Dim<[usize; D]>>>>
where
    Dim<[usize; D]>: Dimension,
{
    let array = py.import("numpy")?.call_method1("empty", (shape.to_vec(), T::get_dtype(py)))?;
    Ok(array.cast_into()?)
}

/// (covariance type, weights (k,), means (k, d), covariances in the family's shape).
pub(crate) type MixtureArrays<'py> =
    (String, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>, Bound<'py, PyArrayDyn<f64>>);

pub(crate) fn mixture_arrays(py: Python<'_>, mixture: Mixture) -> PyResult<MixtureArrays<'_>> {
    use rustem_core::covariance::CovarianceType::{Diag, Full, Spherical, Tied};
    let (k, d) = (mixture.n_components(), mixture.n_features);
    let (name, shape) = match mixture.covariance_type {
        Full => ("full", vec![k, d, d]),
        Tied => ("tied", vec![d, d]),
        Diag => ("diag", vec![k, d]),
        Spherical => ("spherical", vec![k]),
    };
    let covariances = mixture.covariances.into_pyarray(py).reshape(shape)?;
    Ok((name.into(), mixture.weights.into_pyarray(py), mixture.means.into_pyarray(py).reshape([k, d])?, covariances))
}

pub(crate) fn mixture_from(arrays: &MixtureArrays) -> PyResult<Mixture> {
    let (name, weights, means, covariances) = arrays;
    let py = weights.py();
    let mixture = Mixture {
        covariance_type: name.parse().map_err(|error| raise(py, error))?,
        n_features: numpy::PyUntypedArrayMethods::shape(means)[1],
        weights: weights.to_vec()?,
        means: means.to_vec()?,
        covariances: covariances.to_vec()?,
    };
    mixture.check().map_err(|error| raise(py, error))?;
    Ok(mixture)
}
