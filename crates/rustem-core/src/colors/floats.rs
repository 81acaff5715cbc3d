//! Counting of floats that take few values, as pictures of 8 or 16 bits do that were scaled on their way here.
//!
//! Each channel's values are numbered in rising order, and these numbers are counted instead.

use super::hash_table::{STRIPE, STRIPES};
use super::pixels::{BLOCK, Colors, FEW};
use super::{BYTES_OF_A_COLOR, count};
use crate::element::{Channel, Float};
use crate::error::Result;
use crate::memory::check_room;
use crate::parallel::{Pool, Threads};

/// The most values that numbers of 16 bits tell apart.
const MOST_VALUES: usize = 1 << 16;
/// Where more of the pixels first looked at have a value of their own in some channel, there is no end of values.
const MANY: f64 = 0.5;
/// Where more of them have a colour of their own, at least half of all have: counting, dearer than that of whole numbers,
/// would hardly pay.
const HOPELESS: f64 = 0.87;

/// As [`count`], for floats that take at most 65,536 values in each of up to four channels; `None` also for others.
///
/// # Errors
/// As [`count`].
pub fn count_floats<F: Float>(
    pixels: &[F],
    channels: usize,
    mask: Option<&[bool]>,
    index: &mut [u32],
    threads: &Threads,
) -> Result<Option<Colors<F>>> {
    if !(1..=4).contains(&channels) || index.len() * channels != pixels.len() {
        return Ok(None);
    }
    check_room("distinct colours", index.len(), BYTES_OF_A_COLOR)?;
    let picture = FloatPixels { pixels, channels, mask };
    if picture.is_hopeless() {
        return Ok(None);
    }
    let Some(mut values) = picture.collect(threads)? else { return Ok(None) };
    let sorted: Vec<Vec<u64>> = values.iter_mut().map(Values::rank).collect();
    if sorted.iter().all(|keys| keys.len() <= 1 << 8) {
        picture.count_ranks::<u8>(&values, &sorted, index, threads)
    } else {
        picture.count_ranks::<u16>(&values, &sorted, index, threads)
    }
}

struct FloatPixels<'a, F> {
    pixels: &'a [F],
    channels: usize,
    mask: Option<&'a [bool]>,
}

