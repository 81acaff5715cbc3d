"""What counts as noise does not depend on how a picture's values are scaled, nor on what is far from all others."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from rustem import fit_mixture, segment
from rustem.pipeline.noise import NOISE, noise_floor, spread


def classes(shape=(60, 80)):
    """Two halves, and noise of a standard deviation of one."""
    random = np.random.default_rng(3)
    truth = np.zeros(shape, int)
    truth[:, shape[1] // 2 :] = 1
    return truth, random


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p / 255,
        lambda p: (p / 255).astype(np.float32),
        lambda p: p.astype(np.uint16) * 257,
        lambda p: p / 2.55,
        lambda p: 1000 + 0.1 * p,
        lambda p: p * [1, 1e-4, 1e4],
    ],
    ids=["float64", "float32", "16 bits", "per cent", "a tenth of the contrast", "bands of other units"],
)
def test_the_same_picture_in_other_numbers_has_the_same_labels(photograph, change):
    photograph = photograph[:64, :64]
    first = segment(photograph, 5).labels
    assert (segment(change(photograph), 5).labels == first).mean() > 0.995


@pytest.mark.parametrize("family", ["full", "tied", "diag"])
def test_bands_of_different_units_keep_their_classes(family):
    truth, random = classes()
    bands = np.stack([truth * 5 + random.normal(0, 0.5, truth.shape), random.normal(0, 1e5, truth.shape)], -1)
    found = segment(bands, 2, covariance_type=family, init_params="search").labels
    assert adjusted_rand_score(truth.ravel(), found.ravel()) > 0.95


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6])
def test_marks_for_no_data_do_not_merge_what_is_there(share, family):
    truth, random = classes()
    band = np.where(truth, 0.45, 0.08) + random.normal(0, 0.02, truth.shape)
    rows = round(share * len(band))
    band[:rows] = -9999
    found = segment(band.astype(np.float32), 3, covariance_type=family).labels[rows:]
    assert adjusted_rand_score(truth[rows:].ravel(), found.ravel()) > 0.99


def test_spread_is_the_standard_deviation_and_robust():
    random = np.random.default_rng(0)
    values = random.normal(5, [1, 20], (40_000, 2))
    np.testing.assert_allclose(spread(values, None), [1, 20], rtol=0.05)
    values[::50] = 1e6
    np.testing.assert_allclose(spread(values, None), [1, 20], rtol=0.1)
    whole = np.clip(np.rint(random.normal(100, 12, (40_000, 1))), 0, 255).astype(np.uint8)
    distinct, counts = np.unique(whole, return_counts=True)
    np.testing.assert_allclose(spread(distinct[:, None], counts.astype(float)), spread(whole, None))
    np.testing.assert_allclose(spread(whole, None), [12], rtol=0.1)


def test_noise_is_never_less_than_rounding():
    flat = np.full((10, 3), 7, np.uint8)
    np.testing.assert_allclose(noise_floor(flat, None, 255.0, NOISE), 1 / (12 * 255**2))
    assert (noise_floor(np.full((10, 3), 0.5), None, 1.0, NOISE) > 0).all()
    picture = np.arange(256, dtype=np.uint8)[:, None]
    assert noise_floor(picture, None, 255.0, 0.0) == pytest.approx(1 / (12 * 255**2))
    assert noise_floor(picture, None, 255.0, 0.2) == pytest.approx((0.2 * 1.4826 * 64 / 255) ** 2, rel=0.02)


def test_no_component_is_narrower_than_noise(photograph):
    found = segment(photograph, 16, noise=0.2)
    assert found.n_on_floor == 0
    scaled = found.mixture.covariances / np.outer(found.noise, found.noise)
    assert np.linalg.eigvalsh(scaled).min() > 0.999
    np.testing.assert_allclose(found.noise, 0.2 * spread(photograph.reshape(-1, 3), None) / 255)


@pytest.mark.parametrize("family", ["full", "tied", "diag"])
def test_a_floor_for_each_feature_is_that_of_scaled_samples(family):
    samples = np.random.default_rng(5).normal(0, [1, 3, 50], (900, 3)) + 4 * np.arange(900)[:, None] % 12
    floor = np.array([0.5, 2.0, 900.0])
    each = fit_mixture(samples, 4, covariance_type=family, covariance_floor=floor)
    scaled = fit_mixture(samples / np.sqrt(floor), 4, covariance_type=family, covariance_floor=1.0)
    np.testing.assert_allclose(each.mixture.means, scaled.mixture.means * np.sqrt(floor), rtol=1e-9)
    assert each.log_likelihood == pytest.approx(scaled.log_likelihood - 0.5 * np.log(floor).sum())
    np.testing.assert_array_equal(each.on_floor, scaled.on_floor)
    history = each.history
    assert (np.diff(history) >= -1e-12).all()


@pytest.mark.parametrize("noise", [-1, np.nan, "much"])
def test_noise_is_checked(photograph, noise):
    with pytest.raises(ValueError, match="noise is"):
        segment(photograph, 2, noise=noise)


@pytest.mark.parametrize("floor", [[1.0, 2.0], [1.0, 0.0, 1.0], [1.0, np.nan, 1.0]])
def test_floors_are_checked(floor):
    with pytest.raises(ValueError, match="give one number, or 3 that are above 0"):
        fit_mixture(np.eye(3), 1, covariance_floor=floor)
