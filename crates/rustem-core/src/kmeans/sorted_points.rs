//! Colours sorted so that neighbours lie together, and passes over them that look only at centres within reach.

use crate::element::Element;
use crate::error::Result;
use crate::kernels::{box_margins, cluster_tile, nearest_tile};
use crate::morton;
use crate::parallel::Threads;
use crate::samples::{self, Samples, TILE};

/// Centres are padded to a multiple of the widest vector.
const LANES: usize = 16;
/// Where padding lies: farther than any sample, near enough that squares stay finite.
const FAR: f32 = 1e15;
/// Tiles that lie together, whose candidates are looked for together first.
const GROUP: usize = 8;

/// Samples in Morton order, in tiles with bounding boxes.
#[derive(Debug)]
pub(crate) struct SortedPoints {
    pub(crate) samples: Samples<f32>,
    /// The caller's row of each sample; empty where the order is the caller's.
    order: Vec<u32>,
    /// Key of each sample: samples whose keys share their upper bits lie in one cell.
    keys: Vec<u32>,
    /// Corners of the tiles' boxes (tiles, d).
    low: Vec<f32>,
    high: Vec<f32>,
}

/// What a pass finds, for each centre.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    pub(crate) d: usize,
    /// Σ w x (d) and Σ w of the nearest samples of each centre.
    values: Vec<f64>,
    /// Σ w |x − nearest centre|².
    pub(crate) error: f64,
}

impl Sums {
    fn zero(k: usize, d: usize) -> Self {
        Self { d, values: vec![0.0; k * (d + 1)], error: 0.0 }
    }

    fn of(&self, center: usize) -> &[f64] {
        &self.values[center * (self.d + 1)..(center + 1) * (self.d + 1)]
    }

    pub(crate) fn mass(&self, center: usize) -> f64 {
        self.of(center)[self.d]
    }

    /// Means of the samples nearest to each centre from the one numbered `first` on; those that have none are left.
    pub(crate) fn means(&self, means: &mut [f32], first: usize) {
        for (j, center) in means.chunks_exact_mut(self.d).enumerate() {
            let mass = self.mass(first + j);
            if mass > 0.0 {
                center.iter_mut().zip(self.of(first + j)).for_each(|(mean, sum)| *mean = (sum / mass) as f32);
            }
        }
    }
}

/// One tile in a pass: its samples, and the nearest of the candidates for each.
pub(crate) struct Nearby<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) weights: &'a [f32],
    /// The centres that can be nearest to a sample of this tile.
    pub(crate) candidates: &'a [u32],
    /// Index into `candidates` for each sample.
    pub(crate) nearest: &'a [f32; TILE],
    pub(crate) distance: &'a [f32; TILE],
}

impl Nearby<'_> {
    pub(crate) fn center(&self, lane: usize) -> u32 {
        self.candidates[self.nearest[lane] as usize]
    }
}

impl SortedPoints {
    /// Sorts rows by their `keys`, or else along a Morton curve of their own.
    pub(crate) fn new<E: Element>(
        rows: &[E],
        d: usize,
        weights: Option<&[f64]>,
        keys: Option<Vec<u32>>,
    ) -> Result<Self> {
        samples::check(rows, d, weights, &[])?;
        let keyed = match keys {
            Some(keys) if keys.is_sorted() => return Self::of_sorted(rows, d, weights, Vec::new(), keys),
            Some(keys) => {
                let mut keyed: Vec<u64> = keys.iter().zip(0..).map(|(key, row)| u64::from(*key) << 32 | row).collect();
                keyed.sort_unstable();
                keyed
            }
            None => morton::sorted_to_the_end(rows, d),
        };
        let order: Vec<u32> = keyed.iter().map(|key| *key as u32).collect();
        let keys = keyed.iter().map(|key| (key >> 32) as u32).collect();
        let mut gathered: Vec<E> = Vec::with_capacity(rows.len());
        for row in &order {
            gathered.extend_from_slice(&rows[*row as usize * d..][..d]);
        }
        let weights: Option<Vec<f64>> = weights.map(|weights| order.iter().map(|row| weights[*row as usize]).collect());
        Self::of_sorted(&gathered, d, weights.as_deref(), order, keys)
    }

    /// Of rows in the order of their `keys`, and their number in the caller's `order`, if that is another.
    fn of_sorted<E: Element>(
        rows: &[E],
        d: usize,
        weights: Option<&[f64]>,
        order: Vec<u32>,
        keys: Vec<u32>,
    ) -> Result<Self> {
        let samples = Samples::new(rows, d, weights, 1.0)?;
        let (low, high) = boxes(&samples);
        Ok(Self { samples, order, keys, low, high })
    }

    /// Points in the rows' unit, as the samples have them.
    pub(crate) fn enter(&self, points: &[f64]) -> Vec<f32> {
        let center = self.samples.frame.center.iter().cycle();
        points.iter().zip(center).map(|(x, c)| ((x - c) / self.samples.frame.scale) as f32).collect()
    }

    /// The way back.
    pub(crate) fn leave(&self, points: &[f32]) -> Vec<f64> {
        let center = self.samples.frame.center.iter().cycle();
        points.iter().zip(center).map(|(x, c)| f64::from(*x) * self.samples.frame.scale + c).collect()
    }