impl<F: Float> FloatPixels<'_, F> {
    fn n_pixels(&self) -> usize {
        self.pixels.len() / self.channels
    }

    /// Whether a sample says that some channel hardly ever takes a value twice, or that hardly any colour comes twice.
    fn is_hopeless(&self) -> bool {
        let n_pixels = self.n_pixels();
        if n_pixels <= FEW {
            return false;
        }
        let stripe = STRIPE.min(n_pixels / (4 * STRIPES));
        let mut values = vec![Values::new(); self.channels];
        let mut colors = Vec::new();
        for start in (0..STRIPES).map(|i| n_pixels / STRIPES * i) {
            self.insert(start, stripe, &mut values);
            colors.extend(self.rows_inside(start, stripe).map(|row| {
                let mut keys = [0; 4];
                row.iter().zip(&mut keys).for_each(|(value, key)| *key = value.key());
                keys
            }));
        }
        let seen = colors.len() as f64;
        colors.sort_unstable();
        colors.dedup();
        colors.len() as f64 > HOPELESS * seen || values.iter().any(|values| values.len as f64 > MANY * seen)
    }

    /// The values of each channel; `None` where there are too many.
    fn collect(&self, threads: &Threads) -> Result<Option<Vec<Values>>> {
        let sets = Pool::default();
        threads.map(self.n_pixels().div_ceil(BLOCK), |block, _| {
            let mut values = sets.take(|| vec![Values::new(); self.channels]);
            // Whichever thread finds too many, the union has no fewer: the outcome does not depend on threads.
            if values.iter().all(|values| values.len <= MOST_VALUES) {
                self.insert(block * BLOCK, BLOCK, &mut values);
            }
            sets.put(values);
            Ok(())
        })?;
        let mut all = vec![Values::new(); self.channels];
        for values in sets.into_inner().iter().flatten().zip((0..self.channels).cycle()) {
            let (values, channel) = values;
            values.keys().for_each(|key| all[channel].insert(key));
        }
        Ok(all.iter().all(|values| values.len <= MOST_VALUES).then_some(all))
    }

    /// Those of `length` pixels that count.
    fn rows_inside(&self, start: usize, length: usize) -> impl Iterator<Item = &[F]> {
        let end = self.n_pixels().min(start + length);
        let rows = self.pixels[start * self.channels..end * self.channels].chunks_exact(self.channels);
        let inside = move |place: &usize| self.mask.is_none_or(|mask| mask[start + place]);
        rows.enumerate().filter(move |(place, _)| inside(place)).map(|(_, row)| row)
    }

    /// Inserts the values of `length` pixels.
    fn insert(&self, start: usize, length: usize, values: &mut [Values]) {
        let mut last = [u64::MAX; 4];
        for row in self.rows_inside(start, length) {
            for ((value, values), last) in row.iter().zip(&mut *values).zip(&mut last) {
                let key = value.key();
                if key != *last {
                    values.insert(key);
                    *last = key;
                }
            }
        }
    }

    /// Counts the ranks of all values, and gives the colours their values back.
    fn count_ranks<C: Channel>(
        &self,
        values: &[Values],
        sorted: &[Vec<u64>],
        index: &mut [u32],
        threads: &Threads,
    ) -> Result<Option<Colors<F>>> {
        let mut ranks = vec![C::default(); self.pixels.len()];
        threads.map_chunks(&mut ranks, BLOCK * self.channels, |block, ranks, _| {
            let pixels = self.pixels[block * BLOCK * self.channels..].chunks_exact(self.channels);
            let mut last = [(u64::MAX, C::default()); 4];
            for (row, ranks) in pixels.zip(ranks.chunks_exact_mut(self.channels)) {
                for (((value, values), last), rank) in row.iter().zip(values).zip(&mut last).zip(ranks) {
                    let key = value.key();
                    if key != last.0 {
                        *last = (key, C::narrow(u64::from(values.rank_of(key))));
                    }
                    *rank = last.1;
                }
            }
            Ok(())
        })?;
        let counted = count(&ranks, self.channels, self.mask, index, threads)?;
        Ok(counted.map(|Colors { values, counts }| {
            let value = |(rank, sorted): (&C, &Vec<u64>)| F::of(sorted[rank.widen() as usize]);
            Colors { values: values.iter().zip(sorted.iter().cycle()).map(value).collect(), counts }
        }))
    }
}

/// The values of a channel, by their keys, in a hash table with open addressing.
#[derive(Clone)]
struct Values {
    /// Half empty at least; a power of two.
    slots: Vec<u64>,
    /// Of the value in each slot, once ranked.
    ranks: Vec<u16>,
    len: usize,
}

impl Values {
    const EMPTY: u64 = u64::MAX;

    fn new() -> Self {
        Self { slots: vec![Self::EMPTY; 1 << 10], ranks: Vec::new(), len: 0 }
    }

    fn keys(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().copied().filter(|key| *key != Self::EMPTY)
    }

    /// Where the key is, or belongs.
    #[inline]
    fn slot(&self, key: u64) -> usize {
        // Fibonacci hashing (Knuth 1998, section 6.4).
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut slot = (hash >> (64 - self.slots.len().trailing_zeros())) as usize;
        while self.slots[slot] != key && self.slots[slot] != Self::EMPTY {
            slot = (slot + 1) % self.slots.len();
        }
        slot
    }

    #[inline]
    fn insert(&mut self, key: u64) {
        let slot = self.slot(key);
        if self.slots[slot] == key {
            return;
        }
        self.slots[slot] = key;
        self.len += 1;
        if 2 * self.len > self.slots.len() {
            let larger = vec![Self::EMPTY; 2 * self.slots.len()];
            let smaller = std::mem::replace(&mut self.slots, larger);
            for key in smaller.into_iter().filter(|key| *key != Self::EMPTY) {
                let slot = self.slot(key);
                self.slots[slot] = key;
            }
        }
    }

    /// Numbers the values in rising order; returns them.
    fn rank(&mut self) -> Vec<u64> {
        let mut sorted: Vec<u64> = self.keys().collect();
        sorted.sort_unstable();
        self.ranks = vec![0; self.slots.len()];
        for (rank, key) in sorted.iter().enumerate() {
            let slot = self.slot(*key);
            self.ranks[slot] = rank as u16;
        }
        sorted
    }

