//! Exact counting of distinct colours, and painting through the index that it leaves behind.
//!
//! Short keys are counted in a bitmap, long ones in a hash table. Colours come out in Morton order, that of keys made of
//! the channels' bits interleaved, which owes nothing to threads and makes near colours neighbours.

#![expect(clippy::inline_always, reason = "what number_rows calls must become part of its body for each CPU level")]

mod bitmap;
mod cells;
mod keys;
mod paint;
mod ranks;
mod sums;
mod table;

use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::parallel::Threads;

pub use cells::{Cells, cells};
pub use keys::Channel;
use keys::Keys;
pub use paint::{Index, paint};
pub use ranks::{Float, count_floats};
pub use sums::sums;

/// Pixels that are counted at a time.
const BLOCK: usize = 1 << 16;
/// Keys of up to so many bits are counted in a bitmap, longer ones in a hash table.
const BITMAP_BITS: usize = 24;
/// Counting pays up to so many colours per pixel; looking them up in a hash table takes longer.
const MOST_COLOURS: (f64, f64) = (0.8, 0.5);
/// Up to so many colours are counted in any case.
const FEW: usize = 4096;

/// The distinct colours of a picture, in Morton order: bits of the channels interleaved, the last channel's first.
#[derive(Debug, Clone, PartialEq)]
pub struct Colours<C> {
    /// (m, channels), row by row.
    pub values: Vec<C>,
    /// Pixels of each colour (m,).
    pub counts: Vec<f64>,
}

/// Counts the distinct rows of `pixels` (n, channels), 1 to 4 channels, and writes the number of each pixel's colour
/// to `index` (n,). Pixels that `mask` leaves out are not counted; their index is the number of colours.
///
/// `None`, with nothing of meaning in `index`, where counting does not pay because most rows differ.
///
/// # Errors
/// Lengths that do not fit; an interruption.
pub fn count<C: Channel>(
    pixels: &[C],
    channels: usize,
    mask: Option<&[bool]>,
    index: &mut [u32],
    threads: &Threads,
) -> Result<Option<Colours<C>>> {
    match channels {
        1 => count_rows::<C, 1>(pixels, mask, index, threads),
        2 => count_rows::<C, 2>(pixels, mask, index, threads),
        3 => count_rows::<C, 3>(pixels, mask, index, threads),
        4 => count_rows::<C, 4>(pixels, mask, index, threads),
        _ => Ok(None),
    }
}

fn count_rows<C: Channel, const N: usize>(
    pixels: &[C],
    mask: Option<&[bool]>,
    index: &mut [u32],
    threads: &Threads,
) -> Result<Option<Colours<C>>> {
    let rows = pixels.as_chunks::<N>().0;
    for (what, found) in [("index", index.len()), ("mask", mask.map_or(rows.len(), <[bool]>::len))] {
        if found != rows.len() {
            return Err(Error::Length { what, expected: rows.len(), found });
        }
    }
    let picture = Picture { rows, mask, keys: Keys::new() };
    if u32::try_from(rows.len()).is_err() {
        Ok(None)
    } else if Keys::<C, N>::BITS <= BITMAP_BITS {
        picture.count_in_bitmap(picture.most(MOST_COLOURS.0), index, threads)
    } else {
        picture.count_in_table(picture.most(MOST_COLOURS.1), index, threads)
    }
}

/// Rows of `N` channels, those of them that count, and their keys.
struct Picture<'a, C, const N: usize> {
    rows: &'a [[C; N]],
    mask: Option<&'a [bool]>,
    keys: Keys<C, N>,
}

impl<C: Channel, const N: usize> Picture<'_, C, N> {
    /// The number of colours up to which counting pays, at so many per pixel.
    fn most(&self, per_pixel: f64) -> usize {
        let n_pixels = self.mask.map_or(self.rows.len(), |mask| mask.iter().filter(|inside| **inside).count());
        FEW.max((per_pixel * n_pixels as f64) as usize)
    }

    /// Visits those of `length` rows that count; returns how many.
    fn for_each_inside(&self, start: usize, length: usize, mut visit: impl FnMut(&[C; N])) -> usize {
        let end = self.rows.len().min(start + length);
        let rows = &self.rows[start..end];
        let Some(mask) = self.mask else {
            rows.iter().for_each(visit);
            return rows.len();
        };
        let inside = rows.iter().zip(&mask[start..end]).filter(|(_, inside)| **inside);
        inside.map(|(row, _)| visit(row)).count()
    }
}

