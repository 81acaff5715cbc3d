"""Pictures in few colours side by side, for docs/guides/palettes.md; of pictures that come with scikit-image.

python -m benchmarks.quantization.gallery docs/images/palettes.jpg
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

import rustem
from benchmarks.quantization.palette_peers import libimagequant, pillow

K, SIDE, GAP, LINE = 16, 232, 6, 22
COLUMNS = ("original", "rustem", "rustem, dithered", "libimagequant", "Pillow, median cut")


def row(pixels: np.ndarray) -> list[np.ndarray]:
    """The original, and what is made of it in each column."""
    return [
        pixels,
        rustem.quantize(pixels, K).image,
        rustem.quantize(pixels, K, dither=True).image,
        libimagequant(0.0)(pixels, K)[0],
        pillow(Image.Quantize.MEDIANCUT)(pixels, K)[0],
    ]


def main() -> None:
    # The astronaut is NASA's, in the public domain; the coffee is Rachel Michetti's, given away under CC0.
    pictures = [
        np.ascontiguousarray(skimage.data.astronaut()[10 : 10 + SIDE, 110 : 110 + SIDE]),
        np.ascontiguousarray(skimage.data.coffee()[70 : 70 + SIDE, 190 : 190 + SIDE]),
    ]
    width, height = len(COLUMNS) * (SIDE + GAP) - GAP, LINE + len(pictures) * (SIDE + GAP) - GAP
    sheet = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, title in enumerate(COLUMNS):
        draw.text((column * (SIDE + GAP), 2), title, fill="black", font=font)
    for number, pixels in enumerate(pictures):
        for column, made in enumerate(row(pixels)):
            sheet.paste(Image.fromarray(made), (column * (SIDE + GAP), LINE + number * (SIDE + GAP)))
    sheet.save(Path(sys.argv[1]), quality=85, subsampling=0, optimize=True)


if __name__ == "__main__":
    main()
