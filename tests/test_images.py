import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from rustem.exceptions import ImageError, InvalidInputError
from rustem.images import from_pil, read, write, write_indexed, write_labels

RNG = np.random.default_rng(0)
RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]


def noise(*shape, dtype=np.uint8):
    if np.dtype(dtype).kind == "f":
        return RNG.random(shape).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour_type, rows, *chunks):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def png16(pixels, *chunks):
    """A 16-bit PNG written by hand: (H, W, C)."""
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(pixels.shape[1], pixels.shape[0], 16, colour_type, rows, *chunks)


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


def fails(path, *words):
    with pytest.raises(ImageError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (str(path), *words):
        assert word in message


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


# Writing into formats that hold less.


def test_jpeg_is_fine_and_lays_transparent_pixels_over_white(tmp_path):
    pixels = np.full((16, 16, 3), (200, 30, 90), np.uint8)
    alpha = np.full((16, 16), 255, np.uint8)
    alpha[:, :8] = 0
    write(tmp_path / "a.jpg", pixels, alpha=alpha, icc_profile=RGB_PROFILE)
    picture = read(tmp_path / "a.jpg")
    assert picture.icc_profile == RGB_PROFILE
    np.testing.assert_allclose(picture.pixels[:, :8].astype(int), 255, atol=2)
    np.testing.assert_allclose(picture.pixels[:, 8:].astype(int), pixels[:, 8:], atol=2)
    with Image.open(tmp_path / "a.jpg") as image:
        assert {component[1:3] for component in image.layer} == {(1, 1)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [(np.uint16([0, 128, 129, 65535]), [0, 0, 1, 255]), (np.float64([0, 0.5 / 255, 0.501 / 255, 1]), [0, 0, 1, 255])],
)
def test_values_are_rounded_to_eight_bits(tmp_path, values, expected):
    write(tmp_path / "a.bmp", values[None])
    np.testing.assert_array_equal(read(tmp_path / "a.bmp").pixels, [expected])


def test_float_png_has_sixteen_bits(tmp_path):
    write(tmp_path / "a.png", np.array([[0, 0.5, 1]]), alpha=np.array([[1.0, 0.0, 1.0]]))
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, np.array([[0, 32768, 65535]], np.uint16))
    np.testing.assert_array_equal(picture.alpha, [[65535, 0, 65535]])


def test_arrays_that_make_no_picture(tmp_path):
    path = tmp_path / "a.png"
    for pixels in (np.zeros(3, np.uint8), np.zeros((0, 3), np.uint8), np.zeros((2, 2), np.int64), np.full((2, 2), 2.0)):
        with pytest.raises(InvalidInputError, match=r"a\.png"):
            write(path, pixels)
    with pytest.raises(InvalidInputError, match="nan"):
        write(path, np.full((2, 2), np.nan))
    with pytest.raises(InvalidInputError, match=r"\.tif"):
        write(path, noise(2, 3, 5))
    with pytest.raises(InvalidInputError, match="alpha"):
        write(path, noise(2, 3), alpha=noise(3, 2))
    assert os.listdir(tmp_path) == []


# A file appears complete or not at all.


def test_unusual_names(tmp_path):
    for name in ("a", "a.xyz", "a.tar"):
        with pytest.raises(ImageError, match=r"\.png, \.jpg"):
            write(tmp_path / name, noise(2, 3))
    write(tmp_path / "A.PNG", noise(2, 3))
    assert read(str(tmp_path / "A.PNG")).pixels.shape == (2, 3)


def test_unwritable_places(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for path, word in [
        (tmp_path / "none" / "a.png", "create it first"),
        (tmp_path / "file" / "a.png", "create it first"),
        (tmp_path / "folder.png", "folder"),
    ]:
        with pytest.raises(ImageError, match=word):
            write(path, noise(2, 3))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]


def test_overwrite(tmp_path):
    path = tmp_path / "a.png"
    write(path, noise(2, 3), overwrite=False)
    before = path.read_bytes()
    for again in (
        lambda: write(path, noise(2, 3), overwrite=False),
        lambda: write_indexed(path, [[0]], noise(1, 3), overwrite=False),
        lambda: write_labels(path, [[0]], overwrite=False),
    ):
        with pytest.raises(ImageError, match="exists"):
            again()
    assert path.read_bytes() == before
    write(path, noise(4, 5))
    assert read(path).pixels.shape == (4, 5)


@pytest.mark.parametrize("error", [OSError("No space left on device"), KeyboardInterrupt()])
def test_failing_write_leaves_the_old_file(tmp_path, monkeypatch, error):
    def save(_self, file, *_args, **_kwargs):
        file.write(b"half")
        raise error

    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(ImageError if isinstance(error, OSError) else KeyboardInterrupt):
        write(path, noise(2, 3))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    write(tmp_path / "link.png", noise(2, 3))
    assert (tmp_path / "link.png").is_symlink()
    assert read(tmp_path / "real.png").pixels.shape == (2, 3)


# Indexed pictures.


