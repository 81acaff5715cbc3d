//! Sums over the pixels of each label.

use crate::element::Element;
use crate::error::{Error, Result};

/// Pixels (k,) of each label, and the sum (k, channels) of their values; each of the `rows` (n, channels) has a label and
/// stands for as many pixels as `counts` says, or for one.
///
/// # Errors
/// A label that is not below `n_labels`; lengths that do not fit.
pub fn sums<E: Element>(
    rows: &[E],
    channels: usize,
    counts: Option<&[f64]>,
    labels: &[u32],
    n_labels: usize,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let rows = rows.chunks_exact(channels.max(1));
    for (what, found) in [("labels", labels.len()), ("counts", counts.map_or(rows.len(), <[f64]>::len))] {
        if found != rows.len() {
            return Err(Error::Length { what, expected: rows.len(), found });
        }
    }
    let (mut pixels, mut totals) = (vec![0.0; n_labels], vec![0.0; n_labels * channels]);
    for (row, (values, label)) in rows.zip(labels).enumerate() {
        let (count, label) = (counts.map_or(1.0, |counts| counts[row]), *label as usize);
        let Some(sum) = pixels.get_mut(label) else {
            return Err(Error::OutOfRange { name: "label", value: label as f64, range: "below the number of labels" });
        };
        *sum += count;
        for (total, value) in totals[label * channels..].iter_mut().zip(values) {
            *total += count * value.to_f64();
        }
    }
    Ok((pixels, totals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_summed_by_label() {
        let (rows, labels) = ([1u8, 2, 3, 4, 5, 6], [1, 0, 1]);
        assert_eq!(sums(&rows, 2, None, &labels, 3), Ok((vec![1.0, 2.0, 0.0], vec![3.0, 4.0, 6.0, 8.0, 0.0, 0.0])));
        let (pixels, totals) = sums(&rows, 2, Some(&[2.0, 3.0, 4.0]), &labels, 2).expect("fits");
        assert_eq!((pixels, totals), (vec![3.0, 6.0], vec![9.0, 12.0, 22.0, 28.0]));
        assert!(sums(&rows, 2, None, &labels, 1).is_err());
        assert!(sums(&rows, 2, None, &labels[1..], 2).is_err());
        assert!(sums(&rows, 2, Some(&[1.0]), &labels, 2).is_err());
    }
}
