"""A mixture remembers on what pictures it was fitted, and is applied to others as to those."""

import numpy as np
import pytest

import rustem
from rustem import InvalidInputError, Mixture, segment


@pytest.fixture(scope="module")
def scan():
    """Two materials and a ground in 12 bits of 16."""
    random = np.random.default_rng(7)
    levels = np.repeat(np.repeat([[400, 1100], [1900, 2600]], 20, axis=0), 25, axis=1)
    return (levels + random.normal(0, 40, levels.shape)).astype(np.uint16)


@pytest.mark.parametrize("space", ["lab", "oklab", "linear"])
def test_the_colour_space_is_the_mixtures(photograph, space, tmp_path):
    fitted = segment(photograph, 5, color_space=space)
    fitted.mixture.save(tmp_path / "photo.npz")
    for mixture in (fitted.mixture, Mixture.load(tmp_path / "photo.npz")):
        applied = segment(photograph, mixture=mixture)
        np.testing.assert_array_equal(applied.labels, fitted.labels)
        np.testing.assert_array_equal(segment(photograph, mixture=mixture, color_space=space).labels, fitted.labels)
        with pytest.raises(InvalidInputError, match=f"fitted in {space}: leave color_space='srgb' out"):
            segment(photograph, mixture=mixture, color_space="srgb")
        with pytest.raises(InvalidInputError, match=f"the mixture is over {space}"):
            mixture.predict(photograph.reshape(-1, 3))


def test_floats_that_hold_whole_numbers_are_these(scan):
    fitted = segment(scan, 4)
    assert len(np.unique(fitted.labels)) == 4
    for values in (scan.astype(np.float32), scan.astype(np.float64), scan.astype(np.int32), scan / 65535):
        np.testing.assert_array_equal(segment(values, mixture=fitted.mixture).labels, fitted.labels)
    mask = np.ones(scan.shape, bool)
    mask[:5, :7] = False
    masked = np.where(mask, scan, np.nan)
    applied = segment(masked, mixture=fitted.mixture, mask=mask).labels
    np.testing.assert_array_equal(applied, np.where(mask, fitted.labels, -1))
    for wrong in (scan + 0.25, scan * 100.0, scan - 3000.0):
        with pytest.raises(InvalidInputError, match="but the mixture was fitted on uint16: scale it"):
            segment(wrong, mixture=fitted.mixture)


def test_whole_numbers_for_a_mixture_of_floats_in_the_same_unit(scan):
    fitted = segment(scan.astype(np.float32), 4)
    np.testing.assert_array_equal(segment(scan, mixture=fitted.mixture).labels, fitted.labels)


def test_other_depths_are_scaled(photograph):
    fitted = segment(photograph, 5)
    for same in (photograph.astype(np.uint16) * 257, photograph / np.float32(255)):
        np.testing.assert_array_equal(segment(same, mixture=fitted.mixture).labels, fitted.labels)
    of_floats = segment(photograph / np.float64(255), 5).mixture
    labels = segment(photograph, mixture=of_floats).labels
    np.testing.assert_array_equal(labels, of_floats.predict(photograph.reshape(-1, 3)).reshape(labels.shape))


def test_samples_of_pictures_need_no_unit(photograph, scan):
    fitted = segment(photograph, 5)
    np.testing.assert_array_equal(fitted.mixture.predict(photograph.reshape(-1, 3)), fitted.labels.ravel())
    raw = segment(scan.astype(np.float64), 4)
    np.testing.assert_array_equal(raw.mixture.predict(scan.reshape(-1, 1)), raw.labels.ravel())
    assert raw.mixture.score(scan.reshape(-1, 1)) == pytest.approx(raw.log_likelihood)


def test_files_of_before_know_no_pictures(tmp_path, photograph):
    mixture = segment(photograph, 3).mixture
    parts = {"weights": mixture.weights, "means": mixture.means, "covariances": mixture.covariances}
    np.savez(tmp_path / "old.npz", rustem_mixture=1, covariance_type="full", **parts)
    assert Mixture.load(tmp_path / "old.npz").fitted_on is None
    for fitted_on in (
        '{"dtype": "uint8"}',
        "[1]",
        '{"dtype": "int3", "color_space": "lab", "lowest": 0.0, "highest": 1.0}',
    ):
        np.savez(tmp_path / "bad.npz", rustem_mixture=2, covariance_type="full", fitted_on=fitted_on, **parts)
        with pytest.raises(InvalidInputError, match="this mixture is damaged"):
            rustem.Mixture.load(tmp_path / "bad.npz")
