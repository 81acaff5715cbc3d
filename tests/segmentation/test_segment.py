"""segment() and Segmentation: real photographs, odd pictures, hostile ones."""

import numpy as np
import pytest
import skimage.data
from sklearn.datasets import load_sample_image

from rustem import ConvergenceWarning, InvalidInputError, segment

FAMILIES = ["full", "tied", "diag", "spherical"]


def test_a_photograph_end_to_end(large_photograph):
    seg = segment(large_photograph, 32, covariance_type="spherical")
    assert seg.converged
    assert seg.n_components == seg.n_requested == 32
    assert seg.labels.shape == (512, 512)
    assert seg.labels.dtype == np.int16
    assert seg.palette.shape == (32, 3)
    assert seg.palette.dtype == np.uint8
    assert seg.image.shape == large_photograph.shape
    assert seg.psnr > 28
    np.testing.assert_array_equal(seg.image, seg.palette[seg.labels])
    np.testing.assert_array_equal(seg.counts, np.bincount(seg.labels.ravel(), minlength=32))
    error = (seg.image.astype(float) - large_photograph) ** 2
    assert seg.psnr == pytest.approx(10 * np.log10(255**2 / error.mean()))
    assert seg.n_distinct == len(np.unique(large_photograph.reshape(-1, 3), axis=0))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_belongs_together(photograph, family):
    seg = segment(photograph, 6, covariance_type=family)
    assert (np.diff(seg.mixture.weights) <= 0).all()
    probabilities = seg.probabilities()
    assert probabilities.shape == (128, 128, 6)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=-1), seg.labels)
    np.testing.assert_allclose(seg.uncertainty(), 1 - probabilities.max(axis=-1), atol=1e-6)
    assert seg.log_likelihood == pytest.approx(seg.mixture.score(photograph.reshape(-1, 3), unit=255), abs=1e-5)
    assert len(seg.history) == seg.n_iter
    for label in range(6):
        mean = photograph[seg.labels == label].mean(axis=0)
        assert np.abs(seg.palette[label] - mean).max() <= 0.5 + 1e-9  # rounded, not truncated


def test_counted_and_uncounted_colours_give_one_answer(photograph):
    # Noise of a hundredth of a step makes all colours differ. A common floor far above the two types' own ones.
    noise = np.random.default_rng(0).uniform(0, 0.01 / 255, photograph.shape)
    start = {"means_init": photograph[::20, 64][:5] / 255, "weights_init": np.full(5, 0.2)}
    start |= {"noise": 0, "reg_covar": 1e-3}
    counted = segment(photograph, 5, tol=0, max_iter=10, **start)
    uncounted = segment((photograph / 255 + noise).astype(np.float32), 5, tol=0, max_iter=10, **start)
    assert counted.n_distinct is not None
    assert uncounted.n_distinct is None
    np.testing.assert_allclose(counted.mixture.means, uncounted.mixture.means, atol=1e-3)
    assert (counted.labels == uncounted.labels).mean() > 0.995
    np.testing.assert_allclose(counted.palette / 255, uncounted.palette, atol=0.01)


def test_the_same_picture_gives_the_same_answer(large_photograph):
    first = segment(large_photograph, 12, tol=0, max_iter=6, n_threads=1)
    for n_threads in (2, 8):
        again = segment(large_photograph, 12, tol=0, max_iter=6, n_threads=n_threads)
        np.testing.assert_array_equal(first.labels, again.labels)
        np.testing.assert_array_equal(first.image, again.image)
        np.testing.assert_array_equal(first.mixture.covariances, again.mixture.covariances)


@pytest.mark.parametrize("color_space", ["linear", "lab", "oklab"])
def test_color_spaces_change_the_fit_but_not_the_colours(photograph, color_space):
    seg = segment(photograph, 8, color_space=color_space, covariance_type="spherical")
    assert seg.palette.dtype == np.uint8
    assert seg.psnr > segment(photograph, 4, color_space=color_space, covariance_type="spherical").psnr > 10
    assert (segment(photograph, 8, covariance_type="spherical").labels != seg.labels).any()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("k", [1, 2, 32])
