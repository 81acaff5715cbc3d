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
    columns = np.arange(6.0).reshape(3, 2, order="F")
    mixture = ("spherical", np.array([0.5, 0.5]), np.array([[0.0, 3.0], [2.0, 5.0]]), np.ones(2))
    labels, _ = _core.label(columns, None, 1.0, mixture, 1)
    np.testing.assert_array_equal(labels, _core.label(np.ascontiguousarray(columns), None, 1.0, mixture, 1)[0])
    with pytest.raises(TypeError):
        _core.label(columns.astype(np.int64), None, 1.0, mixture, 1)


def unaligned(values):
    """The same values, one byte off where a number may lie."""
    room = np.zeros(values.nbytes + 1, np.uint8)
    moved = room[1:].view(values.dtype).reshape(values.shape)
    moved[:] = values
    return moved


LAYOUTS = {
    "columns first": np.asfortranarray,
    "strided": lambda values: np.repeat(values, 2, axis=0)[::2],
    "backwards": lambda values: values[::-1].copy()[::-1],
    "bytes swapped": lambda values: values.astype(values.dtype.newbyteorder()),
    "unaligned": unaligned,
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_how_arrays_lie_in_memory_changes_nothing(family, layout):
    random = np.random.default_rng(5)
    samples = np.concatenate([random.normal(0, [1, 2, 3], (60, 3)), random.normal(6, 1, (50, 3))])
    weight = random.random(len(samples))
    fit = rustem.fit_mixture(samples, 3, sample_weight=weight, covariance_type=family)
    again = rustem.fit_mixture(layout(samples), 3, sample_weight=layout(weight), covariance_type=family)
    mixture = fit.mixture
    parts = (mixture.weights, mixture.means, mixture.covariances)
    other = rustem.Mixture(*map(layout, parts), mixture.covariance_type)
    np.testing.assert_array_equal(again.mixture.means, mixture.means)
    for asked in (other, again.mixture):
        np.testing.assert_array_equal(asked.score_samples(layout(samples)), mixture.score_samples(samples))
        np.testing.assert_array_equal(asked.predict(layout(samples)), mixture.predict(samples))
        np.testing.assert_array_equal(asked.predict_proba(layout(samples)), mixture.predict_proba(samples))
