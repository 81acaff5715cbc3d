"""How many passes acceleration saves, and how good the optima are, on the Kodak photographs.

    RUSTEM_DATA=folder python -m benchmarks.mixture.likelihood passes --docs docs/theory/performance.md
    RUSTEM_DATA=folder python -m benchmarks.mixture.likelihood optima --docs docs/theory/performance.md

"passes" counts the passes that textbook EM and the accelerated fit take from the same start, of three for each
photograph, to within 1e-5 nats per pixel of where they end, where the default tolerance stops, and where a call ends
that searches for its start.
"optima" compares a default call with the best of ten restarts of scikit-learn's algorithm run to tol=1e-6: its k-means
start, `reg_covar` 1e-6 added after each M-step, plain EM. As scikit-learn itself would take a day, rustem's own engine
stands in for it, in float64 on the weighted distinct colours, which is the same sum; `--check` compares the two on a
small picture. All are scored on all pixels with the same floor.
Results are kept in results/likelihood.json, and what is there is not measured again, unless by `--again`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.cluster import KMeans

from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results
from rustem import FitResult, Mixture, fit_mixture, segment

FLOOR = 1 / (12 * 255**2)
REG_COVAR, TOL, CHUNK, MOST = 1e-6, 1e-6, 50, 3000
DEFAULT_TOL, DEFAULT_MOST = 1e-3, 100  # scikit-learn's own defaults
CASES = (("full", 8), ("full", 32), ("spherical", 8), ("spherical", 32))
STARTS = range(3)
LONG = {8: 1500, 32: 3000}
KEPT = RESULTS / "likelihood.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("passes", "optima", "check"))
    parser.add_argument("--docs", type=Path, help="page whose table is replaced")
    parser.add_argument("--done", action="store_true", help="passes: only what has been measured for all pictures")
    parser.add_argument("--again", action="store_true", help="measure again what is rustem's own")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.what == "check":
        print(check())
        return
    results = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if args.again:
        own = {"passes": "passes", "optima": "call"}[args.what]
        results = {key: value for key, value in results.items() if not key.startswith(own)}
    table = passes(results, done_only=args.done) if args.what == "passes" else optima(results)
    print(table)
    if args.docs:
        replace_table(args.docs, args.what, table)


def pictures() -> list[Path]:
    """The Kodak photographs."""
    return sorted(Path(os.environ["RUSTEM_DATA"], "kodak").glob("*.png"))


def colours(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Distinct colours (m, 3) uint8 and their counts (m,)."""
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3).astype(np.int64)
    keys, counts = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    return np.stack([keys >> 16, keys >> 8 & 255, keys & 255], axis=1).astype(np.uint8), counts


def remembered(results: dict, key: str, measure, *arguments) -> dict:
    """What is stored under the key, or else measured and stored."""
    if key not in results:
        results[key] = measure(*arguments)
        write_results(KEPT, results)
    return results[key]


