"""segment(min_size=...): small pieces go to the neighbours that they fit best."""

import numpy as np
import pytest
import skimage.data
from skimage.measure import label as connected

from rustem import InvalidInputError, segment


def piece_sizes(labels):
    return np.bincount(connected(labels + 1, connectivity=1, background=0).ravel())[1:]


@pytest.mark.parametrize("kind", ["counted", "float", "grey", "volume"])
def test_no_small_piece_is_left(kind):
    picture = skimage.data.chelsea()[:150, :200]
    if kind == "float":
        picture = picture / np.float32(255)
    elif kind == "grey":
        picture = picture[..., 0]
    elif kind == "volume":
        picture = np.stack([picture[:40, :50]] * 4)
    plain, cleaned = segment(picture, 4), segment(picture, 4, min_size=50)
    assert piece_sizes(plain.labels).min() < 50 <= piece_sizes(cleaned.labels).min()
    assert (plain.labels == cleaned.labels).mean() > 0.7
    # What belongs together still does.
    np.testing.assert_array_equal(cleaned.counts, np.bincount(cleaned.labels.ravel(), minlength=4))
    np.testing.assert_array_equal(cleaned.image, cleaned.palette[cleaned.labels].reshape(picture.shape))
    np.testing.assert_allclose(plain.probabilities(), cleaned.probabilities(), atol=1e-5)
    assert plain.n_distinct == cleaned.n_distinct
    error = ((cleaned.image.astype(float) - picture) ** 2).mean()
    peak = np.ptp(picture) if kind == "float" else 255
    assert cleaned.psnr == pytest.approx(10 * np.log10(peak**2 / error), rel=1e-4)
    for number in range(4):
        mean = picture[cleaned.labels == number].mean(axis=0)
        assert np.abs(cleaned.palette[number] - mean).max() <= 0.5 + 1e-6


def test_a_speck_goes_where_it_fits_not_where_it_touches_most():
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, 10:20] = (100, 100, 100)
    picture[:, 20:] = (250, 250, 250)
    picture[8:10, 18:20] = (235, 235, 235)  # three of its four sides touch the grey, but it is nearly white
    start = {"means_init": np.array([0, 100, 250])[:, None].repeat(3, axis=1) / 255, "reg_covar": 1e-4, "max_iter": 50}
    cleaned = segment(picture, 3, covariance_type="spherical", min_size=20, **start)
    assert cleaned.labels[9, 19] == cleaned.labels[0, 25]


def test_one_piece_and_islands_stay():
    flat = segment(np.full((5, 6), 7, np.uint8), 2, min_size=1000)
    assert (flat.labels == 0).all()
    mask = np.zeros((20, 20), bool)
    mask[:3, :3] = mask[10:, 10:] = True
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    islands = segment(picture, 2, mask=mask, min_size=50)
    assert ((islands.labels >= 0) == mask).all()
    assert len(np.unique(islands.labels[:3, :3])) == 1


def test_several_pictures_keep_one_palette():
    cat = skimage.data.chelsea()
    one, two = segment([cat[:100, :120], cat[100:220, 200:300]], 4, min_size=40)
    np.testing.assert_array_equal(one.palette, two.palette)
    assert min(piece_sizes(one.labels).min(), piece_sizes(two.labels).min()) >= 40


def test_min_size_is_checked():
    for wrong in (0, 2.5, True):
        with pytest.raises(InvalidInputError, match="min_size"):
            segment(np.zeros((4, 4), np.uint8), 2, min_size=wrong)
