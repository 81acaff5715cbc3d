//! Python's door to `rustem-core`: arrays in, arrays out.
//!
//! State lives in Python as `NumPy` arrays. Each function checks shapes and leaves the rest to [`call::run`], which releases
//! the GIL, polls Python's signals, and turns core errors into exceptions. A file is named after the room of the core
//! that it opens.

#![expect(clippy::needless_pass_by_value, reason = "Python's arguments arrive by value")]

mod arrays;
mod call;
mod colors;
mod components;
mod dither;
mod em;
mod kmeans;
mod png16;
mod prior;
mod regions;

use pyo3::prelude::*;

/// The compiled core of rustem; see `_core.pyi`.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::colors::{count_cells, count_colors, oklab, paint, sums_by_label};
    #[pymodule_export]
    use super::components::{absorb_components, connected_components};
    #[pymodule_export]
    use super::dither::dither;
    #[pymodule_export]
    use super::em::{fit, k_means_start, label, log_densities, responsibilities, seeds, simd_level, step};
    #[pymodule_export]
    use super::kmeans::{ColorPyramid, nearest};
    #[pymodule_export]
    use super::png16::{decode_png16, encode_png16};
    #[pymodule_export]
    use super::regions::regions;
}
