//! The hard, equal-variance limit of a mixture: weighted k-means, for palettes.
//!
//! Lloyd's algorithm (Lloyd 1982, doi:10.1109/TIT.1982.1056489) over samples in Morton order. A tile of samples looks
//! only at those centres that can be nearest somewhere in its bounding box, by the test of the filtering algorithm
//! (Kanungo et al. 2002, doi:10.1109/TPAMI.2002.1017616): the same result as looking at all. Greedy k-means++ starts,
//! and moves that take one centre away and split another cluster (`moves`) leave poor optima. Departures: all
//! this is done first on cells of neighbouring samples, then on smaller cells, and ends on all samples; some centres
//! may be fixed.

mod cloud;
mod moves;

use rand_pcg::Pcg64Mcg;

use crate::em::Progress;
use crate::error::{Error, Result};
use crate::initialise::plus_plus;
pub use crate::morton::colour_keys;
use crate::parallel::Threads;
use crate::samples::Element;
use cloud::{Cloud, Sums};

/// Samples that the search is done on, if there are more: so many, or so many for each centre.
const SEARCH_SAMPLES: usize = 8192;
const SEARCH_SAMPLES_EACH: usize = 64;
/// So many times as many samples have the smaller cells.
const FINER: usize = 4;
/// Lloyd steps of the search end when the error falls by less than this part.
const SEARCH_TOLERANCE: f64 = 1e-3;

/// Starts: up to [`MAX_STARTS`], fewer where there are many centres, since moves then mend what one start missed.
const CENTRES_OF_ALL_STARTS: usize = 384;
const MAX_STARTS: usize = 16;
/// Fewer tiles are searched on one thread.
const TILES_WORTH_THREADS: usize = 256;

/// How much further each step goes than the one before, and at the most, measured by the way to the means.
const STRETCH: f32 = 1.3;
const MAX_STRETCH: f32 = 1.9;

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
    pub centres: Vec<f64>,
    /// Σ w |x − nearest centre|² / Σ w, before the last step.
    pub error: f64,
    /// Steps over all samples, or over the smaller cells if the fit ended there.
    pub n_iter: usize,
}

/// Weighted samples, and the means of those in coarser and coarser cells: ready for any number of fits.
#[derive(Debug)]
pub struct Levels {
    /// All samples first. The search is done on the last.
    clouds: Vec<Cloud>,
}

impl Levels {
    /// Sorts samples (n, d) for fits of about `n_clusters` centres, by `keys` where there are any, as from
    /// [`colour_keys`]. Samples in the order of their keys stay as they are, much sooner.
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
        let mut clouds = vec![Cloud::new(rows, d, weights, keys)?];
        let few = SEARCH_SAMPLES.max(SEARCH_SAMPLES_EACH.saturating_mul(n_clusters));
        let finer = few.saturating_mul(FINER);
        for most in if clouds[0].samples.len() > finer.saturating_mul(2) { vec![finer, few] } else { vec![few] } {
            if let Some(coarser) = clouds.last().and_then(|cloud| cloud.coarser(most)) {
                clouds.push(coarser?);
            }
        }
        Ok(Self { clouds })
    }

    /// Fits centres to the samples.
    ///
    /// # Errors
    /// A start that does not fit; an interruption.
    pub fn fit(&self, config: &Config, threads: &Threads, progress: Progress) -> Result<Clusters> {
        let d = self.clouds[0].samples.n_features();
        let given = config.start.len() / d;
        if config.n_clusters == 0 || given > config.n_clusters || config.n_fixed > given {
            return Err(Error::OutOfRange {
                name: "n_clusters",
                value: config.n_clusters as f64,
                range: "at least 1, and at least the number of given centres",
            });
        }
        let last = self.clouds.len() - 1;
        let finest = if config.coarse { last.saturating_sub(1) } else { 0 };
        let mut level = finest;
        let mut centres = config.start.clone();
        if given < config.n_clusters {
            let cloud = &self.clouds[last];
            centres = cloud.leave(&search(cloud, &cloud.enter(&centres), config, threads)?);
            level = last.saturating_sub(1);
        }
        while level > finest {
            centres = self.clouds[level].refine(&centres, config, threads, None)?.centres;
            level -= 1;
        }
        let mut found = self.clouds[finest].refine(&centres, config, threads, Some(progress))?;
        found.centres[..config.n_fixed * d].copy_from_slice(&config.start[..config.n_fixed * d]);
        Ok(found)
    }

    /// The nearest of `centres` (k, d) for each of the samples, and the squared distance to it.
    ///
    /// # Errors
    /// Centres that do not fit; an interruption.
    pub fn nearest(&self, centres: &[f64], threads: &Threads) -> Result<(Vec<u32>, Vec<f32>)> {
        nearest_in(&self.clouds[0], centres, threads)
    }
}

