//! Where EM starts: k-means++ with a few Lloyd steps, random samples, or given parameters.
//!
//! Greedy k-means++: Arthur & Vassilvitskii 2007 (SODA, doi:10.5555/1283383.1283494), several candidates a step, the
//! best kept. Departures: samples have weights; beyond 131,072 samples an evenly spread subset seeds the centres.

use std::str::FromStr;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

use crate::covariance::CovarianceType;
use crate::error::{Error, Result};
use crate::kernels::{Form, Moments, Real, lower_tile, nearest_tile, potentials_tile};
use crate::mixture::{Mixture, Regularization};
use crate::parallel::{LEAST_WORK, Threads};
use crate::samples::{Samples, TILE};

/// Lloyd steps after k-means++: most of the gain comes with the first few, EM does the rest.
const LLOYD_STEPS: usize = 5;
/// Tiles that seed the centres (131,072 samples); more add time but no better seeds.
const MAX_TILES: usize = 1024;

/// How the means are chosen where none are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Greedy k-means++ on the weighted samples, then a few Lloyd steps.
    KMeansPlusPlus,
    /// k samples drawn at random, by weight.
    RandomFromData,
    /// What [`search`](crate::search::search) finds; to [`initialise`] the same as k-means++.
    Search,
}

impl FromStr for Method {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "k-means++" => Ok(Self::KMeansPlusPlus),
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
pub fn initialise<T: Real>(
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
        (Some(means), _) => samples.standardise(means, k)?,
        (None, Method::KMeansPlusPlus | Method::Search) => {
            let tiles = spread(samples.n_tiles());
            let mut centres = plus_plus(samples, &tiles, &[], k, &mut random, threads)?;
            for _ in 0..LLOYD_STEPS {
                lloyd_step(samples, &tiles, &mut centres, threads)?;
            }
            centres
        }
        (None, Method::RandomFromData) => random_samples(samples, k, &mut random),
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
        mixture = mixture.maximise(&moments, &about, regularization.standardised::<T>(samples.scale), threads)?;
    }
    mixture = mixture.restored(&samples.centre, samples.scale);
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

/// As many as are worth a block, with so many products for each sample.
fn tiles_per_block(work: usize) -> usize {
    LEAST_WORK.div_ceil(TILE * work)
}

/// Uniform in [0, 1).
fn uniform(random: &mut Pcg64Mcg) -> f64 {
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

impl<T: Real> Samples<T> {
    fn standardise(&self, means: &[f64], k: usize) -> Result<Vec<T>> {
        let d = self.n_features();
        if means.len() != k * d {
            return Err(Error::Length { what: "means_init", expected: k * d, found: means.len() });
        }
        Ok(means.iter().zip(self.centre.iter().cycle()).map(|(x, c)| T::from_f64((x - c) / self.scale)).collect())
    }
}

/// k different samples drawn by weight (all of them where there are fewer).
fn random_samples<T: Real>(samples: &Samples<T>, k: usize, random: &mut Pcg64Mcg) -> Vec<T> {
    let weights = (0..samples.n_tiles()).flat_map(|tile| samples.tile(tile).1.iter().map(|weight| weight.to_f64()));
    let mut cumulated: Vec<f64> = weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    cumulated.truncate(samples.len());
    let total = cumulated.last().copied().unwrap_or_default();
    let mut drawn: Vec<Vec<T>> = Vec::with_capacity(k);
    // Repetitions are drawn again; where values repeat so much that this does not end soon, fewer must do.
    for _ in 0..(20 * k + 100) {
        if drawn.len() == k {
            break;
        }
        let at = uniform(random) * total;
        let index = cumulated.partition_point(|sum| *sum <= at).min(samples.len() - 1);
        let sample: Vec<T> = samples.sample(index).collect();
        if !drawn.contains(&sample) {
            drawn.push(sample);
        }
    }
    drawn.concat()
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
    let mut centres: Vec<T> = Vec::with_capacity(k * d);
    let lower = |distance: &mut [T], centre: &[T]| -> Result<Vec<f64>> {
        let lowered = threads.map_chunks(distance, lower_tiles * TILE, |block, distance, _| {
            let tiles = tiles[block * lower_tiles..].iter().map(|tile| samples.tile(*tile));
            let lower = |((values, weights), distance)| lower_tile(values, weights, centre, distance);
            Ok(tiles.zip(distance.chunks_mut(TILE)).map(lower).collect())
        })?;
        Ok(lowered.into_iter().flat_map(|sums: Vec<f64>| sums).collect())
    };
    for centre in given.chunks_exact(d) {
        if centres.is_empty() {
            distance.fill(T::from_f64(1e30));
        }
        potentials = lower(&mut distance, centre)?;
        centres.extend(centre);
    }
    while centres.len() < k * d {
        let total: f64 = potentials.iter().sum();
        let n_drawn = if centres.is_empty() { 1 } else { n_candidates };
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
        let centre = &candidates[best * d..(best + 1) * d];
        if centres.is_empty() {
            distance.fill(T::from_f64(1e30));
        }
        potentials = lower(&mut distance, centre)?;
        centres.extend(centre);
    }
    Ok(centres)
}

/// Moves each centre to the mean of the samples nearest to it; one without samples stays where it is.
fn lloyd_step<T: Real>(samples: &Samples<T>, tiles: &[usize], centres: &mut [T], threads: &Threads) -> Result<()> {
    let d = samples.n_features();
    let width = d + 1;
    let zero = vec![0.0; centres.len() / d * width];
    let blocks = each_nearest(samples, tiles, centres, &zero, threads, |sums: &mut Vec<f64>, sample| {
        let sums = &mut sums[sample.component * width..(sample.component + 1) * width];
        for (sum, value) in sums.iter_mut().zip(sample.values.iter().step_by(TILE)) {
            *sum += sample.weight * value.to_f64();
        }
        sums[d] += sample.weight;
    })?;
    for (component, centre) in centres.chunks_exact_mut(d).enumerate() {
        let total = |column: usize| blocks.iter().map(|sums| sums[component * width + column]).sum::<f64>();
        let mass = total(d);
        if mass > 0.0 {
            centre.iter_mut().enumerate().for_each(|(a, value)| *value = T::from_f64(total(a) / mass));
        }
    }
    Ok(())
}

/// The moments of all samples about their nearest centres.
fn assign<T: Real>(samples: &Samples<T>, centres: &[T], form: Form, threads: &Threads) -> Result<Moments> {
    let d = samples.n_features();
    let zero = Moments::zero(form, centres.len() / d, d);
    let tiles: Vec<usize> = (0..samples.n_tiles()).collect();
    let blocks = each_nearest(samples, &tiles, centres, &zero, threads, |moments: &mut Moments, sample| {
        let centre = &centres[sample.component * d..(sample.component + 1) * d];
        let values = sample.values.iter().step_by(TILE);
        let difference = values.zip(centre).map(|(x, c)| x.to_f64() - c.to_f64());
        moments.add(form, sample.component, sample.weight, &difference);
    })?;
    Ok(Moments::sum(zero, &blocks))
}

/// A sample and the centre nearest to it.
struct Nearest<'a, T> {
    component: usize,
    weight: f64,
    /// The sample's values, each [`TILE`] apart.
    values: &'a [T],
}

/// Adds each sample of the given tiles to the sums of its block, which start from `zero`.
fn each_nearest<T: Real, R: Clone + Send + Sync>(
    samples: &Samples<T>,
    tiles: &[usize],
    centres: &[T],
    zero: &R,
    threads: &Threads,
    add: impl Fn(&mut R, Nearest<T>) + Sync,
) -> Result<Vec<R>> {
    let d = samples.n_features();
    // Few blocks, since each has a set of sums.
    let block_tiles = tiles.len().div_ceil(32).max(tiles_per_block(centres.len() + 30 * d));
    threads.map(tiles.len().div_ceil(block_tiles), |block, checkpoint| {
        let mut sums = zero.clone();
        let (mut nearest, mut distance) = ([T::default(); TILE], [T::default(); TILE]);
        for tile in tiles.iter().skip(block * block_tiles).take(block_tiles) {
            checkpoint.pass()?;
            let (values, weights) = samples.tile(*tile);
            nearest_tile(values, centres, &mut nearest, &mut distance);
            for lane in 0..samples.len().saturating_sub(tile * TILE).min(TILE) {
                let (component, weight) = (nearest[lane].to_f64() as usize, weights[lane].to_f64());
                add(&mut sums, Nearest { component, weight, values: &values[lane..] });
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
        initialise(&samples, k, CovarianceType::Full, &start, regularization, &Threads::single()).expect("a start")
    }

    #[test]
    fn separate_groups_each_get_a_centre() {
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
    fn drawing_follows_the_weights_and_never_takes_a_zero() {
        let values = [0.0, 3.0, 0.0, 1.0, 0.0];
        assert_eq!(draw(values.into_iter(), 4.0, 0.0), Some(1));
        assert_eq!(draw(values.into_iter(), 4.0, 0.74), Some(1));
        assert_eq!(draw(values.into_iter(), 4.0, 0.76), Some(3));
        assert_eq!(draw(values.into_iter(), 4.5, 0.999), Some(3));
        assert_eq!(draw([0.0; 3].into_iter(), 0.0, 0.5), None);
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
            |k| initialise(&samples, k, CovarianceType::Diag, &start, Regularization::default(), &Threads::single());
        let mixture = find(2).expect("a start");
        assert_eq!(
            (mixture.weights, mixture.means, mixture.covariances),
            (vec![0.25, 0.75], vec![0.5, 4.5], vec![2.0, 3.0])
        );
        assert_eq!(find(3), Err(Error::Length { what: "means_init", expected: 3, found: 2 }));
    }
}