    /// The number of a value; of those that were never inserted, outside the mask, any.
    #[inline]
    fn rank_of(&self, key: u64) -> u16 {
        self.ranks[self.slot(key)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted<F: Float>(pixels: &[F], mask: Option<&[bool]>, threads: usize) -> Option<(Colors<F>, Vec<u32>)> {
        let mut index = vec![0; pixels.len() / 3];
        let threads = Threads::new(threads, &|| false);
        let colors = count_floats(pixels, 3, mask, &mut index, &threads).expect("no interrupt")?;
        Some((colors, index))
    }

    /// 200,000 pixels of three channels, each with values of its own.
    fn levels(n_levels: u32) -> Vec<u32> {
        (0..600_000u32).map(|i| (i / 3 / 50).wrapping_mul([7, 11, 13][i as usize % 3]) % n_levels).collect()
    }

    #[test]
    fn floats_are_counted_as_the_whole_numbers_that_they_stand_for() {
        for n_levels in [2, 256, 3000] {
            let whole = levels(n_levels);
            let mask: Vec<bool> = (0..200_000).map(|i| i % 7 > 0).collect();
            let narrow: Vec<u16> = whole.iter().map(|level| *level as u16).collect();
            let mut index = vec![0; 200_000];
            for mask in [None, Some(&mask[..])] {
                let expected = count(&narrow, 3, mask, &mut index, &Threads::single()).expect("counts").expect("pays");
                let scaled: Vec<f32> = whole.iter().map(|level| *level as f32 / 65535.0 - 0.3).collect();
                let (single, numbers) = counted(&scaled, mask, 1).expect("pays");
                assert_eq!(single.values.len(), expected.values.len());
                let rows = single.values.as_chunks::<3>().0;
                for (place, (number, row)) in numbers.iter().zip(scaled.as_chunks::<3>().0).enumerate() {
                    let own = mask.is_none_or(|mask| mask[place]).then_some(row);
                    assert_eq!(rows.get(*number as usize), own);
                }
                assert_eq!(single.counts.iter().sum::<f64>(), expected.counts.iter().sum::<f64>());
                let wide: Vec<f64> = whole.iter().map(|level| f64::from(*level) - 100.0).collect();
                let (double, others) = counted(&wide, mask, 1).expect("pays");
                assert_eq!((&double.counts, &others), (&single.counts, &numbers));
                assert_eq!(counted(&wide, mask, 3), Some((double, others)));
            }
        }
    }

    #[test]
    fn keys_follow_the_order_of_the_numbers() {
        let rising = [f64::NEG_INFINITY, -2.5, -1e-300, 0.0, 1e-300, 0.5, f64::INFINITY, f64::NAN];
        assert!(rising.is_sorted_by(|a, b| a.key() < b.key()));
        assert!(rising.iter().all(|value| f64::of(value.key()).to_bits() == value.to_bits()));
        let rising = [f32::NEG_INFINITY, -2.5, -0.0, 1e-40, 0.5, f32::INFINITY, f32::NAN];
        assert!(rising.is_sorted_by(|a, b| a.key() < b.key()));
        assert_eq!(((-0.0f32).key(), (-f64::NAN).key()), (0.0f32.key(), f64::NAN.key()));
    }

    #[test]
    fn too_many_values_are_not_counted() {
        let noise: Vec<f32> = (0..300_000u32).map(|i| i.wrapping_mul(2_654_435_761) as f32).collect();
        assert_eq!(counted(&noise, None, 2), None);
        // The stripes that are looked at first repeat, the rest does not.
        let late: Vec<f64> = (0..900_000u32).map(|i| f64::from(i - i % 100 + (i % 100) * 1_000_000)).collect();
        assert_eq!(counted(&late, None, 2), None);
        // Few values in each channel, but hardly a colour twice.
        let mixed =
            |i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ i << 31).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 56;
        let bytes: Vec<f32> = (0..600_000).map(|i| mixed(i) as f32).collect();
        assert_eq!(counted(&bytes, None, 2), None);
        assert_eq!(counted::<f32>(&[], None, 1).map(|(colors, _)| colors.counts.len()), None);
    }
}
