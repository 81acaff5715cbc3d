"""The fused pass alone, at every CPU level, and full covariances of many bands beside scikit-learn.

    RUSTEM_DATA=folder python -m benchmarks.mixture.kernels --page docs/theory/performance.md

Compiles and runs crates/rustem-core/examples/passes.rs (artificial samples, one pass at a time, best of many), writes a
JSON report and replaces the page's tables. RUSTEM_DATA names a folder with the photographs kodak/*.png and the
hyperspectral scene hyperspectral/indian_pines/*.npy or *.mat; tables of what is not there are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("spherical", "diag", "full", "tied")
# ns per sample and iteration at k = 32, d = 3 on one thread: what the hardware allows; AVX2 at half the rate.
FLOOR = {("avx512", "spherical"): 6.8, ("avx512", "full"): 10.0, ("avx2", "spherical"): 13.6, ("avx2", "full"): 20.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=RESULTS / "kernels.json")
    parser.add_argument("--page", type=Path, help="page whose kernel tables are replaced")
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--example", "passes", "-p", "rustem-core"], cwd=ROOT, check=True)
    tables = [
        levels_table(),
        *photographs_table(),
        components_table(),
        features_table(),
        threads_table(),
        *many_bands(),
    ]
    write_results(args.report, tables)
    text = "\n\n".join(markdown(table) for table in tables)
    print(text)
    if args.page:
        replace_table(args.page, "kernels", text)


def passes(
    n: int, d: int, k: int, families: str, order: str = "dense", level: str = "", file: str = ""
) -> dict[str, dict]:
    """Measure one pass on one thread: nanoseconds per sample of each family."""
    return {
        row["family"]: row for row in measure(n, d, k, families, "1", order, *([file] if file else []), level=level)
    }


def measure(*arguments: object, level: str = "") -> list[dict]:
    command = [ROOT / "target/release/examples/passes", *map(str, arguments)]
    environment = os.environ | ({"RUSTEM_SIMD_LEVEL": level} if level else {})
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def levels_table() -> dict:
    rows = []
    for level in ("avx512", "avx2", "sse2"):
        for order in ("dense", "sorted"):
            found = passes(48_384, 3, 32, ",".join(FAMILIES), order=order, level=level)
            name = "all components" if order == "dense" else "far components left out"
            rows.append([level, name, *(f"{found[family]['ns']:.1f}" for family in FAMILIES)])
        targets = [FLOOR.get((level, family)) for family in FAMILIES]
        rows.append([level, "1.25 × the floor", *(f"{1.25 * target:.1f}" if target else "" for target in targets)])
    head = ["level", "pass", *FAMILIES]
    return {"title": "ns per sample and pass: k = 32, d = 3, 48,384 samples, one thread", "head": head, "rows": rows}


def photographs_table() -> list[dict]:
    """The distinct colours of photographs, weighted by their pixels: the mean over some of Kodak's."""
    from PIL import Image

    import rustem._core

    paths = sorted((Path(os.environ.get("RUSTEM_DATA", "")) / "kodak").glob("*.png"))[::3]
    if not paths:
        print("no photographs under RUSTEM_DATA: their table is left out")
        return []
    found: dict[tuple, list[float]] = {}
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(paths):
            pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
            colours, counts, _ = rustem._core.count_colors(pixels, 1)
            sizes.append(len(colours))
            file = f"{folder}/{number}.f64"
            np.c_[colours / 255, counts].astype("<f8").tofile(file)
            for k in (4, 8, 16, 32, 128):
                for order in ("dense", "sorted"):
                    measured = passes(len(colours), 3, k, "spherical,full", order=order, file=file)
                    for family, row in measured.items():
                        found.setdefault((k, family, order), []).append(row["ns"])
    rows = []
    for k in (4, 8, 16, 32, 128):
        pairs = [(family, order) for family in ("spherical", "full") for order in ("dense", "sorted")]
        rows.append([k, *(f"{np.mean(found[k, *pair]):.1f}" for pair in pairs)])
    title = f"ns per colour and pass: {len(paths)} photographs of {min(sizes):,} to {max(sizes):,} colours, one thread"
    head = ["k", "spherical, all components", "far ones left out", "full, all components", "far ones left out"]
    return [{"title": title, "head": head, "rows": rows}]


def components_table() -> dict:
    rows = []
    for k in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
        found = passes(24_192, 3, k, "spherical,full")
        rows.append([k, *(f"{found[family]['ns'] / k:.3f}" for family in ("spherical", "full"))])
    title = "ns per sample, component and pass, nothing left out: d = 3, 24,192 samples, one thread (target: no cliffs)"
    return {"title": title, "head": ["k", "spherical", "full"], "rows": rows}


