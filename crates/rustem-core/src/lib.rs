//! Gaussian mixtures for pictures, fitted by expectation-maximisation.
//!
//! The road of one picture: [`colours`] counts its distinct colours, [`samples`] lays them out for the kernels,
//! [`initialise`](mod@initialise) finds a start, [`em`] fits a [`mixture::Mixture`] and labels the colours. This crate knows no Python, prints nothing and
//! does not panic on any input.

#![cfg_attr(test, allow(clippy::float_cmp, reason = "tests compare values that must be equal to the bit"))]

pub mod accelerate;
mod chebyshev;
pub mod colours;
pub mod convergence;
mod coordinates;
pub mod covariance;
pub mod dither;
pub mod edges;
pub mod em;
pub mod error;
pub mod features;
mod filters;
pub mod informed;
pub mod initialise;
pub mod kernels;
pub mod kmeans;
pub mod merging;
pub mod mixture;
mod morton;
pub mod oklab;
pub mod parallel;
pub mod pieces;
pub mod regions;
pub mod restarts;
pub mod samples;
pub mod search;
mod spectral;
mod split_merge;
pub mod superpixels;
