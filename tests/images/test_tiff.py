"""TIFF files as they come: layouts, types, channels, floats."""

import numpy as np
import pytest
import tifffile
from picture_files import fails, noise

from rustem.images import read, write


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_tiff_of_many_channels(tmp_path, dtype, with_alpha):
    pixels, alpha = noise(5, 7, 6, dtype=dtype), noise(5, 7, dtype=dtype) if with_alpha else None
    write(tmp_path / "a.tif", pixels, alpha=alpha)
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, pixels)
    np.testing.assert_array_equal(picture.alpha, alpha)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_layouts(tmp_path, planar, byteorder):
    pixels = noise(6, 7, 3, dtype=np.uint16)
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, byteorder=byteorder)
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.pixels.dtype.isnative


def test_tiff_grey_types(tmp_path):
    for dtype, expected in [("int16", "float64"), ("uint32", "float64"), ("float16", "float32"), (">u2", "uint16")]:
        pixels = np.arange(-4 if dtype == "int16" else 0, 16).reshape(2, -1).astype(dtype)
        tifffile.imwrite(tmp_path / "a.tif", pixels)
        picture = read(tmp_path / "a.tif")
        np.testing.assert_array_equal(picture.pixels, pixels)
        assert picture.pixels.dtype == expected


def test_tiff_where_zero_is_white(tmp_path):
    pixels = noise(5, 7, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, 65535 - pixels)


def test_tiff_with_colours_multiplied_by_alpha(tmp_path):
    stored = np.array([[[1000, 2000, 3000, 32768], [0, 0, 0, 0], [5, 6, 7, 65535]]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.alpha, stored[..., 3])
    np.testing.assert_array_equal(picture.pixels, [[[2000, 4000, 6000], [0, 0, 0], [5, 6, 7]]])


def test_tiff_fourth_channel_that_is_no_alpha(tmp_path):
    pixels = noise(5, 7, 4)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unspecified"])
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.alpha is None


def test_tiff_floats_keep_nan(tmp_path):
    pixels = noise(5, 7, dtype=np.float32)
    pixels[2, 3] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, pixels)


def test_missing_codec_names_the_extra(tmp_path, monkeypatch):
    def asarray(*_, **__):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    write(tmp_path / "a.tif", noise(4, 5, dtype=np.float32))
    monkeypatch.setattr(tifffile.TiffPage, "asarray", asarray)
    fails(tmp_path / "a.tif", 'pip install "rustem[tiff]"')


def test_complex_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 4), np.complex64))
    fails(tmp_path / "a.tif", "complex64")
