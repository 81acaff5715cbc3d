//! Counting with a bitmap, for keys of up to 24 bits: the first pass over the pixels collects the set of their keys, the
//! second looks each pixel's key up in it. The number of a colour is the rank of its key, the count of the bits before
//! it (G. Jacobson, "Space-efficient static trees and graphs", 1989, doi:10.1109/SFCS.1989.63533).
//!
//! Keys that differ in their last six bits only make a *cube*, one word of 64 bits: in Morton order, 4 × 4 × 4
//! neighbouring colours. A cache line has 8 × 8 × 8 of them, so that neighbouring pixels nearly always meet in one line,
//! and a page 32 × 32 × 32: a photograph has colours in a quarter of all pages, and the system never makes the others.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use fearless_simd::Simd;

use super::pixels::{BLOCK, Colors, Pixels};
use crate::element::Channel;
use crate::error::Result;
use crate::morton::Keys;
use crate::parallel::{Pool, Threads};
use crate::simd::{dispatch, level};

/// Each thread has counts of its own for up to so many colours (4 MB); for more, all share one vector.
pub(super) const PRIVATE_COUNTS: usize = 1 << 20;
/// Of each block, one pixel in so many is looked at first.
const LOOK_AHEAD: usize = 16;
/// Bits of a key within its cube, and within its page.
const CUBE_BITS: u32 = 6;
const PAGE_BITS: u32 = 15;
/// Cubes of a page.
const PAGE: usize = 1 << (PAGE_BITS - CUBE_BITS);

/// A set of keys, one bit for each possible one: built by one thread, united with those of others, then ranked.
struct Bitmap {
    cubes: Vec<u64>,
    /// Which pages hold keys; no other page is ever touched.
    pages: Vec<bool>,
    /// Keys before those of each cube.
    ranks: Vec<u32>,
    len: usize,
}

impl Bitmap {
    fn new(key_bits: usize) -> Self {
        let n_pages = 1 << key_bits.saturating_sub(PAGE_BITS as usize);
        Self { cubes: vec![0; n_pages * PAGE], pages: vec![false; n_pages], ranks: Vec::new(), len: 0 }
    }

    #[inline(always)]
    fn insert(&mut self, key: u64) {
        let bit = 1 << (key & 63);
        let keys = &mut self.cubes[(key >> CUBE_BITS) as usize];
        // Most keys are known: testing first leaves their cache lines clean.
        if *keys & bit == 0 {
            *keys |= bit;
            self.len += 1;
            self.pages[(key >> PAGE_BITS) as usize] = true;
        }
    }

    /// Writes to the page of a key that will probably be inserted.
    fn touch(&mut self, key: u64) {
        let page = (key >> PAGE_BITS) as usize;
        if !self.pages[page] {
            self.pages[page] = true;
            self.cubes[page * PAGE] = 0;
        }
    }

    /// Takes in the keys of `other`.
    fn unite(&mut self, other: &Self) {
        let theirs = other.cubes.chunks_exact(PAGE).zip(&other.pages);
        let pages = self.cubes.chunks_exact_mut(PAGE).zip(&mut self.pages).zip(theirs);
        for ((cubes, page), (others, _)) in pages.filter(|(_, (_, theirs))| **theirs) {
            *page = true;
            for (keys, others) in cubes.iter_mut().zip(others) {
                self.len += (others & !*keys).count_ones() as usize;
                *keys |= others;
            }
        }
    }

    /// Calculates the ranks, and returns what `color` makes of the keys, in their order.
    fn rank<T>(&mut self, color: impl Fn(u64) -> T) -> Vec<T> {
        let mut sorted = Vec::with_capacity(self.len);
        self.ranks = vec![0; self.cubes.len()];
        let ranked = self.cubes.chunks_exact(PAGE).zip(self.ranks.chunks_exact_mut(PAGE));
        let cubes = (0..).step_by(PAGE).zip(ranked).zip(&self.pages);
        for ((start, (cubes, ranks)), _) in cubes.filter(|(_, page)| **page) {
            for ((cube, keys), rank) in (start..).zip(cubes).zip(ranks) {
                let mut keys = *keys;
                if keys != 0 {
                    *rank = sorted.len() as u32;
                }
                while keys != 0 {
                    sorted.push(color((cube << CUBE_BITS) | u64::from(keys.trailing_zeros())));
                    keys &= keys - 1;
                }
            }
        }
        sorted
    }

