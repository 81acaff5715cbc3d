//! Where EM starts: k-means++ with a few Lloyd steps or all of them, random samples, or given parameters.
//!
//! Greedy k-means++: Arthur & Vassilvitskii 2007 (SODA, doi:10.5555/1283383.1283494), several candidates a step, the
//! best kept. Departures: samples have weights; beyond 131,072 samples an evenly spread subset seeds the centres.

mod search;
mod split_merge;

use std::collections::HashSet;
use std::str::FromStr;

use rand_pcg::Pcg64Mcg;

use super::m_step::maximize;
use super::prior::Prior;
use crate::covariance::{CovarianceType, Regularization};
use crate::error::{Error, Result};
use crate::kernels::{Form, Moments, nearest_tile};
use crate::kmeans::{plus_plus, uniform};
use crate::mixture::Mixture;
use crate::parallel::Threads;
use crate::samples::{Samples, TILE, tiles_per_block};
use crate::simd::Real;
pub use search::search;

/// Lloyd steps after k-means++: most of the gain comes with the first few, EM does the rest.
const LLOYD_STEPS: usize = 5;
/// K-means by itself: the best of so many starts, after a few steps each, on about so many samples, or so many for each
/// centre; then steps on [`FINER`] times as many, and the last few on all.
const STARTS: usize = 8;
const FEW_SAMPLES: usize = 4096;
const FEW_SAMPLES_EACH: usize = 64;
const FINER: usize = 4;
const LAST_STEPS: usize = 4;
/// The most steps, and the sum of the centres' squared ways that ends them, in units of the features' mean variance.
const MAX_STEPS: usize = 300;
const LLOYD_TOLERANCE: f64 = 1e-4;
/// Tiles that seed the centres (131,072 samples); more add time but no better seeds.
const MAX_TILES: usize = 1024;
/// Random samples between two questions whether to go on.
const DRAWS_AT_A_TIME: usize = 4096;

/// How the means are chosen where none are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Greedy k-means++ on the weighted samples, then a few Lloyd steps.
    KMeansPlusPlus,
    /// The same, with Lloyd steps until they settle.
    KMeans,
    /// k samples drawn at random, by weight.
    RandomFromData,
    /// What [`search`](super::search) finds; to [`initialize`] the same as k-means++.
    Search,
}

impl FromStr for Method {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "k-means++" => Ok(Self::KMeansPlusPlus),
            "kmeans" => Ok(Self::KMeans),
            "random_from_data" => Ok(Self::RandomFromData),
            "search" => Ok(Self::Search),
            _ => Err(Error::UnknownChoice {
                name: "init_params",
                value: name.into(),
                choices: "\"search\", \"k-means++\", \"random_from_data\"",
            }),
        }
    }
}

/// What is known of the start; the rest is found from the samples.
#[derive(Debug, Clone)]
pub struct Start {
    /// How means are chosen.
    pub method: Method,
    /// Given weights (k,).
    pub weights: Option<Vec<f64>>,
    /// Given means (k, d), in the samples' own unit.
    pub means: Option<Vec<f64>>,
    /// Given covariances, in the samples' own unit and the family's shape.
    pub covariances: Option<Vec<f64>>,
    /// Seed of all that is random.
    pub seed: u64,
}

