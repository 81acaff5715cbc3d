"""What a mixture says of samples."""

import numpy as np
import pytest

import rustem
from rustem import InvalidInputError, _core, fit_mixture

FAMILIES = ["full", "tied", "diag", "spherical"]


@pytest.mark.parametrize("family", FAMILIES)
def test_sampling_gives_the_mixture_back(family, samples):
    mixture = fit_mixture(samples, 3, covariance_type=family).mixture
    drawn = mixture.sample(200_000, random_state=1)
    np.testing.assert_allclose(drawn.mean(axis=0), mixture.weights @ mixture.means, atol=3e-3)
    assert mixture.score(drawn) > mixture.score(drawn + 0.3)
    np.testing.assert_array_equal(mixture.sample(5, random_state=2), mixture.sample(5, random_state=2))


def test_mixture_refuses_other_features(samples):
    mixture = fit_mixture(samples, 2, tol=0, max_iter=1).mixture
    with pytest.raises(InvalidInputError, match="samples have 2 features, but the mixture has 3"):
        mixture.predict(np.zeros((4, 2)))


def test_the_core_takes_no_columns_for_rows():
    columns = np.asfortranarray(np.arange(6.0).reshape(3, 2))
    with pytest.raises(ValueError, match="C-contiguous"):
        _core.count_colors(columns.astype(np.uint8, order="F"), 1)
    mixture = rustem.Mixture(np.ones(1), np.zeros((1, 2)), np.ones(1), "spherical")
    np.testing.assert_array_equal(mixture.score_samples(columns), mixture.score_samples(columns.copy("C")))
