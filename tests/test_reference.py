"""The oracle itself: textbook EM against scikit-learn."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from rustem import reference

FAMILIES = ["full", "tied", "diag", "spherical"]
START = {
    "full": np.tile(np.eye(3) * 0.05, (4, 1, 1)),
    "tied": np.eye(3) * 0.05,
    "diag": np.full((4, 3), 0.05),
    "spherical": np.full(4, 0.05),
}


@pytest.fixture(scope="module")
def samples(photograph):
    return photograph.reshape(-1, 3)[::7] / 255.0


@pytest.mark.parametrize("n_iter", [1, 5, 30])
@pytest.mark.parametrize("family", FAMILIES)
def test_agrees_with_scikit_learn(samples, family, n_iter):
    weights, means = np.array([0.1, 0.2, 0.3, 0.4]), samples[::600][:4]
    precisions = 1 / START[family] if family in ("diag", "spherical") else np.linalg.inv(START[family])
    theirs = GaussianMixture(
        4,
        covariance_type=family,
        tol=0,
        max_iter=n_iter,
        weights_init=weights,
        means_init=means,
        precisions_init=precisions,
    )
    with pytest.warns(ConvergenceWarning):
        theirs.fit(samples)
    ours = reference.em(samples, weights, means, START[family], covariance_type=family, n_iter=n_iter, reg_covar=1e-6)
    expected = (theirs.weights_, theirs.means_, theirs.covariances_, theirs.lower_bounds_)
    for value, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(reference.log_densities(samples, *ours[:3], family), theirs.score_samples(samples))


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_count_as_repetitions_and_the_likelihood_never_falls(samples, family):
    data, repeats = samples[:800], np.arange(800) % 4
    start = (np.full(4, 0.25), data[::200], START[family])
    weighted = reference.em(data, *start, covariance_type=family, n_iter=25, sample_weight=repeats)
    repeated = reference.em(np.repeat(data, repeats, axis=0), *start, covariance_type=family, n_iter=25)
    for value, other in zip(weighted, repeated, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-9)
    assert np.diff(weighted[3]).min() > -1e-12
