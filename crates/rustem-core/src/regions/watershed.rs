//! Superpixels: basins of a relief, flooded from the lowest point of each cell of a regular grid.
//!
//! The watershed by ordered flooding of Meyer (1994, doi:10.1016/0165-1684(94)90060-4), with markers spread as
//! Machairas et al. do (2015, doi:10.1109/TIP.2015.2451011). Departures: heights are sorted into a fixed number of
//! levels, so that the flood is linear in pixels; no pixel is left between basins.

use super::raster::Raster;
use crate::element::Element;
use crate::error::Result;
use crate::parallel::Threads;
use crate::spatial::for_neighbors;

/// Label of pixels outside the mask.
pub const OUTSIDE: u32 = u32::MAX;
/// A pixel not reached yet.
const UNLABELLED: u32 = u32::MAX - 1;
/// Levels into which heights are sorted.
const LEVELS: usize = 1024;
/// Pixels between two questions whether to go on.
const PIXELS_PER_CHECK: usize = 1 << 16;

/// Superpixels of a `relief`, about `side` pixels wide: labels (height, width) from 0, and their number.
///
/// # Errors
/// An interruption.
pub(super) fn superpixels(
    relief: &[f32],
    width: usize,
    side: usize,
    inside: Option<&[bool]>,
    threads: &Threads,
) -> Result<(Vec<u32>, usize)> {
    let height = relief.len() / width;
    let mut labels = match inside {
        None => vec![UNLABELLED; relief.len()],
        Some(inside) => inside.iter().map(|inside| if *inside { UNLABELLED } else { OUTSIDE }).collect(),
    };
    let mut seeds = Vec::new();
    let (rows, columns) = (cells(height, side), cells(width, side));
    for row in &rows {
        for column in &columns {
            let pixels = row.clone().flat_map(|y| column.clone().map(move |x| y * width + x));
            let lowest =
                pixels.filter(|pixel| labels[*pixel] == UNLABELLED).min_by(|a, b| relief[*a].total_cmp(&relief[*b]));
            seeds.extend(lowest);
        }
    }
    for (label, seed) in seeds.iter().enumerate() {
        labels[*seed] = label as u32;
    }
    let mut labels = flood(relief, width, &labels, threads)?;
    let mut n = seeds.len();
    // Pieces of the mask that no marker fell into.
    while let Some(pixel) = labels.iter().position(|label| *label == UNLABELLED) {
        fill(&mut labels, width, pixel, n as u32);
        n += 1;
    }
    Ok((labels, n))
}

/// `0..len` cut into cells of `side`, a last one under half of it joined to the one before.
fn cells(len: usize, side: usize) -> Vec<std::ops::Range<usize>> {
    let n = ((len + side / 2) / side).max(1);
    (0..n).map(|cell| cell * side..if cell + 1 == n { len } else { (cell + 1) * side }).collect()
}

/// Gives a label to all that hangs together with an unlabelled pixel.
fn fill(labels: &mut [u32], width: usize, pixel: usize, label: u32) {
    let height = labels.len() / width;
    labels[pixel] = label;
    let mut stack = vec![pixel];
    while let Some(pixel) = stack.pop() {
        for_neighbors(pixel, width, height, |neighbor| {
            if labels[neighbor] == UNLABELLED {
                labels[neighbor] = label;
                stack.push(neighbor);
            }
        });
    }
}

/// Labels at full resolution from those of a picture shrunk by `factor`: the interior of each superpixel stays, the band
/// between two is flooded anew over the full picture's own gradients.
///
/// # Errors
/// An interruption.
pub(super) fn refine<E: Element>(
    picture: &Raster<E>,
    coarse: &[u32],
    coarse_width: usize,
    factor: usize,
    threads: &Threads,
) -> Result<Vec<u32>> {
    let coarse_height = coarse.len() / coarse_width;
    let inner: Vec<bool> = (0..coarse.len())
        .map(|cell| {
            let mut alike = true;
            for_neighbors(cell, coarse_width, coarse_height, |beside| alike &= coarse[beside] == coarse[cell]);
            alike
        })
        .collect();
    let n = coarse.iter().filter(|label| **label != OUTSIDE).max().map_or(0, |label| *label as usize + 1);
    let mut has_inner = vec![false; n];
    for (label, _) in coarse.iter().zip(&inner).filter(|(label, inner)| **inner && **label != OUTSIDE) {
        has_inner[*label as usize] = true;
    }
    let width = picture.width;
    let mut start = vec![UNLABELLED; picture.height * width];
    let mut relief = vec![0.0_f32; picture.height * width];
    let label_of = |pixel: usize| {
        let cell = pixel / width / factor * coarse_width + pixel % width / factor;
        let (outside, label) = (picture.inside.is_some_and(|inside| !inside[pixel]), coarse[cell]);
        if outside {
            OUTSIDE
        } else if inner[cell] || !has_inner[label as usize] {
            label
        } else {
            UNLABELLED
        }
    };
    threads.map_chunks(&mut start, width, |y, row, checkpoint| {
        checkpoint.pass()?;
        row.iter_mut().enumerate().for_each(|(x, label)| *label = label_of(y * width + x));
        Ok(())
    })?;
    threads.map_chunks(&mut relief, width, |y, row, checkpoint| {
        checkpoint.pass()?;
        for (x, height) in row.iter_mut().enumerate().filter(|(x, _)| start[y * width + x] == UNLABELLED) {
            *height = picture.gradient(y, x).sqrt();
        }
        Ok(())
    })?;
    let mut labels = flood(&relief, width, &start, threads)?;
    // Specks of the mask that no superpixel reaches take the label of their cell.
    for pixel in 0..labels.len() {
        if labels[pixel] == UNLABELLED {
            labels[pixel] = coarse[pixel / width / factor * coarse_width + pixel % width / factor];
        }
    }
    Ok(labels)
}

