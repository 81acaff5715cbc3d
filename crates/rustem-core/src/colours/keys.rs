//! Keys of colours: the bits of the channels interleaved, so that near keys are near colours (G. M. Morton, "A computer
//! oriented geodetic data base and a new technique in file sequencing", IBM, 1966).

use std::marker::PhantomData;

/// A channel value that can be part of a key.
pub trait Channel: Copy + Default + PartialEq + Send + Sync {
    #[doc(hidden)]
    const BYTES: usize;
    #[doc(hidden)]
    fn widen(self) -> u64;
    #[doc(hidden)]
    fn narrow(bits: u64) -> Self;
}

impl Channel for u8 {
    const BYTES: usize = 1;
    fn widen(self) -> u64 {
        u64::from(self)
    }
    fn narrow(bits: u64) -> Self {
        bits as Self
    }
}

impl Channel for u16 {
    const BYTES: usize = 2;
    fn widen(self) -> u64 {
        u64::from(self)
    }
    fn narrow(bits: u64) -> Self {
        bits as Self
    }
}

/// A permutation of the bits of a number, byte by byte through tables.
type BitPermutation = [[u64; 256]; 8];

/// Turns colours of `N` channels into keys and back.
pub(super) struct Keys<C, const N: usize> {
    interleave: Box<BitPermutation>,
    separate: Box<BitPermutation>,
    channel: PhantomData<C>,
}

impl<C: Channel, const N: usize> Keys<C, N> {
    const CHANNEL_BITS: usize = 8 * C::BYTES;
    /// Bits of a key.
    pub(super) const BITS: usize = N * Self::CHANNEL_BITS;

    pub(super) fn new() -> Self {
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
    pub(super) fn key(&self, pixel: &[C; N]) -> u64 {
        let mut key = 0;
        for (channel, value) in pixel.iter().enumerate() {
            let value = value.widen();
            for byte in 0..C::BYTES {
                key |= self.interleave[channel * C::BYTES + byte][(value >> (8 * byte)) as usize & 255];
            }
        }
        key
    }

    pub(super) fn colour(&self, key: u64) -> [C; N] {
        let bytes = self.separate.iter().take(Self::BITS / 8).enumerate();
        Self::from_bits(bytes.fold(0, |bits, (byte, table)| bits | table[(key >> (8 * byte)) as usize & 255]))
    }

    /// The bits of the channels side by side.
    #[inline(always)]
    pub(super) fn bits(pixel: &[C; N]) -> u64 {
        pixel.iter().rev().fold(0, |bits, value| bits << (Self::CHANNEL_BITS % 64) | value.widen())
    }

    pub(super) fn from_bits(bits: u64) -> [C; N] {
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
            assert_eq!(keys.colour(keys.key(&pixel)), pixel);
            assert_eq!(Keys::<u16, 4>::from_bits(Keys::bits(&pixel)), pixel);
        }
    }
}
