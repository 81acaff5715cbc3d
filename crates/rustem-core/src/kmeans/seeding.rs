//! Centres to start from: greedy k-means++ (Arthur & Vassilvitskii 2007, SODA, doi:10.5555/1283383.1283494), several
//! candidates a step, the best kept. Departure: samples have weights.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

use crate::error::Result;
use crate::kernels::{lower_tile, potentials_tile};
use crate::parallel::Threads;
use crate::samples::{Samples, TILE, tiles_per_block};
use crate::simd::Real;

/// Uniform in [0, 1).
pub(crate) fn uniform(random: &mut Pcg64Mcg) -> f64 {
    (random.next_u64() >> 11) as f64 * (-53f64).exp2()
}

/// The index at which the running sum of `values` passes the share `at` in [0, 1) of their sum; never one of value 0.
fn draw(values: impl Iterator<Item = f64> + Clone, total: f64, at: f64) -> Option<usize> {
    let mut left = at * total;
    let mut last = None;
    for (index, value) in values.enumerate() {
        if value > 0.0 {
            last = Some(index);
            if left < value {
                break;
            }
        }
        left -= value;
    }
    last
}

/// Greedy k-means++ over the given tiles, after the centres `given`: (k, d) centres, fewer where all samples coincide
/// with one of them.
pub(crate) fn plus_plus<T: Real>(
    samples: &Samples<T>,
    tiles: &[usize],
    given: &[T],
    k: usize,
    random: &mut Pcg64Mcg,
    threads: &Threads,
) -> Result<Vec<T>> {
    let d = samples.n_features();
    let n_candidates = 2 + (k as f64).ln() as usize;
    let block_tiles = |distances: usize| tiles_per_block(distances * (d + 4));
    let lower_tiles = block_tiles(1);
    // Squared distance of each sample to its nearest centre, and its weighted sum in each tile.
    let mut distance = vec![T::ONE; tiles.len() * TILE];
    let mut potentials: Vec<f64> =
        tiles.iter().map(|tile| samples.tile(*tile).1.iter().map(|weight| weight.to_f64()).sum()).collect();
    let mut centers: Vec<T> = Vec::with_capacity(k * d);
    let lower = |distance: &mut [T], center: &[T]| -> Result<Vec<f64>> {
        let lowered = threads.map_chunks(distance, lower_tiles * TILE, |block, distance, _| {
            let tiles = tiles[block * lower_tiles..].iter().map(|tile| samples.tile(*tile));
            let lower = |((values, weights), distance)| lower_tile(values, weights, center, distance);
            Ok(tiles.zip(distance.chunks_mut(TILE)).map(lower).collect())
        })?;
        Ok(lowered.into_iter().flat_map(|sums: Vec<f64>| sums).collect())
    };
    for center in given.chunks_exact(d) {
        if centers.is_empty() {
            distance.fill(T::from_f64(1e30));
        }
        potentials = lower(&mut distance, center)?;
        centers.extend(center);
    }
    while centers.len() < k * d {
        let total: f64 = potentials.iter().sum();
        let n_drawn = if centers.is_empty() { 1 } else { n_candidates };
        let mut candidates: Vec<T> = Vec::with_capacity(n_drawn * d);
        for _ in 0..n_drawn {
            let (at_tile, at_lane) = (uniform(random), uniform(random));
            let Some(slot) = draw(potentials.iter().copied(), total, at_tile) else { break };
            let (_, weights) = samples.tile(tiles[slot]);
            let mass = weights
                .iter()
                .zip(&distance[slot * TILE..(slot + 1) * TILE])
                .map(|(weight, distance)| weight.to_f64() * distance.to_f64());
            let Some(lane) = draw(mass, potentials[slot], at_lane) else { break };
            candidates.extend(samples.sample(tiles[slot] * TILE + lane));
        }
        if candidates.len() < n_drawn * d {
            break; // every sample is a centre already
        }
        let mut best = 0;
        if n_drawn > 1 {
            let block_tiles = block_tiles(n_drawn);
            let sums = threads.map(tiles.len().div_ceil(block_tiles), |block, _| {
                let mut sums = vec![0.0; n_drawn];
                let distances = distance.chunks(TILE).skip(block * block_tiles);
                for (tile, distance) in tiles.iter().skip(block * block_tiles).zip(distances).take(block_tiles) {
                    let (values, weights) = samples.tile(*tile);
                    potentials_tile(values, weights, distance, &candidates, &mut sums);
                }
                Ok(sums)
            })?;
            let sum = |candidate: usize| sums.iter().map(|sums| sums[candidate]).sum::<f64>();
            best = (1..n_drawn).fold((0, sum(0)), |best, c| if sum(c) < best.1 { (c, sum(c)) } else { best }).0;
        }
        let center = &candidates[best * d..(best + 1) * d];
        if centers.is_empty() {
            distance.fill(T::from_f64(1e30));
        }
        potentials = lower(&mut distance, center)?;
        centers.extend(center);
    }
    Ok(centers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_follows_the_weights_and_never_takes_a_zero() {
        let values = [0.0, 3.0, 0.0, 1.0, 0.0];
        assert_eq!(draw(values.into_iter(), 4.0, 0.0), Some(1));
        assert_eq!(draw(values.into_iter(), 4.0, 0.74), Some(1));
        assert_eq!(draw(values.into_iter(), 4.0, 0.76), Some(3));
        assert_eq!(draw(values.into_iter(), 4.5, 0.999), Some(3));
        assert_eq!(draw([0.0; 3].into_iter(), 0.0, 0.5), None);
    }
}
