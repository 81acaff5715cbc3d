"""Seconds of palettes: beside libimagequant, beside the decoding of a large photograph's JPEG, and of dithering.

    RUSTEM_DATA=folder python -m benchmarks.quantization.palette_speed --docs docs/guides/palettes.md

RUSTEM_DATA names a folder with kodak/*.png and large/*.jpg. Contenders take turns, and the best of all turns counts.
Times are those of the wall clock: nothing else should run. Writes a JSON report and, if asked, the table of the page.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import rustem
from benchmarks.quantization.palette_peers import libimagequant
from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results
from rustem import _core
from rustem.arguments import available_cpus

PHOTOGRAPHS = ("sunset_by_Aitzol_Berasategi.jpg", "seeding_by_Clements_Engelhardt.jpg")
MOSAIC = "a mosaic of Kodak photographs"
SECONDS_FOR_DITHERING = 1.0


def best_of(turns: int, contenders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The shortest time of each, all taking turns."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(turns):
        for name, work in contenders.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def picture_of(pixels: np.ndarray, k: int, **options: object) -> np.ndarray:
    return rustem.quantize(pixels, k, **options).image


def beside_libimagequant(folder: Path, turns: int) -> list[dict]:
    """Totals over four Kodak photographs, one thread each, undithered."""
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))[::3]]
    results = []
    for k in (8, 16, 32, 64, 256):
        totals: dict[str, float] = {}
        for pixels in pictures:
            contenders = {
                "rustem, srgb": partial(picture_of, pixels, k, color_space="srgb", n_threads=1),
                "rustem, oklab": partial(picture_of, pixels, k, n_threads=1),
                "libimagequant": partial(libimagequant(0.0), pixels, k),
            }
            times = best_of(turns, contenders)
            totals = {name: totals.get(name, 0) + seconds for name, seconds in times.items()}
        results.append({"k": k, "pictures": len(pictures), **totals})
        print(results[-1], flush=True)
    return results


def decode(file: bytes) -> None:
    Image.open(io.BytesIO(file)).load()


def mosaic(folder: Path) -> bytes:
    """The Kodak photographs over and over, 24 megapixels, as a JPEG."""
    upright = [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))]
    tiles = [
        np.asarray(tile if tile.width > tile.height else tile.transpose(Image.Transpose.ROTATE_90)) for tile in upright
    ]
    rows = [np.hstack([tiles[(8 * row + column) % len(tiles)] for column in range(8)]) for row in range(8)]
    file = io.BytesIO()
    Image.fromarray(np.vstack(rows)[:4000, :6000]).save(file, "JPEG", quality=90)
    return file.getvalue()


def beside_decoding(data: Path, turns: int) -> list[dict]:
    """A palette of 256, alone and with the picture in its colours, against reading the picture's JPEG."""
    files = {name: (data / "large" / name).read_bytes() for name in PHOTOGRAPHS}
    files[MOSAIC] = mosaic(data / "kodak")
    threads, results = available_cpus(), []
    for name, file in files.items():
        pixels = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
        contenders = {
            "decoding": partial(decode, file),
            "counting": partial(_core.count_colors, pixels.reshape(-1, 3), threads, None),
            "palette, srgb": partial(rustem.palette, pixels, 256, color_space="srgb"),
            "palette, oklab": partial(rustem.palette, pixels, 256),
            "srgb": partial(rustem.quantize, pixels, 256, color_space="srgb"),
            "oklab": partial(rustem.quantize, pixels, 256),
        }
        times = best_of(turns, contenders)
        results.append({"picture": name, "megapixels": pixels.shape[0] * pixels.shape[1] / 1e6, **times})
        print(results[-1], flush=True)
    return results


def dithering(folder: Path, turns: int) -> dict:
    """The larger photograph, from the picture to the labels of a given palette of 16 colours."""
    pixels = np.asarray(Image.open(folder / PHOTOGRAPHS[1]).convert("RGB"))
    palette = rustem.quantize(np.ascontiguousarray(pixels[::4, ::4]), 16).palette
    methods = ("floyd-steinberg", "blue-noise")
    times = best_of(turns, {m: partial(rustem.dither, pixels, palette, method=m) for m in methods})
    result = {"megapixels": pixels.shape[0] * pixels.shape[1] / 1e6, **times}
    print(result, flush=True)
    return result


def tables(summary: dict) -> str:
    threads = summary["threads"]
    lines = [
        "Seconds for all of four Kodak photographs, one thread, beside libimagequant at its slowest and best speed:",
        "",
        "| k | rustem, srgb | rustem, oklab | libimagequant | srgb ÷ libimagequant |",
        "|---|---|---|---|---|",
    ]
    for row in summary["libimagequant"]:
        ours, oklab, theirs = row["rustem, srgb"], row["rustem, oklab"], row["libimagequant"]
        lines.append(f"| {row['k']} | {ours:.3f} | {oklab:.3f} | {theirs:.3f} | {ours / theirs:.2f} |")
    lines += [
        "",
        f"256 colours for a photograph in memory, on {threads} threads: the palette alone, by `rustem.palette`, and "
        "with the picture in it, by `rustem.quantize`. Seconds, and beside decoding the JPEG; the target is 1:",
        "",
        "| megapixels | decoding | counting | palette, oklab | palette, srgb | picture, oklab | picture, srgb "
        "| palette, oklab ÷ decoding | palette, srgb ÷ | picture, oklab ÷ | picture, srgb ÷ |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in summary["decoding"]:
        size = f"{row['megapixels']:.1f}" + (f" ({MOSAIC})" if row["picture"] == MOSAIC else "")
        ours = [row[name] for name in ("palette, oklab", "palette, srgb", "oklab", "srgb")]
        seconds = " | ".join(f"{time:.3f}" for time in (row["decoding"], row["counting"], *ours))
        ratios = " | ".join(f"{time / row['decoding']:.2f}" for time in ours)
        lines.append(f"| {size} | {seconds} | {ratios} |")
    dithered = summary["dithering"]
    lines += [
        "",
        f"Dithering {dithered['megapixels']:.1f} megapixels to 16 given colours on {threads} threads; the target is "
        f"{SECONDS_FOR_DITHERING:g} s:",
        "",
        "| method | seconds |",
        "|---|---|",
        *(f"| {name} | {seconds:.2f} |" for name, seconds in dithered.items() if name != "megapixels"),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="of which the best counts (5)")
    parser.add_argument("--report", type=Path, default=RESULTS / "palette_speed.json")
    parser.add_argument("--docs", type=Path, help="page whose tables are replaced")
    options = parser.parse_args()
    data = os.environ.get("RUSTEM_DATA")
    if data is None:
        raise SystemExit("RUSTEM_DATA names no folder of pictures: nothing to measure")
    summary = {
        "machine": machine(),
        "threads": available_cpus(),
        "libimagequant": beside_libimagequant(Path(data, "kodak"), options.turns),
        "decoding": beside_decoding(Path(data), options.turns),
        "dithering": dithering(Path(data, "large"), options.turns),
    }
    write_results(options.report, summary)
    text = tables(summary)
    print(text)
    if options.docs:
        replace_table(options.docs, "palette-speed", text)


if __name__ == "__main__":
    main()
