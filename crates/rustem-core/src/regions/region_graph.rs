//! Superpixels and their borders: statistics that are sums, so that merging adds them, and what a merge costs.
//!
//! A cost of texture, colour, border and size, as in Ren & Shakhnarovich (2013, NIPS, "Image segmentation by cascaded
//! region agglomeration"). The costs never learnt anything but their weights; see `docs/guides/regions.md`.

use std::collections::BTreeMap;

use super::edges::{ColorEdges, DIRECTIONS, Edges};
use super::raster::ColorImage;
use super::spectral::{Similarities, eigenvectors};
use super::texture::SoftTexture;
use super::watershed::OUTSIDE;
use crate::error::Result;
use crate::parallel::Threads;

/// Weights of the terms of the cost.
#[derive(Debug, Clone, Copy)]
pub struct Weights {
    /// Half χ² distance between the regions' mean responsibilities, to the power 1.5.
    pub texture: f64,
    /// Texture edges along the border, fine and coarse.
    pub edges: [f64; 2],
    /// Difference of mean colours, 1 − exp(−|Δ| / 40).
    pub color: f64,
    /// Colour gradient along the border, 1 − exp(−g / 4).
    pub gradient: f64,
    /// Distance of the spectral coordinates.
    pub spectral: f64,
    /// Power of the regions' size, n m / (n + m) as in Ward's criterion.
    pub size: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { texture: 0.7, edges: [0.5, 0.5], color: 0.25, gradient: 1.1, spectral: 0.022, size: 0.15 }
    }
}

impl From<[f64; 7]> for Weights {
    /// In the order of the fields.
    fn from([texture, fine, coarse, color, gradient, spectral, size]: [f64; 7]) -> Self {
        Self { texture, edges: [fine, coarse], color, gradient, spectral, size }
    }
}

/// The weights for the graph whose eigenvectors make the spectral term.
const GRAPH_WEIGHTS: Weights =
    Weights { texture: 0.5, edges: [0.5, 0.5], color: 0.2, gradient: 0.5, spectral: 0.0, size: 0.0 };
/// Eigenvectors in the spectral term; the cost at which similarity falls to 1/e.
const N_EIGENVECTORS: usize = 16;
const SIMILARITY_COST: f64 = 0.2;
/// Small differences of responsibilities, which any two samples of one texture have, count for little.
const TEXTURE_POWER: f64 = 1.5;
const COLOR_SCALE: f64 = 40.0;
const GRADIENT_SCALE: f64 = 4.0;
/// Superpixels that one thread sums at a time.
const PER_BLOCK: usize = 32;
/// Share of the picture at which the size factor is one.
const SIZE_UNIT: f64 = 1.0 / 309.0;

/// Statistics of a region, all sums over its pixels.
#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) size: f64,
    color: [f64; 3],
    texture: Vec<f64>,
    spectral: Vec<f64>,
    /// Its neighbours, and the borders with them.
    pub(super) borders: BTreeMap<u32, Border>,
}

/// Sums along the border of two regions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Border {
    length: f64,
    edges: [f64; 2],
    gradient: f64,
}

impl Border {
    pub(super) fn add(&mut self, other: &Self) {
        self.length += other.length;
        self.gradient += other.gradient;
        self.edges.iter_mut().zip(other.edges).for_each(|(sum, value)| *sum += value);
    }
}

/// Superpixels of a picture, each in one piece.
pub(super) struct Superpixels {
    /// Superpixel of each pixel of the shrunken picture, from which statistics are taken.
    pub cells: Vec<u32>,
    /// Superpixel of each pixel (height, width).
    pub labels: Vec<u32>,
    /// Their number. Some may have no cell.
    pub n: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Pixels in a row of a cell.
    pub factor: usize,
}

/// What the tree is made from; of the shrunken picture, but for the superpixels.
pub(super) struct Evidence {
    /// What is merged.
    pub superpixels: Superpixels,
    /// Colours of the pixels.
    pub colors: ColorImage,
    /// Responsibilities of the pixels.
    pub texture: SoftTexture,
    /// Texture edges.
    pub edges: [Edges; 2],
    /// Colour edges.
    pub color_edges: ColorEdges,
}

