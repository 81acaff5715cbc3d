"""The default of `segment()`: families of covariances and shares of noise, by what people see and draw.

    python -m benchmarks.mixture.defaults --docs docs/guides/segment.md --sheet docs/images/defaults.jpg

Label maps are compared with what people drew (the Berkeley training pictures: Covering, Probabilistic Rand Index,
Variation of Information); pictures of k colours with their originals (Kodak, CQ100: PSNR, SSIM, CIEDE2000, and that of
the two per cent of pixels of the highest chroma, which are what is small and vivid).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

import rustem
from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results

LABEL_MAPS = (4, 5, 8)
PICTURES = (4, 8, 16, 32, 64)
SETTINGS = {
    "full, no noise (before)": {"noise": 0},
    "full, 0.06": {"noise": 0.06},
    "full, 0.12 (default)": {},
    "full, 0.18": {"noise": 0.18},
    "tied, no noise": {"covariance_type": "tied", "noise": 0},
    "diag, 0.12": {"covariance_type": "diag"},
    "spherical, no noise": {"covariance_type": "spherical", "noise": 0},
}
# Public domain or CC0, as scikit-image says of them.
SHEET = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry")


def main() -> None:
    """Measure, keep, write the tables and the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, help="page whose tables are replaced")
    parser.add_argument("--sheet", type=Path, help="write pictures before and after")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take each N-th picture only")
    parser.add_argument("--kept", action="store_true", help="tables of the results that are kept")
    args = parser.parse_args()
    report = RESULTS / "defaults.json"
    if args.kept:
        results = json.loads(report.read_text())
    else:
        data = Path(os.environ.get("RUSTEM_DATA", "../shared/data"))
        results = {
            "machine": machine(),
            "label_maps": label_maps(data, args.every),
            "pictures": pictures(data, args.every),
        }
        if args.every == 1:
            write_results(report, results)
    tables = {"label-maps": label_map_table(results["label_maps"]), "pictures": picture_table(results["pictures"])}
    for name, table in tables.items():
        print(table, end="\n\n")
        if args.docs:
            replace_table(args.docs, name, table)
    if args.sheet:
        sheet(args.sheet)


def label_maps(data: Path, every: int) -> list[dict]:
    """Scores of label maps against what people drew, means over the pictures."""
    from scipy.io import loadmat

    sys.path.insert(0, str(data.parent / "tools"))
    from bsds_metrics import score

    rows: dict[tuple[str, int], list] = {}
    for path in sorted((data / "bsds500" / "images").glob("*/*.jpg"))[::every]:
        drawn = loadmat(next((data / "bsds500" / "groundTruth").glob(f"*/{path.stem}.mat")))["groundTruth"][0]
        people = [each["Segmentation"][0, 0] for each in drawn]
        for name, k in ((name, k) for name in SETTINGS for k in LABEL_MAPS):
            found = rustem.segment(path, k, **SETTINGS[name])
            rows.setdefault((name, k), []).append(score(found.labels, people))
    return [
        {"setting": name, "k": k, "n": len(each), **dict(zip(("covering", "pri", "vi"), np.mean(each, 0), strict=True))}
        for (name, k), each in rows.items()
    ]


def pictures(data: Path, every: int) -> list[dict]:
    """Likeness of pictures of k colours, means over the pictures."""
    rows: dict[tuple[str, int], list] = {}
    for path in sorted([*(data / "kodak").glob("*.png"), *(data / "cq100").glob("*.png")])[::every]:
        original = np.asarray(Image.open(path).convert("RGB"))
        for name, k in ((name, k) for name in [*SETTINGS, "quantize()"] for k in PICTURES):
            start = time.perf_counter()
            if name == "quantize()":
                found = rustem.quantize(original, k)
            else:
                found = rustem.segment(original, k, **SETTINGS[name])
            seconds = time.perf_counter() - start
            narrow = getattr(found, "n_on_floor", 0) / k
            rows.setdefault((name, k), []).append((*likeness(original, found.image), narrow, seconds))
    names = ("psnr", "ssim", "ciede2000", "vivid", "narrow", "seconds")
    return [
        {"setting": name, "k": k, "n": len(each), **dict(zip(names, np.mean(each, 0), strict=True))}
        for (name, k), each in rows.items()
    ]


def likeness(original: np.ndarray, found: np.ndarray) -> tuple[float, float, float, float]:
    """PSNR, SSIM, CIEDE2000, and CIEDE2000 of the most vivid two per cent."""
    from skimage.color import deltaE_ciede2000, rgb2lab
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    lab = rgb2lab(original)
    difference = deltaE_ciede2000(lab, rgb2lab(found))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    vivid = chroma >= np.quantile(chroma, 0.98)
    return (
        peak_signal_noise_ratio(original, found),
        structural_similarity(original, found, channel_axis=-1),
        difference.mean(),
        difference[vivid].mean(),
    )


def label_map_table(rows: list[dict]) -> str:
    """Covering, PRI and VI of each setting."""
    lines = [
        f"| {rows[0]['n']} pictures | " + " | ".join(f"k = {k}" for k in LABEL_MAPS) + " |",
        "|---|" + "---|" * len(LABEL_MAPS),
    ]
    for name in SETTINGS:
        cells = [next(row for row in rows if (row["setting"], row["k"]) == (name, k)) for k in LABEL_MAPS]
        lines.append(
            f"| {name} | " + " | ".join(f"{c['covering']:.3f}, {c['pri']:.3f}, {c['vi']:.2f}" for c in cells) + " |"
        )
    return "\n".join(lines)


def picture_table(rows: list[dict]) -> str:
    """PSNR, SSIM and CIEDE2000 of each setting, with that of what is vivid."""
    lines = [
        f"| {rows[0]['n']} pictures | " + " | ".join(f"k = {k}" for k in PICTURES) + " |",
        "|---|" + "---|" * len(PICTURES),
    ]
    for name in [*SETTINGS, "quantize()"]:
        cells = [next(row for row in rows if (row["setting"], row["k"]) == (name, k)) for k in PICTURES]
        lines.append(
            f"| {name} | "
            + " | ".join(f"{c['psnr']:.1f} dB, {c['ssim']:.2f}, {c['ciede2000']:.2f}, {c['vivid']:.2f}" for c in cells)
            + " |"
        )
    return "\n".join(lines)


def sheet(path: Path, side: int = 220) -> None:
    """Original, before, after at 32 colours; label maps before and after at 8."""
    from skimage import data

    columns = ("original", "32, before", "32, default", "8 labels, before", "8 labels, default")
    canvas = Image.new("RGB", (side * len(columns), side * len(SHEET) + 20), "white")
    draw = ImageDraw.Draw(canvas)
    for column, text in enumerate(columns):
        draw.text((column * side + 6, 4), text, fill="black")
    for line, name in enumerate(SHEET):
        pixels = getattr(data, name)()
        before, after = SETTINGS["full, no noise (before)"], {}
        shown = [pixels]
        shown += [rustem.segment(pixels, 32, **keywords).image for keywords in (before, after)]
        shown += [flat(rustem.segment(pixels, 8, **keywords).labels) for keywords in (before, after)]
        for column, each in enumerate(shown):
            picture = ImageOps.fit(Image.fromarray(each), (side - 4, side - 4))
            canvas.paste(picture, (column * side + 2, line * side + 22))
    canvas.save(path, quality=82)


def flat(labels: np.ndarray) -> np.ndarray:
    """A label map in colours that are far apart."""
    from matplotlib import colormaps

    return (np.array(colormaps["Set1"].colors)[labels % 9] * 255).astype(np.uint8)


if __name__ == "__main__":
    main()
