"""Regions against what people drew: scores, times and a gallery, side by side in one run.

    RUSTEM_DATA=folder python -m benchmarks.regions.regions --docs docs/guides/regions.md

RUSTEM_DATA names a folder with bsds500/images/*/*.jpg and bsds500/groundTruth/*/*.mat, and beside it tools/ with
bsds_metrics.py. Prints tables, writes a JSON report, and replaces the tables of the page if asked. The gallery is made
of pictures that come with scikit-image.

Scores (Arbeláez et al. 2011): Covering, Probabilistic Rand Index, Variation of Information in bits, each the mean over
the people who drew the picture and then over pictures. Every contender has one setting for all pictures. The rows of
the two halves hold out the level: each half at the one that scores best on the other.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

import rustem
from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results

HALVES = ("even", "odd")
# Among which the level is chosen for the other half.
LEVELS = [round(0.45 + 0.01 * step, 2) for step in range(11)]
# What choosing a level maximises, of (Covering, PRI, VI): each by the size of its differences.
WORTH = (1.0, 1.6, -0.36)
PEOPLE = {"who": "people among themselves (published)", "covering": 0.72, "pri": 0.88, "vi": 1.17}
PUBLISHED = [
    PEOPLE,
    {"who": "gPb-owt-ucm (published)", "covering": 0.59, "pri": 0.83, "vi": 1.69},
    {"who": "mean shift (published)", "covering": 0.54, "pri": 0.79, "vi": 1.85},
    {"who": "Felzenszwalb–Huttenlocher (published)", "covering": 0.52, "pri": 0.80, "vi": 2.21},
]


def main() -> None:
    args = options()
    if args.large:
        print(json.dumps(measure_large(args.large)))
        return
    summary = {"scores": [], "stages": None, "large": []}
    if args.report.exists():
        summary |= json.loads(args.report.read_text(encoding="utf-8"))
    summary["machine"] = machine()
    if "times" in args.parts:
        summary |= {"stages": stages(args.runs), "large": large()}
    data = os.environ.get("RUSTEM_DATA")
    if "scores" in args.parts and (data is None or not Path(data, "bsds500").exists()):
        print("RUSTEM_DATA names no folder with bsds500: no scores")
    elif "scores" in args.parts:
        measured = scores(Path(data), args.only, args.pictures, args.slow_pictures)
        summary["scores"] = merged(summary["scores"] if args.only else [], measured)
    write_results(args.report, summary)
    for name, table in tables(summary).items():
        print(f"\n{table}")
        if args.docs:
            replace_table(args.docs, name, table)
    if args.gallery:
        gallery(args.gallery)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, help="only the first so many")
    parser.add_argument(
        "--only", default="", help="contenders whose name begins so; of others the last report's scores"
    )
    parser.add_argument("--slow-pictures", type=int, default=10, help="as many for contenders of seconds (10)")
    parser.add_argument("--runs", type=int, default=7, help="timed runs, of which the best counts (7)")
    parser.add_argument(
        "--parts", nargs="+", choices=("scores", "times"), default=["times", "scores"], help="others: the last report's"
    )
    parser.add_argument("--report", type=Path, default=RESULTS / "regions.json")
    parser.add_argument("--docs", type=Path, help="page whose tables are replaced")
    parser.add_argument("--gallery", type=Path, help="write the gallery to this file")
    parser.add_argument("--large", type=Path, help="only measure this picture; used by the script itself")
    return parser.parse_args()


def merged(last: list[dict], measured: list[dict]) -> list[dict]:
    """Rows of the last report, those measured now in their places."""
    rows = {row["who"]: row for row in [*last, *measured] if "pictures" in row}
    held = [row for row in measured if "held_out" in row]
    return [*(rows[who] for who in CONTENDERS if who in rows), *held, *PUBLISHED]


def scores(data: Path, only: str, limit: int | None, slow_limit: int) -> list[dict]:
    """Contenders on the pictures, one setting for all; contenders take turns on each picture."""
    from scipy.io import loadmat

    sys.path.insert(0, str(data.resolve().parent / "tools"))
    from bsds_metrics import score

    rows: dict[str, list[tuple]] = {}
    by_level: list[list[tuple]] = []
    for number, path in enumerate(sorted(Path(data, "bsds500", "images").glob("*/*.jpg"))[:limit]):
        pixels = np.asarray(Image.open(path))
        file = Path(str(path).replace("images", "groundTruth")).with_suffix(".mat")
        people = [each["Segmentation"][0, 0].astype(int) for each in loadmat(file)["groundTruth"][0]]
        for who, (segment, slow) in CONTENDERS.items():
            if not who.startswith(only) or (slow and number >= slow_limit):
                continue
            start = time.perf_counter()
            try:
                labels = segment(pixels)
            except ImportError as error:
                print(f"{who} left out: {error}")
                continue
            rows.setdefault(who, []).append(
                (*score(labels, people), len(np.unique(labels)), time.perf_counter() - start)
            )
        tree = rustem.regions(pixels)
        by_level.append([score(tree.cut(level=level).labels, people) for level in LEVELS])
    return [*(summed_up(who, np.array(values)) for who, values in rows.items()), *held_out(np.array(by_level))]


def held_out(by_level: np.ndarray) -> list[dict]:
    """Scores (pictures, levels, 3) of each half at the level that is best on the other half."""
    found = []
    for half, name in enumerate(HALVES):
        best = int((by_level[1 - half :: 2].mean(axis=0) @ WORTH).argmax())
        held = by_level[half::2, best]
        row = {"who": f"rustem.regions, {name} half, level {LEVELS[best]} chosen on the other", "held_out": len(held)}
        found.append(row | dict(zip(("covering", "pri", "vi"), held.mean(axis=0).tolist(), strict=True)))
    return found


def summed_up(who: str, values: np.ndarray) -> dict:
    row = {"who": who, "pictures": len(values), "n_regions": float(np.median(values[:, 3]))}
    row |= dict(zip(("covering", "pri", "vi"), values[:, :3].mean(axis=0).tolist(), strict=True))
    return row | {"seconds": float(np.median(values[:, 4]))}


def felzenszwalb(pixels: np.ndarray) -> np.ndarray:
    from skimage.segmentation import felzenszwalb

    return felzenszwalb(pixels, scale=500, sigma=0.8, min_size=500)


def slic_and_merging(pixels: np.ndarray) -> np.ndarray:
    from skimage import graph
    from skimage.segmentation import slic

    labels = slic(pixels, n_segments=400, compactness=20, start_label=0)
    return graph.cut_threshold(labels, graph.rag_mean_color(pixels, labels), 30)


def quickshift(pixels: np.ndarray) -> np.ndarray:
    from skimage.segmentation import quickshift

    return quickshift(pixels, kernel_size=7, max_dist=20, ratio=0.5)


def mean_shift(pixels: np.ndarray) -> np.ndarray:
    """Filtered by mean shift, cut where colours change by more than 4 levels; small pieces to the nearest large one."""
    import cv2
    from scipy.ndimage import distance_transform_edt

    smooth = cv2.pyrMeanShiftFiltering(np.ascontiguousarray(pixels), 16, 24)
    height, width = pixels.shape[:2]
    mask = np.zeros((height + 2, width + 2), np.uint8)
    labels, n_pieces = np.zeros((height, width), int), 0
    for y, x in np.ndindex(height, width):
        if not mask[y + 1, x + 1]:
            # Pixels of this piece have 2 in the mask until they are labelled.
            flags = cv2.FLOODFILL_MASK_ONLY | 2 << 8
            _, _, mask, (left, top, wide, high) = cv2.floodFill(smooth, mask, (x, y), 0, (4,) * 3, (4,) * 3, flags)
            inner = mask[1 + top : 1 + top + high, 1 + left : 1 + left + wide]
            n_pieces += 1
            labels[top : top + high, left : left + wide][inner == 2] = n_pieces
            inner[inner == 2] = 1
    small = np.bincount(labels.ravel())[labels] < 300
    if small.all():
        return labels
    rows, columns = distance_transform_edt(small, return_distances=False, return_indices=True)
    return labels[rows, columns]


def plain(**options: int) -> Callable[[np.ndarray], np.ndarray]:
    """A mixture of four colours; its connected pieces."""

    def pieces(pixels: np.ndarray) -> np.ndarray:
        from skimage.measure import label

        labels = rustem.segment(pixels, 4, color_space="lab", max_iter=1000, n_threads=2, **options).labels
        return label(labels + 1, connectivity=1)

    return pieces


# What segments, and whether it takes seconds a picture.
CONTENDERS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {
    "rustem.regions": (lambda pixels: rustem.regions(pixels).labels, False),
    "rustem.segment, k = 4, CIELAB, pieces": (plain(), False),
    "rustem.segment, the same, min_size = 300": (plain(min_size=300), False),
    "scikit-image felzenszwalb": (felzenszwalb, False),
    "scikit-image slic, merged by colour": (slic_and_merging, False),
    "scikit-image quickshift": (quickshift, True),
    "OpenCV mean shift, pieces": (mean_shift, True),
}


def stages(runs: int) -> dict:
    """Milliseconds of each stage on a picture of the Berkeley size, the best run of each number of threads."""
    from skimage import data

    pixels = np.ascontiguousarray(data.coffee()[40:361, 60:541])
    best: dict[str, dict] = {}
    for threads in (1, 2):
        for _ in range(runs):
            marks: list[tuple[str, float]] = []
            rustem.regions(
                pixels, n_threads=threads, progress=lambda stage, _, m=marks: m.append((stage, time.perf_counter()))
            )
            marks.append(("labels", time.perf_counter()))
            spans = {name: 1e3 * (end - start) for (name, start), (_, end) in itertools.pairwise(marks)}
            total = sum(spans.values())
            if str(threads) not in best or total < best[str(threads)]["total"]:
                best[str(threads)] = {**spans, "total": total}
    return {"picture": f"{pixels.shape[1]}×{pixels.shape[0]}", "milliseconds": best}


def large() -> list[dict]:
    """Time and memory of the large pictures there are, each in a process of its own."""
    data = os.environ.get("RUSTEM_DATA")
    found = sorted(Path(data, "large").glob("*.jpg")) if data else []
    measured = []
    for picture in found:
        command = [sys.executable, "-m", "benchmarks.regions.regions", "--large", str(picture)]
        measured.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return sorted(measured, key=lambda row: row["megapixels"])


def measure_large(path: Path) -> dict:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    rustem.regions(pixels[:100, :100])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = rustem.regions(pixels)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    n = found.labels.size
    return {"megapixels": n / 1e6, "seconds": seconds, "bytes_per_pixel_above_input": (peak - before) * 1024 / n}


def tables(summary: dict) -> dict[str, str]:
    scored = ["| | pictures | Covering | PRI | VI (bits) | regions | seconds |", "|---|---|---|---|---|---|---|"]
    for row in summary["scores"]:
        published = "pictures" not in row and "held_out" not in row
        cells = [f"{row[name]:.{2 if published else 3}f}" for name in ("covering", "pri", "vi")]
        end = [f"{row['n_regions']:.0f}", f"{row['seconds']:.2f}"] if "pictures" in row else ["", ""]
        scored.append(f"| {row['who']} | {row.get('pictures', row.get('held_out', ''))} | {' | '.join(cells + end)} |")
    if summary["stages"] is None:
        return {"scores": "\n".join(scored)}
    times = summary["stages"]["milliseconds"]
    names = list(times["1"])
    timed = [f"| ms, {summary['stages']['picture']} | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for threads, spans in times.items():
        cells = " | ".join(f"{spans[name]:.0f}" for name in names)
        timed.append(f"| {threads} thread{'s' if threads != '1' else ''} | {cells} |")
    if summary["large"]:
        timed += ["", "| megapixels | seconds | bytes per pixel above the picture itself |", "|---|---|---|"]
        timed += [
            f"| {row['megapixels']:.0f} | {row['seconds']:.1f} | {row['bytes_per_pixel_above_input']:.0f} |"
            for row in summary["large"]
        ]
    return {"scores": "\n".join(scored), "times": "\n".join(timed)}


def gallery(path: Path, width: int = 400) -> None:
    """Eight pictures: borders over the photograph, beside the regions filled with their mean colours."""
    from skimage import data

    # Public domain or CC0, and inside scikit-image's wheel.
    names = ("astronaut", "coffee", "chelsea", "rocket", "camera", "retina", "coins")
    pictures = [data.stereo_motorcycle()[0], *(getattr(data, name)() for name in names)]
    pairs = []
    for pixels in pictures:
        found = rustem.regions(pixels)
        pair = [Image.fromarray(found.contours()), Image.fromarray(found._filled())]
        height = round(width * pixels.shape[0] / pixels.shape[1])
        pairs.append([image.resize((width, height), Image.Resampling.LANCZOS) for image in pair])
    gap = 6
    rows = [pairs[start : start + 2] for start in range(0, len(pairs), 2)]
    heights = [max(pair[0].height for pair in row) for row in rows]
    sheet = Image.new("RGB", (4 * width + 3 * gap, sum(heights) + gap * (len(rows) - 1)), "white")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, image in enumerate(image for pair in row for image in pair):
            sheet.paste(image, (column * (width + gap), top))
        top += height + gap
    sheet.save(path, quality=88)


if __name__ == "__main__":
    main()
