//! Components split in two, and merged again where they tell least apart.
//!
//! A split keeps the component's weight, mean and covariance: two halves lie on its longest axis, 0.8 standard
//! deviations to either side. A merger keeps them too, and costs at most what Runnalls 2007
//! (doi:10.1109/TAES.2007.4383588) bounds the loss by; mergers are made one after another, the cheapest first.

use nalgebra::{DMatrix, SymmetricEigen};

use crate::covariance::{CovarianceType, add_outer, half_log_det_precision, lift, precision_factor};
use crate::mixture::Mixture;

/// How far from its mean a component is split, in standard deviations along its longest axis.
const DISTANCE: f64 = 0.8;

/// One component, with a covariance of its own.
#[derive(Clone)]
struct Part {
    weight: f64,
    mean: Vec<f64>,
    covariance: Vec<f64>,
    /// ½ ln det Σ⁻¹.
    half_log_det: f64,
}

/// The mixture with each component split in two, side by side; covariances are lifted to `floor`.
pub(crate) fn split(mixture: &Mixture, floor: f64) -> Mixture {
    let family = own(mixture.covariance_type);
    let common = (family == CovarianceType::Spherical).then(|| longest_axis(&total_covariance(mixture), family).1);
    let mut halves = Vec::with_capacity(2 * mixture.n_components());
    for part in parts(mixture) {
        let own = || longest_axis(&part.covariance, family);
        let (variance, axis) = common.clone().map_or_else(own, |axis| (part.covariance[0], axis));
        let step: Vec<f64> = axis.iter().map(|value| DISTANCE * variance.max(0.0).sqrt() * value).collect();
        let mut half = Part { weight: 0.5 * part.weight, ..part };
        add_outer(&mut half.covariance, family, -1.0, &step);
        lift(&mut half.covariance, family, mixture.n_features, floor);
        for sign in [1.0, -1.0] {
            let mut half = half.clone();
            half.mean.iter_mut().zip(&step).for_each(|(value, step)| *value += sign * step);
            halves.push(half);
        }
    }
    assemble(mixture, &halves)
}

/// The mixture with its components merged until `k` are left.
pub(crate) fn merge(mixture: &Mixture, k: usize) -> Mixture {
    let (family, d) = (own(mixture.covariance_type), mixture.n_features);
    let mut parts: Vec<Part> = parts(mixture).collect();
    for part in &mut parts {
        part.half_log_det = half_log_det(&part.covariance, family, d);
    }
    let cost = |parts: &[Part], i: usize, j: usize| {
        let joined = joined(&parts[i], &parts[j], family);
        let single = |part: &Part| part.weight * part.half_log_det;
        single(&parts[i]) + single(&parts[j]) - joined.weight * half_log_det(&joined.covariance, family, d)
    };
    // Of each component, the cheapest merger with one that comes before it.
    let cheapest = |parts: &[Part], i: usize| {
        (0..i).map(|j| (cost(parts, i, j), j)).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0))
    };
    let mut best: Vec<(f64, usize)> = (0..parts.len()).map(|i| cheapest(&parts, i)).collect();
    while parts.len() > k.max(1) {
        let i = (0..parts.len()).min_by(|a, b| best[*a].0.total_cmp(&best[*b].0)).unwrap_or(0);
        let j = best[i].1;
        parts[j] = joined(&parts[i], &parts[j], family);
        parts[j].half_log_det = half_log_det(&parts[j].covariance, family, d);
        parts.remove(i);
        best.remove(i);
        for (other, best) in best.iter_mut().enumerate() {
            if other == j || best.1 == i || best.1 == j {
                *best = cheapest(&parts, other);
                continue;
            }
            best.1 -= usize::from(best.1 > i);
            if other > j {
                let with_joined = cost(&parts, other, j);
                if with_joined < best.0 {
                    *best = (with_joined, j);
                }
            }
        }
    }
    assemble(mixture, &parts)
}

