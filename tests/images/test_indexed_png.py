"""Indexed PNG: bit depths, the palette's order, transparency."""

import numpy as np
import pytest
from PIL import Image

from rustem import images


def test_large_pictures_are_packed_in_pieces_the_same_on_any_number_of_threads(tmp_path, monkeypatch):
    labels = (np.add.outer(np.arange(2100) ** 2, np.arange(1500)) // 700) % 200
    palette = np.random.default_rng(0).integers(0, 256, (200, 3)).astype(np.uint8)
    files = []
    for threads in ("1", "3"):
        monkeypatch.setenv("RUSTEM_NUM_THREADS", threads)
        images.write_indexed(tmp_path / "x.png", labels, palette, compression=1)
        files.append((tmp_path / "x.png").read_bytes())
    assert files[0] == files[1]
    with Image.open(tmp_path / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(image), labels)


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
