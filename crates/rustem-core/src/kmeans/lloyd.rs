//! Lloyd's steps from the centres at hand, each a little beyond the means.

use super::sorted_points::{SortedPoints, Sums};
use crate::error::{Error, Result};
use crate::parallel::{Progress, Threads};

/// How much further each step goes than the one before, and at the most, measured by the way to the means.
const STRETCH: f32 = 1.3;
const MAX_STRETCH: f32 = 1.9;

/// When steps end, and which centres they leave alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) tol: f64,
    pub(super) max_iter: usize,
    pub(super) n_fixed: usize,
}

/// Moves each centre but the first `n_fixed` to the mean of its samples and, step by step, further beyond, until that
/// helps no more. Returns the sums about the centres before the last move, and the number of steps.
pub(super) fn lloyd(
    points: &SortedPoints,
    centers: &mut [f32],
    limits: Limits,
    threads: &Threads,
    mut progress: Option<Progress>,
) -> Result<(Sums, usize)> {
    let free = limits.n_fixed * points.samples.n_features();
    let (mut last, mut stretch) = (f64::INFINITY, 1.0);
    let mut means = centers.to_vec();
    let mut n_iter = 0;
    loop {
        n_iter += 1;
        let sums = points.sums(centers, threads)?;
        let error = sums.error;
        if error > last && stretch > 1.0 && n_iter < limits.max_iter {
            centers.copy_from_slice(&means); // that was too far
            stretch = 1.0;
            continue;
        }
        means.copy_from_slice(centers);
        sums.means(&mut means[free..], limits.n_fixed);
        if let Some(progress) = progress.as_mut()
            && progress(n_iter, error / points.samples.total_weight()).is_break()
        {
            return Err(Error::Interrupted);
        }
        if last - error <= limits.tol * error || n_iter >= limits.max_iter {
            centers.copy_from_slice(&means);
            return Ok((sums, n_iter));
        }
        last = error;
        for (center, mean) in centers[free..].iter_mut().zip(&means[free..]) {
            *center += stretch * (mean - *center);
        }
        stretch = (stretch * STRETCH).min(MAX_STRETCH);
    }
}