/// Tied covariances are copied to each component while these are split or merged.
fn own(family: CovarianceType) -> CovarianceType {
    if family == CovarianceType::Tied { CovarianceType::Full } else { family }
}

fn parts(mixture: &Mixture) -> impl Iterator<Item = Part> {
    let (family, d) = (mixture.covariance_type, mixture.n_features);
    let covariances = mixture.covariances.chunks(family.values_each(d)).cycle();
    mixture.means.chunks(d).zip(&mixture.weights).zip(covariances).map(|((mean, weight), covariance)| Part {
        weight: *weight,
        mean: mean.to_vec(),
        covariance: covariance.to_vec(),
        half_log_det: 0.0,
    })
}

/// The parts as a mixture of the same family; of tied covariances, the mean.
fn assemble(like: &Mixture, parts: &[Part]) -> Mixture {
    let covariances = if like.covariance_type == CovarianceType::Tied {
        let total: f64 = parts.iter().map(|part| part.weight).sum();
        let mut pooled = vec![0.0; like.covariances.len()];
        for part in parts {
            pooled.iter_mut().zip(&part.covariance).for_each(|(sum, value)| *sum += part.weight / total * value);
        }
        pooled
    } else {
        parts.iter().flat_map(|part| part.covariance.iter().copied()).collect()
    };
    Mixture {
        covariance_type: like.covariance_type,
        n_features: like.n_features,
        weights: parts.iter().map(|part| part.weight).collect(),
        means: parts.iter().flat_map(|part| part.mean.iter().copied()).collect(),
        covariances,
    }
}

/// One component with the moments of two.
fn joined(a: &Part, b: &Part, family: CovarianceType) -> Part {
    let weight = (a.weight + b.weight).max(f64::MIN_POSITIVE);
    let (share, other) = (a.weight / weight, b.weight / weight);
    let mix = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| share * x + other * y).collect::<Vec<f64>>();
    let mut covariance = mix(&a.covariance, &b.covariance);
    let difference: Vec<f64> = a.mean.iter().zip(&b.mean).map(|(x, y)| x - y).collect();
    add_outer(&mut covariance, family, share * other, &difference);
    Part { weight, mean: mix(&a.mean, &b.mean), covariance, half_log_det: 0.0 }
}

/// ½ ln det Σ⁻¹; of what is no covariance, minus infinity.
fn half_log_det(covariance: &[f64], family: CovarianceType, d: usize) -> f64 {
    precision_factor(covariance, family, d)
        .map_or(f64::NEG_INFINITY, |factor| half_log_det_precision(&factor, family, d))
}

/// The largest variance, and the direction that has it.
fn longest_axis(covariance: &[f64], family: CovarianceType) -> (f64, Vec<f64>) {
    if family == CovarianceType::Diag {
        let largest =
            (1..covariance.len()).fold(0, |best, at| if covariance[at] > covariance[best] { at } else { best });
        let axis = (0..covariance.len()).map(|at| f64::from(u8::from(at == largest))).collect();
        return (covariance[largest], axis);
    }
    let d = covariance.len().isqrt();
    let eigen = SymmetricEigen::new(DMatrix::from_row_slice(d, d, covariance));
    let largest = eigen.eigenvalues.imax();
    (eigen.eigenvalues[largest], eigen.eigenvectors.column(largest).iter().copied().collect())
}

