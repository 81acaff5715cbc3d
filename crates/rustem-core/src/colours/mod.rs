//! Exact counting of distinct colours, and painting through the index that it leaves behind.
//!
//! Two passes over the pixels: the first collects the set of their colours, the second looks each pixel's colour up in
//! it. Sets hold one bit per colour in Morton order, so that a photograph's whole set stays in the cache, neighbouring
//! pixels meet in one cache line, and colours come out in an order that owes nothing to threads.

#![expect(clippy::inline_always, reason = "what number_rows calls must become part of its body for each CPU level")]

mod keys;
mod paint;
mod sets;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use fearless_simd::{Level, Simd, dispatch};

use crate::error::{Error, Result};
use crate::parallel::Threads;

pub use keys::Channel;
use keys::Keys;
pub use paint::paint;
use sets::{Bitmap, CubeTable, KeySet};

/// Pixels that are counted at a time.
const BLOCK: usize = 1 << 16;
/// Keys of up to so many bits are looked up in a bitmap (2 MB), longer ones in a hash table.
const BITMAP_BITS: usize = 24;
/// Counting pays up to so many colours per pixel; looking them up in a hash table takes longer.
const MOST_COLOURS: (f64, f64) = (0.8, 0.5);
/// Up to so many colours are counted in any case.
const FEW: usize = 4096;
/// Before a hash table is filled, as many stripes of as many pixels must not be this full of different colours.
const STRIPES: usize = 8;
const STRIPE: usize = 4096;
const HOPELESS: f64 = 0.95;
/// Each thread has counts of its own for up to so many colours (4 MB); for more, all share one vector.
const PRIVATE_COUNTS: usize = 1 << 20;

/// The distinct colours of a picture, in Morton order: bits of the channels interleaved, the last channel's first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colours<C> {
    /// (m, channels), row by row.
    pub values: Vec<C>,
    /// Pixels of each colour (m,).
    pub counts: Vec<u64>,
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
        picture.count::<Bitmap>(MOST_COLOURS.0, index, threads)
    } else if picture.is_hopeless() {
        Ok(None)
    } else {
        picture.count::<CubeTable>(MOST_COLOURS.1, index, threads)
    }
}

/// Rows of `N` channels, those of them that count, and their keys.
struct Picture<'a, C, const N: usize> {
    rows: &'a [[C; N]],
    mask: Option<&'a [bool]>,
    keys: Keys<C, N>,
}

impl<C: Channel, const N: usize> Picture<'_, C, N> {
    fn count<S: KeySet>(&self, most: f64, index: &mut [u32], threads: &Threads) -> Result<Option<Colours<C>>> {
        let n_pixels = self.mask.map_or(self.rows.len(), |mask| mask.iter().filter(|inside| **inside).count());
        let most = FEW.max((most * n_pixels as f64) as usize);
        let Some(mut set) = self.collect::<S>(most, threads)? else { return Ok(None) };
        let sorted = set.rank();
        let counts = self.look_up(&set, sorted.len(), index, threads)?;
        let values = sorted.iter().flat_map(|key| self.keys.colour(*key)).collect();
        Ok(Some(Colours { values, counts }))
    }

    /// The set of all keys; `None` where there are more than `most`.
    fn collect<S: KeySet>(&self, most: usize, threads: &Threads) -> Result<Option<S>> {
        let sets = Pool::default();
        threads.map(self.rows.len().div_ceil(BLOCK), |block, _| {
            let mut set = sets.take(|| S::new(Keys::<C, N>::BITS));
            // Whichever thread finds too many, the union has no fewer: the outcome does not depend on threads.
            if set.len() <= most {
                self.insert(block * BLOCK, BLOCK, &mut set);
            }
            sets.put(set);
            Ok(())
        })?;
        let mut sets = sets.into_inner().into_iter();
        let Some(mut all) = sets.next() else { return Ok(None) };
        for set in sets {
            if all.len().max(set.len()) > most {
                return Ok(None);
            }
            all.unite(&set);
        }
        Ok((all.len() <= most).then_some(all))
    }

    /// Inserts the keys of `length` rows; returns how many of them count.
    fn insert(&self, start: usize, length: usize, set: &mut impl KeySet) -> usize {
        let end = self.rows.len().min(start + length);
        let rows = &self.rows[start..end];
        let Some(mask) = self.mask else {
            for row in rows {
                set.insert(self.keys.key(row));
            }
            return rows.len();
        };
        let inside = rows.iter().zip(&mask[start..end]).filter(|(_, inside)| **inside);
        inside.map(|(row, _)| set.insert(self.keys.key(row))).count()
    }

    /// Whether nearly all pixels of a sample have a colour of their own.
    fn is_hopeless(&self) -> bool {
        if self.rows.len() <= FEW {
            return false;
        }
        let stripe = STRIPE.min(self.rows.len() / (4 * STRIPES));
        let mut set = CubeTable::new(Keys::<C, N>::BITS);
        let seen: usize = (0..STRIPES).map(|i| self.insert(self.rows.len() / STRIPES * i, stripe, &mut set)).sum();
        set.len() as f64 > HOPELESS * seen as f64
    }

    /// Writes the number of each pixel's colour, and counts the pixels of each.
    fn look_up(&self, set: &impl KeySet, n_colours: usize, index: &mut [u32], threads: &Threads) -> Result<Vec<u64>> {
        let zero = || (0..n_colours).map(|_| AtomicU32::new(0)).collect::<Vec<_>>();
        let (counts, shared) = (Pool::default(), (n_colours > PRIVATE_COUNTS).then(zero));
        threads.map_chunks(index, BLOCK, |block, index, _| {
            let start = block * BLOCK;
            let rows = &self.rows[start..start + index.len()];
            let own = if shared.is_none() { counts.take(zero) } else { Vec::new() };
            dispatch!(Level::new(), simd => number_rows(simd, rows, &self.keys, set, index));
            if let Some(mask) = self.mask {
                let outside = index.iter_mut().zip(&mask[start..]).filter(|(_, inside)| !**inside);
                outside.for_each(|(number, _)| *number = n_colours as u32);
            }
            tally(index, shared.as_deref(), &own);
            counts.put(own);
            Ok(())
        })?;
        let mut total = vec![0; n_colours];
        for counts in counts.into_inner().iter().chain(&shared) {
            total.iter_mut().zip(counts).for_each(|(total, count)| *total += u64::from(count.load(Relaxed)));
        }
        Ok(total)
    }
}

