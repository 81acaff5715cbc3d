//! The four covariance families: their shapes, factors and floor.

use std::str::FromStr;

use nalgebra::{DMatrix, SymmetricEigen};

use crate::error::{Error, Result};
use crate::parallel::Threads;
use crate::simd::Real;

/// What the components' covariances share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CovarianceType {
    /// Each component has its own matrix: values (k, d, d).
    Full,
    /// All components share one matrix: values (d, d).
    Tied,
    /// Each component has its own variance per feature: values (k, d).
    Diag,
    /// Each component has one variance: values (k,).
    Spherical,
}

impl FromStr for CovarianceType {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "full" => Ok(Self::Full),
            "tied" => Ok(Self::Tied),
            "diag" => Ok(Self::Diag),
            "spherical" => Ok(Self::Spherical),
            _ => Err(Error::UnknownChoice {
                name: "covariance_type",
                value: name.into(),
                choices: "\"full\", \"tied\", \"diag\", \"spherical\"",
            }),
        }
    }
}

impl CovarianceType {
    /// Values in one covariance of this family.
    #[must_use]
    pub fn values_each(self, d: usize) -> usize {
        match self {
            Self::Full | Self::Tied => d * d,
            Self::Diag => d,
            Self::Spherical => 1,
        }
    }

    /// Number of covariances that k components have.
    #[must_use]
    pub fn count(self, k: usize) -> usize {
        if self == Self::Tied { 1 } else { k }
    }
}

/// What keeps covariances away from zero.
#[derive(Debug, Clone, Copy, Default)]
pub struct Regularization {
    /// Variances (eigenvalues) are lifted to at least this, inside the M-step's optimum.
    pub floor: f64,
    /// Added to the diagonal after the M-step, as scikit-learn does; the likelihood may then fall.
    pub added: f64,
}

impl Regularization {
    /// In the unit of standardised samples. Variances stay above the rounding noise of `T`, whatever was asked, so
    /// that no fit ends on a singular matrix; in double precision what is added keeps them there, however little it is.
    pub(crate) fn standardized<T: Real>(self, scale: f64) -> Self {
        let (floor, added) = (self.floor / (scale * scale), self.added / (scale * scale));
        let least = match size_of::<T>() {
            4 => 1e-11,
            _ if added > 0.0 => added.clamp(1e-28, 1e-14),
            _ => 1e-14,
        };
        Self { floor: floor.max(least), added }
    }
}

/// Up to so many features a plain loop factorises faster than a library that allocates.
const SMALL: usize = 16;

/// From this number of features the covariances are worked on side by side: 0.3 ms each and more.
const LARGE: usize = 64;

/// `work(component)` for each of `count` covariances of `d` features, on all threads where they are large.
///
/// # Errors
/// An interruption; or the first error in the order of the components.
pub(crate) fn map_covariances<R: Send>(
    count: usize,
    d: usize,
    threads: &Threads,
    work: impl Fn(usize) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    if d < LARGE {
        return (0..count).map(work).collect();
    }
    threads.map(count, |component, _| Ok(work(component)))?.into_iter().collect()
}

/// [`lift`] of those covariances, one after the other in `covariances`, that `which` names; on all threads where they are
/// large. A floor of zero asks for nothing: what is below it is rounding, and left to a later floor.
///
/// # Errors
/// An interruption.
pub(crate) fn lift_all(
    covariances: &mut [f64],
    family: CovarianceType,
    d: usize,
    floor: f64,
    threads: &Threads,
    which: impl Fn(usize) -> bool + Sync,
) -> Result<()> {
    let lift_one = |component: usize, covariance: &mut [f64]| {
        if which(component) {
            lift(covariance, family, d, floor);
        }
    };
    let each = family.values_each(d);
    if floor <= 0.0 {
        return Ok(());
    }
    if d < LARGE || each == 1 {
        covariances.chunks_mut(each).enumerate().for_each(|(component, covariance)| lift_one(component, covariance));
        return Ok(());
    }
    threads
        .map_chunks(covariances, each, |component, covariance, _| {
            lift_one(component, covariance);
            Ok(())
        })
        .map(|_| ())
}

