//! Moves out of poor optima: one centre is taken where it is missed least, and splits the cluster that gains most.
//!
//! The cost of taking one is Ward's (1963, doi:10.1080/01621459.1963.10500845), that of a merge with the neighbour; the
//! gain of a split is the error between the two halves of a cluster, cut at its mean along its longest axis. Several
//! moves are tried at a time, fewer when they fail, as in breathing k-means (Fritzke 2020, arXiv:2006.15666).

use super::lloyd::{Limits, lloyd};
use super::sorted_points::SortedPoints;
use crate::error::Result;
use crate::kernels::{Form, Moments};
use crate::parallel::Threads;

/// A move is tried if its gain is more than this part of its cost: steps after it add to the gain.
const HOPE: f64 = 0.5;
/// Clusters beyond which pairs are too many to be looked at.
const MAX_CLUSTERS: usize = 2048;
/// Steps after a move that decide on it.
const STEPS: usize = 12;
/// Moves that may fail one after another.
const PATIENCE: usize = 6;
/// Of many clusters, a few moves gain less than they take time: no fewer are tried at a time than one for so many.
const CLUSTERS_OF_A_MOVE: usize = 128;

/// A cluster in two halves: the gain, and the means.
struct Split {
    cluster: usize,
    gain: f64,
    halves: [Vec<f32>; 2],
}

/// Taking a centre away: the loss, and the neighbour that gets its samples.
struct Merge {
    cluster: usize,
    neighbor: usize,
    cost: f64,
}

/// Moves centres until no move lowers the error. Returns that, too, as it was before the last step.
pub(super) fn improve(
    points: &SortedPoints,
    mut centers: Vec<f32>,
    limits: Limits,
    threads: &Threads,
) -> Result<(Vec<f32>, f64)> {
    let k = centers.len() / points.samples.n_features();
    let mut error = points.sums(&centers, threads)?.error;
    if k - limits.n_fixed < 2 || k > MAX_CLUSTERS {
        return Ok((centers, error));
    }
    let steps = Limits { max_iter: STEPS, ..limits };
    let (mut size, least) = ((k / 4).max(1), (k / CLUSTERS_OF_A_MOVE).max(1));
    let mut failed: Vec<(usize, usize)> = Vec::new();
    let mut proposals = None;
    while error > 0.0 && failed.len() < PATIENCE {
        let (splits, merges) = match proposals.take() {
            Some(known) => known,
            None => propose(points, &centers, limits.n_fixed, threads)?,
        };
        let plan = plan(&splits, &merges, size, &failed);
        if plan.len() < least {
            break;
        }
        let mut trial = centers.clone();
        for (split, merge) in &plan {
            apply(&mut trial, split, merge, limits.n_fixed, points.samples.n_features());
        }
        let trial_error = lloyd(points, &mut trial, steps, threads, None)?.0.error;
        if trial_error < error * (1.0 - 1e-6) {
            (centers, error) = (trial, trial_error);
            failed.clear();
            continue;
        }
        if plan.len() > 1 {
            size = plan.len() / 2;
        } else {
            size = 1;
            failed.extend(plan.iter().map(|(split, merge)| (split.cluster, merge.cluster)));
        }
        proposals = Some((splits, merges));
    }
    Ok((centers, error))
}

/// Up to `size` moves that do not touch each other, the most promising first.
fn plan<'a>(
    splits: &'a [Split],
    merges: &'a [Merge],
    size: usize,
    failed: &[(usize, usize)],
) -> Vec<(&'a Split, &'a Merge)> {
    let mut touched = vec![false; splits.len()];
    let mut plan = Vec::new();
    for split in splits {
        if plan.len() == size {
            break;
        }
        if touched[split.cluster] {
            continue;
        }
        let merge = merges.iter().find(|merge| {
            let (a, b) = (merge.cluster, merge.neighbor);
            let free = !touched[a] && !touched[b] && a != split.cluster && b != split.cluster;
            free && split.gain > HOPE * merge.cost && !failed.contains(&(split.cluster, a))
        });
        if let Some(merge) = merge {
            for cluster in [split.cluster, merge.cluster, merge.neighbor] {
                touched[cluster] = true;
            }
            plan.push((split, merge));
        }
    }
    plan
}

