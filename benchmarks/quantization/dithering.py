"""What edge-aware dithering leaves alone, and what that costs where dithering helps; stray dots of another hue.

    RUSTEM_DATA=folder python -m benchmarks.quantization.dithering --docs docs/guides/palettes.md

RUSTEM_DATA names a folder with kodak/*.png. The drawing, of flat areas and text, is made by the script; three more
photographs come with scikit-image. Stray dots as they were before pixels had a reach are kept in
results/stray_dots_before.json.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab

import rustem
from benchmarks.quantization.palettes import difference, seen_from_afar
from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results

COLOURS = (8, 16, 64)
WAYS = {"none": False, "edge-aware": True, "everywhere": {"method": "floyd-steinberg", "edge_aware": False}}
STRAY_COLOURS = (16, 64, 256)
METHODS = ("floyd-steinberg", "blue-noise")
# A stray dot's CIEDE2000 from the picture, and its distance in CIELAB's plane of a* and b* from all neighbours.
FAR, ALONE = 10.0, 10.0


def drawing() -> np.ndarray:
    """A page of forty flat areas with text in them."""
    rng = np.random.default_rng(0)
    page = Image.new("RGB", (640, 480), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for number in range(40):
        x, y = number % 5 * 128, number // 5 * 60
        paper, ink = rng.integers(150, 256, 3), rng.integers(0, 110, 3)
        draw.rectangle((x, y, x + 120, y + 52), fill=tuple(paper.tolist()))
        draw.text((x + 6, y + 14), f"Area {number}, flat", fill=tuple(ink.tolist()), font=font)
    return np.asarray(page)


def measure(pixels: np.ndarray, k: int) -> dict[str, dict[str, float]]:
    plain, distant = rustem.quantize(pixels, k), seen_from_afar(pixels)
    results = {}
    for name, dither in WAYS.items():
        result = rustem.quantize(pixels, k, dither=dither)
        results[name] = {
            "moved": 100 * float((result.labels != plain.labels).mean()),
            "afar": difference(distant, seen_from_afar(result.image)),
            "near": difference(pixels / 255.0, result.image / 255.0),
        }
    return results


def stray_dots(pixels: np.ndarray, labels: np.ndarray, palette: np.ndarray) -> float:
    """Per mille of the pixels that are far from the picture's colour, and in hue or chroma from all neighbours."""
    entries = rgb2lab(palette[np.newaxis] / 255.0)[0][labels]
    stray = deltaE_ciede2000(rgb2lab(pixels / 255.0), entries) > FAR
    height, width = labels.shape
    framed = np.pad(entries[..., 1:], ((1, 1), (1, 1), (0, 0)), constant_values=np.inf)
    for number in (0, 1, 2, 3, 5, 6, 7, 8):
        neighbour = framed[number // 3 :, number % 3 :][:height, :width]
        stray &= ((entries[..., 1:] - neighbour) ** 2).sum(axis=2) > ALONE**2
    return 1000 * float(stray.mean())


def measure_stray_dots(pictures: dict[str, np.ndarray]) -> list[dict]:
    rows = []
    for name, pixels in pictures.items():
        for k in STRAY_COLOURS:
            plain = rustem.quantize(pixels, k)
            row = {"picture": name, "k": k, "none": stray_dots(pixels, plain.labels, plain.palette)}
            for method in METHODS:
                labels = rustem.dither(pixels, plain.palette, method=method)
                row[method] = stray_dots(pixels, labels, plain.palette)
            rows.append(row)
    return rows


def stray_table(rows: list[dict], before: list[dict]) -> str:
    lines = [
        "Stray dots, per mille of the pixels: without dithering; by Floyd–Steinberg and by blue noise, before and now:",
        "",
        f"| picture | {' | '.join(f'k = {k}, none | Floyd–Steinberg | blue noise' for k in STRAY_COLOURS)} |",
        "|---" * (3 * len(STRAY_COLOURS) + 1) + "|",
    ]
    pictures = list(dict.fromkeys(row["picture"] for row in rows))
    for name in [*pictures, "mean"]:
        cells = []
        for k in STRAY_COLOURS:
            now, then = (
                [row for row in some if row["k"] == k and (name == "mean" or row["picture"] == name)]
                for some in (rows, before)
            )
            cells.append(f"{np.mean([row['none'] for row in now]):.1f}")
            for method in METHODS:
                means = [np.mean([row[method] for row in some]) for some in (then, now)]
                cells.append(" → ".join(f"{mean:.1f}" for mean in means))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def table(rows: list[dict]) -> str:
    lines = [
        "Per cent of the pixels that are not at their nearest entry; CIEDE2000 pixel by pixel; and seen from afar:",
        "",
        f"| picture | dithering | {' | '.join(f'k = {k}' for k in COLOURS)} |",
        "|---" * (len(COLOURS) + 2) + "|",
    ]
    for picture in dict.fromkeys(row["picture"] for row in rows):
        for name in WAYS:
            found = [row[name] for row in rows if row["picture"] == picture]
            cells = [f"{cell['moved']:.1f} %, {cell['near']:.2f}, {cell['afar']:.2f}" for cell in found]
            lines.append(f"| {picture} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=RESULTS / "dithering.json")
    parser.add_argument("--docs", type=Path, help="page whose table is replaced")
    options = parser.parse_args()
    folder = os.environ.get("RUSTEM_DATA")
    if folder is None:
        raise SystemExit("RUSTEM_DATA names no folder of pictures: nothing to measure")
    kodak = {
        path.stem: np.asarray(Image.open(path).convert("RGB")) for path in sorted(Path(folder, "kodak").glob("*.png"))
    }
    photographs = list(kodak.values())[::3]
    rows = []
    for name, pictures in {"flat areas and text": [drawing()], f"{len(photographs)} photographs": photographs}.items():
        for k in COLOURS:
            found = [measure(pixels, k) for pixels in pictures]
            mean = {
                way: {key: float(np.mean([one[way][key] for one in found])) for key in ("moved", "near", "afar")}
                for way in WAYS
            }
            rows.append({"picture": name, "k": k, **mean})
    others = {name: np.ascontiguousarray(getattr(data, name)()) for name in ("astronaut", "coffee", "chelsea")}
    stray = measure_stray_dots(kodak | others)
    write_results(options.report, {"machine": machine(), "rows": rows, "stray_dots": stray})
    before = json.loads((RESULTS / "stray_dots_before.json").read_text(encoding="utf-8"))
    text, stray_text = table(rows), stray_table(stray, before)
    print(text, stray_text, sep="\n\n")
    if options.docs:
        replace_table(options.docs, "dithering", text)
        replace_table(options.docs, "stray-dots", stray_text)


if __name__ == "__main__":
    main()