/// The nearest of `centres` (k, d) for each of `rows` (n, d), and the squared distance to it.
///
/// # Errors
/// Rows that are none; centres that do not fit; an interruption.
pub fn nearest<E: Element>(rows: &[E], d: usize, centres: &[f64], threads: &Threads) -> Result<(Vec<u32>, Vec<f32>)> {
    nearest_in(&Cloud::new(rows, d, None, None)?, centres, threads)
}

fn nearest_in(cloud: &Cloud, centres: &[f64], threads: &Threads) -> Result<(Vec<u32>, Vec<f32>)> {
    let d = cloud.samples.n_features();
    if centres.is_empty() || !centres.len().is_multiple_of(d) {
        return Err(Error::Length { what: "centres", expected: d, found: centres.len() });
    }
    let (labels, mut distances) = cloud.labels(&cloud.enter(centres), threads)?;
    let unit = (cloud.samples.scale * cloud.samples.scale) as f32;
    for distance in &mut distances {
        *distance *= unit;
    }
    Ok((labels, distances))
}

impl Cloud {
    /// Steps from the given centres on, until they help no more.
    fn refine(
        &self,
        centres: &[f64],
        config: &Config,
        threads: &Threads,
        progress: Option<Progress>,
    ) -> Result<Clusters> {
        let limits = Limits { tol: config.tol, max_iter: config.max_iter, n_fixed: config.n_fixed };
        let mut centres = self.enter(centres);
        let (sums, n_iter) = lloyd(self, &mut centres, limits, threads, progress)?;
        let scale = self.samples.scale;
        let error = sums.error * scale * scale / self.samples.total_weight();
        Ok(Clusters { centres: self.leave(&centres), error, n_iter })
    }
}

/// Centres from a start of few or none, on a cloud that is small enough for many passes: the best of several seeds,
/// which run side by side. A single one on few samples runs on one thread: waiting for others would take longer.
fn search(cloud: &Cloud, given: &[f32], config: &Config, threads: &Threads) -> Result<Vec<f32>> {
    let tiles: Vec<usize> = (0..cloud.samples.n_tiles()).collect();
    let limits = Limits { tol: SEARCH_TOLERANCE, max_iter: 100, n_fixed: config.n_fixed };
    let attempt = |number: usize, threads: &Threads| {
        let mut random = Pcg64Mcg::new((u128::from(config.seed) << 64 | number as u128) << 1 | 1);
        let mut centres = plus_plus(&cloud.samples, &tiles, given, config.n_clusters, &mut random, threads)?;
        lloyd(cloud, &mut centres, limits, threads, None)?;
        moves::improve(cloud, centres, limits, threads)
    };
    let n_starts = (CENTRES_OF_ALL_STARTS / config.n_clusters).clamp(1, MAX_STARTS);
    if n_starts == 1 && tiles.len() >= TILES_WORTH_THREADS {
        return Ok(attempt(0, threads)?.0);
    }
    let found = threads
        .map(n_starts, |number, checkpoint| attempt(number, &Threads::new(1, &|| checkpoint.pass().is_err())))?;
    let best = found.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
    Ok(best.map_or_else(Vec::new, |(centres, _)| centres))
}

/// When steps end, and which centres they leave alone.
#[derive(Debug, Clone, Copy)]
struct Limits {
    tol: f64,
    max_iter: usize,
    n_fixed: usize,
}

