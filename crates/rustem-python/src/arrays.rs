//! Between `NumPy`'s arrays and the core's slices.

use numpy::ndarray::{Dim, Dimension};
use numpy::{
    Element, IntoPyArray, Ix1, Ix2, Ix3, IxDyn, PyArray, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayDyn,
    PyArrayMethods, PyReadonlyArray, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustem_core::mixture::Mixture;

use crate::call::raise;

/// An array whose values lie row by row, aligned and in the machine's order of bytes. Others are copied: nothing else
/// comes over the border, and nothing is read as what it is not.
pub(crate) struct Plain<'py, T: Element, D: Dimension>(PyReadonlyArray<'py, T, D>);

pub(crate) type Plain1<'py, T> = Plain<'py, T, Ix1>;
pub(crate) type Plain2<'py, T> = Plain<'py, T, Ix2>;
pub(crate) type Plain3<'py, T> = Plain<'py, T, Ix3>;

impl<T: Element, D: Dimension> Plain<'_, T, D> {
    pub(crate) fn values(&self) -> PyResult<&[T]> {
        Ok(self.0.as_slice()?)
    }

    pub(crate) fn shape(&self) -> &[usize] {
        self.0.shape()
    }
}

impl<'a, 'py, T: Element + 'a, D: Dimension + 'a> FromPyObject<'a, 'py> for Plain<'py, T, D> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let array = object.cast::<PyUntypedArray>()?;
        let native = array.dtype().is_native_byteorder() != Some(false);
        let plain = native && array.is_c_contiguous() && object.getattr("flags")?.getattr("aligned")?.is_truthy()?;
        if plain {
            return Ok(Self(object.extract()?));
        }
        let options = PyDict::new(object.py());
        options.set_item("order", "C")?;
        options.set_item("casting", "equiv")?;
        let copy = object.call_method("astype", (T::get_dtype(object.py()),), Some(&options))?;
        Ok(Self(copy.extract()?))
    }
}

/// An (n, d) array of any type that the core takes.
#[derive(FromPyObject)]
pub(crate) enum Rows<'py> {
    U8(Plain2<'py, u8>),
    U16(Plain2<'py, u16>),
    F32(Plain2<'py, f32>),
    F64(Plain2<'py, f64>),
}

/// A (height, width, channels) array of any type that the core takes.
#[derive(FromPyObject)]
pub(crate) enum Pixels<'py> {
    U8(Plain3<'py, u8>),
    U16(Plain3<'py, u16>),
    F32(Plain3<'py, f32>),
    F64(Plain3<'py, f64>),
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
        let ($values, $d) = ($array.values()?, $array.shape()[1]);
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

/// (covariance type, weights (k,), means (k, d), covariances in the family's shape), on the way out.
pub(crate) type MixtureArrays<'py> =
    (String, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>, Bound<'py, PyArrayDyn<f64>>);

/// The same on the way in.
pub(crate) type GivenMixture<'py> = (String, Plain1<'py, f64>, Plain2<'py, f64>, Plain<'py, f64, IxDyn>);

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

pub(crate) fn mixture_from(py: Python, given: &GivenMixture) -> PyResult<Mixture> {
    let (name, weights, means, covariances) = given;
    let mixture = Mixture {
        covariance_type: name.parse().map_err(|error| raise(py, error))?,
        n_features: means.shape()[1],
        weights: weights.values()?.to_vec(),
        means: means.values()?.to_vec(),
        covariances: covariances.values()?.to_vec(),
    };
    mixture.check().map_err(|error| raise(py, error))?;
    Ok(mixture)
}
