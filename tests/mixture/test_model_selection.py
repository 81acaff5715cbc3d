"""Criteria of model selection, and mergers of components."""

import numpy as np
import pytest

from rustem import Mixture, select_components
from rustem.mixture.model_selection import merged

FAMILIES = ["full", "tied", "diag", "spherical"]


def test_the_criteria_are_their_formulas():
    samples = np.random.default_rng(0).standard_normal((400, 2)) * [1, 3]
    samples[:150] += 3
    selection = select_components(samples, [2], n_effective=100)
    mixture = selection.mixtures[0]
    log_likelihood, shares = mixture.score(samples), mixture.predict_proba(samples)
    p = 2 * 5 + 1
    bic = -200 * log_likelihood + p * np.log(100)
    entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1).mean()
    assert selection.values["bic"][0] == pytest.approx(bic)
    assert selection.values["icl"][0] == pytest.approx(bic + 200 * entropy)
    assert selection.values["aic"][0] == pytest.approx(-200 * log_likelihood + 2 * p)
    length = 5 * np.log(100 * mixture.weights / 12).sum() + 2 * np.log(100 / 12) + 2 * 6
    assert selection.values["mml"][0] == pytest.approx(-200 * log_likelihood + length)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_merger_keeps_the_moments(family):
    """Mean and covariance of the whole stay, where the family can say them; the nearest two are merged."""
    weights, means = np.array([0.5, 0.2, 0.3]), np.array([[0.0, 0.0], [9.0, 9.0], [0.4, 0.1]])
    covariances = {
        "full": np.stack([np.eye(2), 2 * np.eye(2), np.array([[1.5, 0.3], [0.3, 1.0]])]),
        "tied": np.eye(2),
        "diag": np.ones((3, 2)),
        "spherical": np.ones(3),
    }[family]
    one = merged(Mixture(weights, means, covariances, family))
    assert one.n_components == 2
    np.testing.assert_allclose(one.weights @ one.means, weights @ means)
    np.testing.assert_allclose(one.means, [[0.15, 0.0375], [9.0, 9.0]])
    if family == "full":
        second = [
            np.einsum("k,kab->ab", m.weights, m.covariances + m.means[:, :, None] * m.means[:, None])
            for m in (one, Mixture(weights, means, covariances, family))
        ]
        np.testing.assert_allclose(*second)