    /// At most about `most` samples, each the mean of those in one cell of the finest grid that is coarse enough.
    /// Nothing where there are no more anyway.
    pub(crate) fn coarser(&self, most: usize) -> Option<Result<Self>> {
        if self.samples.len() <= most {
            return None;
        }
        let cells = |shift: u32| 1 + self.keys.windows(2).filter(|pair| pair[0] >> shift != pair[1] >> shift).count();
        let shift = (1..32).find(|shift| cells(*shift) <= most).unwrap_or(31);
        let d = self.samples.n_features();
        let (mut rows, mut weights, mut keys): (Vec<f64>, Vec<f64>, Vec<u32>) = (Vec::new(), Vec::new(), Vec::new());
        for (tile, tile_keys) in self.keys.chunks(TILE).enumerate() {
            let (tile_values, tile_weights) = self.samples.tile(tile);
            for (lane, (key, weight)) in tile_keys.iter().zip(tile_weights).enumerate() {
                if keys.last().is_none_or(|last| key >> shift != last >> shift) {
                    rows.extend(std::iter::repeat_n(0.0, d));
                    weights.push(0.0);
                    keys.push(*key);
                }
                let (cell, weight) = (keys.len() - 1, f64::from(*weight));
                weights[cell] += weight;
                for (a, sum) in rows[cell * d..].iter_mut().enumerate() {
                    *sum += weight * f64::from(tile_values[a * TILE + lane]);
                }
            }
        }
        for (row, weight) in rows.chunks_exact_mut(d).zip(&weights) {
            for (sum, center) in row.iter_mut().zip(&self.samples.frame.center) {
                *sum = *sum / weight.max(f64::MIN_POSITIVE) * self.samples.frame.scale + center;
            }
        }
        Some(Self::of_sorted(&rows, d, Some(&weights), Vec::new(), keys))
    }

    /// Tiles of a block: few blocks, since each has a state.
    fn block_tiles(&self) -> usize {
        self.samples.n_tiles().div_ceil(32).next_multiple_of(GROUP)
    }

    /// Calls `visit` for each tile with a block's own state, which starts from `zero`; the states in block order.
    fn each_tile<R: Clone + Send + Sync>(
        &self,
        centers: &[f32],
        zero: &R,
        threads: &Threads,
        visit: impl Fn(&mut R, usize, &Nearby) + Sync,
    ) -> Result<Vec<R>> {
        let d = self.samples.n_features();
        let all = Candidates::all(centers, d);
        let block_tiles = self.block_tiles();
        threads.map(self.samples.n_tiles().div_ceil(block_tiles), |block, checkpoint| {
            let mut state = zero.clone();
            let mut finder = Finder::new(&all, d);
            for tile in (block * block_tiles..self.samples.n_tiles()).take(block_tiles) {
                checkpoint.pass()?;
                if tile % GROUP == 0 {
                    finder.approach(&self.low[tile * d..], &self.high[tile * d..]);
                }
                let (values, weights) = self.samples.tile(tile);
                let corners = tile * d..(tile + 1) * d;
                finder.find(&self.low[corners.clone()], &self.high[corners], values);
                let Finder { own, nearest, distance, .. } = &finder;
                visit(&mut state, tile, &Nearby { values, weights, candidates: &own.numbers, nearest, distance });
            }
            Ok(state)
        })
    }

    /// Calls `visit` for each sample with its centre by `labels`, its weight and its difference from that centre.
    pub(crate) fn each_difference<R: Clone + Send + Sync>(
        &self,
        centers: &[f32],
        labels: &[u32],
        zero: &R,
        threads: &Threads,
        visit: impl Fn(&mut R, usize, f64, &[f64]) + Sync,
    ) -> Result<Vec<R>> {
        let d = self.samples.n_features();
        threads.map(self.samples.n_tiles().div_ceil(self.block_tiles()), |block, _| {
            let (mut state, mut difference) = (zero.clone(), vec![0.0; d]);
            for tile in (block * self.block_tiles()..self.samples.n_tiles()).take(self.block_tiles()) {
                let (values, weights) = self.samples.tile(tile);
                for (lane, (label, weight)) in labels[tile * TILE..].iter().zip(weights).enumerate() {
                    let center = &centers[*label as usize * d..][..d];
                    for (a, (difference, center)) in difference.iter_mut().zip(center).enumerate() {
                        *difference = f64::from(values[a * TILE + lane]) - f64::from(*center);
                    }
                    visit(&mut state, *label as usize, f64::from(*weight), &difference);
                }
            }
            Ok(state)
        })
    }

    /// Sums over the samples nearest to each centre.
    pub(crate) fn sums(&self, centers: &[f32], threads: &Threads) -> Result<Sums> {
        let d = self.samples.n_features();
        let zero = Sums::zero(centers.len() / d, d);
        let blocks = self.each_tile(centers, &zero, threads, |sums: &mut Sums, _, nearby| {
            let Nearby { values, weights, nearest, distance, candidates } = nearby;
            sums.error += cluster_tile((values, weights), nearest, distance, candidates, &mut sums.values);
        })?;
        let mut total = zero;
        for block in blocks {
            total.values.iter_mut().zip(&block.values).for_each(|(sum, value)| *sum += value);
            total.error += block.error;
        }
        Ok(total)
    }

