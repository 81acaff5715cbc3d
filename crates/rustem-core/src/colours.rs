//! Exact counting of distinct colours, and painting through the look-up that it leaves behind.

use crate::error::Result;
use crate::parallel::Threads;

/// Pixels that one block counts by itself.
const BLOCK: usize = 1 << 18;
/// Pixels after which counting is given up if nearly each had a colour of its own.
const PROBE: usize = 1 << 15;
/// "Nearly each".
const HOPELESS: f64 = 0.95;

/// A channel value that can be part of a key.
pub trait Channel: Copy + Default + Send + Sync {
    #[doc(hidden)]
    const BITS: u32;
    #[doc(hidden)]
    fn widen(self) -> u64;
    #[doc(hidden)]
    fn narrow(key: u64) -> Self;
}

impl Channel for u8 {
    const BITS: u32 = 8;
    fn widen(self) -> u64 {
        u64::from(self)
    }
    fn narrow(key: u64) -> Self {
        key as Self
    }
}

impl Channel for u16 {
    const BITS: u32 = 16;
    fn widen(self) -> u64 {
        u64::from(self)
    }
    fn narrow(key: u64) -> Self {
        key as Self
    }
}

/// The distinct colours of a picture, in the order of their first pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colours<C> {
    /// (m, channels), row by row.
    pub values: Vec<C>,
    /// Pixels of each colour (m,).
    pub counts: Vec<u64>,
    /// The colour of each pixel (n,).
    pub index: Vec<u32>,
}

/// Counts the distinct rows of `pixels` (n, channels), 1 to 4 channels; `None` where that does not pay, because
/// nearly all rows differ.
///
/// # Errors
/// An interruption.
pub fn count<C: Channel>(pixels: &[C], channels: usize, threads: &Threads) -> Result<Option<Colours<C>>> {
    let n = pixels.len() / channels;
    if !(1..=4).contains(&channels) || n == 0 || u32::try_from(n).is_err() {
        return Ok(None);
    }
    let mut index = vec![0; n];
    let tables = threads.map_chunks(&mut index, BLOCK, |block, index, checkpoint| {
        let mut table = Table::with_room_for(index.len() / 4);
        let mut pixels = pixels[block * BLOCK * channels..].chunks_exact(channels);
        for (number, index) in index.chunks_mut(PROBE).enumerate() {
            checkpoint.pass()?;
            table.count(&mut pixels, index);
            let seen = number * PROBE + index.len();
            if seen >= PROBE && table.keys.len() as f64 > HOPELESS * seen as f64 {
                return Ok(None);
            }
        }
        Ok(Some(table))
    })?;
    let Some(tables): Option<Vec<Table>> = tables.into_iter().collect() else { return Ok(None) };
    let Table { keys, counts, .. } = merge(tables, &mut index, threads)?;
    let values = keys
        .iter()
        .flat_map(|key| (0..channels as u32).map(move |channel| C::narrow(key >> (channel * C::BITS))))
        .collect();
    Ok(Some(Colours { values, counts, index }))
}

/// One table for all blocks; `index` is turned from each block's own numbers to those of the whole.
fn merge(tables: Vec<Table>, index: &mut [u32], threads: &Threads) -> Result<Table> {
    let mut tables = tables.into_iter();
    let mut total = tables.next().unwrap_or_else(|| Table::with_room_for(0));
    let numbers: Vec<Vec<u32>> = tables
        .map(|table| {
            let keys = table.keys.iter().zip(&table.counts);
            keys.map(|(key, count)| total.add(*key, *count)).collect()
        })
        .collect();
    threads.map_chunks(index, BLOCK, |block, index, _| {
        if block > 0 {
            for number in index.iter_mut() {
                *number = numbers[block - 1][*number as usize];
            }
        }
        Ok(())
    })?;
    Ok(total)
}

/// A hash table from keys to consecutive numbers, by open addressing; small enough to stay in the cache.
struct Table {
    /// Key and number + 1; number 0 marks an empty slot.
    slots: Vec<(u64, u32)>,
    shift: u32,
    keys: Vec<u64>,
    counts: Vec<u64>,
}

impl Table {
    fn with_room_for(keys: usize) -> Self {
        let bits = (2 * keys.max(512)).next_power_of_two().trailing_zeros();
        Self { slots: vec![(0, 0); 1 << bits], shift: 64 - bits, keys: Vec::new(), counts: Vec::new() }
    }