/// Things that threads take, use and put back: never more of them than threads.
struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Pool<T> {
    fn take(&self, new: impl FnOnce() -> T) -> T {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        taken.unwrap_or_else(new)
    }

    fn put(&self, thing: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }

    fn into_inner(self) -> Vec<T> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted<C: Channel>(pixels: &[C], channels: usize, threads: &Threads) -> Option<(Colours<C>, Vec<u32>)> {
        let mut index = vec![0; pixels.len() / channels];
        let colours = count(pixels, channels, None, &mut index, threads).expect("no interrupt")?;
        Some((colours, index))
    }

    fn picture(n: usize, colours: u64) -> Vec<u8> {
        (0..n as u64)
            .flat_map(|i| ((i * i / 7) % colours).wrapping_mul(0x0001_E240).to_le_bytes().into_iter().take(3))
            .collect()
    }

    fn every_pixel_finds_its_colour_again<C: Channel + Ord + std::fmt::Debug>(pixels: &[C], channels: usize) {
        let (colours, index) = counted(pixels, channels, &Threads::single()).expect("pays");
        let painted: Vec<C> =
            index.iter().flat_map(|i| colours.values[*i as usize * channels..][..channels].to_vec()).collect();
        assert_eq!(painted, pixels);
        let mut counts = vec![0.0; colours.counts.len()];
        for number in &index {
            counts[*number as usize] += 1.0;
        }
        assert_eq!(counts, colours.counts);
        let mut distinct: Vec<&[C]> = colours.values.chunks(channels).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), colours.counts.len());
        for n_threads in [2, 8] {
            let again = counted(pixels, channels, &Threads::new(n_threads, &|| false));
            assert_eq!(again, Some((colours.clone(), index.clone())));
        }
    }

    #[test]
    fn pixels_find_their_colours_at_any_thread_count() {
        let pixels = picture(600_000, 50_000);
        let deep: Vec<u16> = pixels.iter().map(|value| u16::from(*value) * 257).collect();
        for channels in 1..=4 {
            every_pixel_finds_its_colour_again(&pixels, channels);
            every_pixel_finds_its_colour_again(&deep, channels);
        }
    }

    #[test]
    fn more_colours_than_threads_count_by_themselves() {
        let n = 3 * bitmap::PRIVATE_COUNTS as u32;
        let pixels: Vec<u8> = (0..n).flat_map(|i| (i / 2).to_le_bytes().into_iter().take(3)).collect();
        let (colours, _) = counted(&pixels, 3, &Threads::new(2, &|| false)).expect("pays");
        assert!(colours.counts.len() > bitmap::PRIVATE_COUNTS);
        assert!(colours.counts.iter().all(|count| *count == 2.0));
    }

    #[test]
    fn colours_come_in_morton_order() {
        let pixels = [255u8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
        let (colours, index) = counted(&pixels, 3, &Threads::single()).expect("pays");
        assert_eq!(colours.values, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 255, 0, 0]);
        assert_eq!(colours.counts, [2.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(index, [4, 3, 0, 1, 2, 0]);
    }

    #[test]
    fn masked_pixels_are_not_counted() {
        let pixels = [5u8, 7, 5, 9, 5, 5];
        let mask = [true, false, true, true, false, true];
        let mut index = [0; 6];
        let colours = count(&pixels, 1, Some(&mask), &mut index, &Threads::single()).expect("fits").expect("pays");
        assert_eq!((colours.values, colours.counts), (vec![5, 9], vec![3.0, 1.0]));
        assert_eq!(index, [0, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn lengths_must_fit() {
        let outcome = count(&[1u8, 2, 3], 1, None, &mut [0; 2], &Threads::single());
        assert_eq!(outcome, Err(Error::Length { what: "index", expected: 3, found: 2 }));
        let outcome = count(&[1u8, 2, 3], 1, Some(&[true]), &mut [0; 3], &Threads::single());
        assert_eq!(outcome, Err(Error::Length { what: "mask", expected: 3, found: 1 }));
    }

    #[test]
    fn noise_is_given_up_at_any_thread_count() {
        let noise = |i: u32| i.wrapping_mul(2_654_435_761).to_le_bytes();
        let narrow: Vec<u8> = (0..300_000).flat_map(noise).collect();
        // Repeated where the sample looks, noise elsewhere.
        let hidden: Vec<u8> = (0..300_000).flat_map(|i| if i % 37_500 < 4096 { [0; 4] } else { noise(i) }).collect();
        for n_threads in [1, 2, 8] {
            let threads = Threads::new(n_threads, &|| false);
            assert!(counted(&narrow, 3, &threads).is_none());
            assert!(counted(&narrow, 4, &threads).is_none());
            assert!(counted(&hidden, 4, &threads).is_none());
        }
    }

    #[test]
    fn painting_checks_its_index() {
        let threads = Threads::new(2, &|| false);
        let table: Vec<u8> = (0..40).collect();
        for width in [1, 2, 3, 4, 5, 6, 8] {
            let mut output = vec![0; 3 * width];
            paint(&table, width, &[2, 0, 1], &mut output, &threads).expect("inside");
            assert_eq!(output[..width], table[2 * width..3 * width]);
            assert_eq!(output[width..2 * width], table[..width]);
            assert!(paint(&table, width, &[0, 40, 1], &mut output, &threads).is_err());
        }
        assert!(paint(&table, 2, &[0], &mut [0; 3], &threads).is_err());
    }
}
