//! The road from a picture to its tree of regions.
//!
//! Colours and texture of each pixel, a mixture's responsibilities for them, edges between responsibilities and between
//! colours, superpixels between the edges, and a tree of merges. Larger pictures are shrunk by a whole factor first,
//! because what makes a region does not depend on the camera; the superpixels' borders are then drawn anew at full
//! resolution.

use std::ops::ControlFlow;

use crate::edges::{ColourEdges, Edges, soft_texture};
use crate::error::{Error, Result};
use crate::features::{Colours, Picture};
use crate::merging::{Evidence, MergeTree, Weights, merge_tree};
use crate::parallel::Threads;
use crate::samples::Element;
use crate::superpixels::{refine, superpixels};

/// Superpixels that a picture is cut into at least where it has the pixels, and their side in pixels at most.
const N_SUPERPIXELS: f64 = 600.0;
const MAX_SIDE: f64 = 16.0;
const MIN_SIDE: f64 = 4.0;
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
    /// Superpixel of each pixel; [`crate::superpixels::OUTSIDE`] outside the mask.
    pub labels: Vec<u32>,
    /// The merges.
    pub tree: MergeTree,
}

/// Called with the name of each stage as it begins; may break off the work.
pub type Stages<'a> = &'a mut dyn FnMut(&'static str) -> ControlFlow<()>;

/// The names of the stages, in their order.
pub const STAGES: [&str; 6] = ["colours", "texture", "edges", "superpixels", "merging", "borders"];

/// Finds the regions of a picture, as a tree.
///
/// # Errors
/// A picture that is empty or does not fit its mask; a wrong number of components; an interruption.
pub fn hierarchy<E: Element>(
    picture: &Picture<E>,
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
    let colours = picture.colours(factor, threads)?;
    next()?;
    let texture = soft_texture(&colours, config.n_components, config.seed, threads)?;
    next()?;
    let edges = Edges::of_texture(&texture, threads)?;
    let colour_edges = ColourEdges::new(&colours, threads)?;
    next()?;
    let relief = relief(&colours, &edges, &colour_edges, threads)?;
    let side = ((colours.height * colours.width) as f64 / N_SUPERPIXELS).sqrt().round().clamp(MIN_SIDE, MAX_SIDE);
    let (labels, n) = superpixels(&relief, colours.width, side as usize, colours.inside.as_deref(), threads)?;
    next()?;
    let evidence = Evidence {
        labels: &labels,
        n,
        colours: &colours,
        texture: &texture,
        edges: &edges,
        colour_edges: &colour_edges,
    };
    let tree = merge_tree(&evidence, &config.weights, threads)?;
    drop((texture, edges, colour_edges, relief));
    next()?;
    let labels = if factor == 1 { labels } else { refine(picture, &labels, colours.width, factor, threads)? };
    Ok(Hierarchy { labels, tree })
}

/// How hard it is to cross each pixel.
fn relief(colours: &Colours, edges: &[Edges; 2], colour_edges: &ColourEdges, threads: &Threads) -> Result<Vec<f32>> {
    let mut relief = vec![0.0; colours.height * colours.width];
    threads.map_chunks(&mut relief, colours.width, |y, row, checkpoint| {
        checkpoint.pass()?;
        for (x, height) in row.iter_mut().enumerate() {
            let texture: f32 = edges.iter().map(|edges| edges.largest(y, x)).sum();
            *height = colour_edges.largest(y, x) + TEXTURE_RELIEF * texture;
        }
        Ok(())
    })?;
    Ok(relief)
}