@pytest.mark.parametrize(
    ("k", "hidden", "bits"),
    [(1, 0, 1), (2, 0, 1), (2, 1, 2), (4, 0, 2), (5, 0, 4), (16, 0, 4), (16, 1, 8), (255, 1, 8), (256, 0, 8)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_indexed_png(tmp_path, k, hidden, bits, channels):
    labels = np.arange(20 * 20).reshape(20, 20) % k
    labels[0, :3] = -1 if hidden else 0
    palette = noise(k, channels)
    path = tmp_path / "a.png"
    write_indexed(path, labels, palette, icc_profile=RGB_PROFILE)
    data = path.read_bytes()
    assert (data[24], data[25]) == (bits, 3)
    picture = read(path)
    seen = labels >= 0
    np.testing.assert_array_equal(picture.pixels[seen], np.broadcast_to(palette[labels[seen]], (seen.sum(), 3)))
    assert picture.icc_profile == RGB_PROFILE
    if hidden:
        np.testing.assert_array_equal(picture.alpha, np.where(seen, 255, 0))
    else:
        assert picture.alpha is None


def test_fully_transparent_pixels_stay_indexed(tmp_path):
    labels, alpha = np.zeros((4, 5), int), np.full((4, 5), 255, np.uint8)
    alpha[1] = 0
    write_indexed(tmp_path / "a.png", labels, np.uint8([[9, 8, 7]]), alpha=alpha)
    assert (tmp_path / "a.png").read_bytes()[25] == 3
    np.testing.assert_array_equal(read(tmp_path / "a.png").alpha, alpha)


@pytest.mark.parametrize(
    ("suffix", "k", "dtype", "level"),
    [
        (".png", 256, "uint8", 0),  # no entry left for the transparent pixels
        (".png", 9, "uint8", 100),  # partly transparent
        (".png", 300, "uint8", 0),
        (".png", 9, "uint16", 0),
        (".tif", 9, "uint16", 0),
        (".tif", 9, "float32", 0),
        (".webp", 9, "uint8", 100),
    ],
)
def test_indexed_pictures_that_must_be_painted(tmp_path, suffix, k, dtype, level):
    labels = np.arange(400).reshape(20, 20) % k
    palette = noise(k, 3, dtype=dtype)
    alpha = np.full((20, 20), np.iinfo(dtype).max if dtype != "float32" else 1, dtype)
    alpha[3] = level
    labels[4] = -1
    path = tmp_path / f"a{suffix}"
    write_indexed(path, labels, palette, alpha=alpha)
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels[labels >= 0], palette[labels[labels >= 0]])
    alpha[4] = 0
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_grey_profile_keeps_a_painted_picture_grey(tmp_path):
    write_indexed(tmp_path / "a.png", [[0, 1]], np.uint8([3, 200]), icc_profile=GREY_PROFILE)
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, [[3, 200]])
    assert picture.icc_profile == GREY_PROFILE


def test_indexed_gif_and_jpeg(tmp_path):
    labels = np.repeat(np.arange(-1, 3), 16)[None].repeat(16, axis=0)
    palette = np.uint8([[255, 0, 0], [0, 255, 0], [0, 0, 255]])
    write_indexed(tmp_path / "a.gif", labels, palette)
    picture = read(tmp_path / "a.gif")
    np.testing.assert_array_equal(picture.pixels[labels >= 0], palette[labels[labels >= 0]])
    np.testing.assert_array_equal(picture.alpha, np.where(labels < 0, 0, 255))
    write_indexed(tmp_path / "a.jpg", labels, palette)
    assert read(tmp_path / "a.jpg").pixels[0, 4].min() > 250


def test_labels_out_of_range(tmp_path):
    palette = noise(3, 3)
    for labels in ([[3]], [[-2]], [0, 1], [[0.5]], np.zeros((0, 2), int)):
        with pytest.raises(InvalidInputError, match=r"a\.png"):
            write_indexed(tmp_path / "a.png", labels, palette)
    with pytest.raises(InvalidInputError, match="palette"):
        write_indexed(tmp_path / "a.png", [[0]], np.zeros((0, 3), np.uint8))


# Label maps.


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize(("k", "dtype", "none"), [(255, np.uint8, 255), (256, np.uint16, 65535)])
def test_label_map(tmp_path, suffix, k, dtype, none):
    labels = np.arange(-1, k).reshape(1, -1)
    path = tmp_path / f"labels{suffix}"
    write_labels(path, labels)
    picture = read(path)
    assert picture.pixels.dtype == dtype
    np.testing.assert_array_equal(picture.pixels, np.where(labels < 0, none, labels))


def test_label_map_as_array(tmp_path):
    labels = np.array([[-1, 0, 70000]], np.int32)
    write_labels(tmp_path / "labels.npy", labels)
    loaded = np.load(tmp_path / "labels.npy")
    np.testing.assert_array_equal(loaded, labels)
    assert loaded.dtype == labels.dtype
    with pytest.raises(InvalidInputError, match="70000"):
        write_labels(tmp_path / "labels.png", labels)
    with pytest.raises(ImageError, match=r"\.npy"):
        write_labels(Path(tmp_path, "labels.jpg"), labels)
