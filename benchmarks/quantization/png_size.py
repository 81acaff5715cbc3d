"""Size of indexed PNG files beside pngquant's at the same number of colours, with what was lost for it.

    RUSTEM_DATA=folder python -m benchmarks.quantization.png_size --docs docs/guides/palettes.md

RUSTEM_DATA names a folder with kodak/*.png. pngquant runs at its slowest and best speed (apt install pngquant). Its
pixels are also written by rustem, which tells how much is due to the file and how much to the choice of pixels.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

import rustem
from benchmarks.quantization.palettes import difference, seen_from_afar
from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results
from rustem import images
from rustem.images import indexed_png

COLOURS = (4, 16, 64, 256)
OURS = {
    "rustem, srgb": {"color_space": "srgb"},
    "rustem, oklab": {},
    "rustem, Floyd–Steinberg": {"dither": True},
    "rustem, Floyd–Steinberg, strength 0.5": {"dither": {"method": "floyd-steinberg", "strength": 0.5}},
    "rustem, blue noise": {"dither": "blue-noise"},
}
PNGQUANT = {"pngquant": "--nofs", "pngquant, dithered": "--floyd=1"}


def by_pngquant(source: bytes, k: int, dither: str) -> bytes:
    command = ["pngquant", "--speed", "1", dither, str(k), "-"]
    return subprocess.run(command, input=source, capture_output=True, check=True).stdout


def files(pixels: np.ndarray, k: int, folder: Path) -> dict[str, bytes]:
    """The picture as a file, by each contender."""
    made = {}
    for name, options in OURS.items():
        rustem.quantize(pixels, k, **options).save(folder / "ours.png")
        made[name] = (folder / "ours.png").read_bytes()
    plain = io.BytesIO()
    Image.fromarray(pixels).save(plain, "PNG", compress_level=0)
    for name, dither in PNGQUANT.items():
        made[name] = by_pngquant(plain.getvalue(), k, dither)
        indexed = Image.open(io.BytesIO(made[name]))
        palette = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
        images.write_indexed(folder / "theirs.png", np.asarray(indexed), palette)
        made[f"{name}, written by rustem"] = (folder / "theirs.png").read_bytes()
    return made


def other_forms(result: rustem.Quantization) -> dict[str, int]:
    """Bytes of the compressed pixels in the form that is written, and in others."""
    darkest_first = np.argsort(result.palette @ np.array([0.2, 0.7, 0.1]), kind="stable")
    ordered = np.argsort(darkest_first)[result.labels].astype(np.uint8)
    labels = result.labels.astype(np.uint8)
    bits = next(bits for bits in (1, 2, 4, 8) if result.n_colors <= 2**bits)

    def size(labels: np.ndarray, filter_: int, memory: int) -> int:
        rows = np.frombuffer(b"".join(indexed_png._rows(labels, bits)), np.uint8).reshape(len(labels), -1).copy()
        pixels, rows[:, 0] = rows[:, 1:].copy(), filter_
        if filter_ == 1:
            rows[:, 2:] -= pixels[:, :-1]
        elif filter_ == 2:
            rows[1:, 1:] -= pixels[:-1]
        packer = zlib.compressobj(9, zlib.DEFLATED, 15, memory)
        return len(packer.compress(rows.tobytes()) + packer.flush())

    sizes = {f"memory level {level}": size(labels, 0, level) for level in (6, 8, 9)}
    sizes["ordered by lightness"] = size(ordered, 0, 7)
    sizes |= {f"ordered, filter {name}": size(ordered, number, 7) for name, number in (("sub", 1), ("up", 2))}
    written = size(labels, 0, 7)
    return {"as written": written, **sizes, "the best of these": min(written, *sizes.values())}


def measure_forms(paths: list[Path]) -> list[dict]:
    rows = []
    for k in COLOURS:
        found = [other_forms(rustem.quantize(np.asarray(Image.open(path).convert("RGB")), k)) for path in paths]
        rows.append({"k": k, **{name: sum(one[name] for one in found) for name in found[0]}})
    return rows


def forms_table(rows: list[dict]) -> str:
    lines = [
        "The pixels' size in other forms, per cent more than as written:",
        "",
        f"| k | {' | '.join(map(str, COLOURS))} |",
        "|---" * (len(COLOURS) + 1) + "|",
    ]
    for name in rows[0]:
        if name not in ("k", "as written"):
            cells = [f"{100 * (row[name] / row['as written'] - 1):+.1f}" for row in rows]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure(paths: list[Path]) -> list[dict]:
    totals: dict[tuple[str, int], list[tuple[int, float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            pixels = np.asarray(Image.open(path).convert("RGB"))
            distant = seen_from_afar(pixels)
            for k in COLOURS:
                for name, file in files(pixels, k, Path(folder)).items():
                    result = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
                    error = ((pixels.astype(np.float64) - result) ** 2).mean()
                    afar = difference(distant, seen_from_afar(result))
                    totals.setdefault((name, k), []).append((len(file), 10 * np.log10(255**2 / error), afar))
            print(path.stem, flush=True)
    return [
        {"who": name, "k": k, **dict(zip(("bytes", "psnr", "afar"), np.mean(values, axis=0).tolist(), strict=True))}
        for (name, k), values in totals.items()
    ]


def table(rows: list[dict], n_pictures: int) -> str:
    lines = [
        f"Mean over {n_pictures} Kodak photographs: kilobytes, PSNR in dB, CIEDE2000 seen from afar.",
        "",
        f"| k | {' | '.join(map(str, COLOURS))} |",
        "|---" * (len(COLOURS) + 1) + "|",
    ]
    for name in dict.fromkeys(row["who"] for row in rows):
        cells = [
            f"{row['bytes'] / 1000:.1f}, {row['psnr']:.2f}, {row['afar']:.2f}" for row in rows if row["who"] == name
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=RESULTS / "png_size.json")
    parser.add_argument("--docs", type=Path, help="page whose table is replaced")
    options = parser.parse_args()
    data = os.environ.get("RUSTEM_DATA")
    if data is None or shutil.which("pngquant") is None:
        raise SystemExit("RUSTEM_DATA names no folder of pictures, or pngquant is missing: the comparison is left out")
    paths = sorted(Path(data, "kodak").glob("*.png"))[::2]
    rows, forms = measure(paths), measure_forms(paths)
    summary = {"machine": machine(), "rows": rows, "forms": forms}
    write_results(options.report, summary)
    text = f"{table(rows, len(paths))}\n\n{forms_table(forms)}"
    print(text)
    if options.docs:
        replace_table(options.docs, "png-size", text)


if __name__ == "__main__":
    main()
