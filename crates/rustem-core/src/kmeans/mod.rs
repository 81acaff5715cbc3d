//! The hard, equal-variance limit of a mixture: weighted k-means, for palettes.
//!
//! Lloyd's algorithm (Lloyd 1982, doi:10.1109/TIT.1982.1056489) over samples in Morton order. A tile of samples looks
//! only at those centres that can be nearest somewhere in its bounding box, by the test of the filtering algorithm
//! (Kanungo et al. 2002, doi:10.1109/TPAMI.2002.1017616): the same result as looking at all. Greedy k-means++ starts,
//! and moves that take one centre away and split another cluster (`swaps`) leave poor optima. Departures: all
//! this is done first on cells of neighbouring samples, then on smaller cells, and ends on all samples; some centres
//! may be fixed.

mod lloyd;
mod seeding;
mod sorted_points;
mod swaps;

use rand_pcg::Pcg64Mcg;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::parallel::{Progress, Threads};
use lloyd::{Limits, lloyd};
pub(crate) use seeding::{plus_plus, uniform};
use sorted_points::SortedPoints;

/// Samples that the search is done on, if there are more: so many, or so many for each centre.
const SEARCH_SAMPLES: usize = 8192;
const SEARCH_SAMPLES_EACH: usize = 64;
/// So many times as many samples have the smaller cells.
const FINER: usize = 4;
/// Lloyd steps of the search end when the error falls by less than this part.
const SEARCH_TOLERANCE: f64 = 1e-3;

/// Starts: up to [`MAX_STARTS`], fewer where there are many centres, since moves then mend what one start missed.
const CENTERS_OF_ALL_STARTS: usize = 384;
const MAX_STARTS: usize = 16;
/// Fewer tiles are searched on one thread.
const TILES_WORTH_THREADS: usize = 256;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Config {
    /// The number of centres.
    pub n_clusters: usize,
    /// Centres to start from (k or fewer, d); the others are found.
    pub start: Vec<f64>,
    /// How many of them, the first ones, stay where they are.
    pub n_fixed: usize,
    /// Steps end when the error falls by less than this part.
    pub tol: f64,
    /// The most steps, over all samples and over smaller cells.
    pub max_iter: usize,
    /// Whether to end on the smaller cells where there are many samples: nearly the same, and much sooner.
    pub coarse: bool,
    /// Seed of all that is random.
    pub seed: u64,
}

/// Centres, and what is nearest to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// (k, d); fewer than asked for where there are fewer distinct samples.
    pub centers: Vec<f64>,
    /// Σ w |x − nearest centre|² / Σ w, before the last step.
    pub error: f64,
    /// Steps over all samples, or over the smaller cells if the fit ended there.
    pub n_iter: usize,
}

/// Weighted samples, and the means of those in coarser and coarser cells: ready for any number of fits.
#[derive(Debug)]
pub struct Pyramid {
    /// All samples first. The search is done on the last.
    levels: Vec<SortedPoints>,
}

impl Pyramid {
    /// Sorts samples (n, d) for fits of about `n_clusters` centres, by `keys` where there are any, as from
    /// [`crate::morton::color_keys`]. Samples in the order of their keys stay as they are, much sooner.
    ///
    /// # Errors
    /// Samples, weights or keys that are none.
    pub fn new<E: Element>(
        rows: &[E],
        d: usize,
        weights: Option<&[f64]>,
        n_clusters: usize,
        keys: Option<Vec<u32>>,
    ) -> Result<Self> {
        if let Some(keys) = &keys
            && keys.len() * d != rows.len()
        {
            return Err(Error::Length { what: "keys", expected: rows.len() / d.max(1), found: keys.len() });
        }
        let mut levels = vec![SortedPoints::new(rows, d, weights, keys)?];
        let few = SEARCH_SAMPLES.max(SEARCH_SAMPLES_EACH.saturating_mul(n_clusters));
        let finer = few.saturating_mul(FINER);
        for most in if levels[0].samples.len() > finer.saturating_mul(2) { vec![finer, few] } else { vec![few] } {
            if let Some(coarser) = levels.last().and_then(|points| points.coarser(most)) {
                levels.push(coarser?);
            }
        }
        Ok(Self { levels })
    }

    /// Fits centres to the samples.
    ///
    /// # Errors
    /// A start that does not fit; an interruption.
    pub fn fit(&self, config: &Config, threads: &Threads, progress: Progress) -> Result<Clusters> {
        let d = self.levels[0].samples.n_features();
        let given = config.start.len() / d;
        if config.n_clusters == 0 || given > config.n_clusters || config.n_fixed > given {
            return Err(Error::OutOfRange {
                name: "n_clusters",
                value: config.n_clusters as f64,
                range: "at least 1, and at least the number of given centres",
            });
        }
        let last = self.levels.len() - 1;
        let finest = if config.coarse { last.saturating_sub(1) } else { 0 };
        let mut level = finest;
        let mut centers = config.start.clone();
        if given < config.n_clusters {
            let points = &self.levels[last];
            centers = points.leave(&search(points, &points.enter(&centers), config, threads)?);
            level = last.saturating_sub(1);
        }
        while level > finest {
            centers = self.levels[level].refine(&centers, config, threads, None)?.centers;
            level -= 1;
        }
        let mut found = self.levels[finest].refine(&centers, config, threads, Some(progress))?;
        found.centers[..config.n_fixed * d].copy_from_slice(&config.start[..config.n_fixed * d]);
        Ok(found)
    }

