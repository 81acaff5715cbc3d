//! Exact counting of distinct colours, and painting through the index that it leaves behind.
//!
//! Short keys are counted in a bitmap, long ones in a hash table. Colours come out in Morton order, that of keys made of
//! the channels' bits interleaved, which owes nothing to threads and makes near colours neighbours.

#![expect(clippy::inline_always, reason = "what number_rows calls must become part of its body for each CPU level")]

mod bitmap;
mod floats;
mod hash_table;
mod histogram;
mod lab;
mod label_sums;
mod oklab;
mod paint;
mod pixels;

use crate::element::Channel;
use crate::error::{Error, Result};
use crate::memory::check_room;
use crate::morton::Keys;
use crate::parallel::Threads;

pub use floats::count_floats;
pub use histogram::{Cells, cells};
pub(crate) use lab::to_lab;
pub use label_sums::sums;
pub use oklab::{Space, coordinates};
pub use paint::{Index, paint};
pub use pixels::Colors;
use pixels::Pixels;

/// Keys of up to so many bits are counted in a bitmap, longer ones in a hash table.
const BITMAP_BITS: usize = 24;
/// Counting pays up to so many colours per pixel; looking them up in a hash table takes longer.
const MOST_COLORS: (f64, f64) = (0.8, 0.5);
/// Bytes that are kept of a colour while it is counted: of every pixel, where all differ.
const BYTES_OF_A_COLOR: usize = 24;

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
) -> Result<Option<Colors<C>>> {
    check_room("distinct colours", index.len(), BYTES_OF_A_COLOR)?;
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
) -> Result<Option<Colors<C>>> {
    let rows = pixels.as_chunks::<N>().0;
    for (what, found) in [("index", index.len()), ("mask", mask.map_or(rows.len(), <[bool]>::len))] {
        if found != rows.len() {
            return Err(Error::Length { what, expected: rows.len(), found });
        }
    }
    let picture = Pixels { rows, mask, keys: Keys::new() };
    if u32::try_from(rows.len()).is_err() {
        Ok(None)
    } else if Keys::<C, N>::BITS <= BITMAP_BITS {
        picture.count_in_bitmap(picture.most(MOST_COLORS.0), index, threads)
    } else {
        picture.count_in_table(picture.most(MOST_COLORS.1), index, threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted<C: Channel>(pixels: &[C], channels: usize, threads: &Threads) -> Option<(Colors<C>, Vec<u32>)> {
        let mut index = vec![0; pixels.len() / channels];
        let colors = count(pixels, channels, None, &mut index, threads).expect("no interrupt")?;
        Some((colors, index))
    }

    fn picture(n: usize, colors: u64) -> Vec<u8> {
        (0..n as u64)
            .flat_map(|i| ((i * i / 7) % colors).wrapping_mul(0x0001_E240).to_le_bytes().into_iter().take(3))
            .collect()
    }

    fn every_pixel_finds_its_color_again<C: Channel + Ord + std::fmt::Debug>(pixels: &[C], channels: usize) {
        let (colors, index) = counted(pixels, channels, &Threads::single()).expect("pays");
        let painted: Vec<C> =
            index.iter().flat_map(|i| colors.values[*i as usize * channels..][..channels].to_vec()).collect();
        assert_eq!(painted, pixels);
        let mut counts = vec![0.0; colors.counts.len()];
        for number in &index {
            counts[*number as usize] += 1.0;
        }
        assert_eq!(counts, colors.counts);
        let mut distinct: Vec<&[C]> = colors.values.chunks(channels).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), colors.counts.len());
        for n_threads in [2, 8] {
            let again = counted(pixels, channels, &Threads::new(n_threads, &|| false));
            assert_eq!(again, Some((colors.clone(), index.clone())));
        }
    }

    #[test]
    fn pixels_find_their_colors_at_any_thread_count() {
        let pixels = picture(600_000, 50_000);
        let deep: Vec<u16> = pixels.iter().map(|value| u16::from(*value) * 257).collect();
        for channels in 1..=4 {
            every_pixel_finds_its_color_again(&pixels, channels);
            every_pixel_finds_its_color_again(&deep, channels);
        }
    }

    #[test]
    fn more_colors_than_threads_count_by_themselves() {
        let n = 3 * bitmap::PRIVATE_COUNTS as u32;
        let pixels: Vec<u8> = (0..n).flat_map(|i| (i / 2).to_le_bytes().into_iter().take(3)).collect();
        let (colors, _) = counted(&pixels, 3, &Threads::new(2, &|| false)).expect("pays");
        assert!(colors.counts.len() > bitmap::PRIVATE_COUNTS);
        assert!(colors.counts.iter().all(|count| *count == 2.0));
    }

    #[test]
    fn colors_come_in_morton_order() {
        let pixels = [255u8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
        let (colors, index) = counted(&pixels, 3, &Threads::single()).expect("pays");
        assert_eq!(colors.values, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 255, 0, 0]);
        assert_eq!(colors.counts, [2.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(index, [4, 3, 0, 1, 2, 0]);
    }

    #[test]
    fn masked_pixels_are_not_counted() {
        let pixels = [5u8, 7, 5, 9, 5, 5];
        let mask = [true, false, true, true, false, true];
        let mut index = [0; 6];
        let colors = count(&pixels, 1, Some(&mask), &mut index, &Threads::single()).expect("fits").expect("pays");
        assert_eq!((colors.values, colors.counts), (vec![5, 9], vec![3.0, 1.0]));
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