def features_table() -> dict:
    rows = []
    for d in (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64, 128, 200, 256):
        found = passes(8448, d, 16, "spherical,diag,full")
        products = 16 * d * (d + 1)
        rate = f"{products / found['full']['ns']:.1f}"
        rows.append([d, *(f"{found[family]['ns']:.0f}" for family in ("spherical", "diag", "full")), rate])
    title = (
        "ns per sample and pass: k = 16, 8,448 samples, one thread; "
        "products per ns of the full triangles (E and M), left out or not"
    )
    return {"title": title, "head": ["d", "spherical", "diag", "full", "products / ns"], "rows": rows}


def threads_table() -> dict:
    rows = []
    for n, k in ((100, 2), (5000, 2), (48_384, 32), (300_000, 32), (1_000_000, 32)):
        # One and two threads take turns, so that both meet the same load.
        one, two = (row["ns"] for row in measure(n, 3, k, "full", "1,2", "dense"))
        rows.append([f"{n:,}", k, f"{n * one / 1000:.1f}", f"{n * two / 1000:.1f}", f"{one / two:.2f}"])
    return {
        "title": "µs per pass, full, d = 3 (target: ratio 1.8 from 300,000 samples up, never below 1)",
        "head": ["samples", "k", "1 thread", "2 threads", "ratio"],
        "rows": rows,
    }


def many_bands() -> list[dict]:
    """The hyperspectral scene, 200 bands, k = 16, five full-covariance iterations from one start."""
    from sklearn import mixture

    import rustem

    scene = hyperspectral()
    if scene is None:
        print("no hyperspectral scene under RUSTEM_DATA: that row is left out")
        return []
    x = scene.reshape(-1, scene.shape[-1]).astype(np.float64)
    x = (x - x.mean(0)) / x.std(0).mean()
    start = x[np.random.default_rng(0).choice(len(x), 16, replace=False)]
    precisions = np.tile(np.eye(x.shape[1]), (16, 1, 1))
    options = {"max_iter": 5, "tol": 0.0, "reg_covar": 1e-4, "means_init": start, "precisions_init": precisions}
    options["weights_init"] = np.full(16, 1 / 16)
    contenders = (
        ("rustem, float32", rustem, x.astype(np.float32)),
        ("rustem, float64", rustem, x),
        ("scikit-learn", mixture, x),
    )
    seconds: dict[str, list[float]] = {name: [] for name, _, _ in contenders}
    fitted = {}
    # Interleaved, so that everybody meets the same load; the best of as many runs counts for each.
    for _ in range(3):
        for name, module, values in contenders:
            fitted[name] = module.GaussianMixture(16, covariance_type="full", **options)
            begin = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted[name].fit(values)
            seconds[name].append(time.perf_counter() - begin)
    rows = []
    for name, estimator in fitted.items():
        # One scorer for all, in float64.
        scorer = mixture.GaussianMixture(16)
        scorer.weights_, scorer.means_ = np.asarray(estimator.weights_), np.asarray(estimator.means_)
        factors = [np.linalg.cholesky(np.linalg.inv(c)) for c in np.asarray(estimator.covariances_, np.float64)]
        scorer.precisions_cholesky_ = np.array(factors)
        ratio = min(seconds["scikit-learn"]) / min(seconds[name])
        rows.append([name, f"{min(seconds[name]):.2f}", f"{ratio:.1f}", f"{scorer.score(x):.3f}"])
    title = f"{len(x):,} pixels × {x.shape[1]} bands, k = 16, full, five iterations, two threads (target: 10 times)"
    head = ["", "seconds", "times as fast as scikit-learn", "log-likelihood per pixel"]
    return [{"title": title, "head": head, "rows": rows}]


def hyperspectral() -> np.ndarray | None:
    folder = Path(os.environ.get("RUSTEM_DATA", "")) / "hyperspectral" / "indian_pines"
    for path in sorted(folder.glob("*")):
        if path.suffix == ".npy":
            values = np.load(path)
        elif path.suffix == ".mat":
            from scipy.io import loadmat

            values = next(value for key, value in loadmat(path).items() if not key.startswith("_"))
        else:
            continue
        if values.ndim == 3 and values.shape[-1] >= 200:
            return values
    return None


def markdown(table: dict) -> str:
    lines = [f"**{table['title']}**", "", "| " + " | ".join(table["head"]) + " |", "|---" * len(table["head"]) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in table["rows"]])


if __name__ == "__main__":
    main()