fn apply(centers: &mut [f32], split: &Split, merge: &Merge, n_fixed: usize, d: usize) {
    let [first, second] = &split.halves;
    let at = |cluster: usize| cluster * d..(cluster + 1) * d;
    let mut halves = [first, second];
    if split.cluster < n_fixed {
        // The fixed centre stays, and the half that it is farther from gets a centre.
        let distance = |half: &[f32]| -> f32 {
            half.iter().zip(&centers[at(split.cluster)]).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        if distance(first) > distance(second) {
            halves.swap(0, 1);
        }
    } else {
        centers[at(split.cluster)].copy_from_slice(halves[0]);
    }
    centers[at(merge.cluster)].copy_from_slice(halves[1]);
}

/// Each cluster's best cut, the largest gain first; and for each centre that may go the neighbour that costs least, the
/// cheapest first.
fn propose(
    points: &SortedPoints,
    centers: &[f32],
    n_fixed: usize,
    threads: &Threads,
) -> Result<(Vec<Split>, Vec<Merge>)> {
    let d = points.samples.n_features();
    let k = centers.len() / d;
    let form = if d <= 4 { Form::Full } else { Form::Diag };
    let labels = points.labels_in_order(centers, threads)?;
    let zero = Moments::zero(form, k, d);
    let blocks =
        points.each_difference(centers, &labels, &zero, threads, |moments: &mut Moments, center, weight, x| {
            moments.add(form, center, weight, &x.iter().copied());
        })?;
    let moments = Moments::sum(zero, &blocks);
    let axes: Vec<f64> = (0..k).flat_map(|j| longest_axis(&moments, form, j, d)).collect();
    let along = |j: usize, x: &[f64]| -> f64 { x.iter().zip(&axes[j * d..]).map(|(x, axis)| x * axis).sum() };
    let mean = |j: usize| along(j, &moments.first[j * d..(j + 1) * d]) / moments.mass[j].max(f64::MIN_POSITIVE);
    let cuts: Vec<f64> = (0..k).map(mean).collect();
    // Mass and Σ w (x − centre) of the half in the direction of the axis.
    let zero = vec![0.0; k * (d + 1)];
    let blocks =
        points.each_difference(centers, &labels, &zero, threads, |halves: &mut Vec<f64>, center, weight, x| {
            if along(center, x) > cuts[center] {
                let half = &mut halves[center * (d + 1)..][..=d];
                half.iter_mut().zip(x).for_each(|(sum, x)| *sum += weight * x);
                half[d] += weight;
            }
        })?;
    let mut halves = zero;
    for block in &blocks {
        halves.iter_mut().zip(block).for_each(|(sum, value)| *sum += value);
    }
    let mut splits: Vec<Split> = (0..k)
        .map(|j| cut(j, &centers[j * d..(j + 1) * d], &moments, &halves[j * (d + 1)..(j + 1) * (d + 1)]))
        .collect();
    splits.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    Ok((splits, merges(centers, &moments.mass, n_fixed)))
}

fn cut(cluster: usize, center: &[f32], moments: &Moments, half: &[f64]) -> Split {
    let d = center.len();
    let (mass, upper) = (moments.mass[cluster], half[d]);
    let lower = mass - upper;
    if upper <= 0.0 || lower <= 0.0 {
        return Split { cluster, gain: 0.0, halves: [center.to_vec(), center.to_vec()] };
    }
    let first = &moments.first[cluster * d..(cluster + 1) * d];
    let means = |sum: &dyn Fn(usize) -> f64, mass: f64| (0..d).map(|a| sum(a) / mass).collect::<Vec<f64>>();
    let above = means(&|a| half[a], upper);
    let below = means(&|a| first[a] - half[a], lower);
    let squares: f64 = above.iter().zip(&below).map(|(a, b)| (a - b) * (a - b)).sum();
    let place = |mean: &[f64]| mean.iter().zip(center).map(|(m, c)| (m + f64::from(*c)) as f32).collect();
    Split { cluster, gain: upper * lower / mass * squares, halves: [place(&below), place(&above)] }
}

/// The direction of the largest variance of a cluster, by power iteration.
fn longest_axis(moments: &Moments, form: Form, cluster: usize, d: usize) -> Vec<f64> {
    let second = moments.second_of(cluster);
    let mass = moments.mass[cluster].max(f64::MIN_POSITIVE);
    let first = &moments.first[cluster * d..(cluster + 1) * d];
    let covariance = |a: usize, b: usize| {
        let (a, b) = (a.max(b), a.min(b));
        match form {
            Form::Full => second[a * (a + 1) / 2 + b] - first[a] * first[b] / mass,
            _ if a == b => second[a] - first[a] * first[a] / mass,
            _ => 0.0,
        }
    };
    let widest = (0..d).max_by(|a, b| covariance(*a, *a).total_cmp(&covariance(*b, *b))).unwrap_or(0);
    let mut axis: Vec<f64> = (0..d).map(|a| f64::from(u8::from(a == widest))).collect();
    if form == Form::Full {
        for _ in 0..16 {
            let next: Vec<f64> = (0..d).map(|a| (0..d).map(|b| covariance(a, b) * axis[b]).sum()).collect();
            let length = next.iter().map(|x| x * x).sum::<f64>().sqrt();
            if length <= f64::MIN_POSITIVE {
                break;
            }
            axis = next.into_iter().map(|x| x / length).collect();
        }
    }
    axis
}

/// For each centre that may go the neighbour that costs least, the cheapest first.
fn merges(centers: &[f32], masses: &[f64], n_fixed: usize) -> Vec<Merge> {
    let k = masses.len();
    let d = centers.len() / k;
    let mut costs = vec![0.0; k];
    let mut merges: Vec<Merge> = (n_fixed..k)
        .map(|cluster| {
            costs.fill(0.0);
            for a in 0..d {
                let here = centers[cluster * d + a];
                for (cost, there) in costs.iter_mut().zip(centers[a..].iter().step_by(d)) {
                    *cost += f64::from((here - there) * (here - there));
                }
            }
            let mass = masses[cluster];
            for (cost, other) in costs[n_fixed..].iter_mut().zip(&masses[n_fixed..]) {
                *cost *= mass * other / (mass + other).max(f64::MIN_POSITIVE);
            }
            costs[..n_fixed].iter_mut().for_each(|cost| *cost *= mass);
            costs[cluster] = f64::INFINITY;
            let neighbor = (0..k).fold(cluster, |best, j| if costs[j] < costs[best] { j } else { best });
            Merge { cluster, neighbor, cost: costs[neighbor] }
        })
        .collect();
    merges.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    merges
}
