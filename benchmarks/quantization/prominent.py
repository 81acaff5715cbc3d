"""Palettes that contain what people name: prominent colours beside the plain palette and two peers, on 20 pictures.

    RUSTEM_DATA=folder python -m benchmarks.quantization.prominent \
        --docs docs/guides/palettes.md --sheet docs/images/prominent.jpg

RUSTEM_DATA names a folder with kodak/*.png and cq100/*.png; two pictures come with scikit-image. Colour Thief is the
package colorthief [1]_. What node-vibrant does is repeated from its documented targets and weights [2]_, on 64 colours
of the same median cut; swatches that it derives from others, for lack of any in the picture, are left out.

References
----------
.. [1] https://github.com/fengsp/color-thief-py
.. [2] https://vibrant.dev and https://developer.android.com/reference/androidx/palette/graphics/Target
"""

from __future__ import annotations

import argparse
import os
from colorsys import rgb_to_hls
from pathlib import Path

import numpy as np
import skimage.data
from colorthief import MMCQ
from PIL import Image, ImageDraw, ImageFont
from skimage.color import deltaE_ciede2000, rgb2lab

import rustem
from benchmarks.shared.machine import machine
from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS, write_results

K = 8
# CIEDE2000 with half the weight on lightness (k_L = 2) up to which an entry is taken for a named colour.
FOUND = 10.0
# CIEDE2000 below which two entries are near-duplicates.
ALIKE = 10.0
# What a person names in each picture, read off with an eyedropper: caps, balloons, feathers, eyes, walls.
NAMED = {
    "kodim03": "a3b516 bb3311 537c26 ed3e68 3d4c71 5f6c71 807a60",
    "kodim07": "902c11 e2a590 85806d",
    "kodim09": "bfaa3d 1b2a4e 83556e 757c79",
    "kodim15": "b5242e 8b8247 322123 bde3cc 337081",
    "astronaut": "e3704a 3d2f7c deb5a1 000000 d3c9c2 4c360c",
    "adirondack_chairs": "fdc3d2 e03040 c398e6 fc7a18 1040b0 5a7323",
    "birthday_balloons": "bff2ff ffe40f ff4801 d66ff6 0ea3ff 9ac228 ffffff",
    "chalk_pastels": "d09e44 ecc700 fe2f8a 0051bb 0ab201 bf3b37 005b48 9a3a59",
    "daisy_bouquet": "0291eb ba0183 f0d003",
    "felt_ball_trivet": "edc800 eb8000 ac0001 839a34 d99594 1b1d3b d6b6a5",
    "fruits": "464f88 4f6326 df4221 fb7fbe f8d730",
    "king_vulture": "db461c cfe9fc e4b219 696892 0f1820",
    "macaws": "8b322d fccc0f 658c93 52771e",
    "pencils": "46610f ecae05 fe7e3a aa1015 192515",
    "puffin": "b93902 55b6ca 081418 968c81 485507 8b6b4c",
    "shawls": "224cba e5b604 d08bbd 9be015 c75154 c88605 0391a1",
    "sports_bicycles": "c9ac2c cc3713 215fa4",
    "rose_bouquet": "f9c507 bb3a7a e04a02 c8be5d b13e02 6a012e",
    "coffee": "a8290f e99437 f8ede5 964723 24170e",
    "chelsea": "88723a 75250b aa8361 80695f",
}
# Swatches of node-vibrant: least, wanted and largest luma; least, wanted and largest saturation.
SWATCHES = {
    "vibrant": ((0.3, 0.5, 0.7), (0.35, 1.0, 1.0)),
    "light vibrant": ((0.55, 0.74, 1.0), (0.35, 1.0, 1.0)),
    "dark vibrant": ((0.0, 0.26, 0.45), (0.35, 1.0, 1.0)),
    "muted": ((0.3, 0.5, 0.7), (0.0, 0.3, 0.4)),
    "light muted": ((0.55, 0.74, 1.0), (0.0, 0.3, 0.4)),
    "dark muted": ((0.0, 0.26, 0.45), (0.0, 0.3, 0.4)),
}
OF_SATURATION, OF_LUMA, OF_POPULATION = 3.0, 6.5, 0.5


def median_cut(pixels: np.ndarray, k: int) -> list[tuple[tuple[int, ...], int]]:
    """Colours and counts of the modified median cut; of each fifth pixel, and without the nearly white."""
    some = [tuple(color) for color in pixels.reshape(-1, 3)[::5].tolist() if min(color) <= 250]
    boxes = MMCQ.quantize(some, k).vboxes.contents
    return [(tuple(box["color"]), box["vbox"].count) for box in boxes]


def color_thief(pixels: np.ndarray) -> np.ndarray:
    return np.array([color for color, _ in median_cut(pixels, K + 1)[:K]], np.uint8)  # which gives one less


