//! Counting with a hash table, for keys of more than 24 bits, in one pass over the pixels: each colour gets a number when
//! it is met first, which the index holds until the colours are sorted and all numbers are replaced by ranks.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::pixels::{BLOCK, Colors, FEW, Pixels};
use crate::element::Channel;
use crate::error::Result;
use crate::morton::Keys;
use crate::parallel::{Pool, Threads};

/// Before a table is filled, as many stripes of as many pixels must not be this full of different colours.
pub(super) const STRIPES: usize = 8;
pub(super) const STRIPE: usize = 4096;
const HOPELESS: f64 = 0.95;

/// Colours with their pixels, numbered in the order in which they were met; found by open addressing with linear probing.
struct Table {
    /// Of all tables of a computation, which one it is.
    id: usize,
    /// 32 bits of a colour's hash, and its number plus one in the lower half; 0 where the slot is free.
    slots: Vec<u64>,
    /// What is left of the hash after this shift is the slot from which to search.
    shift: u32,
    /// Bits and pixels of each colour.
    colors: Vec<(u64, u32)>,
}

impl Table {
    fn new(id: usize) -> Self {
        Self { id, slots: vec![0; 1 << 14], shift: 32 - 14, colors: Vec::new() }
    }

    /// The number of a colour, of which there are so many pixels more.
    #[inline(always)]
    fn number(&mut self, color: u64, pixels: u32) -> u32 {
        // Both halves of a product with an odd number (Knuth, TAOCP 3, section 6.4), since colours may differ in few bits.
        let product = u128::from(color) * 0x9E37_79B9_7F4A_7C15;
        let hash = ((product >> 64) as u64 ^ product as u64) >> 32;
        let mut slot = (hash >> self.shift) as usize;
        loop {
            let found = self.slots[slot];
            if found >> 32 == hash {
                let number = (found as u32).wrapping_sub(1);
                if let Some((_, count)) = self.colors.get_mut(number as usize).filter(|(known, _)| *known == color) {
                    *count += pixels;
                    return number;
                }
            }
            if found == 0 {
                return self.add(slot, hash, color, pixels);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    #[cold]
    fn add(&mut self, slot: usize, hash: u64, color: u64, pixels: u32) -> u32 {
        let number = self.colors.len() as u32;
        self.colors.push((color, pixels));
        self.slots[slot] = hash << 32 | u64::from(number + 1);
        if self.colors.len() * 8 > self.slots.len() * 5 {
            self.grow();
        }
        number
    }

    fn grow(&mut self) {
        let mut slots = vec![0; 2 * self.slots.len()];
        self.shift -= 1;
        for entry in self.slots.iter().filter(|entry| **entry != 0) {
            let mut slot = (entry >> 32 >> self.shift) as usize;
            while slots[slot] != 0 {
                slot = (slot + 1) & (slots.len() - 1);
            }
            slots[slot] = *entry;
        }
        self.slots = slots;
    }
}

impl<C: Channel, const N: usize> Pixels<'_, C, N> {
    /// [`super::count`] for long keys; `None` where there are more than `most` colours.
    pub(super) fn count_in_table(
        &self,
        most: usize,
        index: &mut [u32],
        threads: &Threads,
    ) -> Result<Option<Colors<C>>> {
        if self.is_hopeless() {
            return Ok(None);
        }
        let (tables, made) = (Pool::default(), AtomicUsize::new(0));
        let owners = threads.map_chunks(index, BLOCK, |block, index, _| {
            let mut table = tables.take(|| Table::new(made.fetch_add(1, Relaxed)));
            // Whichever thread finds too many, the union has no fewer: the outcome does not depend on threads.
            if table.colors.len() <= most {
                self.number_rows(block * BLOCK, index, &mut table);
            }
            let owner = table.id;
            tables.put(table);
            Ok(owner)
        })?;
        let Some((colors, ranks)) = self.sort(tables.into_inner(), most) else { return Ok(None) };
        let outside = colors.counts.len() as u32;
        threads.map_chunks(index, BLOCK, |block, index, _| {
            let ranks = &ranks[owners[block]];
            for number in index {
                *number = ranks.get(*number as usize).copied().unwrap_or(outside);
            }
            Ok(())
        })?;
        Ok(Some(colors))
    }

    /// Writes the numbers that the table has for the colours of as many rows; no colour's outside the mask.
    fn number_rows(&self, start: usize, index: &mut [u32], table: &mut Table) {
        let numbered = index.iter_mut().zip(&self.rows[start..]);
        match self.mask {
            None => numbered.for_each(|(number, row)| *number = table.number(Keys::bits(row), 1)),
            Some(mask) => numbered.zip(&mask[start..]).for_each(|((number, row), inside)| {
                *number = if *inside { table.number(Keys::bits(row), 1) } else { u32::MAX };
            }),
        }
    }

    /// The colours of all tables in the order of their keys, and for each table the ranks of its numbers; `None` where
    /// there are more than `most`.
    fn sort(&self, mut tables: Vec<Table>, most: usize) -> Option<(Colors<C>, Vec<Vec<u32>>)> {
        tables.sort_unstable_by_key(|table| table.id);
        let mut tables = tables.into_iter();
        let mut all = tables.next()?;
        let mut numbers = Vec::new();
        for table in tables {
            if all.colors.len().max(table.colors.len()) > most {
                return None;
            }
            numbers.push(table.colors.iter().map(|(color, pixels)| all.number(*color, *pixels)).collect::<Vec<_>>());
        }
        if all.colors.len() > most {
            return None;
        }
        // Room for the sorted colours is that of the table's, because there may be millions.
        drop(all.slots);
        let numbered = all.colors.into_iter().zip(0..);
        let mut sorted: Vec<(u64, u32, u32)> =
            numbered.map(|((color, count), number)| (self.keys.key(&Keys::from_bits(color)), number, count)).collect();
        sorted.sort_unstable();
        let mut ranks = vec![0; sorted.len()];
        (0..).zip(&sorted).for_each(|(rank, (_, number, _))| ranks[*number as usize] = rank);
        for number in numbers.iter_mut().flatten() {
            *number = ranks[*number as usize];
        }
        numbers.insert(0, ranks);
        let values: Vec<_> = sorted.iter().map(|(key, ..)| self.keys.color(*key)).collect();
        let counts = sorted.iter().map(|(.., count)| f64::from(*count)).collect();
        Some((Colors { values: values.into_flattened(), counts }, numbers))
    }

    /// Whether nearly all pixels of a sample have a colour of their own.
    fn is_hopeless(&self) -> bool {
        if self.rows.len() <= FEW {
            return false;
        }
        let stripe = STRIPE.min(self.rows.len() / (4 * STRIPES));
        let (mut table, mut seen) = (Table::new(0), 0);
        for start in (0..STRIPES).map(|i| self.rows.len() / STRIPES * i) {
            seen += self.for_each_inside(start, stripe, |row| {
                table.number(Keys::bits(row), 1);
            });
        }
        table.colors.len() as f64 > HOPELESS * seen as f64
    }
}
