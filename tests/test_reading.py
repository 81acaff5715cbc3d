"""Pictures are read as they were written, whatever the format; what cannot be read says so in one line."""

import os
import struct

import numpy as np
import pytest
import tifffile
from picture_files import GREY_PROFILE, RGB_PROFILE, chunk, fails, noise, png, png16
from PIL import Image, ImageOps

from rustem.exceptions import ImageError
from rustem.images import from_pil, read, write


@pytest.fixture
def save(tmp_path):
    """Saves a Pillow image or bytes, gives the path."""

    def save(name, content, **options):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path, **options)
        return path

    return save


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


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_tiff_of_many_channels(tmp_path, dtype, with_alpha):
    pixels, alpha = noise(5, 7, 6, dtype=dtype), noise(5, 7, dtype=dtype) if with_alpha else None
    write(tmp_path / "a.tif", pixels, alpha=alpha)
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, pixels)
    np.testing.assert_array_equal(picture.alpha, alpha)


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


# Orientation, compared with Pillow's own.


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_orientation(save, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(f"a{suffix}", Image.fromarray(noise(16, 24, 3)), exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read(path).pixels, expected)
    assert expected.shape == ((16, 24, 3) if orientation < 5 else (24, 16, 3))
    with Image.open(path) as image:
        np.testing.assert_array_equal(from_pil(image).pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_at_sixteen_bits_and_of_alpha(tmp_path, save, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = noise(3, 4, 4)
    with Image.open(save("a.png", Image.fromarray(pixels), exif=exif)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16) * 257
    wide = pixels.astype(np.uint16) * 257
    tifffile.imwrite(
        tmp_path / "16.tif",
        wide,
        photometric="rgb",
        extrasamples=["unassalpha"],
        extratags=[(274, 3, 1, orientation, True)],
    )
    exif_chunk = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    late = png16(wide)[:-12] + exif_chunk + chunk(b"IEND")
    for path in (save("early.png", png16(wide, exif_chunk)), save("late.png", late), tmp_path / "16.tif"):
        picture = read(path)
        np.testing.assert_array_equal(picture.pixels, expected[..., :3])
        np.testing.assert_array_equal(picture.alpha, expected[..., 3])


def test_broken_exif_is_passed_over(save):
    pixels = noise(4, 5, 3)
    path = save("a.png", Image.fromarray(pixels), exif=b"Exif\0\0nonsense")
    np.testing.assert_array_equal(read(path).pixels, pixels)


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


def test_cmyk_jpeg_loses_a_profile_that_no_longer_fits(save):
    path = save("a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 108)
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


def test_truncated_at_sixteen_bits(tmp_path, save):
    data = png16(noise(64, 64, 3, dtype=np.uint16))
    fails(save("a.png", data[: len(data) // 2]), "truncated")
    for compression in (None, "zlib"):
        pixels = noise(64, 64, 3, dtype=np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", compression=compression, rowsperstrip=8)
        data = (tmp_path / "a.tif").read_bytes()
        fails(save("b.tif", data[: len(data) // 2]))


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


def test_missing_codec_names_the_extra(tmp_path, monkeypatch):
    def asarray(*_, **__):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    write(tmp_path / "a.tif", noise(4, 5, dtype=np.float32))
    monkeypatch.setattr(tifffile.TiffPage, "asarray", asarray)
    fails(tmp_path / "a.tif", 'pip install "rustem[tiff]"')


def test_no_pixels():
    with pytest.raises(ImageError, match="no pixels"):
        from_pil(Image.new("RGB", (0, 5)), "a.png")


def test_complex_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((3, 4), np.complex64))
    fails(tmp_path / "a.tif", "complex64")
