"""PNG files of sixteen bits, which Pillow does not read whole."""

import numpy as np
import pytest
import tifffile
from picture_files import chunk, fails, noise, png16
from PIL import Image

from rustem.images import read


def test_sixteen_bit_grey_png_of_pillow(save):
    pixels = noise(5, 7, dtype=np.uint16)
    picture = read(save("a.png", Image.fromarray(pixels)))
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.pixels.dtype == np.uint16


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_by_hand(save, channels):
    values = noise(3, 4, channels, dtype=np.uint16)
    picture = read(save("a.png", png16(values)))
    colours = values[..., : 1 if channels < 3 else 3]
    np.testing.assert_array_equal(np.atleast_3d(picture.pixels), colours)
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, values[..., -1])
    else:
        assert picture.alpha is None


def test_sixteen_bit_png_with_a_transparent_colour(save):
    values = noise(3, 4, 3, dtype=np.uint16)
    picture = read(save("a.png", png16(values, chunk(b"tRNS", values[1, 2].astype(">u2").tobytes()))))
    assert picture.alpha[1, 2] == 0
    assert (picture.alpha == 65535).sum() == 11


def test_truncated_at_sixteen_bits(tmp_path, save):
    data = png16(noise(64, 64, 3, dtype=np.uint16))
    fails(save("a.png", data[: len(data) // 2]), "truncated")
    for compression in (None, "zlib"):
        pixels = noise(64, 64, 3, dtype=np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", compression=compression, rowsperstrip=8)
        data = (tmp_path / "a.tif").read_bytes()
        fails(save("b.tif", data[: len(data) // 2]))