/// The number of each row's colour; one body for each CPU level, because counting bits is an instruction on most only.
#[inline(always)]
fn number_rows<C: Channel, const N: usize, S: Simd>(
    _: S,
    rows: &[[C; N]],
    keys: &Keys<C, N>,
    set: &impl KeySet,
    index: &mut [u32],
) {
    for (number, row) in index.iter_mut().zip(rows) {
        *number = set.number(keys.key(row));
    }
}

/// Adds the pixels of each colour to the shared counts where there are any, else to the thread's own, one by one: to look
/// for runs of equal neighbours would cost a mispredicted branch at most ends. Threads that share counts do look for them,
/// because they would often meet on one count.
fn tally(index: &[u32], shared: Option<&[AtomicU32]>, own: &[AtomicU32]) {
    let Some(shared) = shared else {
        for number in index {
            // Pixels outside the mask have a number of no colour.
            if let Some(count) = own.get(*number as usize) {
                count.store(count.load(Relaxed) + 1, Relaxed);
            }
        }
        return;
    };
    for run in index.chunk_by(|a, b| a == b) {
        if let Some(count) = shared.get(run[0] as usize) {
            count.fetch_add(run.len() as u32, Relaxed);
        }
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
        let mut counts = vec![0; colours.counts.len()];
        for number in &index {
            counts[*number as usize] += 1;
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
        let n = 3 * PRIVATE_COUNTS as u32;
        let pixels: Vec<u8> = (0..n).flat_map(|i| (i / 2).to_le_bytes().into_iter().take(3)).collect();
        let (colours, _) = counted(&pixels, 3, &Threads::new(2, &|| false)).expect("pays");
        assert!(colours.counts.len() > PRIVATE_COUNTS);
        assert!(colours.counts.iter().all(|count| *count == 2));
    }

    #[test]
    fn colours_come_in_morton_order() {
        let pixels = [255u8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
        let (colours, index) = counted(&pixels, 3, &Threads::single()).expect("pays");
        assert_eq!(colours.values, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 255, 0, 0]);
        assert_eq!(colours.counts, [2, 1, 1, 1, 1]);
        assert_eq!(index, [4, 3, 0, 1, 2, 0]);
    }

    #[test]
    fn masked_pixels_are_not_counted() {
        let pixels = [5u8, 7, 5, 9, 5, 5];
        let mask = [true, false, true, true, false, true];
        let mut index = [0; 6];
        let colours = count(&pixels, 1, Some(&mask), &mut index, &Threads::single()).expect("fits").expect("pays");
        assert_eq!((colours.values, colours.counts), (vec![5, 9], vec![3, 1]));
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
