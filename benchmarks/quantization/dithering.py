"""What edge-aware dithering leaves alone, and what that costs where dithering helps.

    RUSTEM_DATA=folder python -m benchmarks.quantization.dithering --docs docs/guides/palettes.md

RUSTEM_DATA names a folder with kodak/*.png. The drawing, of flat areas and text, is made by the script.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import rustem
from benchmarks.quantization.palettes import difference, seen_from_afar
from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results

COLOURS = (8, 16, 64)
WAYS = {"none": False, "edge-aware": True, "everywhere": {"method": "floyd-steinberg", "edge_aware": False}}


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
    data = os.environ.get("RUSTEM_DATA")
    if data is None:
        raise SystemExit("RUSTEM_DATA names no folder of pictures: nothing to measure")
    photographs = [
        np.asarray(Image.open(path).convert("RGB")) for path in sorted(Path(data, "kodak").glob("*.png"))[::3]
    ]
    rows = []
    for name, pictures in {"flat areas and text": [drawing()], f"{len(photographs)} photographs": photographs}.items():
        for k in COLOURS:
            found = [measure(pixels, k) for pixels in pictures]
            mean = {
                way: {key: float(np.mean([one[way][key] for one in found])) for key in ("moved", "near", "afar")}
                for way in WAYS
            }
            rows.append({"picture": name, "k": k, **mean})
    write_results(options.report, {"machine": machine(), "rows": rows})
    text = table(rows)
    print(text)
    if options.docs:
        replace_table(options.docs, "dithering", text)


if __name__ == "__main__":
    main()
