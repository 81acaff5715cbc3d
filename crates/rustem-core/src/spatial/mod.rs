//! Pixels beside each other: neighbours on a grid, and connected components of label maps.

mod components;
mod grid;

pub use components::LabelMap;
pub(crate) use grid::for_neighbors;
