"""Indexed PNG: bit depths, the palette's order, transparency."""

import numpy as np
import pytest
from PIL import Image

from rustem import images


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 16, 17, 256])
@pytest.mark.parametrize("width", [1, 7, 33])
def test_indexed_png_of_every_depth(tmp_path, k, width):
    rng = np.random.default_rng(k)
    labels, palette = rng.integers(0, k, (300, width)), rng.integers(0, 256, (k, 3)).astype(np.uint8)
    images.write_indexed(tmp_path / "x.png", labels, palette)
    data = (tmp_path / "x.png").read_bytes()
    assert data[24] == next(bits for bits in (1, 2, 4, 8) if k <= 2**bits)
    assert b"tRNS" not in data
    with Image.open(tmp_path / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(image), labels)  # the palette's order is kept
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), palette[labels])


def test_indexed_png_with_half_transparent_entries(tmp_path):
    labels = np.arange(6).reshape(2, 3) % 4
    palette = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]], np.uint8)
    alpha = np.array([255, 128, 255, 0], np.uint8)[labels]
    images.write_indexed(tmp_path / "x.png", labels, palette, alpha=alpha)
    data = (tmp_path / "x.png").read_bytes()
    assert data[data.index(b"tRNS") - 4 :][:4] == b"\0\0\0\2"
    with Image.open(tmp_path / "x.png") as image:
        assert image.mode == "P"
        pixels = np.asarray(image.convert("RGBA"))
    np.testing.assert_array_equal(pixels[..., 3], alpha)
    np.testing.assert_array_equal(pixels[alpha > 0, :3], palette[labels[alpha > 0]])
