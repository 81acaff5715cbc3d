//! Numbers as they lie in the callers' arrays, and loops over few features that the compiler can unroll.

/// A number as it lies in the caller's array.
pub trait Element: Copy + Send + Sync {
    /// The same value.
    fn to_f64(self) -> f64;
    /// The bits of an integer.
    fn bits(self) -> Option<u32>;
}

macro_rules! elements {
    ($($number:ty: $bits:expr),*) => {$(
        impl Element for $number {
            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            fn bits(self) -> Option<u32> {
                $bits(self)
            }
        }
    )*};
}
elements!(u8: |value| Some(u32::from(value)), u16: |value| Some(u32::from(value)), f32: |_| None, f64: |_| None);

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

/// A floating-point number as a whole one that is compared like it. All NaN are one, and both zeros.
pub trait Float: Copy + Send + Sync {
    /// Larger for larger numbers; never `u64::MAX`.
    fn key(self) -> u64;
    /// The number with this key.
    fn of(key: u64) -> Self;
}

macro_rules! floats {
    ($($float:ty: $bits:ty),*) => {$(
        impl Float for $float {
            #[inline]
            fn key(self) -> u64 {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let bits = if self.is_nan() { <$float>::NAN.to_bits() } else { (self + 0.0).to_bits() };
                u64::from(if bits & SIGN == 0 { bits | SIGN } else { !bits })
            }
            fn of(key: u64) -> Self {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let key = key as $bits;
                <$float>::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN })
            }
        }
    )*};
}
floats!(f32: u32, f64: u64);

/// Runs the body with a number of features that the compiler knows where there are few, so that it makes vectors of rows.
macro_rules! with_known_features {
    ($d:expr, |$known:ident| $body:expr) => {
        match $d {
            1 => with_known_features!(@ 1, $known, $body),
            2 => with_known_features!(@ 2, $known, $body),
            3 => with_known_features!(@ 3, $known, $body),
            4 => with_known_features!(@ 4, $known, $body),
            d => with_known_features!(@ d, $known, $body),
        }
    };
    (@ $d:expr, $known:ident, $body:expr) => {{
        let $known: usize = $d;
        $body
    }};
}
pub(crate) use with_known_features;
