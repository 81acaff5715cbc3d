//! Elementary functions over lanes of `f32` or `f64`, generic over the CPU's vector width.
//!
//! Everything is in base 2, so that the exponent of a result is an integer added to its bits.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, SimdFloatElement};

/// One vector of the CPU at hand.
pub(crate) type Lanes<S, T> = <T as SimdFloatElement>::Native<S>;
type BitLanes<S, T> = <Lanes<S, T> as SimdFloat<S>>::Bits;

/// `f32` or `f64`: what the kernels calculate in.
pub trait Real: SimdFloatElement + Send + Sync + 'static {
    /// Coefficients of 2^f for |f| ≤ 1/2, lowest power first (Chebyshev fit; relative error below one rounding).
    const EXP2: &'static [Self];
    /// Coefficients of 2/ln 2 · atanh(z)/z in powers of z², lowest first, good for |z| ≤ 0.172.
    const ATANH: &'static [Self];
    /// 1.5 · 2^(mantissa bits): adding it rounds to an integer, which then stands in the lowest bits.
    const ROUNDER: Self;
    /// The bits of 2^(mantissa bits): turn a small unsigned integer into a float that much larger.
    #[doc(hidden)]
    const INTEGER_BITS: Self::Bits;
    #[doc(hidden)]
    const LOG_BIAS_BITS: Self::Bits;
    #[doc(hidden)]
    const BIAS_BITS: Self::Bits;
    /// 2^(mantissa bits) and the exponent that [`Self::BIAS_BITS`] stand for.
    const BIASED_INTEGER: Self;
    /// Stored mantissa bits.
    const MANTISSA_BITS: u32;
    /// Exponents below are taken for this one, whose power is nothing beside 1.
    const MIN_EXPONENT: Self;
    /// Smallest exponent of a density that kernels keep: products with it stay clear of denormal numbers.
    const LEAST_EXPONENT: Self;
    /// Sums of densities below this are too near to [`Self::LEAST_EXPONENT`] to be exact.
    const FAINT: Self;
    /// A log-density below every real one, small enough to be subtracted without overflow.
    const LOWEST: Self;
    /// One.
    const ONE: Self;
    /// One unit in the last place of one.
    const EPSILON: Self;
    /// Nearest value.
    fn from_f64(value: f64) -> Self;
    /// The same value.
    fn to_f64(self) -> f64;
}

#[expect(
    clippy::approx_constant,
    clippy::excessive_precision,
    reason = "fitted coefficients, near to constants or not"
)]
impl Real for f32 {
    const EXP2: &'static [Self] = &[1.0, 0.693_147, 0.240_222_42, 0.055_507_336, 0.009_671_513, 0.001_326_472_7];
    const ATANH: &'static [Self] = &[2.885_390_1, 0.961_796_7, 0.577_078, 0.412_198_6, 0.320_598_9];
    const ROUNDER: Self = 12_582_912.0;
    const INTEGER_BITS: u32 = 0x4B00_0000;
    const LOG_BIAS_BITS: u32 = (128 << 23) - 0x3F35_04F3;
    const BIAS_BITS: u32 = 128 << 23;
    const BIASED_INTEGER: Self = 8_388_608.0 + 128.0;
    const MANTISSA_BITS: u32 = 23;
    const MIN_EXPONENT: Self = -125.0;
    const LEAST_EXPONENT: Self = -100.0;
    const FAINT: Self = 8.673_617_4e-19; // 2^-60
    const LOWEST: Self = -1e37;
    const ONE: Self = 1.0;
    const EPSILON: Self = f32::EPSILON;
    fn from_f64(value: f64) -> Self {
        value as Self
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

#[expect(clippy::approx_constant, reason = "fitted coefficients, near to constants or not")]
impl Real for f64 {
    const EXP2: &'static [Self] = &[
        1.0,
        0.693_147_180_559_945_3,
        0.240_226_506_959_100_7,
        0.055_504_108_664_821_7,
        0.009_618_129_107_628_483,
        0.001_333_355_814_639_035_3,
        0.000_154_035_303_933_627_55,
        1.525_273_385_629_346_6e-5,
        1.321_548_681_599_997_7e-6,
        1.017_805_119_296_064_9e-7,
        7.054_894_386_348_348e-9,
        4.456_675_341_049_206e-10,
        2.573_356_830_875_689e-11,
    ];
    const ATANH: &'static [Self] = &[
        2.885_390_081_777_926_8,
        0.961_796_693_925_975_6,
        0.577_078_016_355_585_4,
        0.412_198_583_111_132_4,
        0.320_598_897_975_325_2,
        0.262_308_189_252_538_8,
        0.221_953_083_213_686_65,
        0.192_359_338_785_195_1,
        0.169_728_828_339_878_04,
        0.151_862_635_883_048_77,
        0.137_399_527_703_710_8,
    ];
    const ROUNDER: Self = 6_755_399_441_055_744.0;
    const INTEGER_BITS: u64 = 0x4330_0000_0000_0000;
    const LOG_BIAS_BITS: u64 = (1024 << 52) - 0x3FE6_A09E_667F_3BCD;
    const BIAS_BITS: u64 = 1024 << 52;
    const BIASED_INTEGER: Self = 4_503_599_627_370_496.0 + 1024.0;
    const MANTISSA_BITS: u32 = 52;
    const MIN_EXPONENT: Self = -1021.0;
    const LEAST_EXPONENT: Self = -900.0;
    const FAINT: Self = 1e-240;
    const LOWEST: Self = -1e300;
    const ONE: Self = 1.0;
    const EPSILON: Self = f64::EPSILON;
    fn from_f64(value: f64) -> Self {
        value
    }
    fn to_f64(self) -> f64 {
        self
    }
}