def passes(results: dict, *, done_only: bool) -> str:
    """The table of passes, one row for each family and k."""
    lines = [
        "| covariances, k | EM: passes to 1e-5 | accelerated | ratio of medians | median ratio | ends lower than EM "
        "| default `tol`: passes, median (most) | likelihood left, most | weights off, most "
        "| after a search: ends lower than EM |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for family, k in CASES:
        keys = {(path, seed): f"passes {family} {k} {path.stem} {seed}" for path in pictures() for seed in STARTS}
        if done_only and not all(key in results for key in keys.values()):
            continue
        rows = [remembered(results, key, run, path, family, k, seed) for (path, seed), key in keys.items()]
        names = ("plain", "fast", "stop", "left", "off", "lower", "searched_lower")
        plain, fast, stop, left, off, lower, searched_lower = (np.array([row[name] for row in rows]) for name in names)
        cells = [
            f"{family}, {k}",
            f"{np.median(plain):.0f}",
            f"{np.median(fast):.0f}",
            f"{np.median(plain) / np.median(fast):.1f}",
            f"{np.median(plain / fast):.1f}",
            _times_lower(lower),
            f"{np.median(stop):.0f} ({stop.max():.0f})",
            f"{max(left.max(), 0):.0e}",
            f"{off.max():.3f}",
            _times_lower(searched_lower),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _times_lower(lower: np.ndarray) -> str:
    return f"{(lower > 1e-5).sum()} of {len(lower)} (by {max(lower.max(), 0):.3f} at most)"


def run(path: Path, family: str, k: int, seed: int) -> dict:
    """EM and the accelerated fit from one start."""
    values, counts = colours(path)
    keywords = {"sample_weight": counts, "unit": 255, "covariance_type": family, "covariance_floor": FLOOR}
    keywords["random_state"] = seed
    plain = fit_mixture(values, k, acceleration=None, tol=0, max_iter=LONG[k], **keywords)
    fast = fit_mixture(values, k, tol=0, max_iter=LONG[k] // 2, **keywords)
    default = fit_mixture(values, k, init_params="k-means++", **keywords)
    searched = fit_mixture(values, k, init_params="search", **keywords)
    return {
        "plain": reach(plain),
        "fast": reach(fast),
        "lower": float(plain.history[-1] - fast.history[-1]),
        "stop": default.n_iter,
        "left": float(fast.log_likelihood - default.log_likelihood),
        "off": float(abs(fast.mixture.weights - default.mixture.weights).max()),
        "searched_lower": float(plain.history[-1] - searched.log_likelihood),
    }


def reach(fit: FitResult) -> int:
    """Passes to within 1e-5 nats of the end."""
    return int(np.argmax(fit.history >= fit.history[-1] - 1e-5)) + 1


def optima(results: dict) -> str:
    """The table of likelihoods, one row for each picture and k."""
    lines = [
        "| picture, k | scikit-learn, default (seconds) | one run to its end (seconds) "
        "| best of ten such (on the floor) | seconds of all ten | one call (on the floor) | seconds "
        "| share of the time | from k-means++ alone | left at the end | weights off "
        "| PSNR, dB: one call, k-means++ |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    counted: dict[int, list[tuple[float, ...]]] = {}
    for k in (8, 32):
        cost = remembered(results, f"seconds {k}", seconds, k)["each"]
        for path in pictures():
            theirs = [
                remembered(results, f"theirs {k} {path.stem} {seed}", restart, path, k, seed) for seed in range(10)
            ]
            default = remembered(results, f"default {k} {path.stem}", restart, path, k, 0, DEFAULT_TOL, DEFAULT_MOST)
            ours = remembered(results, f"call {k} {path.stem}", call, path, k)
            best = max(theirs, key=lambda row: row["log_likelihood"])
            one, plain = (ours[name] - best["log_likelihood"] for name in ("one", "plain"))
            single = [
                f"{row['log_likelihood'] - best['log_likelihood']:+.4f} ({cost * row['passes']:,.0f})"
                for row in (default, theirs[0])
            ]
            whole = cost * sum(row["passes"] for row in theirs)
            share = ours["seconds"] / whole
            psnr = ours["psnr_one"], ours["psnr_plain"]
            counted.setdefault(k, []).append((one, plain, share, ours["left"], ours["off"], *psnr))
            lines.append(
                f"| {path.stem}, {k} | {' | '.join(single)} "
                f"| {best['log_likelihood']:.4f} ({best['on_floor']}) | {whole:,.0f} "
                f"| {one:+.4f} ({ours['on_floor']}) | {ours['seconds']:.2f} | {share:.4%} | {plain:+.4f} "
                f"| {max(ours['left'], 0):.0e} | {ours['off']:.3f} | {psnr[0]:.1f}, {psnr[1]:.1f} |"
            )
    for k, rows in counted.items():
        one, plain, share, left, off, *psnr = np.array(rows).T
        lines.append(
            f"| k = {k}: not below on | | | | | {(one >= 0).sum()} of {len(one)}, worst {one.min():+.4f} | "
            f"| {share.max():.4%} at most | {(plain >= 0).sum()} of {len(plain)}, worst {plain.min():+.4f} "
            f"| {max(left.max(), 0):.0e} at most | {off.max():.3f} at most "
            f"| {psnr[0].mean():.2f}, {psnr[1].mean():.2f} on average |"
        )
    return "\n".join(lines)


def seconds(k: int) -> dict:
    """Seconds of one iteration of scikit-learn on the first picture, all pixels."""
    from sklearn.mixture import GaussianMixture

    pixels = np.asarray(Image.open(pictures()[0]).convert("RGB")).reshape(-1, 3) / 255.0
    times = []
    for n_iter in (1, 4):
        start = time.perf_counter()
        GaussianMixture(k, tol=0, max_iter=n_iter, init_params="random_from_data", random_state=0).fit(pixels)
        times.append(time.perf_counter() - start)
    return {"each": (times[1] - times[0]) / 3}


def call(path: Path, k: int) -> dict:
    """`segment` with default arguments, beside the same from one start; and what 600 more passes would change."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    plain = segment(pixels, k, noise=0, init_params="k-means++")
    start = time.perf_counter()
    found = segment(pixels, k, noise=0)
    row = {"seconds": time.perf_counter() - start}
    for name, segmentation in (("one", found), ("plain", plain)):
        row |= {name: segmentation.log_likelihood, f"psnr_{name}": segmentation.psnr}
    values, counts = colours(path)
    limit = fit_mixture(
        values,
        k,
        sample_weight=counts,
        unit=255,
        covariance_floor=FLOOR,
        weights_init=found.mixture.weights,
        means_init=found.mixture.means,
        precisions_init=np.linalg.inv(found.mixture.covariances),
        tol=0,
        max_iter=600,
    )
    return row | {
        "left": float(limit.log_likelihood - found.log_likelihood),
        "off": float(abs(limit.mixture.weights - found.mixture.weights).max()),
        "on_floor": on_floor(found.mixture),
    }


def restart(path: Path, k: int, seed: int, tol: float = TOL, most: int = MOST) -> dict:
    """One run of scikit-learn's algorithm, scored with the floor in force."""
    values, counts = colours(path)
    samples, weights = values / 255.0, counts.astype(float)
    mixture, n_passes = like_scikit_learn(samples, weights, k, seed, tol, most)
    values, vectors = np.linalg.eigh(mixture.covariances)
    lifted = np.einsum("jab,jb,jcb->jac", vectors, np.maximum(values, FLOOR), vectors)
    score = dataclasses.replace(mixture, covariances=lifted).score(samples, weights)
    return {"log_likelihood": score, "passes": n_passes, "on_floor": on_floor(mixture)}


def on_floor(mixture: Mixture) -> int:
    """Components whose least variance is the floor, or up to half above it."""
    return int((np.linalg.eigvalsh(mixture.covariances).min(axis=1) < 1.5 * FLOOR).sum())


def like_scikit_learn(
    samples: np.ndarray, weights: np.ndarray, k: int, seed: int, tol: float = TOL, most: int = MOST
) -> tuple[Mixture, int]:
    """Its k-means start and EM until a change below ``tol``; parameters and passes."""
    labels = KMeans(k, n_init=1, random_state=seed).fit(samples, sample_weight=weights).labels_
    mass = np.bincount(labels, weights, k)
    means = np.stack([np.bincount(labels, weights * column, k) for column in samples.T], axis=1) / mass[:, np.newaxis]
    covariances = np.stack([np.cov(samples[labels == j].T, aweights=weights[labels == j], ddof=0) for j in range(k)])
    mixture = Mixture(mass / mass.sum(), means, covariances + REG_COVAR * np.eye(3), "full")
    last = -np.inf
    for done in range(0, most, CHUNK):
        history = (fit := go_on(samples, weights, mixture, CHUNK)).history
        close = np.flatnonzero(np.abs(np.diff(history, prepend=last)) < tol)
        if len(close):
            n_passes = int(close[0]) + 1
            return go_on(samples, weights, mixture, n_passes).mixture, done + n_passes
        mixture, last = fit.mixture, history[-1]
    return mixture, most


def go_on(samples: np.ndarray, weights: np.ndarray, start: Mixture, n_passes: int) -> FitResult:
    return fit_mixture(
        samples,
        start.n_components,
        sample_weight=weights,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
        reg_covar=REG_COVAR,
        acceleration=None,
        tol=0,
        max_iter=n_passes,
    )


def check() -> str:
    """The stand-in beside scikit-learn itself, on every eighth row and column of a picture."""
    from sklearn.mixture import GaussianMixture

    pixels = np.asarray(Image.open(pictures()[0]).convert("RGB"))[::8, ::8].reshape(-1, 3) / 255.0
    start = time.perf_counter()
    model = GaussianMixture(8, tol=TOL, max_iter=MOST, random_state=0).fit(pixels)
    seconds = time.perf_counter() - start
    mixture, n_passes = like_scikit_learn(pixels, np.ones(len(pixels)), 8, 0)
    return (
        f"scikit-learn {model.score(pixels):.7f} after {model.n_iter_} iterations, {seconds / model.n_iter_:.2g} s "
        f"each; stand-in {mixture.score(pixels):.7f} after {n_passes}"
    )


if __name__ == "__main__":
    main()
