//! Colours in cells of 2 × 2 × 2 neighbours: the mean colour and the pixels of each cell, in one pass over a picture.
//!
//! Enough to choose a palette from: no colour is further than one step from its cell's mean. A cell's sums share one
//! word of 64 bits, so that a photograph's cells stay in the second-level cache.

use crate::error::Result;
use crate::parallel::{Pool, Threads};

/// Pixels that are counted at a time.
const BLOCK: usize = 1 << 18;
/// Bits of a cell's number: seven for each channel, interleaved (Morton 1966), the last channel's highest.
const CELL_BITS: u32 = 21;
/// Cells that are read at a time when all is counted.
const RANGE: usize = 1 << 15;
/// Bits of a field of a word: pixels, then how many of them have the higher value of each channel.
const FIELD: u32 = 16;
/// Word of a cell with as many pixels as its field can hold.
const FULL: u64 = 0xFFFF << (3 * FIELD);

/// The cells of a picture that have pixels, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells {
    /// Mean colours (m, 3), 257 times the values of 8 bits.
    pub values: Vec<u16>,
    /// Pixels of each cell (m,).
    pub counts: Vec<u64>,
}

/// The words of all cells, and those that were full.
struct Table {
    words: Vec<u64>,
    full: Vec<(u32, u64)>,
}

impl Table {
    fn new() -> Self {
        Self { words: vec![0; 1 << CELL_BITS], full: Vec::new() }
    }

    fn add(&mut self, rows: &[[u8; 3]], keys: &[[u32; 256]; 3]) {
        for [r, g, b] in rows {
            let key = keys[0][usize::from(*r)] | keys[1][usize::from(*g)] | keys[2][usize::from(*b)];
            let odd = |value: &u8, channel: u32| u64::from(value & 1) << (channel * FIELD);
            let word = &mut self.words[key as usize];
            *word += 1 << (3 * FIELD) | odd(r, 0) | odd(g, 1) | odd(b, 2);
            if *word >= FULL {
                self.full.push((key, *word));
                *word = 0;
            }
        }
    }
}

/// Counts the pixels (n, 3) of each cell.
///
/// # Errors
/// An interruption.
pub fn cells(pixels: &[u8], threads: &Threads) -> Result<Cells> {
    let (rows, _) = pixels.as_chunks::<3>();
    let keys: [[u32; 256]; 3] = std::array::from_fn(|channel| {
        std::array::from_fn(|value| (0..7).map(|bit| (value as u32 >> (bit + 1) & 1) << (3 * bit + channel)).sum())
    });
    let tables = Pool::default();
    threads.map(rows.len().div_ceil(BLOCK), |block, checkpoint| {
        checkpoint.pass()?;
        let mut table = tables.take(Table::new);
        table.add(&rows[block * BLOCK..rows.len().min((block + 1) * BLOCK)], &keys);
        tables.put(table);
        Ok(())
    })?;
    let tables = tables.into_inner();
    let mut full: Vec<(u32, u64)> = tables.iter().flat_map(|table| table.full.iter().copied()).collect();
    full.sort_unstable();
    let ranges = threads.map((1 << CELL_BITS) / RANGE, |range, _| Ok(read(&tables, &full, range * RANGE)))?;
    let mut cells = Cells::default();
    for range in ranges {
        cells.values.extend(range.values);
        cells.counts.extend(range.counts);
    }
    Ok(cells)
}

/// The cells of one range that have pixels.
fn read(tables: &[Table], full: &[(u32, u64)], start: usize) -> Cells {
    let mut cells = Cells::default();
    let mut full = full[full.partition_point(|(key, _)| (*key as usize) < start)..].iter().peekable();
    for key in start..start + RANGE {
        let mut fields = [0u64; 4];
        let mut take = |word: u64| {
            (0..4).for_each(|field| fields[field as usize] += word >> (field * FIELD) & 0xFFFF);
        };
        tables.iter().map(|table| table.words[key]).filter(|word| *word != 0).for_each(&mut take);
        while let Some((_, word)) = full.next_if(|(number, _)| *number as usize == key) {
            take(*word);
        }
        let count = fields[3];
        if count > 0 {
            cells.values.extend((0..3).map(|channel| {
                let lower = (0..7).map(|bit| (key as u64 >> (3 * bit + channel) & 1) << (bit + 1)).sum::<u64>();
                (257 * lower + (257 * fields[channel] + count / 2) / count) as u16
            }));
            cells.counts.push(count);
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::morton::color_keys;

    #[test]
    fn cells_have_the_means_of_their_pixels_at_any_thread_count() {
        let noise = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let mut pixels: Vec<u8> =
            (0..300_000).flat_map(|i| (noise(i) & 0x003F_1F0F).to_le_bytes()[..3].to_vec()).collect();
        pixels.extend([255, 254, 253].repeat(400_000)); // more than a word can count
        let mut expected: BTreeMap<[u8; 3], [u64; 4]> = BTreeMap::new();
        for row in pixels.as_chunks::<3>().0 {
            let sums = expected.entry(row.map(|value| value / 2)).or_default();
            (0..3).for_each(|a| sums[a] += u64::from(row[a]));
            sums[3] += 1;
        }
        let found = cells(&pixels, &Threads::single()).expect("no interrupt");
        assert_eq!(found.counts.len(), expected.len());
        for (row, count) in found.values.as_chunks::<3>().0.iter().zip(&found.counts) {
            let sums = expected[&row.map(|value| (value / 257 / 2) as u8)];
            assert_eq!(*count, sums[3]);
            (0..3).for_each(|a| assert!((f64::from(row[a]) - 257.0 * sums[a] as f64 / sums[3] as f64).abs() <= 0.5));
        }
        assert!(color_keys(&found.values, 3).is_some_and(|keys| keys.is_sorted()));
        for count in [2, 8] {
            assert_eq!(cells(&pixels, &Threads::new(count, &|| false)).expect("no interrupt"), found);
        }
    }
}
