//! Time of one fused pass: `passes n d k families threads order [file]`, a JSON line for each family and number of
//! threads (`1,2`: passes take turns, so that all meet the same load).
//!
//! Samples are artificial, or n rows of a file: d values and a weight each, `f64`. Their order is `sorted` as a fit has
//! them, so that far components are left out, or `dense`: as they come, with all components.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measuring tool prints, and may fail loudly")]

use std::ops::ControlFlow;
use std::time::Instant;

use rustem_core::covariance::Regularization;
use rustem_core::em::{Config, fit};
use rustem_core::em::{Method, Start, initialize};
use rustem_core::parallel::Threads;
use rustem_core::samples::Samples;
use rustem_core::simd::simd_level;

/// Passes before the one that is measured.
const WARM: usize = 12;
/// Repetitions stop after this time for each number of threads; the best counts.
const SECONDS: f64 = 0.4;

/// Smooth bands of d features, as a picture's values are.
fn artificial(n: usize, d: usize) -> Vec<f64> {
    (0..n * d)
        .map(|i| ((i / d) as f64 * 0.37 * (1 + i % d) as f64).sin() * 0.5 + 0.5 * ((i / 1000) % 7) as f64)
        .collect()
}

fn read(file: &str, n: usize, d: usize) -> (Vec<f64>, Option<Vec<f64>>) {
    let bytes = std::fs::read(file).expect("a file of samples");
    let numbers: Vec<f64> = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let rows = numbers.chunks_exact(d + 1).take(n);
    (rows.clone().flat_map(|row| row[..d].to_vec()).collect(), Some(rows.map(|row| row[d]).collect()))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [n, d, k] = [0, 1, 2].map(|index| arguments[index].parse::<usize>().expect("n, d and k are numbers"));
    let counts: Vec<usize> = arguments[4].split(',').map(|count| count.parse().expect("numbers of threads")).collect();
    let sorted = arguments[5] == "sorted";
    let (values, weights) = arguments.get(6).map_or_else(|| (artificial(n, d), None), |file| read(file, n, d));
    let weights = weights.as_deref();
    let lay_out = if sorted {
        Samples::<f32>::for_fit(&values, d, weights, 1.0, &[], k)
    } else {
        Samples::new(&values, d, weights, 1.0)
    };
    let samples = lay_out.expect("valid samples");
    let n = samples.len();
    let pools: Vec<Threads> = counts.iter().map(|count| Threads::new(*count, &|| false)).collect();
    let regularization = Regularization { floor: 1e-6, added: 0.0 };
    for family in arguments[3].split(',') {
        let start = Start { method: Method::RandomFromData, weights: None, means: None, covariances: None, seed: 0 };
        let covariance_type = family.parse().expect("a covariance type");
        let first = initialize(&samples, k, covariance_type, &start, regularization, &pools[0]).expect("a start");
        let config = |max_iter| Config::textbook(0.0, max_iter, regularization);
        let mut quiet = |_, _| ControlFlow::Continue(());
        let warm = fit(&samples, &first, config(WARM), &pools[0], &mut quiet).expect("a fit").mixture;
        let (begin, mut best) = (Instant::now(), vec![f64::MAX; pools.len()]);
        while begin.elapsed().as_secs_f64() < SECONDS * pools.len() as f64 {
            for (threads, best) in pools.iter().zip(&mut best) {
                let start = Instant::now();
                fit(&samples, &warm, config(1), threads, &mut quiet).expect("a fit");
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
        for (n_threads, best) in counts.iter().zip(best) {
            let (level, nanoseconds) = (simd_level(), best * 1e9 / n as f64);
            println!(
                "{{\"family\": \"{family}\", \"n\": {n}, \"d\": {d}, \"k\": {k}, \"threads\": {n_threads}, \
                 \"sorted\": {sorted}, \"level\": \"{level}\", \"ns\": {nanoseconds:.3}}}"
            );
        }
    }
}