/// Moves each centre but the first `n_fixed` to the mean of its samples and, step by step, further beyond, until that
/// helps no more. Returns the sums about the centres before the last move, and the number of steps.
fn lloyd(
    cloud: &Cloud,
    centres: &mut [f32],
    limits: Limits,
    threads: &Threads,
    mut progress: Option<Progress>,
) -> Result<(Sums, usize)> {
    let free = limits.n_fixed * cloud.samples.n_features();
    let (mut last, mut stretch) = (f64::INFINITY, 1.0);
    let mut means = centres.to_vec();
    let mut n_iter = 0;
    loop {
        n_iter += 1;
        let sums = cloud.sums(centres, threads)?;
        let error = sums.error;
        if error > last && stretch > 1.0 && n_iter < limits.max_iter {
            centres.copy_from_slice(&means); // that was too far
            stretch = 1.0;
            continue;
        }
        means.copy_from_slice(centres);
        sums.means(&mut means[free..], limits.n_fixed);
        if let Some(progress) = progress.as_mut()
            && progress(n_iter, error / cloud.samples.total_weight()).is_break()
        {
            return Err(Error::Interrupted);
        }
        if last - error <= limits.tol * error || n_iter >= limits.max_iter {
            centres.copy_from_slice(&means);
            return Ok((sums, n_iter));
        }
        last = error;
        for (centre, mean) in centres[free..].iter_mut().zip(&means[free..]) {
            *centre += stretch * (mean - *centre);
        }
        stretch = (stretch * STRETCH).min(MAX_STRETCH);
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;

    /// Colours in a few clumps of different weight, without a pattern.
    fn colours(n: usize) -> (Vec<u8>, Vec<f64>) {
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
        let levels = Levels::new(rows, 3, Some(weights), config.n_clusters, None).expect("valid input");
        levels.fit(config, threads, &mut |_, _| ControlFlow::Continue(())).expect("valid input")
    }

    #[test]
    fn the_error_is_that_of_the_nearest_centres_and_each_is_the_mean_of_its_own() {
        let (rows, weights) = colours(20_000);
        let found = run(&rows, &weights, &config(40), &Threads::single());
        let (labels, _) = nearest(&rows, 3, &found.centres, &Threads::single()).expect("valid input");
        let (mut error, mut sums) = (0.0, vec![[0.0; 4]; 40]);
        for ((row, weight), label) in rows.chunks(3).zip(&weights).zip(&labels) {
            let distance = |j: usize| squared_distance(row, &found.centres[3 * j..3 * j + 3]);
            let least = (0..40).map(distance).fold(f64::INFINITY, f64::min);
            assert!(distance(*label as usize) <= least + 1e-3);
            error += weight * least;
            (0..3).for_each(|a| sums[*label as usize][a] += weight * f64::from(row[a]));
            sums[*label as usize][3] += weight;
        }
        let error = error / weights.iter().sum::<f64>();
        assert!((found.error / error - 1.0).abs() < 1e-4, "{} against {error}", found.error);
        for (sum, centre) in sums.iter().zip(found.centres.chunks(3)) {
            assert!((0..3).all(|a| (sum[a] / sum[3] - centre[a]).abs() < 0.5));
        }
    }

    #[test]
    fn threads_change_nothing() {
        let (rows, weights) = colours(30_000);
        let one = run(&rows, &weights, &config(25), &Threads::single());
        for count in [2, 8] {
            assert_eq!(run(&rows, &weights, &config(25), &Threads::new(count, &|| false)), one);
        }
    }

    #[test]
    fn a_fit_that_ends_on_cells_is_nearly_as_good() {
        let (rows, weights) = colours(100_000);
        let levels = Levels::new(&rows, 3, Some(&weights), 20, None).expect("valid input");
        assert_eq!(levels.clouds.len(), 3);
        let fit = |config: &Config| {
            levels.fit(config, &Threads::single(), &mut |_, _| ControlFlow::Continue(())).expect("valid input")
        };
        let coarse = fit(&Config { coarse: true, ..config(20) });
        let fine = fit(&Config { start: coarse.centres.clone(), ..config(20) });
        assert!((fine.error / coarse.error - 1.0).abs() < 0.01, "{} against {}", fine.error, coarse.error);
        assert_eq!(fine, fit(&config(20)));
    }

    #[test]
    fn fixed_centres_stay_and_the_others_do_better_with_them() {
        let (rows, weights) = colours(5000);
        let start = vec![0.5, 1.25, 250.0, 77.0, 77.0, 77.0];
        let fixed = Config { start: start.clone(), n_fixed: 2, ..config(10) };
        let found = run(&rows, &weights, &fixed, &Threads::single());
        assert_eq!(found.centres[..6], start);
        assert!(found.error >= run(&rows, &weights, &config(10), &Threads::single()).error);
        assert!(found.error <= run(&rows, &weights, &config(8), &Threads::single()).error * 1.01);
    }

    #[test]
    fn there_are_no_more_centres_than_distinct_colours() {
        let rows = [1u8, 2, 3, 9, 9, 9, 1, 2, 3];
        let found = run(&rows, &[1.0; 3], &config(5), &Threads::single());
        assert_eq!((found.centres.len(), found.error), (6, 0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let levels = Levels::new(&[1u8, 2, 3], 3, None, 1, None).expect("valid input");
        let fit = |config: &Config| levels.fit(config, &Threads::single(), &mut |_, _| ControlFlow::Continue(()));
        assert!(fit(&config(0)).is_err());
        assert!(fit(&Config { start: vec![0.0; 6], ..config(1) }).is_err());
        assert!(fit(&Config { n_fixed: 1, ..config(1) }).is_err());
        assert!(nearest(&[1u8, 2, 3], 3, &[], &Threads::single()).is_err());
    }

    #[test]
    fn an_interrupt_ends_the_fit() {
        let (rows, weights) = colours(50_000);
        let stop = |_: usize, _: f64| ControlFlow::Break(());
        let levels = Levels::new(&rows, 3, Some(&weights), 30, None).expect("valid input");
        let outcome = levels.fit(&config(30), &Threads::single(), &mut { stop });
        assert_eq!(outcome, Err(Error::Interrupted));
    }
}
