//! Gaussian filters over rows of interleaved values, and the halving of pictures, for [`super::features`] and
//! [`super::edges`].
//!
//! Plain loops over a fixed number of lanes, compiled once per CPU level. Products are added without fusing, so that
//! every level gives the same bits. Pictures go on beyond their borders as in a mirror.

use crate::error::Result;
use crate::parallel::Threads;
use crate::simd::{dispatch, level};

/// Values that one step of a filter keeps in registers.
const LANES: usize = 32;
/// Rows that one thread takes at a time.
pub(crate) const ROWS: usize = 16;

/// The index inside `0..len` that `position` is mirrored to; exact for up to one length beyond either end.
fn mirrored(position: isize, len: usize) -> usize {
    let folded = if position < 0 { position.unsigned_abs() - 1 } else { position.unsigned_abs() };
    if folded < len { folded } else { (2 * len).saturating_sub(1 + folded) }
}

/// The weights of a Gaussian of standard deviation `sigma`, cut off at three of them; they sum to one.
fn gaussian(sigma: f64) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as i32;
    let weights: Vec<f64> = (-reach..=reach).map(|x| (-0.5 * (f64::from(x) / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

/// Blurs a picture of `height` rows, each with pixels of `channels` interleaved values.
pub(crate) fn blur(values: &[f32], height: usize, channels: usize, sigma: f64, threads: &Threads) -> Result<Vec<f32>> {
    let row_len = values.len() / height;
    let weights = gaussian(sigma);
    let reach = weights.len() / 2;
    let mut output = vec![0.0; values.len()];
    threads.map_chunks(&mut output, ROWS * row_len, |block, rows, checkpoint| {
        let mut padded = vec![0.0; row_len + 2 * reach * channels];
        for (offset, row) in rows.chunks_exact_mut(row_len).enumerate() {
            checkpoint.pass()?;
            let y = block * ROWS + offset;
            let source = |tap: usize| {
                let from = mirrored((y + tap).cast_signed() - reach.cast_signed(), height);
                &values[from * row_len..][..row_len]
            };
            weighted_sum(&mut padded[reach * channels..][..row_len], &weights, source);
            mirror_ends(&mut padded, channels, reach);
            weighted_sum(row, &weights, |tap| &padded[tap * channels..][..row_len]);
        }
        Ok(())
    })?;
    Ok(output)
}

/// Fills `reach` pixels at both ends of a row with what lies beyond in the mirror.
fn mirror_ends(padded: &mut [f32], channels: usize, reach: usize) {
    let width = padded.len() / channels - 2 * reach;
    for beyond in (0..reach).chain(reach + width..2 * reach + width) {
        let from = (mirrored(beyond.cast_signed() - reach.cast_signed(), width) + reach) * channels;
        padded.copy_within(from..from + channels, beyond * channels);
    }
}

/// `output[i] = Σ weights[t] · source(t)[i]`.
fn weighted_sum<'a>(output: &mut [f32], weights: &[f32], source: impl Fn(usize) -> &'a [f32]) {
    dispatch!(level(), _simd => weighted_sum_lanes(output, weights, &source));
}

#[expect(clippy::inline_always, reason = "must be inlined into the function that enables the CPU's features")]
#[inline(always)]
fn weighted_sum_lanes<'a>(output: &mut [f32], weights: &[f32], source: &impl Fn(usize) -> &'a [f32]) {
    let whole = output.len() / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let mut sums = [0.0; LANES];
        for (tap, weight) in weights.iter().enumerate() {
            let values = &source(tap)[start..start + LANES];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += weight * value;
            }
        }
        output[start..start + LANES].copy_from_slice(&sums);
    }
    for (index, value) in output.iter_mut().enumerate().skip(whole) {
        *value = weights.iter().enumerate().map(|(tap, weight)| weight * source(tap)[index]).sum();
    }
}

/// Means of 2 × 2 pixels; a last odd row or column stands for itself. Gives the values and the new height.
pub(crate) fn halve(values: &[f32], height: usize, channels: usize, threads: &Threads) -> Result<(Vec<f32>, usize)> {
    let width = values.len() / height / channels;
    let (half_height, half_width) = (height.div_ceil(2), width.div_ceil(2));
    let mut output = vec![0.0; half_height * half_width * channels];
    threads.map_chunks(&mut output, half_width * channels, |y, row, checkpoint| {
        checkpoint.pass()?;
        let pixel =
            |y: usize, x: usize| &values[(y.min(height - 1) * width + x.min(width - 1)) * channels..][..channels];
        for (x, output) in row.chunks_exact_mut(channels).enumerate() {
            let corners = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| pixel(2 * y + dy, 2 * x + dx));
            for (channel, value) in output.iter_mut().enumerate() {
                *value = 0.25 * corners.iter().map(|corner| corner[channel]).sum::<f32>();
            }
        }
        Ok(())
    })?;
    Ok((output, half_height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_the_mean_of_flat_and_the_variance_of_a_point() {
        let threads = Threads::single();
        let flat = blur(&[0.5; 7 * 5 * 2], 5, 2, 4.5, &threads).expect("uninterrupted");
        assert!(flat.iter().all(|value| (value - 0.5).abs() < 1e-6));
        let mut point = vec![0.0; 41 * 41];
        point[20 * 41 + 20] = 1.0;
        let blurred = blur(&point, 41, 1, 3.0, &threads).expect("uninterrupted");
        let moment = |power: i32| -> f64 {
            blurred.iter().enumerate().map(|(i, v)| f64::from(*v) * (i as f64 % 41.0 - 20.0).powi(power)).sum()
        };
        assert!((moment(0) - 1.0).abs() < 1e-5 && moment(1).abs() < 1e-5);
        assert!((moment(2) - 9.0).abs() < 0.3, "{}", moment(2));
    }

    #[test]
    fn halving_takes_means_and_keeps_odd_ends() {
        let (half, height) = halve(&[1.0, 2.0, 3.0, 5.0, 6.0, 7.0], 2, 1, &Threads::single()).expect("uninterrupted");
        assert_eq!((half, height), (vec![3.5, 5.0], 1));
    }
}
