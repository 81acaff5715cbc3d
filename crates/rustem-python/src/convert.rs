//! Between Python's objects and the core's: arrays, errors, interrupts.

use numpy::ndarray::Dimension;
use numpy::{
    Element, IntoPyArray, PyArray1, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use rustem_core::error::Error;
use rustem_core::mixture::Mixture;

/// A C-contiguous (n, d) array of any type that the core takes.
#[derive(FromPyObject)]
pub(crate) enum Rows<'py> {
    U8(PyReadonlyArray2<'py, u8>),
    U16(PyReadonlyArray2<'py, u16>),
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
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
            Rows::U8(array) => $crate::convert::with_rows!(@ array, f32, |$values, $d, $real| $body),
            Rows::U16(array) => $crate::convert::with_rows!(@ array, f32, |$values, $d, $real| $body),
            Rows::F32(array) => $crate::convert::with_rows!(@ array, f32, |$values, $d, $real| $body),
            Rows::F64(array) => $crate::convert::with_rows!(@ array, f64, |$values, $d, $real| $body),
        }
    };
    (@ $array:expr, $type:ty, |$values:ident, $d:ident, $real:ident| $body:expr) => {{
        type $real = $type;
        let ($values, $d) = ($crate::convert::in_c_order($array)?, $array.shape()[1]);
        $body
    }};
}
pub(crate) use with_rows;

/// Whether a signal handler of Python raised (Ctrl-C). Handlers run on Python's main thread only; elsewhere never.
pub(crate) fn interrupted() -> bool {
    Python::attach(|py| match py.check_signals() {
        Ok(()) => false,
        Err(error) => {
            // Another handler than that of Ctrl-C may have raised: what it said is shown when the work has ended.
            if !error.is_instance_of::<PyKeyboardInterrupt>(py) {
                error.write_unraisable(py, None);
            }
            true
        }
    })
}

/// The exception for a core error.
pub(crate) fn raise(py: Python, error: Error) -> PyErr {
    match error {
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        other => {
            let message = other.to_string();
            py.import("rustem.exceptions")
                .and_then(|module| module.getattr("InvalidInputError"))
                .and_then(|class| class.call1((message.clone(),)))
                .map_or_else(|_| PyValueError::new_err(message), PyErr::from_value)
        }
    }
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
