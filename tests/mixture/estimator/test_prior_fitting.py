"""Priors, frozen components and streams of the estimator."""

import pickle

import numpy as np
import pytest

from rustem import GaussianMixture

FAMILIES = ["full", "tied", "diag", "spherical"]


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def priors(family, d=3):
    scale = {"full": 0.3 * np.eye(d), "tied": 0.3 * np.eye(d), "diag": np.full(d, 0.3), "spherical": 0.3}[family]
    return {"covariance_prior": scale, "degrees_of_freedom_prior": d + 3, "weight_concentration_prior": 4.0}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_posterior_never_falls_and_priors_fade(samples, family):
    keywords = {"covariance_type": family, "random_state": 0, "reg_covar": 0, "tol": 1e-9, "max_iter": 1000}
    model = GaussianMixture(4, **keywords, **priors(family)).fit(samples[:60])
    assert np.diff(model.lower_bounds_).min() >= -1e-11
    few, many = (
        np.abs(GaussianMixture(1, **keywords, **priors(family)).fit(X).covariances_ / one.covariances_ - 1).max()
        for X, one in ((X, GaussianMixture(1, **keywords).fit(X)) for X in (samples[:20], samples))
    )
    assert many < few / 10


def test_the_mode_of_one_component_is_the_formula(samples):
    """(S + scale) / (n + nu + d + 1), and for single variances (S + scale) / (n + nu + 2)."""
    few = samples[:12]
    scatter = (few - few.mean(axis=0)).T @ (few - few.mean(axis=0))
    expected = {
        "full": (scatter + 0.3 * np.eye(3)) / (12 + 6 + 4),
        "tied": (scatter + 0.3 * np.eye(3)) / (12 + 6 + 4),
        "diag": (np.diag(scatter) + 0.3) / (12 + 6 + 2),
        "spherical": (np.trace(scatter) + 0.3) / (12 * 3 + 6 + 2),
    }
    for family in FAMILIES:
        model = GaussianMixture(1, covariance_type=family, reg_covar=0, **priors(family)).fit(few)
        np.testing.assert_allclose(np.squeeze(model.covariances_), expected[family], rtol=1e-12)


def test_priors_help_few_samples(samples):
    """Five components on 25 samples collapse without a prior; with one, unseen samples are likelier."""
    few = samples[:25]
    free, informed = (
        [GaussianMixture(5, random_state=seed, n_init=3, max_iter=500, **known).fit(few) for seed in range(5)]
        for known in ({}, priors("full"))
    )
    unseen = [[model.score(samples[25:]) for model in models] for models in (free, informed)]
    assert np.mean(unseen[1]) > np.mean(unseen[0]) + 1
    assert min(model.weights_.min() for model in informed) > 3 / (25 + 5 * 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_frozen_components_stay_to_the_bit(samples, family):
    given = GaussianMixture(4, covariance_type=family, random_state=0).fit(samples)
    start = {"means_init": given.means_ + 0.3, "precisions_init": given.precisions_, "weights_init": given.weights_}
    keywords = {"covariance_type": family, "tol": 1e-8, "max_iter": 500, "reg_covar": 0, **start}
    held = np.array([True, False, True, False])
    model = GaussianMixture(4, frozen_means=held, **keywords).fit(samples)
    np.testing.assert_array_equal(model.means_[held], start["means_init"][held])
    assert not np.isclose(model.means_[~held], start["means_init"][~held]).any()
    assert np.diff(model.lower_bounds_).min() >= -1e-12
    model = GaussianMixture(4, frozen_means=True, frozen_covariances=True, **keywords).fit(samples)
    np.testing.assert_array_equal(model.means_, start["means_init"])
    np.testing.assert_allclose(model.covariances_, given.covariances_, rtol=1e-9)
    with pytest.raises(ValueError, match="frozen_means holds what means_init gives, which is None: give it"):
        GaussianMixture(4, frozen_means=True).fit(samples)
    with pytest.raises(ValueError, match="give True, or 4 booleans"):
        GaussianMixture(4, frozen_means=[True], means_init=samples[:4]).fit(samples)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stream_comes_close_to_the_whole(samples, family):
    """Many batches, each seen once, against EM on all of them from what the first batch gave."""
    big = GaussianMixture(4, covariance_type=family, random_state=0).fit(samples).sample(40_000)[0]
    np.random.default_rng(0).shuffle(big)
    stream = GaussianMixture(4, covariance_type=family, random_state=0)
    for batch in np.array_split(big, 100):
        assert stream.partial_fit(batch) is stream
        if stream.n_iter_ == 1:
            first = {
                "weights_init": stream.weights_,
                "means_init": stream.means_,
                "precisions_init": stream.precisions_,
            }
    limit = GaussianMixture(4, covariance_type=family, tol=1e-6, max_iter=500, **first).fit(big)
    assert stream.n_iter_ == 100
    assert stream.score(big) > limit.score(big) - 0.005
    assert stream.weights_.sum() == pytest.approx(1)


def test_the_first_batch_is_an_iteration_and_weights_count(samples):
    weight = np.arange(len(samples)) % 3
    for keywords in ({}, {"frozen_means": [True, False, False], "means_init": samples[:3]}):
        one = GaussianMixture(3, max_iter=1, random_state=0, **keywords).fit(samples, sample_weight=weight)
        stream = GaussianMixture(3, random_state=0, **keywords).partial_fit(samples, sample_weight=weight)
        np.testing.assert_allclose(stream.means_, one.means_, rtol=1e-9)
        np.testing.assert_allclose(stream.covariances_, one.covariances_, rtol=1e-9, atol=1e-12)
    model = GaussianMixture(3, random_state=0).fit(samples)
    before = model.score(samples)
    assert model.partial_fit(samples[::2]).score(samples) > before - 0.05
    assert pickle.loads(pickle.dumps(model)).partial_fit(samples[:1]).n_iter_ == 3


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"weight_concentration_prior": 0.5}, "weight_concentration_prior is 0.5: it must be at least 1"),
        ({"covariance_prior": 1.0}, r"covariance_prior has shape \(\): give finite numbers of shape \(3, 3\)"),
        ({"covariance_prior": -np.eye(3)}, "covariance_prior of component 0 is not symmetric positive-definite"),
        ({"covariance_prior": np.eye(3), "degrees_of_freedom_prior": 1}, "degrees_of_freedom_prior is 1"),
    ],
)
def test_priors_that_are_none_get_one_line(samples, keywords, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, **keywords).fit(samples)