/// The covariance (d, d) of all that the mixture describes.
fn total_covariance(mixture: &Mixture) -> Vec<f64> {
    let d = mixture.n_features;
    let mut mean = vec![0.0; d];
    for (center, weight) in mixture.means.chunks(d).zip(&mixture.weights) {
        mean.iter_mut().zip(center).for_each(|(sum, value)| *sum += weight * value);
    }
    let mut total = vec![0.0; d * d];
    for (center, weight) in mixture.means.chunks(d).zip(&mixture.weights) {
        let shift: Vec<f64> = center.iter().zip(&mean).map(|(x, y)| x - y).collect();
        add_outer(&mut total, CovarianceType::Full, *weight, &shift);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: [CovarianceType; 4] =
        [CovarianceType::Full, CovarianceType::Tied, CovarianceType::Diag, CovarianceType::Spherical];

    fn mixture(family: CovarianceType) -> Mixture {
        let covariances = match family {
            CovarianceType::Full => vec![2.0, 0.5, 0.5, 1.0, 1.0, -0.3, -0.3, 0.5, 0.2, 0.0, 0.0, 3.0],
            CovarianceType::Tied => vec![2.0, 0.5, 0.5, 1.0],
            CovarianceType::Diag => vec![2.0, 1.0, 0.3, 0.4, 1.0, 5.0],
            CovarianceType::Spherical => vec![1.0, 0.5, 2.0],
        };
        let (weights, means) = (vec![0.5, 0.2, 0.3], vec![0.0, 1.0, 6.0, 5.0, -4.0, 2.0]);
        Mixture { covariance_type: family, n_features: 2, weights, means, covariances }
    }

    /// Mean and mean variance of all that a mixture describes.
    fn moments(mixture: &Mixture) -> Vec<f64> {
        let all = merge(mixture, 1);
        let variances = match mixture.covariance_type {
            CovarianceType::Full | CovarianceType::Tied => all.covariances[0] + all.covariances[3],
            CovarianceType::Diag => all.covariances.iter().sum(),
            CovarianceType::Spherical => 2.0 * all.covariances[0],
        };
        [all.weights, all.means, vec![variances]].concat()
    }

    #[test]
    fn moments_survive_splits_and_mergers() {
        for mixture in FAMILIES.map(mixture) {
            let split = split(&mixture, 0.0);
            assert_eq!(split.n_components(), 6);
            for other in [merge(&mixture, 2), merge(&split, 4), split] {
                other.check().expect("a mixture");
                for (a, b) in moments(&mixture).iter().zip(moments(&other)) {
                    assert!((a - b).abs() < 1e-12, "{:?}: {a} {b}", mixture.covariance_type);
                }
            }
        }
    }

    #[test]
    fn halves_find_each_other_again() {
        for mixture in FAMILIES.map(mixture) {
            let back = merge(&split(&mixture, 0.0), 3);
            for (a, b) in mixture.means.iter().zip(&back.means) {
                assert!((a - b).abs() < 1e-12);
            }
            for (a, b) in mixture.covariances.iter().zip(&back.covariances) {
                assert!((a - b).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_cheapest_of_all_pairs_goes_first() {
        // By brute force, one merger at a time.
        let family = CovarianceType::Full;
        let mut all = split(&mixture(family), 0.0);
        for k in (1..6).rev() {
            let list: Vec<Part> = parts(&all).collect();
            let loss = |i: usize, j: usize| {
                let both = joined(&list[i], &list[j], family);
                let entropy = |part: &Part| -part.weight * half_log_det(&part.covariance, family, 2);
                entropy(&both) - entropy(&list[i]) - entropy(&list[j])
            };
            let pairs = (0..list.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            let least = pairs.clone().map(|(i, j)| loss(i, j)).fold(f64::INFINITY, f64::min);
            let next = merge(&all, k);
            let (i, j) = pairs.into_iter().find(|(i, j)| loss(*i, *j) == least).expect("a pair");
            let expected = joined(&list[i], &list[j], family);
            assert!(next.means.chunks(2).any(|mean| mean == expected.mean));
            assert_eq!(next, merge(&split(&mixture(family), 0.0), k));
            all = next;
        }
    }

    #[test]
    fn the_floor_holds_and_weightless_components_do_no_harm() {
        let mut flat = mixture(CovarianceType::Diag);
        flat.covariances = vec![0.1; 6];
        flat.weights = vec![1.0, 0.0, 0.0];
        let split = split(&flat, 0.1);
        assert!(split.covariances.iter().all(|value| *value >= 0.1));
        merge(&split, 3).check().expect("a mixture");
    }
}
