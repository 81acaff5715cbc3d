//! The two float types, and the constants that elementary functions over their lanes need.

use fearless_simd::SimdFloatElement;

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
    /// Exponents below are taken for this one, whose power is nothing beside 1; in double precision so far from denormal
    /// numbers that its products with squares stay clear of them.
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
    const MIN_EXPONENT: Self = -900.0;
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
