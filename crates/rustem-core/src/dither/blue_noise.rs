//! A blue-noise mask by void and cluster: R. A. Ulichney, "The void-and-cluster method for dither array generation",
//! Proceedings of SPIE 1913 (1993) 332-343, [doi:10.1117/12.152707](https://doi.org/10.1117/12.152707).
//!
//! His third phase, which fills the last half by clusters of the minority, is the second phase's filling of voids here:
//! on a torus the energies of ones and zeros add up to a constant, so both choose the same pixel.

use std::sync::OnceLock;

/// Side of the mask, which repeats in both directions.
pub(super) const SIDE: usize = 64;
const PIXELS: usize = SIDE * SIDE;
/// Standard deviation of the Gaussian that measures voids and clusters, in pixels; Ulichney's choice.
const SIGMA: f64 = 1.5;
/// Pixels of the first pattern.
const INITIAL: usize = PIXELS / 10;

/// Thresholds in (0, 1), row by row: each of `SIDE²` equally spaced values once, neighbours far apart.
pub(super) fn mask() -> &'static [f32] {
    static MASK: OnceLock<Vec<f32>> = OnceLock::new();
    MASK.get_or_init(|| ranks().into_iter().map(|rank| (rank as f32 + 0.5) / PIXELS as f32).collect())
}

/// A pattern of ones on the torus, and at each pixel the sum of the Gaussians around them.
#[derive(Clone)]
struct Pattern {
    ones: Vec<bool>,
    energy: Vec<f64>,
}

impl Pattern {
    fn toggle(&mut self, pixel: usize, gaussian: &[f64]) {
        let sign = if self.ones[pixel] { -1.0 } else { 1.0 };
        self.ones[pixel] = !self.ones[pixel];
        for (row, energies) in self.energy.chunks_exact_mut(SIDE).enumerate() {
            let offset = (row + SIDE - pixel / SIDE) % SIDE * SIDE;
            for (column, energy) in energies.iter_mut().enumerate() {
                *energy += sign * gaussian[offset + (column + SIDE - pixel % SIDE) % SIDE];
            }
        }
    }

    /// The one with the most ones about it.
    fn cluster(&self) -> usize {
        let ones = (0..PIXELS).filter(|pixel| self.ones[*pixel]);
        ones.max_by(|a, b| self.energy[*a].total_cmp(&self.energy[*b])).unwrap_or(0)
    }

    /// The zero with the fewest ones about it.
    fn void(&self) -> usize {
        let zeros = (0..PIXELS).filter(|pixel| !self.ones[*pixel]);
        zeros.min_by(|a, b| self.energy[*a].total_cmp(&self.energy[*b])).unwrap_or(0)
    }
}

/// The order in which the pixels turn on.
fn ranks() -> Vec<usize> {
    let distance = |offset: usize| offset.min(SIDE - offset).pow(2) as f64;
    let gaussian: Vec<f64> = (0..PIXELS)
        .map(|pixel| (-(distance(pixel / SIDE) + distance(pixel % SIDE)) / (2.0 * SIGMA * SIGMA)).exp())
        .collect();
    let mut first = Pattern { ones: vec![false; PIXELS], energy: vec![0.0; PIXELS] };
    let mut place = 0;
    for step in 0..INITIAL {
        // Any irregular pattern will do: squares modulo a prime.
        place = (place + step * step * 7919 + 1013) % 4093;
        while first.ones[place] {
            place = (place + 1) % PIXELS;
        }
        first.toggle(place, &gaussian);
    }
    loop {
        let cluster = first.cluster();
        first.toggle(cluster, &gaussian);
        let void = first.void();
        first.toggle(void, &gaussian);
        if void == cluster {
            break;
        }
    }
    let mut ranks = vec![0; PIXELS];
    let mut pattern = first.clone();
    for rank in (0..INITIAL).rev() {
        let cluster = pattern.cluster();
        pattern.toggle(cluster, &gaussian);
        ranks[cluster] = rank;
    }
    let mut pattern = first;
    for rank in INITIAL..PIXELS {
        let void = pattern.void();
        pattern.toggle(void, &gaussian);
        ranks[void] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rank_occurs_once() {
        let mut seen = ranks();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..PIXELS));
    }

    #[test]
    fn neighbors_are_further_apart_than_chance_has_it() {
        let mask = mask();
        let difference = |offset: usize| {
            let pairs = (0..PIXELS).map(|pixel| (mask[pixel] - mask[(pixel + offset) % PIXELS]).abs());
            f64::from(pairs.sum::<f32>()) / PIXELS as f64
        };
        // Two independent uniform numbers differ by a third on average.
        assert!(difference(1) > 0.4 && difference(SIDE) > 0.4, "{} {}", difference(1), difference(SIDE));
    }
}
