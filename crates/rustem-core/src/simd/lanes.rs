//! Elementary functions over lanes of `f32` or `f64`, generic over the CPU's vector width.
//!
//! Everything is in base 2, so that the exponent of a result is an integer added to its bits.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, SimdFloatElement};

use super::Real;

/// One vector of the CPU at hand.
pub(crate) type Lanes<S, T> = <T as SimdFloatElement>::Native<S>;
type BitLanes<S, T> = <Lanes<S, T> as SimdFloat<S>>::Bits;

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
    use super::*;
    use crate::simd::{dispatch, levels};

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