    /// The rank of a key of a ranked set.
    #[inline(always)]
    fn number(&self, key: u64) -> u32 {
        let cube = (key >> CUBE_BITS) as usize;
        let before = (1 << (key & 63)) - 1;
        self.ranks[cube] + (self.cubes[cube] & before).count_ones()
    }
}

impl<C: Channel, const N: usize> Pixels<'_, C, N> {
    /// [`super::count`] for short keys; `None` where there are more than `most` colours.
    pub(super) fn count_in_bitmap(
        &self,
        most: usize,
        index: &mut [u32],
        threads: &Threads,
    ) -> Result<Option<Colors<C>>> {
        let Some(mut set) = self.collect(most, threads)? else { return Ok(None) };
        let values = set.rank(|key| self.keys.color(key));
        let counts = self.look_up(&set, values.len(), index, threads)?;
        Ok(Some(Colors { values: values.into_flattened(), counts }))
    }

    /// The set of all keys; `None` where there are more than `most`.
    fn collect(&self, most: usize, threads: &Threads) -> Result<Option<Bitmap>> {
        let sets = Pool::default();
        threads.map(self.rows.len().div_ceil(BLOCK), |block, _| {
            let mut set = sets.take(|| Bitmap::new(Keys::<C, N>::BITS));
            // Whichever thread finds too many, the union has no fewer: the outcome does not depend on threads.
            if set.len <= most {
                // The system makes a page twice that is read before it is written: this writes to most of them.
                let ahead = self.rows[block * BLOCK..].iter().take(BLOCK).step_by(LOOK_AHEAD);
                ahead.for_each(|row| set.touch(self.keys.key(row)));
                self.for_each_inside(block * BLOCK, BLOCK, |row| set.insert(self.keys.key(row)));
            }
            sets.put(set);
            Ok(())
        })?;
        let mut sets = sets.into_inner().into_iter();
        let Some(mut all) = sets.next() else { return Ok(None) };
        for set in sets {
            if all.len.max(set.len) > most {
                return Ok(None);
            }
            all.unite(&set);
        }
        Ok((all.len <= most).then_some(all))
    }

    /// Writes the number of each pixel's colour, and counts the pixels of each.
    fn look_up(&self, set: &Bitmap, n_colors: usize, index: &mut [u32], threads: &Threads) -> Result<Vec<f64>> {
        let zero = || (0..n_colors).map(|_| AtomicU32::new(0)).collect::<Vec<_>>();
        let (counts, shared) = (Pool::default(), (n_colors > PRIVATE_COUNTS).then(zero));
        threads.map_chunks(index, BLOCK, |block, index, _| {
            let start = block * BLOCK;
            let rows = &self.rows[start..start + index.len()];
            let own = if shared.is_none() { counts.take(zero) } else { Vec::new() };
            dispatch!(level(), simd => number_rows(simd, rows, &self.keys, set, index));
            if let Some(mask) = self.mask {
                let outside = index.iter_mut().zip(&mask[start..]).filter(|(_, inside)| !**inside);
                outside.for_each(|(number, _)| *number = n_colors as u32);
            }
            tally(index, shared.as_deref(), &own);
            counts.put(own);
            Ok(())
        })?;
        let mut total = vec![0.0; n_colors];
        for counts in counts.into_inner().iter().chain(&shared) {
            total.iter_mut().zip(counts).for_each(|(total, count)| *total += f64::from(count.load(Relaxed)));
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
    set: &Bitmap,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ranked_by_their_order() {
        let mut expected: Vec<u64> = (0..40_000_u64).map(|i| i * i * 7 % (1 << 24)).collect();
        let mut sets = [Bitmap::new(24), Bitmap::new(24)];
        for (i, key) in expected.iter().enumerate() {
            sets[i % 2].insert(*key);
        }
        let [mut set, other] = sets;
        set.unite(&other);
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(set.len, expected.len());
        assert_eq!(set.rank(|key| key), expected);
        for (number, key) in (0..).zip(&expected) {
            assert_eq!(set.number(*key), number);
        }
    }
}
