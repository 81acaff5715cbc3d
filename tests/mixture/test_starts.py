"""The search for a start: when it is made, and that it ends higher than one start does."""

import numpy as np
import pytest

from rustem import GaussianMixture, InvalidInputError, fit_mixture, segment

FAMILIES = ["full", "tied", "diag", "spherical"]
FLOOR = 1 / (12 * 255**2)


@pytest.fixture(scope="module")
def colours(photograph):
    values, counts = np.unique(photograph.reshape(-1, 3), axis=0, return_counts=True)
    return {"samples": values, "sample_weight": counts, "unit": 255, "covariance_floor": FLOOR}


@pytest.mark.parametrize("family", FAMILIES)
def test_it_ends_higher_than_one_start_and_never_falls(colours, family):
    plain = fit_mixture(**colours, n_components=8, covariance_type=family, init_params="k-means++")
    found = fit_mixture(**colours, n_components=8, covariance_type=family, init_params="search")
    assert found.converged
    assert found.log_likelihood > plain.log_likelihood - 1e-4
    assert found.history[0] > plain.history[0]
    assert np.diff(found.history).min() >= -2e-6


def test_the_best_of_ten_starts(colours):
    ten = fit_mixture(**colours, n_components=8, n_init=10, init_params="k-means++")
    assert fit_mixture(**colours, n_components=8).log_likelihood > ten.log_likelihood - 0.02


@pytest.mark.parametrize("family", FAMILIES)
def test_tol_is_a_distance_from_the_limit(colours, family):
    """Weights too are where more passes would bring them."""
    stopped = fit_mixture(**colours, n_components=6, covariance_type=family, init_params="search")
    mixture = stopped.mixture
    inverse = np.linalg.inv if family in ("full", "tied") else np.reciprocal
    limit = fit_mixture(
        **colours,
        n_components=6,
        covariance_type=family,
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=inverse(mixture.covariances),
        tol=0,
        max_iter=500,
    )
    assert limit.log_likelihood - stopped.log_likelihood < 1e-3
    np.testing.assert_allclose(mixture.weights, limit.mixture.weights, atol=0.02)


@pytest.mark.parametrize(
    "keywords",
    [
        {"tol": 0, "max_iter": 250},
        {"max_iter": 150, "tol": 1e-2},
        {"acceleration": None, "tol": 1e-3},
        {"reg_covar": 1e-6, "tol": 1e-3},
        {"covariance_floor": 0.0},
        {"covariance_type": "spherical"},
        {"means_init": np.linspace(0.1, 0.9, 12).reshape(4, 3)},
    ],
)
def test_no_search_where_something_else_is_asked_for(colours, keywords):
    arguments = {**colours, **keywords, "n_components": 4}
    chosen, plain = fit_mixture(**arguments), fit_mixture(**arguments, init_params="k-means++")
    np.testing.assert_array_equal(chosen.history, plain.history)


def test_a_search_finds_the_whole_start(colours):
    with pytest.raises(InvalidInputError, match="search"):
        fit_mixture(**colours, n_components=2, init_params="search", weights_init=[0.5, 0.5])


@pytest.mark.parametrize("family", FAMILIES)
def test_same_bits_at_any_thread_count(large_photograph, family):
    """Also where it sees only a part of the colours."""
    fits = [segment(large_photograph, 5, covariance_type=family, init_params="search", n_threads=n) for n in (1, 2, 8)]
    assert fits[0].n_distinct > 2 * 4096
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.history, fits[0].history)
        np.testing.assert_array_equal(fit.labels, fits[0].labels)


def test_progress_hears_of_the_search(photograph):
    heard = []
    found = segment(photograph, 6, progress=lambda *call: heard.append(call))
    searched = [likelihood for iteration, likelihood in heard if iteration == 0]
    assert len(searched) >= 2
    assert [iteration for iteration, _ in heard] == [0] * len(searched) + list(range(1, found.n_iter + 1))


def test_components_on_the_floor_are_told(colours):
    flat = np.full((40, 40, 3), 200, dtype=np.uint8)
    flat[:, 20:] = np.random.default_rng(0).integers(0, 100, (40, 20, 3))
    found = segment(flat, 2, noise=0)
    assert found.on_floor.tolist() == [bool((found.palette[j] == 200).all()) for j in range(2)]
    assert found.n_on_floor == 1
    fit = fit_mixture(**colours, n_components=16)
    least = np.linalg.eigvalsh(fit.mixture.covariances)[:, 0]
    np.testing.assert_array_equal(fit.on_floor, least <= 1.001 * FLOOR)


@pytest.mark.parametrize("family", FAMILIES)
def test_scikit_learns_estimator_can_start_from_it(photograph, family):
    rows = photograph.reshape(-1, 3) / 255.0
    keywords = {"covariance_type": family, "random_state": 0, "max_iter": 500, "tol": 1e-5}
    searched = GaussianMixture(8, init_params="search", **keywords).fit(rows)
    assert searched.score(rows) > GaussianMixture(8, **keywords).fit(rows).score(rows) - 1e-3
    few = GaussianMixture(3, init_params="search", covariance_type=family, random_state=0)
    assert few.fit([[0.0], [0.0], [1.0], [1.0]]).means_.shape == (3, 1)


def test_many_samples_climb_on_a_part_first_the_same_on_any_number_of_threads():
    random = np.random.default_rng(0)
    samples = (random.normal(size=(600_000, 1)) + 5 * random.integers(9, size=(600_000, 1))).astype(np.float32)
    fits = [fit_mixture(samples, 9, init_params="search", n_threads=threads) for threads in (1, 2)]
    np.testing.assert_array_equal(fits[0].mixture.means, fits[1].mixture.means)
    np.testing.assert_array_equal(fits[0].labels, fits[1].labels)
    np.testing.assert_array_equal(fits[0].labels, fits[0].mixture.predict(samples))  # sorted or not
    assert fits[0].n_iter < 40
    plain = fit_mixture(samples, 9, init_params="k-means++")
    assert fits[0].log_likelihood > plain.log_likelihood - 1e-5