/// The Cholesky factor (lower triangle, row by row) of a matrix less `shift` times the identity. `None` where that is
/// not positive-definite.
fn cholesky(matrix: &[f64], d: usize, shift: f64) -> Option<Vec<f64>> {
    if d > SMALL {
        let mut matrix = DMatrix::from_row_slice(d, d, matrix);
        for a in 0..d {
            matrix[(a, a)] -= shift;
        }
        return Some(matrix.cholesky()?.unpack().transpose().as_slice().to_vec());
    }
    let mut lower = vec![0.0; d * d];
    for a in 0..d {
        for b in 0..=a {
            let (above, row) = lower.split_at(a * d);
            let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            if a == b {
                let square = matrix[a * d + a] - shift - product(&row[..a], &row[..a]);
                if !(square > 0.0 && square.is_finite()) {
                    return None;
                }
                lower[a * d + a] = square.sqrt();
            } else {
                let other = &above[b * d..=b * d + b];
                lower[a * d + b] = (matrix[a * d + b] - product(&row[..b], &other[..b])) / other[b];
            }
        }
    }
    Some(lower)
}

/// The inverse of a lower triangle.
pub(crate) fn lower_inverse(lower: &[f64], d: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; d * d];
    for a in 0..d {
        let (above, row) = inverse.split_at_mut(a * d);
        let reciprocal = lower[a * d + a].recip();
        for (c, above) in above.chunks_exact(d).enumerate() {
            let factor = -lower[a * d + c] * reciprocal;
            row.iter_mut().zip(&above[..=c]).for_each(|(sum, value)| *sum += factor * value);
        }
        row[a] = reciprocal;
    }
    inverse
}

/// The inverse Cholesky factor P of one covariance (lower triangle; P Σ Pᵀ = 1), row by row, zeros above; for a
/// diagonal the inverse standard deviations. `None` where the covariance is not positive-definite.
pub(crate) fn precision_factor(covariance: &[f64], family: CovarianceType, d: usize) -> Option<Vec<f64>> {
    match family {
        CovarianceType::Full | CovarianceType::Tied => {
            let factor = lower_inverse(&cholesky(covariance, d, 0.0)?, d);
            factor.iter().all(|value| value.is_finite()).then_some(factor)
        }
        CovarianceType::Diag | CovarianceType::Spherical => covariance
            .iter()
            .map(|variance| (*variance > 0.0 && variance.is_finite()).then(|| variance.sqrt().recip()))
            .collect(),
    }
}

/// ½ ln det Σ⁻¹ from the factor of [`precision_factor`].
pub(crate) fn half_log_det_precision(factor: &[f64], family: CovarianceType, d: usize) -> f64 {
    match family {
        CovarianceType::Full | CovarianceType::Tied => factor.iter().step_by(d + 1).map(|value| value.ln()).sum(),
        CovarianceType::Diag => factor.iter().map(|value| value.ln()).sum(),
        CovarianceType::Spherical => d as f64 * factor[0].ln(),
    }
}

/// The inverse of one covariance or precision.
pub(crate) fn inverse(matrix: &[f64], family: CovarianceType, d: usize) -> Option<Vec<f64>> {
    match family {
        CovarianceType::Full | CovarianceType::Tied => {
            let symmetric = (0..d).all(|a| {
                (0..a).all(|b| {
                    let (upper, lower) = (matrix[b * d + a], matrix[a * d + b]);
                    (upper - lower).abs() <= 1e-6 * (upper.abs() + lower.abs())
                })
            });
            let cholesky = symmetric.then(|| DMatrix::from_row_slice(d, d, matrix).cholesky()).flatten()?;
            Some(cholesky.inverse().as_slice().to_vec())
        }
        CovarianceType::Diag | CovarianceType::Spherical => {
            matrix.iter().map(|value| (*value > 0.0 && value.is_finite()).then(|| value.recip())).collect()
        }
    }
}

