"""What a segmentation shows, draws and saves."""

import numpy as np
import PIL.Image
import pytest

import rustem
from rustem import ImageError, segment


def test_boundaries():
    picture = np.zeros((4, 4), np.uint8)
    picture[:2, 2:] = 255
    expected = np.zeros((4, 4), bool)
    expected[0, 1] = expected[1, 1:] = True
    np.testing.assert_array_equal(segment(picture, 2).boundaries(), expected)


def test_saving(tmp_path, photograph):
    seg = segment(photograph, 32)
    seg.save(tmp_path / "out.png")
    with PIL.Image.open(tmp_path / "out.png") as saved:
        assert saved.mode == "P"
        np.testing.assert_array_equal(np.asarray(saved.convert("RGB")), seg.image)
    seg.save(tmp_path / "pair.png", side_by_side=True)
    pair = np.asarray(PIL.Image.open(tmp_path / "pair.png"))
    np.testing.assert_array_equal(pair[:, :128], photograph)
    np.testing.assert_array_equal(pair[:, -128:], seg.image)
    seg.save_labels(tmp_path / "labels.png")
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(tmp_path / "labels.png")), seg.labels)
    with pytest.raises(ImageError, match=r"out\.png"):
        seg.save(tmp_path / "out.png", overwrite=False)
    assert seg._repr_png_().startswith(b"\x89PNG")


def test_transparent_pixels_take_no_part_and_stay_transparent(tmp_path, photograph):
    alpha = np.full((128, 128, 1), 255, np.uint8)
    alpha[:40] = 0
    path = tmp_path / "alpha.png"
    PIL.Image.fromarray(np.concatenate([photograph, alpha], axis=2)).save(path)
    seg = segment(path, 6)
    np.testing.assert_array_equal(seg.labels[40:], segment(photograph[40:], 6).labels)
    assert (seg.labels[:40] == -1).all()
    for side_by_side in (False, True):
        seg.save(tmp_path / "out.png", side_by_side=side_by_side)
        saved = np.asarray(PIL.Image.open(tmp_path / "out.png").convert("RGBA"))[:, -128:]
        np.testing.assert_array_equal(saved[..., 3:], alpha)
        np.testing.assert_array_equal(saved[40:, :, :3], seg.image[40:])


def test_masked_pixels_are_saved_transparent(tmp_path, photograph):
    mask = np.ones((128, 128), dtype=bool)
    mask[:, :30] = False
    seg = segment(photograph, 6, mask=mask)
    for side_by_side in (False, True):
        seg.save(tmp_path / "out.png", side_by_side=side_by_side)
        saved = np.asarray(PIL.Image.open(tmp_path / "out.png").convert("RGBA"))[:, -128:]
        np.testing.assert_array_equal(saved[..., 3] > 0, mask)


def test_sixteen_bits_stay_sixteen_bits(tmp_path, photograph):
    deep = photograph.astype(np.uint16) * 256 + 3  # with 257, white would overflow
    start = {"means_init": photograph[::16, 64][:8] / 255, "reg_covar": 1e-3}
    start |= {"tol": 0, "max_iter": 20, "acceleration": None}
    seg = segment(deep, 8, **start)
    assert seg.palette.dtype == seg.image.dtype == np.uint16
    assert seg.psnr == pytest.approx(segment(photograph, 8, **start).psnr, abs=0.1)
    seg.save(tmp_path / "deep.png")
    np.testing.assert_array_equal(rustem.images.read(tmp_path / "deep.png").pixels, seg.image)


def test_plotting(photograph):
    import matplotlib as mpl

    mpl.use("agg")
    assert len(segment(photograph, 4).plot()) == 3