    /// The nearest of `centers` (k, d) for each of the samples, and the squared distance to it.
    ///
    /// # Errors
    /// Centres that do not fit; an interruption.
    pub fn nearest(&self, centers: &[f64], threads: &Threads) -> Result<(Vec<u32>, Vec<f32>)> {
        nearest_in(&self.levels[0], centers, threads)
    }
}

/// The nearest of `centers` (k, d) for each of `rows` (n, d), and the squared distance to it.
///
/// # Errors
/// Rows that are none; centres that do not fit; an interruption.
pub fn nearest<E: Element>(rows: &[E], d: usize, centers: &[f64], threads: &Threads) -> Result<(Vec<u32>, Vec<f32>)> {
    nearest_in(&SortedPoints::new(rows, d, None, None)?, centers, threads)
}

fn nearest_in(points: &SortedPoints, centers: &[f64], threads: &Threads) -> Result<(Vec<u32>, Vec<f32>)> {
    let d = points.samples.n_features();
    if centers.is_empty() || !centers.len().is_multiple_of(d) {
        return Err(Error::Length { what: "centres", expected: d, found: centers.len() });
    }
    let (labels, mut distances) = points.labels(&points.enter(centers), threads)?;
    let unit = (points.samples.frame.scale * points.samples.frame.scale) as f32;
    for distance in &mut distances {
        *distance *= unit;
    }
    Ok((labels, distances))
}

impl SortedPoints {
    /// Steps from the given centres on, until they help no more.
    fn refine(
        &self,
        centers: &[f64],
        config: &Config,
        threads: &Threads,
        progress: Option<Progress>,
    ) -> Result<Clusters> {
        let limits = Limits { tol: config.tol, max_iter: config.max_iter, n_fixed: config.n_fixed };
        let mut centers = self.enter(centers);
        let (sums, n_iter) = lloyd(self, &mut centers, limits, threads, progress)?;
        let scale = self.samples.frame.scale;
        let error = sums.error * scale * scale / self.samples.total_weight();
        Ok(Clusters { centers: self.leave(&centers), error, n_iter })
    }
}

