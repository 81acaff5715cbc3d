"""Colour reduction beside the peers: PSNR, SSIM, colour difference, colours really used, CPU seconds.

    RUSTEM_DATA=folder python -m benchmarks.quantization.palettes --docs docs/guides/palettes.md

RUSTEM_DATA names a folder with kodak/*.png and cq100/*.png. Of CQ100, every fourth picture is taken; rustem in sRGB
is measured on all. All work on one thread. The best of ten runs of scikit-learn takes hours: it is measured once for
each picture and k, and kept in results/palettes_best_of_ten.jsonl; what is not there is left out, unless --best-of-ten
asks for it. Peers that are not installed are left out (apt install pngquant imagemagick).

Each row is written to --rows as soon as it is measured, and a run goes on where the last one ended; remove that file to
measure anew. The means go into a JSON report and, if asked, into the page.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from benchmarks.quantization.palette_peers import BEST_OF_TEN, OURS, PEERS, Unavailable
from benchmarks.quantization.palette_tables import tables
from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results
from rustem.colorspaces import from_space, to_space

COLOURS = (8, 16, 32, 64, 256)
FOLDERS = {"kodak": 1, "cq100": 4}
# Half a minute for one picture of CQ100.
ONLY_KODAK = "Pillow, median cut and k-means"
KEY = ("folder", "picture", "who", "k")
# What the eye resolves at some distance: a Gaussian of this many pixels.
AFAR = 2.0


def measure(original: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """How far the k-colour picture is from the original, and the colours that it really has."""
    error = ((original.astype(np.float64) - result) ** 2).mean()
    codes = result.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    return {
        "psnr": float(10 * np.log10(255**2 / error)),
        "ssim": float(structural_similarity(original, result, channel_axis=2)),
        "ciede2000": difference(original / 255.0, result / 255.0),
        "afar": difference(seen_from_afar(original), seen_from_afar(result)),
        "used": len(np.unique(codes)),
    }


def difference(original: np.ndarray, result: np.ndarray) -> float:
    """Mean CIEDE2000 over every seventh pixel."""
    first, second = original.reshape(-1, 3)[::7], result.reshape(-1, 3)[::7]
    return float(deltaE_ciede2000(rgb2lab(first), rgb2lab(second)).mean())


def seen_from_afar(picture: np.ndarray) -> np.ndarray:
    """Blurred in linear light."""
    linear = to_space(picture.reshape(-1, 3) / np.float32(255), "linear").reshape(picture.shape)
    blurred = gaussian_filter(linear, (AFAR, AFAR, 0), truncate=3)
    return np.clip(from_space(blurred.reshape(-1, 3), "linear"), 0, 1).reshape(picture.shape)


def rows(paths: list[Path], who: list[str], ks: list[int], done: set[tuple]) -> Iterator[dict]:
    missing = set()
    for path in paths:
        original = np.asarray(Image.open(path).convert("RGB"))
        for name in who:
            for k in ks:
                key = (path.parent.name, path.stem, name, k)
                if key in done or name in missing or (name == ONLY_KODAK and path.parent.name != "kodak"):
                    continue
                try:
                    result, seconds = PEERS[name](original, k)
                except Unavailable as reason:
                    print(f"{name} is left out: {reason}")
                    missing.add(name)
                    continue
                yield {**dict(zip(KEY, key, strict=True)), **measure(original, result), "seconds": seconds}


def measured(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def append(file: Path, row: dict) -> None:
    with file.open("a") as lines:
        lines.write(json.dumps({name: round(x, 5) if isinstance(x, float) else x for name, x in row.items()}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=RESULTS / "palettes.jsonl")
    parser.add_argument("--report", type=Path, default=RESULTS / "palettes.json")
    parser.add_argument("--docs", type=Path, help="page whose tables are replaced")
    parser.add_argument("--best-of-ten", action="store_true", help="measure what is missing of it, for hours")
    parser.add_argument("--colours", type=int, nargs="+", default=COLOURS)
    parser.add_argument("--who", nargs="+", choices=PEERS, default=[name for name in PEERS if name != BEST_OF_TEN])
    options = parser.parse_args()
    data = os.environ.get("RUSTEM_DATA")
    if data is None:
        raise SystemExit("RUSTEM_DATA names no folder of pictures: the comparison is left out")
    everything = {folder: sorted(Path(data, folder).glob("*.png")) for folder in FOLDERS}
    paths = [path for folder, step in FOLDERS.items() for path in everything[folder][::step]]
    kept = RESULTS / "palettes_best_of_ten.jsonl"
    if options.best_of_ten:
        done = {tuple(row[name] for name in KEY) for row in measured(kept)}
        for row in rows(paths, [BEST_OF_TEN], options.colours, done):
            append(kept, row)
    done = {tuple(row[name] for name in KEY) for row in measured(options.rows)}
    for row in rows(paths, options.who, options.colours, done):
        append(options.rows, row)
    done |= {tuple(row[name] for name in KEY) for row in measured(options.rows)}
    for row in rows([path for folder in everything.values() for path in folder], [OURS], options.colours, done):
        append(options.rows, row)
    shown = {(path.parent.name, path.stem) for path in paths}
    means, text = tables(measured(options.rows) + measured(kept), shown)
    write_results(options.report, {"machine": machine(), "means": means})
    print(text)
    if options.docs:
        replace_table(options.docs, "palettes", text)


if __name__ == "__main__":
    main()