def vibrant(pixels: np.ndarray) -> np.ndarray:
    colors = median_cut(pixels, 64)
    largest = max(count for _, count in colors)
    taken: list[tuple[int, ...]] = []
    for luma, saturation in SWATCHES.values():
        scores = {}
        for color, count in colors:
            _, own_luma, own_saturation = rgb_to_hls(*(value / 255 for value in color))
            inside = luma[0] <= own_luma <= luma[2] and saturation[0] <= own_saturation <= saturation[2]
            if inside and color not in taken:
                scores[color] = (
                    OF_SATURATION * (1 - abs(own_saturation - saturation[1]))
                    + OF_LUMA * (1 - abs(own_luma - luma[1]))
                    + OF_POPULATION * count / largest
                )
        if scores:
            taken.append(max(scores, key=scores.__getitem__))
    return np.array(taken, np.uint8)


def plain(pixels: np.ndarray) -> np.ndarray:
    return rustem.palette(pixels, K).colors


def prominent(pixels: np.ndarray) -> np.ndarray:
    return rustem.palette(pixels, K, goal="prominent").colors


WAYS = {
    'goal="prominent"': prominent,
    "plain palette": plain,
    "Colour Thief": color_thief,
    "node-vibrant's method": vibrant,
}


def pictures(data: Path) -> dict[str, np.ndarray]:
    paths = {path.stem: path for folder in ("kodak", "cq100") for path in (data / folder).glob("*.png")}
    return {
        name: np.asarray(Image.open(paths[name]).convert("RGB"))
        if name in paths
        else np.ascontiguousarray(getattr(skimage.data, name)())
        for name in NAMED
    }


def measure(pixels: np.ndarray, named: str, palette: np.ndarray) -> dict[str, float]:
    wanted = np.array([list(bytes.fromhex(color)) for color in named.split()])
    labs = [rgb2lab(colors / 255.0) for colors in (wanted, palette)]
    apart = deltaE_ciede2000(labs[0][:, np.newaxis], labs[1][np.newaxis], kL=2)
    between = deltaE_ciede2000(labs[1][:, np.newaxis], labs[1][np.newaxis])[np.triu_indices(len(palette), 1)]
    own = {tuple(color) for color in np.unique(pixels.reshape(-1, 3), axis=0).tolist()}
    return {
        "named": len(wanted),
        "found": int((apart.min(axis=1) <= FOUND).sum()),
        "entries": len(palette),
        "alike": int((between < ALIKE).sum()),
        "own": sum(tuple(color) in own for color in palette.tolist()),
    }


def table(rows: list[dict]) -> str:
    lines = [
        f"Named colours found, pairs of entries that are alike, and entries that occur in the picture; sums of "
        f"{len(NAMED)} pictures:",
        "",
        "| | named colours found | near-duplicates | entries that occur |",
        "|---|---|---|---|",
    ]
    for way in WAYS:
        some = [row[way] for row in rows]
        named, found, entries, alike, own = (
            sum(row[key] for row in some) for key in ("named", "found", "entries", "alike", "own")
        )
        lines.append(f"| {way} | {found} of {named} | {alike} | {own} of {entries} |")
    return "\n".join(lines)


def sheet(some: dict[str, np.ndarray], palettes: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Each picture beside its palettes."""
    height, width, swatch, per_row = 116, 176, 26, 2
    row_width = width + K * swatch + 16
    page = Image.new("RGB", (per_row * row_width, -(-len(some) // per_row) * (height + 8) + 20), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for column in range(per_row):
        text = "from above: " + ", ".join(WAYS)
        draw.text((column * row_width, 2), text if column == 0 else "", fill="black", font=font)
    for number, (name, pixels) in enumerate(some.items()):
        left, top = number % per_row * row_width, 20 + number // per_row * (height + 8)
        thumbnail = Image.fromarray(pixels)
        thumbnail.thumbnail((width, height), Image.Resampling.LANCZOS)
        page.paste(thumbnail, (left, top))
        for line, palette in enumerate(palettes[name].values()):
            for place, color in enumerate(palette.tolist()):
                x, y = left + width + 4 + place * swatch, top + line * height // 4
                draw.rectangle((x, y, x + swatch - 2, y + height // 4 - 4), fill=tuple(color))
    page.save(path, quality=85, subsampling=0, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path, default=RESULTS / "prominent.json")
    parser.add_argument("--docs", type=Path, help="page whose table is replaced")
    parser.add_argument("--sheet", type=Path, help="picture of the palettes side by side")
    options = parser.parse_args()
    folder = os.environ.get("RUSTEM_DATA")
    if folder is None:
        raise SystemExit("RUSTEM_DATA names no folder of pictures: nothing to measure")
    some = pictures(Path(folder))
    palettes = {name: {way: make(pixels) for way, make in WAYS.items()} for name, pixels in some.items()}
    rows = [
        {
            "picture": name,
            **{way: measure(pixels, NAMED[name], palette) for way, palette in palettes[name].items()},
        }
        for name, pixels in some.items()
    ]
    write_results(options.report, {"machine": machine(), "rows": rows})
    text = table(rows)
    print(text)
    if options.docs:
        replace_table(options.docs, "prominent", text)
    if options.sheet:
        sheet(some, palettes, options.sheet)


if __name__ == "__main__":
    main()