/// Raises the covariance to Σ ⪰ floor · 1 by lifting its eigenvalues.
///
/// Lifting is the constrained maximum of the M-step's objective (the eigenvalues decouple in −log det Σ − tr Σ⁻¹S), so
/// the likelihood keeps rising with the floor in force; adding a constant to the diagonal would not do that.
pub(crate) fn lift(covariance: &mut [f64], family: CovarianceType, d: usize, floor: f64) {
    match family {
        CovarianceType::Full | CovarianceType::Tied => {
            if cholesky(covariance, d, floor * (1.0 - 1e-9)).is_some() {
                return;
            }
            let mut eigen = SymmetricEigen::new(DMatrix::from_row_slice(d, d, covariance));
            eigen.eigenvalues.iter_mut().for_each(|value| *value = value.max(floor));
            let lifted = eigen.recompose();
            for a in 0..d {
                for b in 0..d {
                    covariance[a * d + b] = 0.5 * (lifted[(a, b)] + lifted[(b, a)]);
                }
            }
        }
        CovarianceType::Diag | CovarianceType::Spherical => {
            for variance in covariance {
                *variance = variance.max(floor);
            }
        }
    }
}

/// Adds a constant to the diagonal, as scikit-learn's `reg_covar` does.
pub(crate) fn add_to_diagonal(covariance: &mut [f64], family: CovarianceType, d: usize, value: f64) {
    let step = match family {
        CovarianceType::Full | CovarianceType::Tied => d + 1,
        CovarianceType::Diag | CovarianceType::Spherical => 1,
    };
    covariance.iter_mut().step_by(step).for_each(|entry| *entry += value);
}

/// Adds a multiple of x xᵀ to a covariance, as far as its family can tell.
pub(crate) fn add_outer(covariance: &mut [f64], family: CovarianceType, times: f64, x: &[f64]) {
    let d = x.len();
    match family {
        CovarianceType::Full | CovarianceType::Tied => {
            covariance.iter_mut().enumerate().for_each(|(at, sum)| *sum += times * x[at / d] * x[at % d]);
        }
        CovarianceType::Diag => covariance.iter_mut().zip(x).for_each(|(sum, x)| *sum += times * x * x),
        CovarianceType::Spherical => covariance[0] += times * x.iter().map(|x| x * x).sum::<f64>() / d as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGMA: [f64; 4] = [4.0, 2.0, 2.0, 3.0];

    #[test]
    fn the_factor_whitens() {
        let p = precision_factor(&SIGMA, CovarianceType::Full, 2).expect("positive-definite");
        assert_eq!(p[1], 0.0);
        // P Σ Pᵀ = 1
        let product = DMatrix::from_row_slice(2, 2, &p)
            * DMatrix::from_row_slice(2, 2, &SIGMA)
            * DMatrix::from_row_slice(2, 2, &p).transpose();
        assert!((product - DMatrix::identity(2, 2)).norm() < 1e-14);
        let half = half_log_det_precision(&p, CovarianceType::Full, 2);
        assert!((half + 0.5 * 8f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn lifting_touches_only_what_is_below_the_floor() {
        let mut above = SIGMA;
        lift(&mut above, CovarianceType::Full, 2, 0.5);
        assert_eq!(above, SIGMA);
        let mut singular = [1.0, 1.0, 1.0, 1.0];
        lift(&mut singular, CovarianceType::Full, 2, 0.25);
        for (value, expected) in singular.iter().zip([1.125, 0.875, 0.875, 1.125]) {
            assert!((value - expected).abs() < 1e-14);
        }
    }

    #[test]
    fn matrices_that_are_no_precisions_are_refused() {
        assert!(inverse(&[1.0, 2.0, 2.0, 1.0], CovarianceType::Full, 2).is_none());
        assert!(inverse(&[1.0, 0.5, 0.0, 1.0], CovarianceType::Full, 2).is_none());
        assert!(inverse(&[0.0, 1.0], CovarianceType::Diag, 2).is_none());
    }
}
