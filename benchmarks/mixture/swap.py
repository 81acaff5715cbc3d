"""The swap: what scikit-learn's users gain who import rustem's GaussianMixture instead, defaults and all.

    python -m benchmarks.mixture.swap [--docs docs/guides/estimator.md] [--readme README.md]

Each job is fitted by both on two threads, in turns, from several seeds. Writes the table between the markers, and all
figures as JSON. Needs no pictures: samples are drawn, and those of scikit-image's photograph and of scikit-learn's
digits.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn.datasets
import sklearn.mixture
from threadpoolctl import threadpool_limits

from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results
from rustem import GaussianMixture

SEEDS, THREADS = 5, 2
# (samples, features, components, family, spread of the means in standard deviations)
DRAWN = [
    (10_000, 2, 3, "full", 2.0),
    (10_000, 30, 8, "full", 1.0),
    (20_000, 5, 16, "full", 1.0),
    (50_000, 10, 8, "diag", 1.0),
    (50_000, 2, 10, "spherical", 1.5),
    (100_000, 3, 5, "full", 1.0),
    (100_000, 20, 10, "tied", 1.0),
    (100_000, 50, 8, "diag", 1.0),
    (200_000, 4, 16, "full", 1.0),
    (200_000, 10, 16, "spherical", 1.0),
    (200_000, 30, 8, "full", 1.0),
]


def drawn(n: int, d: int, k: int, spread: float) -> np.ndarray:
    """Samples (n, d) of k Gaussians, each with a covariance of its own."""
    random = np.random.default_rng(n + d + k)
    means, which = random.normal(0, spread, (k, d)), random.integers(0, k, n)
    samples = random.normal(size=(n, d))
    for component in range(k):
        turn = np.eye(d) + random.normal(size=(d, d)) / np.sqrt(d)
        samples[which == component] = samples[which == component] @ turn + means[component]
    return samples


def jobs() -> list[tuple[str, np.ndarray, int, str]]:
    from skimage.data import astronaut

    made = [(f"drawn, {n:,} × {d}", drawn(n, d, k, spread), k, family) for n, d, k, family, spread in DRAWN]
    photograph = astronaut().reshape(-1, 3) / 255.0
    digits = sklearn.datasets.load_digits().data / 16.0
    return [
        *made,
        (f"photograph, {len(photograph):,} × 3", photograph, 16, "full"),
        (f"digits, {len(digits):,} × 64", digits, 10, "diag"),
    ]


def measure(samples: np.ndarray, k: int, family: str) -> dict:
    """Seconds and mean log-likelihood of each seed's fit by each."""
    found: dict = {"rustem": [], "sklearn": []}
    for seed in range(SEEDS):
        for name, model in (
            ("sklearn", sklearn.mixture.GaussianMixture(k, covariance_type=family, random_state=seed)),
            ("rustem", GaussianMixture(k, covariance_type=family, random_state=seed, n_threads=THREADS)),
        ):
            start = time.perf_counter()
            model.fit(samples)
            seconds = time.perf_counter() - start
            found[name].append((seconds, float(model.score(samples)), model.n_iter_))
    return found


def table(results: dict) -> str:
    lines = [
        "| samples | k | covariances | scikit-learn, s | rustem, s | times | likelihood: median, least over seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    ratios = []
    for job in results["jobs"]:
        seconds = {name: statistics.median(run[0] for run in job[name]) for name in ("rustem", "sklearn")}
        scores = {name: [run[1] for run in job[name]] for name in ("rustem", "sklearn")}
        ratios.append(seconds["sklearn"] / seconds["rustem"])
        gains = [which(scores["rustem"]) - which(scores["sklearn"]) for which in (statistics.median, min)]
        lines.append(
            f"| {job['name']} | {job['k']} | {job['family']} | {seconds['sklearn']:.3f} | {seconds['rustem']:.4f} "
            f"| {ratios[-1]:.1f} | {gains[0]:+.4f}, {gains[1]:+.4f} |"
        )
    setup = results["machine"]
    lines += [
        "",
        f"Median {statistics.median(ratios):.1f} times, least {min(ratios):.1f}. Medians of {SEEDS} seeds, all "
        f"defaults, {THREADS} threads each; likelihoods are rustem's less scikit-learn's, in nats per sample. "
        f"{setup['cpu']}, {setup['cpus']} CPUs, {setup['simd']}, scikit-learn {setup['versions']['scikit-learn']}. "
        "`python -m benchmarks.mixture.swap`",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--readme", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    results: dict = {"machine": machine(), "jobs": []}
    with threadpool_limits(THREADS):
        for name, samples, k, family in jobs():
            results["jobs"].append({"name": name, "k": k, "family": family, **measure(samples, k, family)})
            print(table(results).splitlines()[len(results["jobs"]) + 1], flush=True)
    write_results(RESULTS / "swap.json", results)
    made = table(results)
    print(made)
    for page in filter(None, (args.docs, args.readme)):
        replace_table(page, "swap", made)


if __name__ == "__main__":
    main()
