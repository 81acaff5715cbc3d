//! The order of samples along a Morton curve: bits of the features interleaved, so that neighbours on the curve are
//! neighbours in all features (G. M. Morton, "A computer oriented geodetic data base and a new technique in file
//! sequencing", IBM, 1966).

#![expect(clippy::inline_always, reason = "what is called for each pixel must become part of the body for a CPU level")]

use std::marker::PhantomData;

use crate::element::{Channel, Element, with_known_features};

/// Features that the order follows; more would make the key too long.
pub(crate) const MAX_FEATURES: usize = 4;
/// Bits of each of one to four features in a key.
const KEY_BITS: [usize; MAX_FEATURES] = [16, 15, 10, 8];

/// Key (upper half) and number (lower half) of each of the `rows` (n, d), by key: its upper bits name cells, cubes of the
/// space of the first features. Rows of one key stay in their order.
pub(crate) fn sorted<E: Element>(rows: &[E], d: usize) -> Vec<u64> {
    let used = d.min(MAX_FEATURES);
    let bits = KEY_BITS[used - 1];
    let (mut low, mut high) = ([f64::INFINITY; MAX_FEATURES], [f64::NEG_INFINITY; MAX_FEATURES]);
    for row in rows.chunks_exact(d) {
        for (a, value) in row.iter().take(used).enumerate() {
            (low[a], high[a]) = (low[a].min(value.to_f64()), high[a].max(value.to_f64()));
        }
    }
    // One step for all features, so that cells are cubes.
    let widest = low.iter().zip(&high).map(|(low, high)| high - low).fold(f64::MIN_POSITIVE, f64::max);
    let scale = f64::from((1u32 << bits) - 1) / widest;
    let mut keyed: Vec<u64> = Vec::with_capacity(rows.len() / d);
    for (number, row) in rows.chunks_exact(d).enumerate() {
        let mut key = 0u64;
        for (a, value) in row.iter().take(used).enumerate() {
            key |= spread(((value.to_f64() - low[a]) * scale) as u64, used) << a;
        }
        keyed.push(key << 32 | number as u64);
    }
    keyed.sort_unstable();
    keyed
}

/// The same, with rows of one key by their values, so that the order of the rows does not matter.
pub(crate) fn sorted_to_the_end<E: Element>(rows: &[E], d: usize) -> Vec<u64> {
    let mut keyed = sorted(rows, d);
    let values = |key: &u64| rows[(*key as u32) as usize * d..][..d].iter().map(|value| value.to_f64());
    for cell in keyed.chunk_by_mut(|a, b| a >> 32 == b >> 32).filter(|cell| cell.len() > 1) {
        cell.sort_by(|a, b| values(a).partial_cmp(values(b)).unwrap_or(std::cmp::Ordering::Equal));
    }
    keyed
}

/// Keys of the colours (n, channels), 8 or 16 bits a channel, that samples were made of: neighbours among the colours are
/// neighbours in any colour space. Nothing where there are other or too many channels.
#[must_use]
pub fn color_keys<E: Element>(colors: &[E], channels: usize) -> Option<Vec<u32>> {
    let bits = (*KEY_BITS.get(channels.checked_sub(1)?)?).min(8 * size_of::<E>());
    let shift = 8 * size_of::<E>() - bits;
    let key = |color: &[E]| {
        color.iter().enumerate().try_fold(0, |key, (a, value)| {
            Some(key | (spread(u64::from(value.bits()? >> shift), channels) << a) as u32)
        })
    };
    colors.chunks_exact(channels).map(key).collect()
}

/// Whether integer rows are in that order, of their own bits: of each pair of neighbours, the first has the smaller value
/// of the feature whose bits differ highest, the last of those.
pub(crate) fn is_sorted<E: Element>(rows: &[E], d: usize) -> bool {
    with_known_features!(d, |d| {
        rows.chunks_exact(d).zip(rows.chunks_exact(d).skip(1)).all(|(row, next)| {
            let (mut highest, mut ascends) = (0, true);
            for (from, to) in row.iter().zip(next) {
                let (Some(from), Some(to)) = (from.bits(), to.bits()) else { return false };
                let differ = from ^ to;
                // Without branches, which would be mispredicted at every other row.
                let lower = u32::from(differ < highest) & u32::from(differ < (differ ^ highest));
                highest = if lower == 1 { highest } else { differ };
                ascends = if lower == 1 { ascends } else { from <= to };
            }
            ascends
        })
    })
}