/// Floods the unlabelled pixels from the labelled ones, lowest first; equal levels in the order of their discovery.
fn flood(relief: &[f32], width: usize, start: &[u32], threads: &Threads) -> Result<Vec<u32>> {
    let height = relief.len() / width;
    let highest = relief.iter().fold(0.0_f32, |a, b| a.max(*b));
    let scale = if highest > 0.0 { (LEVELS - 1) as f32 / highest } else { 0.0 };
    let level = |pixel: usize| (relief[pixel].max(0.0) * scale) as usize;
    // One block: the order of the flood is what makes the result.
    let labels = threads.map(1, |_, checkpoint| {
        let mut labels = start.to_vec();
        let mut queues: Vec<Vec<u32>> = vec![Vec::new(); LEVELS];
        for pixel in (0..labels.len()).filter(|pixel| labels[*pixel] < UNLABELLED) {
            let mut ashore = false;
            for_neighbors(pixel, width, height, |neighbor| ashore |= labels[neighbor] == UNLABELLED);
            if ashore {
                queues[level(pixel)].push(pixel as u32);
            }
        }
        for current in 0..LEVELS {
            let mut next = 0;
            while let Some(pixel) = queues[current].get(next).copied() {
                next += 1;
                if next % PIXELS_PER_CHECK == 0 {
                    checkpoint.pass()?;
                }
                let label = labels[pixel as usize];
                for_neighbors(pixel as usize, width, height, |neighbor| {
                    if labels[neighbor] == UNLABELLED {
                        labels[neighbor] = label;
                        queues[current.max(level(neighbor))].push(neighbor as u32);
                    }
                });
            }
            queues[current] = Vec::new();
        }
        Ok(labels)
    })?;
    Ok(labels.into_iter().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basins_meet_on_the_ridge() {
        let relief: Vec<f32> = (0..12 * 24).map(|pixel| if pixel % 24 == 12 { 9.0 } else { 0.5 }).collect();
        let (labels, n) = superpixels(&relief, 24, 12, None, &Threads::single()).expect("uninterrupted");
        assert_eq!(n, 2);
        for row in labels.chunks(24) {
            assert!(row[..12].iter().all(|label| *label == 0) && row[13..].iter().all(|label| *label == 1), "{row:?}");
        }
    }

    #[test]
    fn every_pixel_inside_has_a_label_and_none_outside() {
        // Two islands in one cell: only one of them can hold the marker.
        let inside: Vec<bool> = (0..100).map(|pixel| pixel % 10 < 3 || pixel % 10 > 6).collect();
        let (labels, n) = superpixels(&[0.0; 100], 10, 16, Some(&inside), &Threads::single()).expect("uninterrupted");
        assert_eq!(n, 2);
        for (label, inside) in labels.iter().zip(&inside) {
            assert_eq!(*inside, *label < 2);
            assert!(*inside || *label == OUTSIDE);
        }
    }

    #[test]
    fn odd_sizes_have_at_least_one_superpixel() {
        for (width, height) in [(1, 1), (5000, 1), (1, 70), (17, 16), (3, 3)] {
            let (labels, n) =
                superpixels(&vec![1.0; width * height], width, 16, None, &Threads::single()).expect("uninterrupted");
            assert!(n >= 1 && labels.iter().all(|label| (*label as usize) < n));
            assert_eq!(labels.iter().max().map(|label| *label as usize + 1), Some(n));
        }
    }
}
