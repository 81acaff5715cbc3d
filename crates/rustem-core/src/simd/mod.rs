//! The one place that knows CPUs: the level is chosen here, once, and everything that has a body for each level obeys it.
//!
//! A body is written once over the lanes of any CPU; `dispatch` instantiates it for each level, and calls the one for
//! `level`.

#![expect(clippy::inline_always, reason = "must become part of the function that enables a CPU level")]

mod aligned;
mod lanes;
mod real;

use std::sync::OnceLock;

use fearless_simd::Level;

pub(crate) use aligned::{Aligned, Row};
pub(crate) use lanes::{Lanes, exp2, exp2_in_range, load, log2, splat, store};
pub use real::Real;

/// Instantiates a kernel for AVX-512, AVX2 with FMA, SSE2, NEON or none of them, and calls the one for `level`.
///
/// SSE4.2 is left out: it would gain little, and each level costs as much compilation as the others.
#[cfg(target_arch = "x86_64")]
macro_rules! dispatch {
    ($level:expr, $simd:ident => $call:expr) => {
        match $level {
            fearless_simd::Level::Avx512($simd) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $call,
            ),
            fearless_simd::Level::Avx2($simd) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $call,
            ),
            #[cfg(test)]
            fearless_simd::Level::Fallback($simd) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $call,
            ),
            level => match level.as_sse2() {
                Some($simd) => fearless_simd::Simd::vectorize(
                    $simd,
                    #[inline(always)]
                    || $call,
                ),
                None => unreachable!("every x86-64 has SSE2"),
            },
        }
    };
}
#[cfg(not(target_arch = "x86_64"))]
macro_rules! dispatch {
    ($level:expr, $simd:ident => $call:expr) => {
        fearless_simd::dispatch!($level, $simd => $call)
    };
}
pub(crate) use dispatch;

/// The best level of this CPU; or the lower one that the environment variable `RUSTEM_SIMD_LEVEL` names (`avx2`, `sse2`), to
/// measure it or to get the same bits as another machine.
pub(crate) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let best = Level::new();
        #[cfg(target_arch = "x86_64")]
        let lower = match std::env::var("RUSTEM_SIMD_LEVEL").as_deref() {
            Ok("avx2") => best.as_avx2().map(Level::Avx2),
            Ok("sse2") => best.as_sse2().map(Level::Sse2),
            _ => None,
        };
        #[cfg(not(target_arch = "x86_64"))]
        let lower = None;
        lower.unwrap_or(best)
    })
}
/// The name of the CPU level that the kernels run at, for reports.
#[must_use]
pub fn simd_level() -> String {
    let name = format!("{:?}", level());
    name.split('(').next().unwrap_or_default().to_lowercase()
}

/// Every CPU level that this machine has: tests run at each.
#[cfg(test)]
pub(crate) fn levels() -> Vec<fearless_simd::Level> {
    use fearless_simd::Level;
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    let levels = [
        Some(Level::fallback()),
        best.as_sse2().map(Level::Sse2),
        best.as_avx2().map(Level::Avx2),
        best.as_avx512().map(Level::Avx512),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let levels = [Some(best)];
    levels.into_iter().flatten().collect()
}
