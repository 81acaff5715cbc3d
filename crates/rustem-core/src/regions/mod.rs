//! The road from a picture to its tree of regions.
//!
//! Colours and texture of each pixel, a mixture's responsibilities for them, edges between responsibilities and between
//! colours, superpixels between the edges, and a tree of merges. Larger pictures are shrunk by a whole factor first,
//! because what makes a region does not depend on the camera; the superpixels' borders are then drawn anew at full
//! resolution.

mod edges;
mod features;
mod filters;
mod merge_tree;
mod pieces;
mod principal_components;
mod raster;
mod region_graph;
mod spectral;
mod texture;
mod watershed;

use std::ops::ControlFlow;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::memory::check_room;
use crate::parallel::Threads;
use edges::{ColorEdges, Edges};
pub use merge_tree::MergeTree;
use merge_tree::merge_tree;
use pieces::in_one_piece;
use raster::ColorImage;
pub use raster::Raster;
pub use region_graph::Weights;
use region_graph::{Evidence, Superpixels};
use texture::soft_texture;
pub use watershed::OUTSIDE;
use watershed::{refine, superpixels};

/// Superpixels that a picture is cut into at least where it has the pixels, and their side in pixels at most.
const N_SUPERPIXELS: f64 = 600.0;
const MAX_SIDE: f64 = 16.0;
const MIN_SIDE: f64 = 4.0;
/// Numbers that are kept of each pixel of the shrunken picture, those of its texture apart: colours, edges, relief.
const NUMBERS_OF_A_PIXEL: usize = 48;
/// Bytes that are kept of each pixel at full size.
const BYTES_OF_A_LABEL: usize = 12;
/// What a texture edge counts for in the relief, in units of a colour gradient.
const TEXTURE_RELIEF: f32 = 5.0;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Components of the mixture.
    pub n_components: usize,
    /// Seed of its start.
    pub seed: u64,
    /// Pictures of more pixels are shrunk.
    pub max_pixels: usize,
    /// Of the terms of the merging cost.
    pub weights: Weights,
}

/// A picture's superpixels and their merges.
#[derive(Debug, Clone, PartialEq)]
pub struct Hierarchy {
    /// Superpixel of each pixel; [`OUTSIDE`] outside the mask.
    pub labels: Vec<u32>,
    /// The merges.
    pub tree: MergeTree,
}

/// Called with the name of each stage as it begins; may break off the work.
pub type Stages<'a> = &'a mut dyn FnMut(&'static str) -> ControlFlow<()>;

/// The names of the stages, in their order.
pub const STAGES: [&str; 6] = ["colours", "texture", "edges", "superpixels", "borders", "merging"];

/// Finds the regions of a picture, as a tree.
///
/// # Errors
/// A picture that is empty or does not fit its mask; a wrong number of components; an interruption.
pub fn hierarchy<E: Element>(
    picture: &Raster<E>,
    config: &Config,
    threads: &Threads,
    stages: Stages,
) -> Result<Hierarchy> {
    picture.check()?;
    let mut names = STAGES.iter();
    let mut next = || match names.next().map(|name| stages(name)) {
        Some(ControlFlow::Break(())) => Err(Error::Interrupted),
        _ => Ok(()),
    };
    next()?;
    let n_pixels = picture.height * picture.width;
    let factor = (n_pixels as f64 / config.max_pixels.max(1) as f64).sqrt().ceil().max(1.0) as usize;
    let numbers = NUMBERS_OF_A_PIXEL.saturating_add(2 * config.n_components) * size_of::<f32>();
    let labels = BYTES_OF_A_LABEL * factor * factor;
    check_room("what regions are found by", n_pixels / (factor * factor) + 1, numbers.saturating_add(labels))?;
    let colors = picture.colors(factor, threads)?;
    next()?;
    let texture = soft_texture(&colors, config.n_components, config.seed, threads)?;
    next()?;
    let edges = Edges::of_texture(&texture, threads)?;
    let color_edges = ColorEdges::new(&colors, threads)?;
    next()?;
    let relief = relief(&colors, &edges, &color_edges, threads)?;
    let side = ((colors.height * colors.width) as f64 / N_SUPERPIXELS).sqrt().round().clamp(MIN_SIDE, MAX_SIDE);
    let (labels, n) = superpixels(&relief, colors.width, side as usize, colors.inside.as_deref(), threads)?;
    next()?;
    drop(relief);
    let superpixels = if factor == 1 {
        Superpixels { cells: labels.clone(), labels, n, width: picture.width, factor }
    } else {
        at_full_size(picture, labels, n, colors.width, factor, threads)?
    };
    next()?;
    let evidence = Evidence { superpixels, colors, texture, edges, color_edges };
    let tree = merge_tree(&evidence, &config.weights, threads)?;
    Ok(Hierarchy { labels: evidence.superpixels.labels, tree })
}

/// Superpixels of a picture shrunk by `factor`, drawn at full size and each in one piece there.
fn at_full_size<E: Element>(
    picture: &Raster<E>,
    mut cells: Vec<u32>,
    n: usize,
    coarse_width: usize,
    factor: usize,
    threads: &Threads,
) -> Result<Superpixels> {
    let mut labels = refine(picture, &cells, coarse_width, factor, threads)?;
    let origins = in_one_piece(&mut labels, picture.width, n, threads)?;
    let mut numbers = vec![OUTSIDE; n];
    for (number, origin) in (0..).zip(&origins) {
        if let Some(origin) = origin {
            numbers[*origin as usize] = number;
        }
    }
    cells.iter_mut().filter(|cell| **cell != OUTSIDE).for_each(|cell| *cell = numbers[*cell as usize]);
    Ok(Superpixels { cells, labels, n: origins.len(), width: picture.width, factor })
}

/// How hard it is to cross each pixel.
fn relief(colors: &ColorImage, edges: &[Edges; 2], color_edges: &ColorEdges, threads: &Threads) -> Result<Vec<f32>> {
    let mut relief = vec![0.0; colors.height * colors.width];
    threads.map_chunks(&mut relief, colors.width, |y, row, checkpoint| {
        checkpoint.pass()?;
        for (x, height) in row.iter_mut().enumerate() {
            let texture: f32 = edges.iter().map(|edges| edges.largest(y, x)).sum();
            *height = color_edges.largest(y, x) + TEXTURE_RELIEF * texture;
        }
        Ok(())
    })?;
    Ok(relief)
}