impl Start {
    /// The seed of the start with this number, of several.
    pub(crate) fn nth_seed(&self, number: usize) -> u64 {
        self.seed.wrapping_add((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

/// The mixture that EM starts from, in the samples' own unit. It has fewer than `k` components where there are fewer
/// distinct samples.
///
/// # Errors
/// Given parameters that do not fit; an interruption.
pub fn initialize<T: Real>(
    samples: &Samples<T>,
    k: usize,
    covariance_type: CovarianceType,
    start: &Start,
    regularization: Regularization,
    threads: &Threads,
) -> Result<Mixture> {
    if k == 0 {
        return Err(Error::OutOfRange { name: "n_components", value: 0.0, range: "at least 1" });
    }
    let d = samples.n_features();
    let mut random = Pcg64Mcg::new(u128::from(start.seed) << 1 | 1);
    let means = match (&start.means, start.method) {
        (Some(means), _) => samples.standardize(means, k)?,
        (None, Method::KMeansPlusPlus | Method::Search) => {
            let tiles = spread(samples.n_tiles());
            let mut centers = plus_plus(samples, &tiles, &[], k, &mut random, threads)?;
            for _ in 0..LLOYD_STEPS {
                lloyd_step(samples, &tiles, &mut centers, threads)?;
            }
            centers
        }
        (None, Method::KMeans) => k_means(samples, k, &mut random, threads)?,
        (None, Method::RandomFromData) => random_samples(samples, k, &mut random, threads)?,
    };
    let k_found = means.len() / d;
    let mut mixture = Mixture {
        covariance_type,
        n_features: d,
        weights: vec![1.0 / k_found as f64; k_found],
        means: means.iter().map(|value| value.to_f64()).collect(),
        covariances: Vec::new(),
    };
    if start.method == Method::RandomFromData && start.means.is_none() {
        let assigned = assign(samples, &means, Form::Spherical, threads)?;
        let variance = assigned.second.iter().sum::<f64>() / (samples.total_weight() * d as f64);
        mixture.covariances = isotropic(covariance_type, k_found, d, variance.max(1e-6));
    } else if start.weights.is_none() || start.covariances.is_none() {
        mixture.covariances = isotropic(covariance_type, k_found, d, 1e-6);
        let moments = assign(samples, &means, Form::of(covariance_type), threads)?;
        let about = mixture.means.clone();
        mixture = maximize(
            &mixture,
            &moments,
            &about,
            Prior::none(),
            regularization.standardized::<T>(samples.frame.scale),
            threads,
        )?;
    }
    mixture = mixture.restored(&samples.frame);
    if let Some(means) = &start.means {
        mixture.means.clone_from(means);
    }
    if let Some(weights) = &start.weights {
        mixture.weights.clone_from(weights);
    }
    if let Some(covariances) = &start.covariances {
        mixture.covariances.clone_from(covariances);
    }
    mixture.check()?;
    Ok(mixture)
}

/// Up to `k` distinct samples (k, d), in their own unit, by greedy k-means++.
///
/// # Errors
/// An interruption.
pub fn seeds<T: Real>(samples: &Samples<T>, k: usize, seed: u64, threads: &Threads) -> Result<Vec<f64>> {
    let mut random = Pcg64Mcg::new(u128::from(seed) << 1 | 1);
    let found = plus_plus(samples, &spread(samples.n_tiles()), &[], k, &mut random, threads)?;
    let features = samples.frame.center.iter().zip(samples.frame.scales()).cycle();
    Ok(found.iter().zip(features).map(|(x, (center, scale))| x.to_f64() * scale + center).collect())
}

fn isotropic(family: CovarianceType, k: usize, d: usize, variance: f64) -> Vec<f64> {
    let mut values = vec![0.0; family.count(k) * family.values_each(d)];
    let step = match family {
        CovarianceType::Full | CovarianceType::Tied => d + 1,
        CovarianceType::Diag | CovarianceType::Spherical => 1,
    };
    for covariance in values.chunks_mut(family.values_each(d)) {
        covariance.iter_mut().step_by(step).for_each(|value| *value = variance);
    }
    values
}

/// Up to [`MAX_TILES`] tile numbers, evenly spread.
fn spread(n_tiles: usize) -> Vec<usize> {
    (0..n_tiles).step_by(n_tiles.div_ceil(MAX_TILES)).collect()
}

impl<T: Real> Samples<T> {
    fn standardize(&self, means: &[f64], k: usize) -> Result<Vec<T>> {
        let d = self.n_features();
        if means.len() != k * d {
            return Err(Error::Length { what: "means_init", expected: k * d, found: means.len() });
        }
        let features = self.frame.center.iter().zip(self.frame.scales());
        Ok(means.iter().zip(features.cycle()).map(|(x, (c, scale))| T::from_f64((x - c) / scale)).collect())
    }
}

/// k different samples drawn by weight (all of them where there are fewer).
fn random_samples<T: Real>(samples: &Samples<T>, k: usize, random: &mut Pcg64Mcg, threads: &Threads) -> Result<Vec<T>> {
    let weights = (0..samples.n_tiles()).flat_map(|tile| samples.tile(tile).1.iter().map(|weight| weight.to_f64()));
    let mut cumulated: Vec<f64> = weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    cumulated.truncate(samples.len());
    let total = cumulated.last().copied().unwrap_or_default();
    let mut drawn = Vec::new();
    // By the bits of their values, where zero is one value, not two.
    let mut known: HashSet<Vec<u64>> = HashSet::new();
    // Repetitions are drawn again; where values repeat so much that this does not end soon, fewer must do.
    for draw in 0..k.saturating_mul(20).saturating_add(100) {
        if known.len() == k {
            break;
        }
        if draw % DRAWS_AT_A_TIME == 0 {
            threads.checkpoint()?;
        }
        let at = uniform(random) * total;
        let index = cumulated.partition_point(|sum| *sum <= at).min(samples.len() - 1);
        let sample: Vec<T> = samples.sample(index).collect();
        if known.insert(sample.iter().map(|value| (value.to_f64() + 0.0).to_bits()).collect()) {
            drawn.extend(sample);
        }
    }
    Ok(drawn)
}

/// The centres (k, d) of k-means; fewer where there are fewer distinct samples.
fn k_means<T: Real>(samples: &Samples<T>, k: usize, random: &mut Pcg64Mcg, threads: &Threads) -> Result<Vec<T>> {
    let all_tiles = |samples: &Samples<T>| (0..samples.n_tiles()).collect::<Vec<usize>>();
    let count = FEW_SAMPLES.max(FEW_SAMPLES_EACH * k);
    let (few, more) = (samples.thinned(count), samples.thinned(FINER * count));
    let first = few.as_ref().unwrap_or(samples);
    let tiles = all_tiles(first);
    let mut best = (f64::INFINITY, Vec::new());
    for _ in 0..if k > 1 { STARTS } else { 1 } {
        let mut centers = plus_plus(first, &tiles, &[], k, random, threads)?;
        let mut error = 0.0;
        for _ in 0..LLOYD_STEPS {
            error = lloyd_step(first, &tiles, &mut centers, threads)?.0;
        }
        if error < best.0 {
            best = (error, centers);
        }
    }
    let mut centers = best.1;
    if centers.len() < k * samples.n_features() {
        centers = plus_plus(samples, &all_tiles(samples), &centers, k, random, threads)?;
    }
    let last = if more.is_some() { LAST_STEPS } else { MAX_STEPS };
    for (samples, most) in more.iter().map(|more| (more, MAX_STEPS)).chain([(samples, last)]) {
        let tiles = all_tiles(samples);
        for _ in 0..most {
            if lloyd_step(samples, &tiles, &mut centers, threads)?.1 <= LLOYD_TOLERANCE {
                break;
            }
        }
    }
    Ok(centers)
}

/// Moves each centre to the mean of the samples nearest to it; one without samples stays where it is. Gives the sums of the
/// squared distances before, and of the squared ways.
fn lloyd_step<T: Real>(
    samples: &Samples<T>,
    tiles: &[usize],
    centers: &mut [T],
    threads: &Threads,
) -> Result<(f64, f64)> {
    let d = samples.n_features();
    let width = d + 2;
    let zero = vec![0.0; centers.len() / d * width];
    let blocks = each_nearest(samples, tiles, centers, &zero, threads, |sums: &mut Vec<f64>, sample| {
        let sums = &mut sums[sample.component * width..(sample.component + 1) * width];
        for (sum, value) in sums.iter_mut().zip(sample.values.iter().step_by(TILE)) {
            *sum += sample.weight * value.to_f64();
        }
        sums[d] += sample.weight;
        sums[d + 1] += sample.weight * sample.square;
    })?;
    let (mut error, mut way) = (0.0, 0.0);
    for (component, center) in centers.chunks_exact_mut(d).enumerate() {
        let total = |column: usize| blocks.iter().map(|sums| sums[component * width + column]).sum::<f64>();
        let mass = total(d);
        error += total(d + 1);
        if mass > 0.0 {
            for (a, value) in center.iter_mut().enumerate() {
                let mean = total(a) / mass;
                way += (mean - value.to_f64()).powi(2);
                *value = T::from_f64(mean);
            }
        }
    }
    Ok((error, way))
}

/// The moments of all samples about their nearest centres.
fn assign<T: Real>(samples: &Samples<T>, centers: &[T], form: Form, threads: &Threads) -> Result<Moments> {
    let d = samples.n_features();
    let zero = Moments::zero(form, centers.len() / d, d);
    let tiles: Vec<usize> = (0..samples.n_tiles()).collect();
    let blocks = each_nearest(samples, &tiles, centers, &zero, threads, |moments: &mut Moments, sample| {
        let center = &centers[sample.component * d..(sample.component + 1) * d];
        let values = sample.values.iter().step_by(TILE);
        let difference = values.zip(center).map(|(x, c)| x.to_f64() - c.to_f64());
        moments.add(form, sample.component, sample.weight, &difference);
    })?;
    Ok(Moments::sum(zero, &blocks))
}

/// A sample and the centre nearest to it.
struct Nearest<'a, T> {
    component: usize,
    weight: f64,
    /// Its squared distance.
    square: f64,
    /// The sample's values, each [`TILE`] apart.
    values: &'a [T],
}

/// Adds each sample of the given tiles to the sums of its block, which start from `zero`.
fn each_nearest<T: Real, R: Clone + Send + Sync>(
    samples: &Samples<T>,
    tiles: &[usize],
    centers: &[T],
    zero: &R,
    threads: &Threads,
    add: impl Fn(&mut R, Nearest<T>) + Sync,
) -> Result<Vec<R>> {
    let d = samples.n_features();
    // Few blocks, since each has a set of sums.
    let block_tiles = tiles.len().div_ceil(32).max(tiles_per_block(centers.len() + 30 * d));
    threads.map(tiles.len().div_ceil(block_tiles), |block, checkpoint| {
        let mut sums = zero.clone();
        let (mut nearest, mut distance) = ([T::default(); TILE], [T::default(); TILE]);
        for tile in tiles.iter().skip(block * block_tiles).take(block_tiles) {
            checkpoint.pass()?;
            let (values, weights) = samples.tile(*tile);
            nearest_tile(values, centers, &mut nearest, &mut distance);
            for lane in 0..samples.len().saturating_sub(tile * TILE).min(TILE) {
                let (component, weight) = (nearest[lane].to_f64() as usize, weights[lane].to_f64());
                let square = distance[lane].to_f64();
                add(&mut sums, Nearest { component, weight, square, values: &values[lane..] });
            }
        }
        Ok(sums)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(rows: &[f64], k: usize, method: Method) -> Mixture {
        let samples = Samples::<f64>::new(rows, 1, None, 1.0).expect("valid");
        let start = Start { method, weights: None, means: None, covariances: None, seed: 7 };
        let regularization = Regularization { floor: 1e-6, added: 0.0 };
        initialize(&samples, k, CovarianceType::Full, &start, regularization, &Threads::single()).expect("a start")
    }

    #[test]
    fn separate_groups_each_get_a_center() {
        let rows: Vec<f64> = (0..400).map(|i| f64::from(i % 4) * 10.0 + f64::from(i) * 1e-4).collect();
        let mut means = find(&rows, 4, Method::KMeansPlusPlus).means;
        means.sort_by(f64::total_cmp);
        for (mean, expected) in means.iter().zip([0.02, 10.02, 20.02, 30.02]) {
            assert!((mean - expected).abs() < 0.01, "{means:?}");
        }
    }

    #[test]
    fn there_are_no_more_components_than_distinct_samples() {
        for method in [Method::KMeansPlusPlus, Method::RandomFromData] {
            let mixture = find(&[1.0, 2.0, 1.0, 2.0, 1.0], 5, method);
            assert_eq!(mixture.n_components(), 2);
            assert!(mixture.covariances.iter().all(|variance| *variance > 0.0));
        }
    }

    #[test]
    fn random_starts_are_samples() {
        let rows: Vec<f64> = (0..1000).map(|i| f64::from(i).sqrt()).collect();
        let mixture = find(&rows, 20, Method::RandomFromData);
        assert_eq!(mixture.n_components(), 20);
        assert!(mixture.means.iter().all(|mean| rows.iter().any(|row| (row - mean).abs() < 1e-9)));
    }

    #[test]
    fn drawing_many_samples_ends_soon_and_can_be_interrupted() {
        let rows: Vec<f64> = (0..400_000).map(|i| f64::from(i % 200_000)).collect();
        let samples = Samples::<f64>::new(&rows, 1, None, 1.0).expect("valid");
        let mut random = Pcg64Mcg::new(1);
        let drawn = random_samples(&samples, 150_000, &mut random, &Threads::single()).expect("uninterrupted");
        let distinct: HashSet<u64> = drawn.iter().map(|value| value.to_bits()).collect();
        assert_eq!((drawn.len(), distinct.len()), (150_000, 150_000));
        let stop = || true;
        let threads = Threads::new(1, &stop);
        std::thread::sleep(std::time::Duration::from_millis(60));
        assert_eq!(random_samples(&samples, 150_000, &mut random, &threads), Err(Error::Interrupted));
    }

    #[test]
    fn given_parameters_are_kept() {
        let samples = Samples::<f64>::new(&[0.0, 1.0, 4.0, 5.0], 1, None, 1.0).expect("valid");
        let start = Start {
            method: Method::KMeansPlusPlus,
            weights: Some(vec![0.25, 0.75]),
            means: Some(vec![0.5, 4.5]),
            covariances: Some(vec![2.0, 3.0]),
            seed: 0,
        };
        let find =
            |k| initialize(&samples, k, CovarianceType::Diag, &start, Regularization::default(), &Threads::single());
        let mixture = find(2).expect("a start");
        assert_eq!(
            (mixture.weights, mixture.means, mixture.covariances),
            (vec![0.25, 0.75], vec![0.5, 4.5], vec![2.0, 3.0])
        );
        assert_eq!(find(3), Err(Error::Length { what: "means_init", expected: 3, found: 2 }));
    }
}
