"""How many components: drawings with a known number, photographs at two scales, and the time of the sweep.

    RUSTEM_DATA=... python -m benchmarks.mixture.selection [--docs docs/guides/selection.md] [--json FILE]

Writes the tables between the markers in the page, and all figures as JSON.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import write_results
from rustem import select_components

KS, NOISES, SEEDS = (1, 2, 3, 5, 8, 12), (2, 6, 12), (0, 1)


def drawing(k: int, noise: float, seed: int) -> tuple[np.ndarray, int]:
    """240×320 pixels of discs in k colours that lie 60 steps apart or more, with white noise; the colours seen."""
    random = np.random.default_rng(seed)
    palette = random.integers(30, 226, (k, 3))
    while k > 1 and np.linalg.norm(palette[:, None] - palette, axis=2)[np.triu_indices(k, 1)].min() < 60:
        palette = random.integers(30, 226, (k, 3))
    rows, columns = np.mgrid[:240, :320]
    labels = np.zeros((240, 320), dtype=int)
    for disc in range(max(60, 6 * k)):
        row, column, radius = random.integers(0, 240), random.integers(0, 320), random.integers(15, 60)
        labels[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = disc % k
    noisy = palette[labels] + noise * random.standard_normal((240, 320, 3))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), len(np.unique(labels))


def choices(picture: np.ndarray) -> dict[str, float]:
    """What each criterion chooses, the effective sample size, and the seconds taken."""
    start = time.perf_counter()
    selection = select_components(picture)
    seconds = time.perf_counter() - start
    best = {name: int(selection.candidates[np.argmin(values)]) for name, values in selection.values.items()}
    return {**best, "n_effective": round(selection.n_effective), "seconds": round(seconds, 2)}


def drawings() -> list[dict]:
    results = []
    for k in KS:
        for noise in NOISES:
            for seed in SEEDS:
                picture, truth = drawing(k, noise, seed)
                results.append({"k": truth, "noise": noise, "seed": seed, **choices(picture)})
    return results


def photographs(folder: Path, step: int) -> list[dict]:
    results = []
    for path in sorted(folder.glob("*.png"))[::step]:
        picture = Image.open(path).convert("RGB")
        half = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
        results.append({"name": path.stem, "whole": choices(np.asarray(picture)), "half": choices(np.asarray(half))})
        print(results[-1], flush=True)
    return results


def tables(made: list[dict], photos: list[dict]) -> str:
    lines = [
        f"{len(made)} drawings of 240×320 pixels (discs in 1 to 12 colours, 60 or more steps apart, white noise of 2, "
        "6 and 12 steps): how many times the criterion chose the true number from 1 to 32, and its largest error.",
        "",
        "| criterion | right | largest error |",
        "|---|---|---|",
    ]
    for name in ("bic", "icl", "mml", "aic"):
        errors = [abs(result[name] - result["k"]) for result in made]
        lines.append(f"| {name.upper()} | {sum(error == 0 for error in errors)} of {len(made)} | {max(errors)} |")
    lines += [
        "",
        f"{len(photos)} Kodak photographs (768×512), each at full size and at half: effective pixels, choice by BIC "
        "and ICL, seconds at full size.",
        "",
        "| picture | effective pixels, full / half | BIC full / half | ICL full / half | seconds |",
        "|---|---|---|---|---|",
    ]
    for photo in photos:
        whole, half = photo["whole"], photo["half"]
        pairs = [f"{whole[key]} / {half[key]}" for key in ("n_effective", "bic", "icl")]
        lines.append(f"| {photo['name']} | {' | '.join(pairs)} | {whole['seconds']:.2f} |")
    change = [abs(photo["whole"]["bic"] - photo["half"]["bic"]) for photo in photos]
    lines += [
        "",
        f"Change of BIC's choice from full to half size: median {np.median(change):g}, largest {max(change)}.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", type=int, default=2, help="every how-manieth photograph")
    arguments = parser.parse_args()
    made = drawings()
    photos = photographs(Path(os.environ["RUSTEM_DATA"], "kodak"), arguments.step)
    text = tables(made, photos)
    print(text)
    if arguments.json:
        write_results(arguments.json, {"drawings": made, "photographs": photos})
    if arguments.docs:
        replace_table(arguments.docs, "selection", text)


if __name__ == "__main__":
    main()