    /// Where `key` stands, or the empty slot where it belongs.
    fn slot(&self, key: u64) -> usize {
        // Multiplicative hashing: the upper bits of a product with an odd constant (Knuth, TAOCP 3, section 6.4).
        let mut slot = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize;
        while self.slots[slot].1 != 0 && self.slots[slot].0 != key {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }

    /// Adds `count` pixels of a key, and returns the key's number.
    fn add(&mut self, key: u64, count: u64) -> u32 {
        let slot = self.slot(key);
        let number = self.slots[slot].1;
        if number != 0 {
            self.counts[number as usize - 1] += count;
            return number - 1;
        }
        self.keys.push(key);
        self.counts.push(count);
        let number = self.keys.len() as u32;
        self.slots[slot] = (key, number);
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        number - 1
    }

    fn grow(&mut self) {
        self.shift -= 1;
        self.slots = vec![(0, 0); 2 * self.slots.len()];
        for (number, key) in (1..).zip(&self.keys) {
            let slot = self.slot(*key);
            self.slots[slot] = (*key, number);
        }
    }

    /// Counts as many pixels as `index` is long, and writes their keys' numbers there.
    fn count<'a, C: Channel + 'a>(&mut self, pixels: &mut impl Iterator<Item = &'a [C]>, index: &mut [u32]) {
        for (number, pixel) in index.iter_mut().zip(pixels) {
            let mut key = 0;
            for (channel, value) in (0..).zip(pixel) {
                key |= value.widen() << (channel * C::BITS);
            }
            *number = self.add(key, 1);
        }
    }
}

/// `table[index]`: rows of `width` bytes, one for each pixel.
///
/// # Errors
/// An interruption.
pub fn paint(table: &[u8], width: usize, index: &[u32], threads: &Threads) -> Result<Vec<u8>> {
    let mut output = vec![0; index.len() * width];
    threads.map_chunks(&mut output, BLOCK * width, |block, output, _| {
        let index = &index[block * BLOCK..];
        match width {
            1 => paint_rows::<1>(table, index, output),
            2 => paint_rows::<2>(table, index, output),
            3 => paint_rows::<3>(table, index, output),
            4 => paint_rows::<4>(table, index, output),
            6 => paint_rows::<6>(table, index, output),
            8 => paint_rows::<8>(table, index, output),
            _ => {
                for (row, number) in output.chunks_exact_mut(width).zip(index) {
                    row.copy_from_slice(&table[*number as usize * width..][..width]);
                }
            }
        }
        Ok(())
    })?;
    Ok(output)
}

fn paint_rows<const WIDTH: usize>(table: &[u8], index: &[u32], output: &mut [u8]) {
    let (table, _) = table.as_chunks::<WIDTH>();
    let (rows, _) = output.as_chunks_mut::<WIDTH>();
    for (row, number) in rows.iter_mut().zip(index) {
        *row = table[*number as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(n: usize, colours: u64) -> Vec<u8> {
        (0..n as u64)
            .flat_map(|i| ((i * i / 7) % colours).wrapping_mul(0x0001_E240).to_le_bytes().into_iter().take(3))
            .collect()
    }

    #[test]
    fn every_pixel_finds_its_colour_again() {
        let pixels = picture(700_000, 900);
        let colours = count(&pixels, 3, &Threads::single()).expect("no interrupt").expect("pays");
        let painted = paint(&colours.values, 3, &colours.index, &Threads::single()).expect("no interrupt");
        assert_eq!(painted, pixels);
        assert_eq!(colours.counts.iter().sum::<u64>(), 700_000);
        let mut distinct: Vec<&[u8]> = colours.values.chunks(3).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), colours.counts.len());
    }

    #[test]
    fn threads_change_nothing() {
        let pixels = picture(1_000_000, 50_000);
        let one = count(&pixels, 3, &Threads::single());
        let many = count(&pixels, 3, &Threads::new(8, &|| false));
        assert_eq!(one, many);
    }

    #[test]
    fn sixteen_bit_rows_of_four_are_told_apart() {
        let pixels = [1u16, 2, 3, 65535, 1, 2, 3, 65534, 1, 2, 3, 65535];
        let colours = count(&pixels, 4, &Threads::single()).expect("no interrupt").expect("pays");
        assert_eq!(colours.counts, [2, 1]);
        assert_eq!(colours.index, [0, 1, 0]);
        assert_eq!(colours.values, pixels[..8]);
    }

    #[test]
    fn noise_is_given_up() {
        let pixels: Vec<u8> = (0..300_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        assert_eq!(count(&pixels, 4, &Threads::single()), Ok(None));
    }
}
