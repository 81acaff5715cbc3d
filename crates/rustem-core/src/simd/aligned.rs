//! Numbers that start on a cache line: a vector of 64 bytes that straddles two lines takes twice as long to load, and
//! longer to store.

use std::ops::{Deref, DerefMut};

const LINE: usize = 64;

/// A slice on the heap that starts on a cache line; a clone may not.
#[derive(Debug, Clone)]
pub(crate) struct Aligned<T> {
    room: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Aligned<T> {
    pub(crate) fn new(len: usize) -> Self {
        let mut aligned = Self { room: Vec::new(), start: 0, len: 0 };
        aligned.reset(len);
        aligned
    }

    /// `len` zeros, in the room at hand where that suffices.
    pub(crate) fn reset(&mut self, len: usize) {
        let spare = LINE / size_of::<T>();
        self.room.clear();
        self.room.resize(len + spare, T::default());
        // The offset is advice only: where it cannot be had, everything works, but slower.
        self.start = self.room.as_ptr().align_offset(LINE).min(spare);
        self.len = len;
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        &self.room[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.room[self.start..self.start + self.len]
    }
}

/// A fixed number of values on cache lines of their own.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct Row<T>(pub(crate) T);

impl<T> Deref for Row<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Row<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
