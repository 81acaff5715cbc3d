"""Pictures are read as they were written, whatever the format; what cannot be read says so in one line."""

import os
import struct

import numpy as np
import pytest
from picture_files import GREY_PROFILE, RGB_PROFILE, chunk, fails, noise, png
from PIL import Image

from rustem.exceptions import ImageError
from rustem.images import from_pil, read, write

# Lossless formats give back what they were given.


@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        (".png", "uint8"),
        (".png", "uint16"),
        (".tif", "uint8"),
        (".tiff", "uint16"),
        (".tif", "float32"),
        (".tif", "float64"),
    ],
)
def test_round_trip(tmp_path, suffix, dtype, channels, with_alpha):
    pixels, alpha = noise(5, 7, *channels, dtype=dtype), noise(5, 7, dtype=dtype) if with_alpha else None
    profile = RGB_PROFILE if channels else GREY_PROFILE
    write(tmp_path / f"a{suffix}", pixels, alpha=alpha, icc_profile=profile)
    picture = read(tmp_path / f"a{suffix}")
    assert picture.pixels.dtype == dtype
    np.testing.assert_array_equal(picture.pixels, pixels)
    if with_alpha:
        assert picture.alpha.dtype == dtype
        np.testing.assert_array_equal(picture.alpha, alpha)
    else:
        assert picture.alpha is None
    assert picture.icc_profile == profile
    assert picture.pixels.flags.c_contiguous
    assert picture.name == str(tmp_path / f"a{suffix}")
    assert os.listdir(tmp_path) == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".webp", ".bmp"])
def test_round_trip_of_eight_bit_formats(tmp_path, suffix):
    pixels = noise(5, 7, 3)
    write(tmp_path / f"a{suffix}", pixels)
    np.testing.assert_array_equal(read(tmp_path / f"a{suffix}").pixels, pixels)


def test_webp_keeps_colours_below_transparent_pixels(tmp_path):
    pixels, alpha = noise(8, 8, 3), np.zeros((8, 8), np.uint8)
    write(tmp_path / "a.webp", pixels, alpha=alpha, icc_profile=RGB_PROFILE)
    picture = read(tmp_path / "a.webp")
    np.testing.assert_array_equal(picture.pixels, pixels)
    np.testing.assert_array_equal(picture.alpha, alpha)
    assert picture.icc_profile == RGB_PROFILE


# Modes.


def test_one_bit(save):
    picture = read(save("a.png", Image.fromarray(np.array([[True, False, True]]))))
    np.testing.assert_array_equal(picture.pixels, np.array([[255, 0, 255]], np.uint8))


def test_palette_with_transparency(save):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert read(save("opaque.png", image)).alpha is None
    for transparency, alpha in [(1, [[255, 0, 255]]), (b"\x00\x80\xff", [[0, 128, 255]])]:
        picture = read(save("a.png", image, transparency=transparency))
        np.testing.assert_array_equal(picture.pixels, [[[1, 2, 3], [4, 5, 6], [7, 8, 9]]])
        np.testing.assert_array_equal(picture.alpha, alpha)


def test_transparent_colour(save):
    pixels = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint8)
    colour = save("colour.png", Image.fromarray(pixels), transparency=(1, 2, 3))
    np.testing.assert_array_equal(read(colour).alpha, [[0, 255]])
    grey = save("grey.png", Image.fromarray(pixels[..., 2]), transparency=4)
    np.testing.assert_array_equal(read(grey).alpha, [[255, 0]])


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_transparent_grey_at_every_depth(save, depth):
    row = bytes([0, 0b01 << (8 - 2 * depth) if depth < 8 else 0]) + (b"\x01" if depth == 8 else b"")
    path = save("a.png", png(2, 1, depth, 0, row, chunk(b"tRNS", struct.pack(">H", 1))))
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels, [[0, 255 // (2**depth - 1)]])
    np.testing.assert_array_equal(picture.alpha, [[255, 0]])


def test_alpha_is_kept_apart():
    values = noise(4, 5, 4)
    picture = from_pil(Image.fromarray(values))
    np.testing.assert_array_equal(picture.pixels, values[..., :3])
    np.testing.assert_array_equal(picture.alpha, values[..., 3])
    assert picture.name == "image"
    values[..., 3] = 255
    assert from_pil(Image.fromarray(values)).alpha is None


@pytest.mark.parametrize(
    ("mode", "value", "pixel", "alpha"),
    [
        ("L", 7, 7, None),
        ("LA", (7, 8), 7, 8),
        ("La", (64, 128), 128, 128),
        ("RGBX", (1, 2, 3, 4), (1, 2, 3), None),
        ("RGBa", (64, 32, 0, 128), (128, 64, 0), 128),
        ("PA", (0, 9), (0, 0, 0), 9),
        ("YCbCr", (255, 128, 128), (255, 255, 255), None),
        ("HSV", (0, 255, 255), (255, 0, 0), None),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0), None),
        ("LAB", (255, 128, 128), (255, 255, 255), None),
        ("I", 65535, 65535, None),
        ("I", 70000, 70000.0, None),
        ("I;16", 300, 300, None),
        ("I;16B", 300, 300, None),
        ("F", 0.5, 0.5, None),
    ],
)
def test_modes(mode, value, pixel, alpha):
    picture = from_pil(Image.new(mode, (3, 2), value))
    assert picture.pixels.dtype in (np.uint8, np.uint16, np.float32, np.float64)
    assert picture.pixels.shape[:2] == (2, 3)
    np.testing.assert_allclose(picture.pixels[0, 0], pixel, atol=1 if mode in ("La", "RGBa", "LAB") else 0)
    assert picture.alpha is None if alpha is None else picture.alpha[0, 0] == alpha


