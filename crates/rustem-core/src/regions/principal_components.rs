//! What stands for CIELAB in pictures of many bands.

use crate::error::Result;
use crate::parallel::Threads;

/// The first three principal components (n, 3) of many bands, scaled so that the first has the standard deviation
/// that lightness has in photographs.
pub(super) fn principal_components(values: &[f32], bands: usize, threads: &Threads) -> Result<Vec<f32>> {
    const LIGHTNESS_DEVIATION: f64 = 20.0;
    let n = values.len() / bands;
    let mean = sums(values, bands, bands, threads, |row, sums| {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    })?;
    let mean: Vec<f64> = mean.iter().map(|sum| sum / n as f64).collect();
    let scatter = sums(values, bands, bands * bands, threads, |row, sums| {
        for (a, sums) in sums.chunks_exact_mut(bands).enumerate() {
            let difference = f64::from(row[a]) - mean[a];
            for b in 0..=a {
                sums[b] += difference * (f64::from(row[b]) - mean[b]);
            }
        }
    })?;
    let lower = |a: usize, b: usize| scatter[a.max(b) * bands + a.min(b)] / n as f64;
    let eigen = nalgebra::DMatrix::from_fn(bands, bands, lower).symmetric_eigen();
    let mut order: Vec<usize> = (0..bands).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let largest = eigen.eigenvalues[order[0]].max(0.0).sqrt();
    let scale = if largest > 0.0 { LIGHTNESS_DEVIATION / largest } else { 0.0 };
    let mut components = vec![0.0; n * 3];
    threads.map_chunks(&mut components, 3 * 1024, |block, rows, checkpoint| {
        checkpoint.pass()?;
        for (output, row) in rows.chunks_exact_mut(3).zip(values[block * 1024 * bands..].chunks_exact(bands)) {
            for (value, axis) in output.iter_mut().zip(&order) {
                let axis = eigen.eigenvectors.column(*axis);
                // The sign of an eigenvector is arbitrary.
                let sign = axis[axis.iamax()].signum();
                let dot: f64 = row.iter().zip(&mean).zip(axis.iter()).map(|((v, m), a)| (f64::from(*v) - m) * a).sum();
                *value = (sign * scale * dot) as f32;
            }
            output[0] += 50.0;
        }
        Ok(())
    })?;
    Ok(components)
}

/// Sums over rows in fixed blocks, merged in order.
fn sums(
    values: &[f32],
    width: usize,
    len: usize,
    threads: &Threads,
    add: impl Fn(&[f32], &mut [f64]) + Sync,
) -> Result<Vec<f64>> {
    let block_len = (values.len() / width).div_ceil(16) * width;
    let blocks = threads.map(values.len().div_ceil(block_len), |block, checkpoint| {
        let mut sums = vec![0.0; len];
        for rows in values[block * block_len..values.len().min((block + 1) * block_len)].chunks(256 * width) {
            checkpoint.pass()?;
            rows.chunks_exact(width).for_each(|row| add(row, &mut sums));
        }
        Ok(sums)
    })?;
    let mut total = vec![0.0; len];
    for block in blocks {
        total.iter_mut().zip(&block).for_each(|(total, sum)| *total += sum);
    }
    Ok(total)
}