/// Centres from a start of few or none, on a cloud that is small enough for many passes: the best of several seeds,
/// which run side by side. A single one on few samples runs on one thread: waiting for others would take longer.
fn search(points: &SortedPoints, given: &[f32], config: &Config, threads: &Threads) -> Result<Vec<f32>> {
    let tiles: Vec<usize> = (0..points.samples.n_tiles()).collect();
    let limits = Limits { tol: SEARCH_TOLERANCE, max_iter: 100, n_fixed: config.n_fixed };
    let attempt = |number: usize, threads: &Threads| {
        let mut random = Pcg64Mcg::new((u128::from(config.seed) << 64 | number as u128) << 1 | 1);
        let mut centers = plus_plus(&points.samples, &tiles, given, config.n_clusters, &mut random, threads)?;
        lloyd(points, &mut centers, limits, threads, None)?;
        swaps::improve(points, centers, limits, threads)
    };
    let n_starts = (CENTERS_OF_ALL_STARTS / config.n_clusters).clamp(1, MAX_STARTS);
    if n_starts == 1 && tiles.len() >= TILES_WORTH_THREADS {
        return Ok(attempt(0, threads)?.0);
    }
    let found = threads
        .map(n_starts, |number, checkpoint| attempt(number, &Threads::new(1, &|| checkpoint.pass().is_err())))?;
    let best = found.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
    Ok(best.map_or_else(Vec::new, |(centers, _)| centers))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    /// Colours in a few clumps of different weight, without a pattern.
    fn colors(n: usize) -> (Vec<u8>, Vec<f64>) {
        let rows = (0..n as u64).flat_map(|i| {
            let noise = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let clump = (noise >> 60) * 13 % 200;
            [clump + (noise >> 30) % 40, clump / 2 + (noise >> 20) % 50, 200 - clump + (noise >> 10) % 50]
        });
        (rows.map(|value| value as u8).collect(), (0..n).map(|i| 1.0 + (i % 7) as f64).collect())
    }

    fn squared_distance(a: &[u8], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, c)| (f64::from(*x) - c).powi(2)).sum()
    }

    fn config(n_clusters: usize) -> Config {
        Config { n_clusters, start: Vec::new(), n_fixed: 0, tol: 1e-7, max_iter: 500, coarse: false, seed: 3 }
    }

    fn run(rows: &[u8], weights: &[f64], config: &Config, threads: &Threads) -> Clusters {
        let pyramid = Pyramid::new(rows, 3, Some(weights), config.n_clusters, None).expect("valid input");
        pyramid.fit(config, threads, &mut |_, _| ControlFlow::Continue(())).expect("valid input")
    }

    #[test]
    fn the_error_is_that_of_the_nearest_centers_and_each_is_the_mean_of_its_own() {
        let (rows, weights) = colors(20_000);
        let found = run(&rows, &weights, &config(40), &Threads::single());
        let (labels, _) = nearest(&rows, 3, &found.centers, &Threads::single()).expect("valid input");
        let (mut error, mut sums) = (0.0, vec![[0.0; 4]; 40]);
        for ((row, weight), label) in rows.chunks(3).zip(&weights).zip(&labels) {
            let distance = |j: usize| squared_distance(row, &found.centers[3 * j..3 * j + 3]);
            let least = (0..40).map(distance).fold(f64::INFINITY, f64::min);
            assert!(distance(*label as usize) <= least + 1e-3);
            error += weight * least;
            (0..3).for_each(|a| sums[*label as usize][a] += weight * f64::from(row[a]));
            sums[*label as usize][3] += weight;
        }
        let error = error / weights.iter().sum::<f64>();
        assert!((found.error / error - 1.0).abs() < 1e-4, "{} against {error}", found.error);
        for (sum, center) in sums.iter().zip(found.centers.chunks(3)) {
            assert!((0..3).all(|a| (sum[a] / sum[3] - center[a]).abs() < 0.5));
        }
    }

    #[test]
    fn threads_change_nothing() {
        let (rows, weights) = colors(30_000);
        let one = run(&rows, &weights, &config(25), &Threads::single());
        for count in [2, 8] {
            assert_eq!(run(&rows, &weights, &config(25), &Threads::new(count, &|| false)), one);
        }
    }

    #[test]
    fn a_fit_that_ends_on_cells_is_nearly_as_good() {
        let (rows, weights) = colors(100_000);
        let pyramid = Pyramid::new(&rows, 3, Some(&weights), 20, None).expect("valid input");
        assert_eq!(pyramid.levels.len(), 3);
        let fit = |config: &Config| {
            pyramid.fit(config, &Threads::single(), &mut |_, _| ControlFlow::Continue(())).expect("valid input")
        };
        let coarse = fit(&Config { coarse: true, ..config(20) });
        let fine = fit(&Config { start: coarse.centers.clone(), ..config(20) });
        assert!((fine.error / coarse.error - 1.0).abs() < 0.01, "{} against {}", fine.error, coarse.error);
        assert_eq!(fine, fit(&config(20)));
    }

    #[test]
    fn fixed_centers_stay_and_the_others_do_better_with_them() {
        let (rows, weights) = colors(5000);
        let start = vec![0.5, 1.25, 250.0, 77.0, 77.0, 77.0];
        let fixed = Config { start: start.clone(), n_fixed: 2, ..config(10) };
        let found = run(&rows, &weights, &fixed, &Threads::single());
        assert_eq!(found.centers[..6], start);
        assert!(found.error >= run(&rows, &weights, &config(10), &Threads::single()).error);
        assert!(found.error <= run(&rows, &weights, &config(8), &Threads::single()).error * 1.01);
    }

    #[test]
    fn there_are_no_more_centers_than_distinct_colors() {
        let rows = [1u8, 2, 3, 9, 9, 9, 1, 2, 3];
        let found = run(&rows, &[1.0; 3], &config(5), &Threads::single());
        assert_eq!((found.centers.len(), found.error), (6, 0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let pyramid = Pyramid::new(&[1u8, 2, 3], 3, None, 1, None).expect("valid input");
        let fit = |config: &Config| pyramid.fit(config, &Threads::single(), &mut |_, _| ControlFlow::Continue(()));
        assert!(fit(&config(0)).is_err());
        assert!(fit(&Config { start: vec![0.0; 6], ..config(1) }).is_err());
        assert!(fit(&Config { n_fixed: 1, ..config(1) }).is_err());
        assert!(nearest(&[1u8, 2, 3], 3, &[], &Threads::single()).is_err());
    }

    #[test]
    fn an_interrupt_ends_the_fit() {
        let (rows, weights) = colors(50_000);
        let stop = |_: usize, _: f64| ControlFlow::Break(());
        let pyramid = Pyramid::new(&rows, 3, Some(&weights), 30, None).expect("valid input");
        let outcome = pyramid.fit(&config(30), &Threads::single(), &mut { stop });
        assert_eq!(outcome, Err(Error::Interrupted));
    }
}
