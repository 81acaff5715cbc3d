"""Counting distinct colours and painting through their index: every type, masks, threads."""

import numpy as np
import pytest

from rustem import _core, segment
from rustem.pipeline.color_table import count_colors
from rustem.pipeline.inputs import open_inputs


def random_pixels(dtype, channels, n=300_000, levels=40):
    random = np.random.default_rng(channels)
    levels = random.integers(0, np.iinfo(dtype).max, (levels, channels), endpoint=True, dtype=dtype)
    return np.stack([column[random.integers(0, len(column), n)] for column in levels.T], axis=1)


@pytest.mark.parametrize("n_threads", [1, 2, 8])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_counts_agree_with_numpy(dtype, channels, masked, n_threads):
    pixels = random_pixels(np.uint16 if dtype is not np.uint8 else dtype, channels, levels=24 if channels < 4 else 12)
    if np.dtype(dtype).kind == "f":
        pixels = (pixels / 999 - 30).astype(dtype)
    mask = np.random.default_rng(0).random(len(pixels)) < 0.3 if masked else None
    inputs = open_inputs(pixels[np.newaxis], mask if mask is None else mask[np.newaxis], -1)
    colours = count_colors(inputs.pictures, "srgb", n_threads)
    inside = pixels if mask is None else pixels[mask]
    assert colours.index is not None
    assert colours.n_pixels == len(inside)
    order = np.lexsort(colours.values.T[::-1])
    expected, counts = np.unique(inside, axis=0, return_counts=True)
    np.testing.assert_array_equal(colours.values[order], expected)
    np.testing.assert_array_equal(colours.counts[order], counts)
    (painted,) = colours.paint(colours.values, outside=7)
    np.testing.assert_array_equal(painted, pixels if mask is None else np.where(mask[:, np.newaxis], pixels, 7))
    one_thread = count_colors(inputs.pictures, "srgb", 1)
    np.testing.assert_array_equal(colours.values, one_thread.values)
    np.testing.assert_array_equal(colours.index, one_thread.index)


def test_near_colours_stand_together():
    """In Morton order, the eighths of the colour cube follow each other."""
    values, _, _ = _core.count_colors(random_pixels(np.uint8, 3), 1)
    eighth = (values >> 7) @ np.array([1, 2, 4])
    assert (np.diff(eighth) >= 0).all()


@pytest.mark.parametrize("n_threads", [1, 2, 8])
def test_noise_is_not_counted(n_threads):
    random = np.random.default_rng(0)
    assert _core.count_colors(random.integers(0, 256, (300_000, 3), dtype=np.uint8), n_threads) is None
    assert _core.count_colors(random.integers(0, 65536, (300_000, 3), dtype=np.uint16), n_threads) is None
    assert _core.count_colors(random.random((300_000, 3)), n_threads) is None
    few = random.integers(0, 256, (60, 50, 3), dtype=np.uint8)
    assert segment(few, 2, tol=0, max_iter=2).n_distinct == len(np.unique(few.reshape(-1, 3), axis=0))


def test_masks_of_counted_and_uncounted_pictures(photograph):
    mask = np.zeros(photograph.shape[:2], dtype=bool)
    mask[10:90, 20:100] = True
    photograph = photograph // 8 * 8
    noise = np.random.default_rng(0).uniform(0, 1e-4, photograph.shape)
    floats = np.where(mask[..., np.newaxis], photograph / 255 + noise, np.nan).astype(np.float32)
    start = {"means_init": photograph[20:100:20, 64][:4] / 255, "weights_init": np.full(4, 0.25)}
    start |= {"noise": 0, "reg_covar": 1e-3}
    counted = segment(photograph, 4, tol=0, max_iter=10, mask=mask, **start)
    uncounted = segment(floats, 4, tol=0, max_iter=10, mask=mask, **start)
    assert counted.n_distinct is not None
    assert uncounted.n_distinct is None
    for seg in (counted, uncounted):
        assert seg.counts.sum() == mask.sum()
        np.testing.assert_array_equal(seg.labels >= 0, mask)
        assert (seg.image[~mask] == 0).all()
    np.testing.assert_allclose(counted.mixture.means, uncounted.mixture.means, atol=1e-3)
    assert (counted.labels == uncounted.labels).mean() > 0.995


@pytest.mark.parametrize(
    ("unit", "shift", "dtype"), [(255, 0, np.float32), (255, 0, np.float64), (255, 0.5, np.float32), (1, 99, np.int16)]
)
def test_whole_numbers_that_came_as_floats_are_counted(photograph, unit, shift, dtype):
    """Scaled or not, signed or not: as many colours as the whole numbers have, and the same labels."""
    floats = (photograph / unit - shift).astype(dtype)
    means, floor = photograph[::20, 64][:5] / unit, 1e-3 * (255 / unit) ** 2
    options = {"weights_init": np.full(5, 0.2), "tol": 0, "max_iter": 10}
    whole = segment(photograph, 5, means_init=means * unit / 255, reg_covar=1e-3, **options)
    seg = segment(floats, 5, means_init=means - shift, reg_covar=floor, **options)
    assert seg.n_distinct == whole.n_distinct
    assert (seg.labels == whole.labels).mean() > 0.995
    np.testing.assert_allclose((seg.palette + shift) * unit, whole.palette, atol=2)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_segmentations_do_not_depend_on_threads(dtype, channels):
    picture = random_pixels(dtype, channels, 400 * 300, 6).reshape(400, 300, channels)
    first = segment(picture, 5, tol=0, max_iter=4, n_threads=1)
    for n_threads in (2, 8):
        again = segment(picture, 5, tol=0, max_iter=4, n_threads=n_threads)
        np.testing.assert_array_equal(first.labels, again.labels)
        np.testing.assert_array_equal(first.image, again.image)
        np.testing.assert_array_equal(first.mixture.covariances, again.mixture.covariances)


def test_numbers_outside_the_table_are_refused():
    with pytest.raises(ValueError, match="index is 5: it must be a row of the table"):
        _core.paint(np.zeros((3, 2), np.uint8), np.array([0, 5], np.uint32), 2)