#[inline(always)]
pub(crate) fn splat<S: Simd, T: Real>(simd: S, value: T) -> Lanes<S, T> {
    Lanes::<S, T>::splat(simd, value)
}

#[inline(always)]
pub(crate) fn load<S: Simd, T: Real>(simd: S, values: &[T], lane: usize) -> Lanes<S, T> {
    Lanes::<S, T>::from_slice(simd, &values[lane..lane + Lanes::<S, T>::LEN])
}

#[inline(always)]
pub(crate) fn store<S: Simd, T: Real>(lanes: Lanes<S, T>, values: &mut [T], lane: usize) {
    lanes.store_slice(&mut values[lane..lane + Lanes::<S, T>::LEN]);
}

#[inline(always)]
fn polynomial<S: Simd, T: Real>(simd: S, x: Lanes<S, T>, coefficients: &[T]) -> Lanes<S, T> {
    let highest = coefficients.len() - 1;
    let mut sum = splat(simd, coefficients[highest]);
    for &coefficient in coefficients[..highest].iter().rev() {
        sum = sum.mul_add(x, splat(simd, coefficient));
    }
    sum
}

/// 2^x for x ≤ 0; below [`Real::MIN_EXPONENT`] the power of that.
#[inline(always)]
pub(crate) fn exp2<S: Simd, T: Real>(simd: S, x: Lanes<S, T>) -> Lanes<S, T> {
    exp2_in_range::<S, T>(simd, x.max(splat(simd, T::MIN_EXPONENT)))
}

/// 2^x for x whose power is a normal number.
#[inline(always)]
pub(crate) fn exp2_in_range<S: Simd, T: Real>(simd: S, x: Lanes<S, T>) -> Lanes<S, T> {
    let shifted = x + splat(simd, T::ROUNDER);
    let fraction = x - (shifted - splat(simd, T::ROUNDER));
    let power = polynomial(simd, fraction, T::EXP2);
    Lanes::<S, T>::from_bits(power.to_bits() + (shifted.to_bits() << T::MANTISSA_BITS))
}

/// log₂ x for positive normal x.
#[inline(always)]
pub(crate) fn log2<S: Simd, T: Real>(simd: S, x: Lanes<S, T>) -> Lanes<S, T> {
    let bits = x.to_bits();
    // The exponent that leaves a mantissa in [√½, √2), biased so that it is never negative.
    let biased = (bits + BitLanes::<S, T>::splat(simd, T::LOG_BIAS_BITS)) >> T::MANTISSA_BITS;
    let exponent = Lanes::<S, T>::from_bits(biased | BitLanes::<S, T>::splat(simd, T::INTEGER_BITS))
        - splat(simd, T::BIASED_INTEGER);
    let scale = (biased << T::MANTISSA_BITS) - BitLanes::<S, T>::splat(simd, T::BIAS_BITS);
    let mantissa = Lanes::<S, T>::from_bits(bits - scale);
    let one = splat(simd, T::ONE);
    let z = (mantissa - one) / (mantissa + one);
    z.mul_add(polynomial(simd, z * z, T::ATANH), exponent)
}

#[cfg(test)]
mod tests {
    use fearless_simd::dispatch;

    use super::*;
    use crate::kernels::levels;

    #[inline(always)]
    fn map<S: Simd, T: Real>(simd: S, values: &mut [T], function: impl Fn(S, Lanes<S, T>) -> Lanes<S, T>) {
        for lane in (0..values.len()).step_by(Lanes::<S, T>::LEN) {
            let result = function(simd, load(simd, values, lane));
            store::<S, T>(result, values, lane);
        }
    }

    fn worst<T: Real>(inputs: &[f64], results: &[T], exact: impl Fn(f64) -> f64, floor: f64) -> f64 {
        let errors = inputs.iter().zip(results).map(|(input, result)| {
            let exact = exact(T::from_f64(*input).to_f64());
            (result.to_f64() - exact).abs() / exact.abs().max(floor)
        });
        errors.fold(0.0, f64::max)
    }

    fn check<T: Real>(bound: f64) {
        let exponents: Vec<f64> = (0..12_800).map(|i| -120.0 * f64::from(i) / 12_800.0).collect();
        let sums: Vec<f64> = (0..12_800).map(|i| 1.0 + f64::from(i) * f64::from(i) / 160.0).collect();
        for level in levels() {
            let mut powers: Vec<T> = exponents.iter().map(|x| T::from_f64(*x)).collect();
            dispatch!(level, simd => map(simd, &mut powers, |simd, x| exp2::<_, T>(simd, x)));
            let error = worst(&exponents, &powers, f64::exp2, 0.0);
            assert!(error < bound, "exp2 at {level:?}: {error:e}");
            let mut logs: Vec<T> = sums.iter().map(|x| T::from_f64(*x)).collect();
            dispatch!(level, simd => map(simd, &mut logs, |simd, x| log2::<_, T>(simd, x)));
            let error = worst(&sums, &logs, f64::log2, 1.0);
            assert!(error < bound, "log2 at {level:?}: {error:e}");
        }
    }

    #[test]
    fn single_precision_is_within_two_roundings() {
        check::<f32>(2.0 * f64::from(f32::EPSILON));
    }

    #[test]
    fn double_precision_is_within_two_roundings() {
        check::<f64>(2.0 * f64::EPSILON);
    }

    #[test]
    fn what_is_nothing_beside_one_stays_finite() {
        for level in levels() {
            let mut values = [f32::NEG_INFINITY; 128];
            dispatch!(level, simd => map(simd, &mut values, exp2::<_, f32>));
            assert!(values.iter().all(|value| (0.0..1e-37).contains(value)));
        }
    }
}
