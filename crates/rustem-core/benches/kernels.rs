//! The kernels alone, one thread: `cargo bench`. Throughput is in samples per second, or pixels. Samples are laid out as
//! every fit has them, so that passes leave far components out.
#![expect(clippy::expect_used, reason = "a benchmark documents itself by its names, and may fail loudly")]

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rustem_core::colors::{count, paint};
use rustem_core::covariance::CovarianceType;
use rustem_core::covariance::Regularization;
use rustem_core::em::{Config, fit};
use rustem_core::em::{Method, Start, initialize};
use rustem_core::parallel::Threads;
use rustem_core::samples::Samples;
use rustem_core::simd::Real;

const N: usize = 48_384;
const K: usize = 32;
const FAMILIES: [(&str, CovarianceType); 4] = [
    ("spherical", CovarianceType::Spherical),
    ("diag", CovarianceType::Diag),
    ("full", CovarianceType::Full),
    ("tied", CovarianceType::Tied),
];

/// Smooth bands of d features, as a picture's values are.
fn values(n: usize, d: usize) -> Vec<f64> {
    (0..n * d)
        .map(|i| ((i / d) as f64 * 0.37 * (1 + i % d) as f64).sin() * 0.5 + 0.5 * ((i / 1000) % 7) as f64)
        .collect()
}

fn start(seed: u64) -> Start {
    Start { method: Method::KMeansPlusPlus, weights: None, means: None, covariances: None, seed }
}

fn one_pass<T: Real>(criterion: &mut Criterion, group: &str, n: usize, d: usize, k: usize) {
    let samples = Samples::<T>::for_fit(&values(n, d), d, None, 1.0, &[], k).expect("valid samples");
    let regularization = Regularization { floor: 1e-6, added: 0.0 };
    let threads = Threads::single();
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(n as u64));
    for (name, family) in FAMILIES {
        let mixture = initialize(&samples, k, family, &start(0), regularization, &threads).expect("a start");
        let config = Config::textbook(0.0, 1, regularization);
        group.bench_function(BenchmarkId::new(name, format!("d{d} k{k}")), |bencher| {
            bencher
                .iter(|| fit(&samples, black_box(&mixture), config, &threads, &mut |_, _| ControlFlow::Continue(())));
        });
    }
    group.finish();
}

fn kernels(criterion: &mut Criterion) {
    for d in 1..=4 {
        one_pass::<f32>(criterion, "pass f32", N, d, K);
    }
    one_pass::<f64>(criterion, "pass f64", N, 3, K);
    one_pass::<f32>(criterion, "pass f32", N, 3, 256);
    one_pass::<f32>(criterion, "pass f32", 4096, 100, 16);
}

fn road(criterion: &mut Criterion) {
    let threads = Threads::single();
    let rows = values(N, 3);
    criterion.bench_function("lay out", |bencher| {
        bencher.iter(|| Samples::<f32>::for_fit(black_box(&rows), 3, None, 1.0, &[], K));
    });
    let samples = Samples::<f32>::for_fit(&rows, 3, None, 1.0, &[], K).expect("valid samples");
    criterion.bench_function("start k32", |bencher| {
        bencher.iter(|| initialize(&samples, K, CovarianceType::Full, &start(1), Regularization::default(), &threads));
    });
    let pixels: Vec<u8> = values(150_000, 3).iter().map(|value| (value * 60.0) as u8).collect();
    let mut group = criterion.benchmark_group("150k pixels");
    group.throughput(Throughput::Elements(150_000));
    let mut index = vec![0; 150_000];
    group.bench_function("count", |bencher| {
        bencher.iter(|| count(black_box(&pixels), 3, None, &mut index, &threads));
    });
    let colors = count(&pixels, 3, None, &mut index, &threads).expect("no interrupt").expect("it pays");
    let mut painted = vec![0; pixels.len()];
    group.bench_function("paint", |bencher| {
        bencher.iter(|| paint(black_box(&colors.values), 3, &index, &mut painted, &threads));
    });
    group.finish();
}

criterion_group!(benches, kernels, road);
criterion_main!(benches);