/// The bits of a number, `step` places apart.
#[inline]
fn spread(value: u64, step: usize) -> u64 {
    match step {
        1 => value,
        2 => {
            let value = (value | value << 8) & 0x00FF_00FF;
            let value = (value | value << 4) & 0x0F0F_0F0F;
            let value = (value | value << 2) & 0x3333_3333;
            (value | value << 1) & 0x5555_5555
        }
        3 => {
            let value = (value | value << 16) & 0x0300_00FF;
            let value = (value | value << 8) & 0x0300_F00F;
            let value = (value | value << 4) & 0x030C_30C3;
            (value | value << 2) & 0x0924_9249
        }
        _ => {
            let value = (value | value << 12) & 0x000F_000F;
            let value = (value | value << 6) & 0x0303_0303;
            (value | value << 3) & 0x1111_1111
        }
    }
}

/// A permutation of the bits of a number, byte by byte through tables.
type BitPermutation = [[u64; 256]; 8];

/// Turns colours of `N` channels into keys and back.
pub(crate) struct Keys<C, const N: usize> {
    interleave: Box<BitPermutation>,
    separate: Box<BitPermutation>,
    channel: PhantomData<C>,
}

impl<C: Channel, const N: usize> Keys<C, N> {
    const CHANNEL_BITS: usize = 8 * C::BYTES;
    /// Bits of a key.
    pub(crate) const BITS: usize = N * Self::CHANNEL_BITS;

    pub(crate) fn new() -> Self {
        Self {
            interleave: Self::permutation(|bit| bit % Self::CHANNEL_BITS * N + bit / Self::CHANNEL_BITS),
            separate: Self::permutation(|bit| bit % N * Self::CHANNEL_BITS + bit / N),
            channel: PhantomData,
        }
    }

    fn permutation(to: impl Fn(usize) -> usize) -> Box<BitPermutation> {
        let mut tables = Box::new([[0; 256]; 8]);
        for (number, table) in tables.iter_mut().enumerate().take(Self::BITS / 8) {
            for byte in 1..256_usize {
                let lowest = byte.trailing_zeros() as usize;
                table[byte] = table[byte & (byte - 1)] | 1 << to(8 * number + lowest);
            }
        }
        tables
    }

    #[inline(always)]
    pub(crate) fn key(&self, pixel: &[C; N]) -> u64 {
        let mut key = 0;
        for (channel, value) in pixel.iter().enumerate() {
            let value = value.widen();
            for byte in 0..C::BYTES {
                key |= self.interleave[channel * C::BYTES + byte][(value >> (8 * byte)) as usize & 255];
            }
        }
        key
    }

    pub(crate) fn color(&self, key: u64) -> [C; N] {
        let bytes = self.separate.iter().take(Self::BITS / 8).enumerate();
        Self::from_bits(bytes.fold(0, |bits, (byte, table)| bits | table[(key >> (8 * byte)) as usize & 255]))
    }

    /// The bits of the channels side by side.
    #[inline(always)]
    pub(crate) fn bits(pixel: &[C; N]) -> u64 {
        pixel.iter().rev().fold(0, |bits, value| bits << (Self::CHANNEL_BITS % 64) | value.widen())
    }

    pub(crate) fn from_bits(bits: u64) -> [C; N] {
        std::array::from_fn(|channel| C::narrow(bits >> (channel * Self::CHANNEL_BITS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_interleaved_and_separated_again() {
        let keys = Keys::<u8, 3>::new();
        assert_eq!(keys.key(&[0b11, 0b01, 0b10]), 0b101_011);
        assert_eq!(keys.key(&[255; 3]), (1 << 24) - 1);
        let keys = Keys::<u16, 4>::new();
        for pixel in [[0, 1, 2, 3], [65535, 256, 255, 0xABCD], [1 << 15, 1 << 15, 0, 1]] {
            assert_eq!(keys.color(keys.key(&pixel)), pixel);
            assert_eq!(Keys::<u16, 4>::from_bits(Keys::bits(&pixel)), pixel);
        }
    }
}