/// Sizes and sums of colours and responsibilities.
pub(super) fn region_sums(evidence: &Evidence, threads: &Threads) -> Result<Vec<Region>> {
    let Evidence { superpixels: Superpixels { cells: labels, n, .. }, colors, texture, .. } = evidence;
    // Pixels by superpixel, so that each superpixel is summed by one thread in one order.
    let mut ends = vec![0_usize; n + 1];
    for label in labels.iter().filter(|label| **label != OUTSIDE) {
        ends[*label as usize + 1] += 1;
    }
    for label in 0..*n {
        ends[label + 1] += ends[label];
    }
    let starts = ends.clone();
    let mut pixels = vec![0_u32; ends[*n]];
    for (pixel, label) in labels.iter().enumerate().filter(|(_, label)| **label != OUTSIDE) {
        pixels[ends[*label as usize]] = pixel as u32;
        ends[*label as usize] += 1;
    }
    let blocks = threads.map(n.div_ceil(PER_BLOCK), |block, checkpoint| {
        checkpoint.pass()?;
        let labels = block * PER_BLOCK..(*n).min((block + 1) * PER_BLOCK);
        Ok(labels.map(|label| Region::of(&pixels[starts[label]..starts[label + 1]], colors, texture)).collect())
    })?;
    Ok(blocks.into_iter().flat_map(|block: Vec<Region>| block).collect())
}

/// Where two superpixels meet: the pixel to the left or above, and whether the other one is below it.
struct Meeting {
    border: usize,
    pixel: usize,
    down: bool,
}

/// The pairs of superpixels that touch, the smaller label first, the normal of each of their borders (columns, rows) from
/// the smaller label to the larger, and all places where they meet.
fn meetings(superpixels: &Superpixels) -> (Vec<[u32; 2]>, Vec<[f32; 2]>, Vec<Meeting>) {
    let Superpixels { labels, n, width, .. } = superpixels;
    // A superpixel has few neighbours: a list is searched faster than a map.
    let mut known: Vec<Vec<(u32, usize)>> = vec![Vec::new(); *n];
    let (mut pairs, mut normals, mut meetings) = (Vec::new(), Vec::new(), Vec::new());
    for (pixel, label) in labels.iter().enumerate().filter(|(_, label)| **label != OUTSIDE) {
        for (step, down) in [(1, false), (*width, true)] {
            let on_the_picture = if down { pixel + width < labels.len() } else { (pixel + 1) % width > 0 };
            if !on_the_picture || labels[pixel + step] == *label || labels[pixel + step] == OUTSIDE {
                continue;
            }
            let (low, high) = (*label.min(&labels[pixel + step]), *label.max(&labels[pixel + step]));
            let neighbors = &mut known[low as usize];
            let border = neighbors.iter().find(|(to, _)| *to == high).map_or(pairs.len(), |(_, border)| *border);
            if border == pairs.len() {
                neighbors.push((high, border));
                pairs.push([low, high]);
                normals.push([0.0, 0.0]);
            }
            normals[border][usize::from(down)] += if *label == low { 1.0 } else { -1.0 };
            meetings.push(Meeting { border, pixel, down });
        }
    }
    (pairs, normals, meetings)
}

/// Lengths of borders, and mean strengths along them, read in the direction of each border's mean normal.
pub(super) fn add_borders(evidence: &Evidence, regions: &mut [Region]) {
    let Evidence { superpixels, edges, color_edges, .. } = evidence;
    let Superpixels { width, factor, .. } = superpixels;
    let (pairs, normals, meetings) = meetings(superpixels);
    let direction = |[x, y]: &[f32; 2]| {
        let turn = y.atan2(*x) / std::f32::consts::PI * DIRECTIONS as f32;
        turn.round().rem_euclid(DIRECTIONS as f32) as usize
    };
    let directions: Vec<usize> = normals.iter().map(direction).collect();
    let mut borders = vec![Border::default(); pairs.len()];
    for Meeting { border, pixel, down } in meetings {
        let (y, x) = (pixel / width, pixel % width);
        let (y2, x2) = if down { (y + 1, x) } else { (y, x + 1) };
        let [y, x, y2, x2] = [y, x, y2, x2].map(|place| place / factor);
        let both = |strength: &dyn Fn(usize, usize) -> f32| 0.5 * f64::from(strength(y, x) + strength(y2, x2));
        let direction = directions[border];
        borders[border].add(&Border {
            length: 1.0,
            edges: [0, 1].map(|scale: usize| both(&|y, x| edges[scale].at(y, x, direction))),
            gradient: both(&|y, x| color_edges.at(y, x, direction)),
        });
    }
    for ([a, b], border) in pairs.into_iter().zip(borders) {
        regions[a as usize].borders.insert(b, border);
        regions[b as usize].borders.insert(a, border);
    }
}

