//! Sets of keys that know how many smaller keys they hold: the number of a colour is the rank of its key.
//!
//! Keys that differ in their last six bits only make a *cube*, one word of 64 bits: in Morton order, 4 × 4 × 4
//! neighbouring colours. A number is the rank of the first key of its cube plus the bits below it (the rank of bit
//! vectors: G. Jacobson, "Space-efficient static trees and graphs", 1989, doi:10.1109/SFCS.1989.63533).

/// Keys of one cube.
const CUBE_BITS: u32 = 6;

/// The cube of a key, and its bit there.
#[inline(always)]
fn split(key: u64) -> (u64, u64) {
    (key >> CUBE_BITS, 1 << (key & 63))
}

/// A set of keys, built by one thread, united with those of others, then ranked.
pub(super) trait KeySet: Send + Sync + Sized {
    /// An empty set for keys of so many bits.
    fn new(key_bits: usize) -> Self;
    fn insert(&mut self, key: u64);
    fn len(&self) -> usize;
    /// Takes in the keys of `other`.
    fn unite(&mut self, other: &Self);
    /// Calculates the ranks, and returns the keys in their order.
    fn rank(&mut self) -> Vec<u64>;
    /// The rank of a key of a ranked set.
    fn number(&self, key: u64) -> u32;
}

/// One bit for each possible key: 2 MB for three channels of 8 bits.
pub(super) struct Bitmap {
    cubes: Vec<u64>,
    ranks: Vec<u32>,
    len: usize,
}

impl KeySet for Bitmap {
    fn new(key_bits: usize) -> Self {
        Self { cubes: vec![0; 1 << (key_bits - CUBE_BITS as usize)], ranks: Vec::new(), len: 0 }
    }

    #[inline(always)]
    fn insert(&mut self, key: u64) {
        let (cube, bit) = split(key);
        let keys = &mut self.cubes[cube as usize];
        // Most keys are known: testing first leaves their cache lines clean.
        if *keys & bit == 0 {
            *keys |= bit;
            self.len += 1;
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    fn unite(&mut self, other: &Self) {
        self.cubes.iter_mut().zip(&other.cubes).for_each(|(keys, others)| *keys |= others);
        self.len = self.cubes.iter().map(|keys| keys.count_ones() as usize).sum();
    }

    fn rank(&mut self) -> Vec<u64> {
        let mut sorted = Vec::with_capacity(self.len);
        self.ranks = vec![0; self.cubes.len()];
        for (cube, (keys, rank)) in
            (0..).zip(self.cubes.iter().zip(&mut self.ranks)).filter(|(_, (keys, _))| **keys != 0)
        {
            *rank = sorted.len() as u32;
            push_keys(cube, *keys, &mut sorted);
        }
        sorted
    }

    #[inline(always)]
    fn number(&self, key: u64) -> u32 {
        let (cube, bit) = split(key);
        self.ranks[cube as usize] + (self.cubes[cube as usize] & (bit - 1)).count_ones()
    }
}

/// A hash table of the cubes that are not empty, by open addressing with linear probing; for long keys.
pub(super) struct CubeTable {
    /// Number of the cube, and its keys; no keys mark a free slot.
    slots: Vec<(u64, u64)>,
    ranks: Vec<u32>,
    shift: u32,
    used: usize,
    len: usize,
}

impl CubeTable {
    fn with_slots(slots: usize) -> Self {
        Self { slots: vec![(0, 0); slots], ranks: Vec::new(), shift: 64 - slots.trailing_zeros(), used: 0, len: 0 }
    }

    /// Where `cube` stands, or the free slot where it belongs.
    #[inline(always)]
    fn slot(&self, cube: u64) -> usize {
        // Multiplicative hashing: the upper bits of a product with an odd constant (Knuth, TAOCP 3, section 6.4).
        let mut slot = (cube.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize;
        while self.slots[slot].1 != 0 && self.slots[slot].0 != cube {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }

    #[inline(always)]
    fn insert_keys(&mut self, cube: u64, keys: u64) {
        let slot = self.slot(cube);
        let known = self.slots[slot].1;
        if known & keys == keys {
            return;
        }
        self.slots[slot] = (cube, known | keys);
        self.len += (keys & !known).count_ones() as usize;
        if known == 0 {
            self.used += 1;
            if self.used * 2 > self.slots.len() {
                self.grow();
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mut larger = Self::with_slots(2 * self.slots.len());
        larger.unite(self);
        *self = larger;
    }
}

impl KeySet for CubeTable {
    fn new(_key_bits: usize) -> Self {
        Self::with_slots(1 << 14)
    }

    #[inline(always)]
    fn insert(&mut self, key: u64) {
        let (cube, bit) = split(key);
        self.insert_keys(cube, bit);
    }

    fn len(&self) -> usize {
        self.len
    }

    fn unite(&mut self, other: &Self) {
        for (cube, keys) in other.slots.iter().filter(|(_, keys)| *keys != 0) {
            self.insert_keys(*cube, *keys);
        }
    }

    fn rank(&mut self) -> Vec<u64> {
        let mut slots: Vec<usize> = (0..self.slots.len()).filter(|slot| self.slots[*slot].1 != 0).collect();
        slots.sort_unstable_by_key(|slot| self.slots[*slot].0);
        let mut sorted = Vec::with_capacity(self.len);
        self.ranks = vec![0; self.slots.len()];
        for slot in slots {
            self.ranks[slot] = sorted.len() as u32;
            let (cube, keys) = self.slots[slot];
            push_keys(cube, keys, &mut sorted);
        }
        sorted
    }

    #[inline(always)]
    fn number(&self, key: u64) -> u32 {
        let (cube, bit) = split(key);
        let slot = self.slot(cube);
        self.ranks[slot] + (self.slots[slot].1 & (bit - 1)).count_ones()
    }
}

/// The keys of a cube, in their order.
fn push_keys(cube: u64, mut keys: u64, to: &mut Vec<u64>) {
    while keys != 0 {
        to.push(cube << CUBE_BITS | u64::from(keys.trailing_zeros()));
        keys &= keys - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys_are_ranked_by_their_order<S: KeySet>() {
        let keys: Vec<u64> = (0..40_000_u64).map(|i| i * i * 7 % (1 << 24)).collect();
        let mut sets = [S::new(24), S::new(24)];
        for (i, key) in keys.iter().enumerate() {
            sets[i % 2].insert(*key);
        }
        let [mut set, other] = sets;
        set.unite(&other);
        let mut expected = keys;
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(set.len(), expected.len());
        assert_eq!(set.rank(), expected);
        for (number, key) in (0..).zip(&expected) {
            assert_eq!(set.number(*key), number);
        }
    }

    #[test]
    fn bitmaps_rank_keys() {
        keys_are_ranked_by_their_order::<Bitmap>();
    }

    #[test]
    fn hash_tables_rank_keys() {
        keys_are_ranked_by_their_order::<CubeTable>();
    }
}
