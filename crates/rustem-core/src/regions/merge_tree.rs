//! From superpixels to a tree of regions: always the two neighbours that cost least are merged.
//!
//! Greedy merging as in Ren & Shakhnarovich (2013, NIPS, "Image segmentation by cascaded region agglomeration").

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::region_graph::{Evidence, Region, Weights, add_borders, add_spectral, region_sums};
use crate::error::{Error, Result};
use crate::parallel::{Checkpoint, Threads};

/// A tree of merges. Nodes 0..`n_leaves` are superpixels, each merge makes the next node.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeTree {
    /// Number of superpixels.
    pub n_leaves: usize,
    /// The two nodes that each merge joins.
    pub merges: Vec<[u32; 2]>,
    /// Cost of each merge; infinite where the two do not touch.
    pub costs: Vec<f64>,
}

/// The cost at which the default cut stops merging.
const DEFAULT_COST: f64 = 2.9;

impl MergeTree {
    /// Level of each merge, never falling, from 0 to 1 for what does not touch; the default cut is at ½.
    #[must_use]
    pub fn levels(&self) -> Vec<f64> {
        let mut highest = 0.0_f64;
        let level = |cost: &f64| {
            highest = highest.max(*cost);
            if highest.is_finite() { highest / (highest + DEFAULT_COST) } else { 1.0 }
        };
        self.costs.iter().map(level).collect()
    }
}

/// Merges superpixels until one region is left.
///
/// # Errors
/// An interruption.
pub(super) fn merge_tree(evidence: &Evidence, weights: &Weights, threads: &Threads) -> Result<MergeTree> {
    let mut regions = region_sums(evidence, threads)?;
    add_borders(evidence, &mut regions);
    if weights.spectral > 0.0 {
        add_spectral(&mut regions);
    }
    // One block on the calling thread: each merge depends on the ones before.
    let trees = threads.map(1, |_, checkpoint| Merger::new(&regions, *weights).run(checkpoint))?;
    trees.into_iter().next().ok_or(Error::Interrupted)
}

/// A cost with the pair it belongs to; equal costs in the order of the pairs.
#[derive(PartialEq)]
struct Candidate(f64, u32, u32);

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then((self.1, self.2).cmp(&(other.1, other.2)))
    }
}

/// The regions that are left, and the queue of what to merge next. A merged region is a new one, so that an entry of
/// the queue holds as long as both its regions live.
struct Merger {
    regions: Vec<Option<Region>>,
    n_leaves: usize,
    total: f64,
    weights: Weights,
    queue: BinaryHeap<Reverse<Candidate>>,
}

impl Merger {
    fn new(regions: &[Region], weights: Weights) -> Self {
        let total = regions.iter().map(|region| region.size).sum();
        let candidates = regions.iter().enumerate().flat_map(|(a, region)| {
            region.borders.range(a as u32 + 1..).map(move |(b, border)| {
                Reverse(Candidate(region.cost(&regions[*b as usize], border, &weights, total), a as u32, *b))
            })
        });
        let queue = candidates.collect();
        Self { regions: regions.iter().cloned().map(Some).collect(), n_leaves: regions.len(), total, weights, queue }
    }

    fn run(mut self, checkpoint: &Checkpoint) -> Result<MergeTree> {
        let mut tree = MergeTree { n_leaves: self.n_leaves, merges: Vec::new(), costs: Vec::new() };
        while let Some(Reverse(Candidate(cost, a, b))) = self.queue.pop() {
            let alive = [a, b].iter().all(|node| self.regions[*node as usize].is_some());
            if alive {
                checkpoint.pass()?;
                self.merge(a, b);
                tree.merges.push([a, b]);
                tree.costs.push(cost);
            }
        }
        // What does not touch, joined in the order of the nodes.
        let roots: Vec<u32> =
            (0..self.regions.len()).filter(|node| self.regions[*node].is_some()).map(|n| n as u32).collect();
        let mut joined = roots.first().copied().unwrap_or_default();
        for root in roots.iter().skip(1) {
            tree.merges.push([joined, *root]);
            tree.costs.push(f64::INFINITY);
            joined = (self.n_leaves + tree.merges.len() - 1) as u32;
        }
        Ok(tree)
    }

    fn merge(&mut self, a: u32, b: u32) {
        let (Some(mut merged), Some(mut other)) = (self.regions[a as usize].take(), self.regions[b as usize].take())
        else {
            return;
        };
        let node = self.regions.len() as u32;
        merged.add(&other);
        if other.borders.len() > merged.borders.len() {
            std::mem::swap(&mut merged.borders, &mut other.borders);
        }
        for (neighbor, border) in &other.borders {
            merged.borders.entry(*neighbor).or_default().add(border);
        }
        merged.borders.retain(|neighbor, _| *neighbor != a && *neighbor != b);
        for (neighbor, border) in &merged.borders {
            if let Some(beside) = &mut self.regions[*neighbor as usize] {
                beside.borders.remove(&a);
                beside.borders.remove(&b);
                beside.borders.insert(node, *border);
                let cost = merged.cost(beside, border, &self.weights, self.total);
                self.queue.push(Reverse(Candidate(cost, *neighbor, node)));
            }
        }
        self.regions.push(Some(merged));
    }
}