/// Spectral coordinates, times the region's size as all its sums are.
pub(super) fn add_spectral(regions: &mut [Region]) {
    let total: f64 = regions.iter().map(|region| region.size).sum();
    let rows = regions
        .iter()
        .map(|region| {
            let similar = |(to, border): (&u32, &Border)| {
                let cost = region.cost(&regions[*to as usize], border, &GRAPH_WEIGHTS, total);
                (*to, (-cost / SIMILARITY_COST).exp())
            };
            region.borders.iter().map(similar).collect()
        })
        .collect();
    for (value, entries) in eigenvectors(&Similarities { rows }, N_EIGENVECTORS) {
        let square: f64 = entries.iter().zip(&*regions).map(|(entry, region)| entry * entry * region.size).sum();
        let scale = 0.1 / ((square / total).max(1e-300) * (value.max(0.0) + 1e-3)).sqrt();
        for (region, entry) in regions.iter_mut().zip(entries) {
            region.spectral.push(scale * entry * region.size);
        }
    }
}

impl Region {
    fn of(pixels: &[u32], colors: &ColorImage, texture: &SoftTexture) -> Self {
        let mut color = [0.0; 3];
        let mut sums = vec![0.0; texture.stride];
        for pixel in pixels {
            let pixel = *pixel as usize;
            color.iter_mut().zip(&colors.values[pixel * 3..]).for_each(|(sum, value)| *sum += f64::from(*value));
            let values = &texture.values[pixel * texture.stride..][..texture.stride];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        sums.truncate(texture.n_components);
        Self { size: pixels.len() as f64, color, texture: sums, spectral: Vec::new(), borders: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let add = |sums: &mut [f64], values: &[f64]| sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
        self.size += other.size;
        add(&mut self.color, &other.color);
        add(&mut self.texture, &other.texture);
        add(&mut self.spectral, &other.spectral);
    }

    /// What merging with a neighbour costs, in a picture of `total` pixels.
    pub(super) fn cost(&self, other: &Self, border: &Border, weights: &Weights, total: f64) -> f64 {
        let (n, m) = (self.size, other.size);
        let means = |a, b| means(a, b, n, m);
        let chi2: f64 = means(&self.texture, &other.texture)
            .filter(|(a, b)| a + b > 1e-12)
            .map(|(a, b)| (a - b) * (a - b) / (a + b))
            .sum();
        let color: f64 = means(&self.color, &other.color).map(|(a, b)| (a - b) * (a - b)).sum();
        let spectral: f64 = means(&self.spectral, &other.spectral).map(|(a, b)| (a - b).abs()).sum();
        let along = |sum: f64| sum / border.length;
        let cost = weights.texture * (0.5 * chi2).powf(TEXTURE_POWER)
            + weights.edges[0] * along(border.edges[0])
            + weights.edges[1] * along(border.edges[1])
            + weights.color * (1.0 - (-color.sqrt() / COLOR_SCALE).exp())
            + weights.gradient * (1.0 - (-along(border.gradient) / GRADIENT_SCALE).exp())
            + weights.spectral * spectral;
        cost * (n * m / (n + m) / (total * SIZE_UNIT)).powf(weights.size)
    }
}

/// The means of sums over `n` and over `m` pixels.
fn means<'a>(a: &'a [f64], b: &'a [f64], n: f64, m: f64) -> impl Iterator<Item = (f64, f64)> + 'a {
    a.iter().zip(b).map(move |(a, b)| (a / n, b / m))
}
