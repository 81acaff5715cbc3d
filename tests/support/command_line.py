"""What the tests of the command line share: to run it in an empty folder, and to look at what it wrote."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

from rustem.cli import main


def save_photo(path, offset=0):
    Path(path).parent.mkdir(exist_ok=True)
    Image.fromarray(astronaut()[offset : offset + 320 : 8, ::8]).save(path)


def run(*arguments):
    return main(["segment", *map(str, arguments)])


def written(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def pixels(path, mode="RGB"):
    with Image.open(path) as picture:
        return np.asarray(picture.convert(mode) if mode else picture)


def colours_in(path):
    return len(np.unique(pixels(path).reshape(-1, 3), axis=0))


def python(*arguments, **keywords):
    return subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", check=False, **keywords)
