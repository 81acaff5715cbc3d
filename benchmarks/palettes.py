"""Colour reduction against the peers, without dithering: PSNR, SSIM, colour difference, colours used, seconds.

    RUSTEM_DATA=… python benchmarks/palettes.py --results palettes.jsonl --docs docs/palettes.md

Each row is written to the results as soon as it is measured, and a run goes on where the last one ended. All peers run
on one thread, from a picture in memory to the k-colour picture in memory (programs: from PNG to PNG).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from palette_peers import PEERS, Unavailable
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

COLOURS = (8, 16, 32, 64, 256)
FOLDERS = ("kodak", "cq100")


def measure(original: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """How far the k-colour picture is from the original, and the colours that it really has."""
    error = ((original.astype(np.float64) - result) ** 2).mean()
    pairs = np.hstack([original.reshape(-1, 3), result.reshape(-1, 3)])[::7]
    difference = deltaE_ciede2000(rgb2lab(pairs[:, :3] / 255.0), rgb2lab(pairs[:, 3:] / 255.0))
    codes = result.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    return {
        "psnr": float(10 * np.log10(255**2 / error)),
        "ssim": float(structural_similarity(original, result, channel_axis=2)),
        "ciede2000": float(difference.mean()),
        "used": len(np.unique(codes)),
    }


def rows(paths: list[Path], who: list[str], ks: list[int], done: set[tuple]) -> Iterator[dict]:
    for path in paths:
        original = np.asarray(Image.open(path).convert("RGB"))
        for name in who:
            for k in ks:
                key = (path.parent.name, path.stem, name, k)
                if key in done:
                    continue
                try:
                    result, seconds = PEERS[name](original, k)
                except Unavailable as reason:
                    print(f"{name} is left out: {reason}")
                    break
                place = dict(zip(("folder", "picture", "who", "k"), key, strict=True))
                yield {**place, **measure(original, result), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("palettes.jsonl"))
    parser.add_argument("--folders", nargs="+", default=FOLDERS)
    parser.add_argument("--pictures", type=int, help="only the first few of each folder")
    parser.add_argument("--colours", type=int, nargs="+", default=COLOURS)
    parser.add_argument("--who", nargs="+", choices=PEERS, default=list(PEERS))
    options = parser.parse_args()
    data = os.environ.get("RUSTEM_DATA")
    if data is None:
        raise SystemExit("RUSTEM_DATA names no folder of pictures: the comparison is left out")
    paths = [
        path for folder in options.folders for path in sorted(Path(data, folder).glob("*.png"))[: options.pictures]
    ]
    known = options.results.read_text().splitlines() if options.results.exists() else []
    done = {tuple(json.loads(line)[name] for name in ("folder", "picture", "who", "k")) for line in known}
    with options.results.open("a") as file:
        for row in rows(paths, options.who, options.colours, done):
            file.write(json.dumps(row) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
