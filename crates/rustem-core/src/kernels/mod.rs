//! The inner loops: the fused E- and M-step over tiles of samples, assignment, and distances.
//!
//! A kernel is written once over the lanes of any CPU and any float type; [`crate::simd`] instantiates it for each CPU
//! level and picks the level at run time. Tiles of [`crate::samples::TILE`] samples keep everything that a tile needs
//! in the first-level cache: its values, and one joint density per component and sample.

#![expect(clippy::inline_always, reason = "a kernel must be inlined into the function that enables its CPU features")]

mod center_pruning;
mod component_pruning;
mod densities;
mod diagonal;
mod dispatch;
mod distances;
mod full_large;
mod full_small;
mod fused;
mod moments;
mod shape;
mod softmax;
mod workspace;

pub(crate) use densities::Densities;
pub(crate) use dispatch::{
    box_margins, cluster_tile, fused_tiles, lower_tile, nearest_tile, posterior_tile, potentials_tile,
};
pub(crate) use moments::{Form, Moments};
pub(crate) use workspace::{Posterior, Workspace};