    /// The nearest centre of each sample, in the order here, the last tile filled up.
    pub(crate) fn labels_in_order(&self, centers: &[f32], threads: &Threads) -> Result<Vec<u32>> {
        let blocks = self.each_tile(centers, &Vec::new(), threads, |labels: &mut Vec<u32>, _, nearby| {
            labels.extend((0..TILE).map(|lane| nearby.center(lane)));
        })?;
        Ok(blocks.concat())
    }

    /// The nearest centre and the squared distance to it, for each of the caller's rows.
    pub(crate) fn labels(&self, centers: &[f32], threads: &Threads) -> Result<(Vec<u32>, Vec<f32>)> {
        let blocks = self.each_tile(centers, &Vec::new(), threads, |found: &mut Vec<(u32, f32)>, _, nearby| {
            found.extend((0..TILE).map(|lane| (nearby.center(lane), nearby.distance[lane])));
        })?;
        let found = blocks.iter().flatten().copied().take(self.samples.len());
        if self.order.is_empty() {
            return Ok(found.unzip());
        }
        let (mut labels, mut distances) = (vec![0; self.order.len()], vec![0.0; self.order.len()]);
        for (row, (label, distance)) in self.order.iter().zip(found) {
            (labels[*row as usize], distances[*row as usize]) = (label, distance);
        }
        Ok((labels, distances))
    }
}

/// Some of the centres.
#[derive(Default)]
struct Candidates {
    /// Their numbers among all, ascending.
    numbers: Vec<u32>,
    /// Their values, one after another.
    points: Vec<f32>,
    /// The same feature by feature, padded.
    columns: Vec<f32>,
}

impl Candidates {
    fn all(centers: &[f32], d: usize) -> Self {
        let mut all = Self { numbers: (0..(centers.len() / d) as u32).collect(), ..Self::default() };
        all.points.extend(centers);
        all.lay_out(d);
        all
    }

    /// Those of them that can be nearest somewhere in a box.
    fn within(&self, low: &[f32], high: &[f32], margins: &mut Vec<f32>, found: &mut Self) {
        margins.resize(self.columns.len() / low.len(), 0.0);
        box_margins(low, high, &self.columns, margins);
        found.numbers.clear();
        found.points.clear();
        for ((number, point), margin) in self.numbers.iter().zip(self.points.chunks_exact(low.len())).zip(margins) {
            if *margin <= 0.0 {
                found.numbers.push(*number);
                found.points.extend(point);
            }
        }
    }

    fn lay_out(&mut self, d: usize) {
        let stride = self.numbers.len().next_multiple_of(LANES);
        self.columns.clear();
        self.columns.resize(d * stride, FAR);
        for (j, point) in self.points.chunks_exact(d).enumerate() {
            point.iter().enumerate().for_each(|(a, value)| self.columns[a * stride + j] = *value);
        }
    }
}

/// Looks for the nearest centres of tile after tile.
struct Finder<'a> {
    all: &'a Candidates,
    /// Of the group of tiles, and of the tile.
    near: Candidates,
    own: Candidates,
    d: usize,
    margins: Vec<f32>,
    nearest: [f32; TILE],
    distance: [f32; TILE],
}

impl<'a> Finder<'a> {
    fn new(all: &'a Candidates, d: usize) -> Self {
        let (near, own) = (Candidates::default(), Candidates::default());
        Self { all, near, own, d, margins: Vec::new(), nearest: [0.0; TILE], distance: [0.0; TILE] }
    }

    /// Takes up the next tiles, whose corners come first in `low` and `high`.
    fn approach(&mut self, low: &[f32], high: &[f32]) {
        let fold = |corners: &[f32], widen: fn(f32, f32) -> f32| {
            let mut widest = corners[..self.d].to_vec();
            for corner in corners.chunks_exact(self.d).take(GROUP) {
                widest.iter_mut().zip(corner).for_each(|(value, other)| *value = widen(*value, *other));
            }
            widest
        };
        self.all.within(&fold(low, f32::min), &fold(high, f32::max), &mut self.margins, &mut self.near);
        self.near.lay_out(self.d);
    }

    fn find(&mut self, low: &[f32], high: &[f32], values: &[f32]) {
        self.near.within(low, high, &mut self.margins, &mut self.own);
        nearest_tile(values, &self.own.points, &mut self.nearest, &mut self.distance);
    }
}

/// The corners (tiles, d) of the smallest boxes around the tiles' samples.
fn boxes(samples: &Samples<f32>) -> (Vec<f32>, Vec<f32>) {
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for tile in 0..samples.n_tiles() {
        let filled = (samples.len() - tile * TILE).min(TILE);
        for values in samples.tile(tile).0.chunks_exact(TILE) {
            low.push(values[..filled].iter().copied().fold(f32::INFINITY, f32::min));
            high.push(values[..filled].iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
    (low, high)
}
