"""The palette that a picture of swatches shows."""

import numpy as np
from PIL import Image

from rustem import palettes

COLORS = np.array([[228, 0, 43], [255, 255, 255], [0, 0, 0], [12, 200, 99]], np.uint8)


def test_the_palette_of_a_picture(folder):
    Image.fromarray(COLORS[[0, 0, 1, 3]][None]).save(folder / "x.bmp")
    np.testing.assert_array_equal(palettes.read(folder / "x.bmp").colors, COLORS[[0, 1, 3]])
