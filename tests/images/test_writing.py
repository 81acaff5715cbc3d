"""Writing: formats that hold less, files complete or not at all, indexed pictures, label maps."""

import os
from pathlib import Path

import numpy as np
import pytest
from picture_files import GREY_PROFILE, RGB_PROFILE, noise
from PIL import Image

from rustem.exceptions import ImageError, InvalidInputError
from rustem.images import read, write, write_indexed, write_labels

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


def test_arguments_in_the_wrong_order(tmp_path):
    pixels, path = noise(2, 3, 3), tmp_path / "a.png"
    for swapped in (pixels, Image.fromarray(pixels), pixels.tolist()):
        with pytest.raises(InvalidInputError, match=r"give the path first: write\(path, pixels\)$"):
            write(swapped, path)
    with pytest.raises(InvalidInputError, match=r"give the path first: write_labels\(path, labels\)$"):
        write_labels(pixels[..., 0], str(path))
    with pytest.raises(InvalidInputError, match=r"give the path first: write_indexed\(path, labels, palette\)$"):
        write_indexed(pixels[..., 0], path, pixels[0])
    with pytest.raises(InvalidInputError, match="of type int: give the name of a file"):
        write(3, pixels)
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