@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("one pixel", np.full((1, 1, 3), 77, np.uint8)),
        ("a row", np.arange(60, dtype=np.uint8).reshape(1, 20, 3)),
        ("a column", np.arange(60, dtype=np.uint8).reshape(20, 1, 3)),
        ("one colour", np.full((9, 7, 3), 200, np.uint8)),
        ("two colours", np.tile(np.array([[0, 0, 0], [255, 255, 255]], np.uint8), (5, 4, 1))),
        ("grey", np.arange(100, dtype=np.uint8).reshape(10, 10)),
        ("grey stored as RGB", np.repeat(np.arange(100, dtype=np.uint8), 3).reshape(10, 10, 3)),
        ("black and white", np.eye(8, dtype=bool)),
        ("16 bits", (np.arange(300, dtype=np.uint16) * 200).reshape(10, 10, 3)),
        ("float", np.linspace(0, 1, 300, dtype=np.float32).reshape(10, 10, 3)),
        ("flat float", np.full((10, 10), 0.25)),
        ("two bands", np.arange(200, dtype=np.uint8).reshape(10, 10, 2)),
        ("seven bands", np.arange(700, dtype=np.uint16).reshape(10, 10, 7)),
        ("a volume", np.arange(240, dtype=np.uint8).reshape(4, 5, 4, 3)),
    ],
)
def test_odd_pictures_are_segmented(name, picture, k, family):
    seg = segment(picture, k, covariance_type=family)
    flat = picture.ndim == 2
    shape = picture.shape if flat else picture.shape[:-1]
    channels = 1 if flat else picture.shape[-1]
    distinct = len(np.unique(picture.reshape(-1, channels), axis=0))
    assert 1 <= seg.n_components <= min(k, distinct)
    assert seg.labels.shape == shape
    assert 0 <= seg.labels.min() <= seg.labels.max() < seg.n_components
    assert seg.image.shape == picture.shape
    assert np.isfinite(seg.log_likelihood)
    assert np.isfinite(seg.mixture.covariances).all()
    if name in ("one pixel", "one colour", "two colours") and k > 1:
        np.testing.assert_array_equal(seg.image, picture)
        assert seg.psnr == float("inf")
    assert str(seg.n_components) in repr(seg)


def test_fewer_components_than_asked_for_are_reported():
    seg = segment(np.tile(np.array([[0, 0, 0], [9, 9, 9]], np.uint8), (5, 4, 1)), 32)
    assert (seg.n_requested, seg.n_components, len(seg.palette), len(seg.mixture.weights)) == (32, 2, 2, 2)
    assert "2 labels of 32 asked for" in repr(seg)


def test_components_below_one_pixel_are_dropped(photograph):
    """Means far from any colour find no pixel."""
    means = np.array([[0.2, 0.2, 0.2], [0.7, 0.6, 0.5], [40.0, 40.0, 40.0]])
    seg = segment(
        photograph, 3, means_init=means, weights_init=[0.5, 0.49, 0.01], precisions_init=[np.eye(3) * 1e4] * 3
    )
    assert seg.n_components == 2
    assert seg.mixture.weights.sum() == pytest.approx(1)
    assert seg.labels.max() == 1


@pytest.mark.parametrize(
    ("image", "keywords", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), {}, "no pixel to segment"),
        (np.zeros(5), {}, r"the image has shape \(5,\): give \(H, W\[, C\]\)"),
        (np.zeros((2, 2, 2, 2, 2)), {}, "the image has shape"),
        (np.zeros((4, 4), complex), {}, "the image has type complex128"),
        (np.zeros((4, 4, 3), np.uint8), {"mask": np.ones(4)}, r"mask has shape \(4,\): give \(4, 4\)"),
        (np.zeros((4, 4, 3), np.uint8), {"mask": np.zeros((4, 4))}, "no pixel to segment"),
        (np.zeros((4, 4, 3), np.uint8), {"channel_axis": 3}, "channel_axis is 3, but the image has 3 axes"),
        (np.zeros((4, 4, 3), np.uint8), {"color_space": "xyz"}, "color_space is 'xyz'"),
        (np.zeros((4, 4), np.uint8), {"color_space": "lab"}, "needs red, green and blue"),
        (np.zeros((4, 4), np.uint8), {"n_components": "many"}, "n_components is 'many'"),
        (np.zeros((4, 4), np.uint8), {"reg_covar": -1}, "reg_covar is -1"),
    ],
)
def test_wrong_arguments_get_one_line(image, keywords, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        segment(image, **keywords)
    assert "\n" not in str(caught.value)


def test_convergence_warning_points_here(photograph):
    with pytest.warns(ConvergenceWarning, match="raise max_iter or tol") as caught:
        seg = segment(photograph, 8, tol=1e-9, max_iter=2)
    assert not seg.converged
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "photo",
    [skimage.data.coffee, lambda: load_sample_image("china.jpg"), skimage.data.cell],
    ids=["coffee", "china", "cell"],
)
def test_other_photographs(photo):
    seg = segment(photo(), 16, covariance_type="spherical")
    assert seg.psnr > 24
    assert np.diff(seg.history).min() > -2e-6


@pytest.mark.parametrize("family", FAMILIES)
def test_components_on_the_floor_are_counted(photograph, family):
    assert segment(photograph, 1, covariance_type=family).n_on_floor == 0
    two = np.tile(np.array([[0, 0, 0], [9, 9, 9]], np.uint8), (5, 4, 1))
    assert segment(two, 2, covariance_type=family).n_on_floor == 2
