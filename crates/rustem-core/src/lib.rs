//! Gaussian mixtures for pictures, fitted by expectation-maximisation.
//!
//! The road of one picture: [`colors`] counts its distinct colours, [`samples`] lays them out for the kernels, [`em`]
//! finds a start, fits a [`mixture::Mixture`] and labels the colours. This crate knows no Python, prints nothing and does
//! not panic on any input.
//!
//! A house of floors. A room imports only from lower floors; rooms on one floor do not know each other; `tests/floors.rs`
//! sees to it. Inside a room the files are private, and its `mod.rs` says what others may use.
//!
//! ```text
//! 8  regions                           a picture's regions, as a tree of merges
//! 7  em                                starts, E-step, M-step, priors, acceleration, restarts, labels
//! 6  kmeans                            the hard limit: palettes, and where EM starts
//! 5  kernels                           the inner loops over tiles of samples
//! 4  mixture   colors   dither         parameters | distinct colours | patterns of a palette's colours
//! 3  samples   covariance   spatial    layout for the kernels | families | pixels beside each other
//! 2  parallel   morton   memory        threads | the order of near things | room for what is large
//! 1  error   element   simd            what goes wrong | numbers of callers | CPUs
//! ```

#![cfg_attr(test, allow(clippy::float_cmp, reason = "tests compare values that must be equal to the bit"))]

pub mod colors;
pub mod covariance;
pub mod dither;
pub mod element;
pub mod em;
pub mod error;
mod kernels;
pub mod kmeans;
pub mod memory;
pub mod mixture;
pub mod morton;
pub mod parallel;
pub mod regions;
pub mod samples;
pub mod simd;
pub mod spatial;