def test_cmyk_jpeg_with_a_damaged_profile(save):
    profile = b"\0" * 16 + b"CMYK" + b"\0" * 108
    path = save("a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), icc_profile=profile)
    with pytest.warns(UserWarning, match="color profile is damaged"):
        picture = read(path)
    assert picture.icc_profile is None
    assert picture.pixels.shape == (8, 8, 3)
    assert picture.pixels[0, 0, 0] > 240
    assert picture.pixels[0, 0, 1] < 15


def test_profile_is_kept(save):
    assert read(save("a.jpg", Image.new("RGB", (8, 8)), icc_profile=RGB_PROFILE)).icc_profile == RGB_PROFILE
    assert from_pil(Image.new("RGB", (8, 8))).icc_profile is None


def test_first_frame_of_gif(save):
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    path = save("a.gif", frames[0], save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read(path).pixels[0, 0], (255, 0, 0))


# What cannot be read says so in one line.


def test_missing_and_misplaced_files(tmp_path):
    fails(tmp_path / "no.png", "no such file")
    fails(tmp_path, "folder")
    (tmp_path / "file").touch()
    fails(tmp_path / "file" / "a.png", "no such file")
    fails(tmp_path / "file", "empty")


def test_no_picture(save):
    fails(save("a.png", b"this is a text, whatever the name says"), "no picture")
    fails(save("b.tif", b"II*\0" + b"\xff" * 30), "damaged")
    fails(save("c.tif", b"MM\0*"), "damaged")
    heif = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    fails(save("a.heic", heif))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".bmp", ".gif"])
def test_truncated(save, suffix):
    data = save(f"a{suffix}", Image.fromarray(noise(64, 64, 3))).read_bytes()
    for end in (len(data) // 2, len(data) * 3 // 4, 60):
        fails(save(f"b{suffix}", data[:end]))
    if suffix in (".png", ".jpg"):
        fails(save(f"b{suffix}", data[: len(data) // 2]), "truncated")


@pytest.mark.parametrize(("depth", "colour_type"), [(1, 0), (8, 2), (16, 6)])
def test_bomb_is_refused_before_decoding(save, depth, colour_type):
    path = save("a.png", png(65535, 65535, depth, colour_type, b"\0" * 100))
    fails(path, "4294836225 pixels", "MAX_IMAGE_PIXELS")


def test_limit_holds_for_every_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    for name, dtype, channels in [("a.png", "uint8", 3), ("a.png", "uint16", 3), ("a.tif", "float32", 3)]:
        write(tmp_path / name, noise(6, 7, channels, dtype=dtype))
        fails(tmp_path / name, "42 pixels", "MAX_IMAGE_PIXELS")
        write(tmp_path / name, noise(5, 6, channels, dtype=dtype))
        assert read(tmp_path / name).pixels.shape == (5, 6, 3)  # and no warning
    write(tmp_path / "a.tif", noise(2, 3, 100))
    fails(tmp_path / "a.tif", "100 channels")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read(tmp_path / "a.tif").pixels.shape == (2, 3, 100)


def test_no_pixels():
    with pytest.raises(ImageError, match="no pixels"):
        from_pil(Image.new("RGB", (0, 5)), "a.png")
