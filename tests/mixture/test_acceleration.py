"""Acceleration: the same hill as EM's, never downhill, in fewer passes; and the test for the end of it."""

import numpy as np
import pytest

from rustem import EM, InvalidInputError, fit_mixture, segment

FAMILIES = ["full", "tied", "diag", "spherical"]
FLOOR = 1 / (12 * 255**2)


def colours_of(photograph, dtype):
    rows = photograph.reshape(-1, 3)
    return {"samples": rows if dtype == np.uint8 else rows / 255.0, "unit": 255 if dtype == np.uint8 else 1}


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_likelihood_never_falls(photograph, family, dtype):
    fit = fit_mixture(
        **colours_of(photograph, dtype),
        n_components=16,
        covariance_type=family,
        covariance_floor=FLOOR,
        tol=0,
        max_iter=300,
    )
    assert np.diff(fit.history).min() >= (-1e-12 if dtype == np.float64 else -2e-6)
    assert fit.log_likelihood >= fit.history[-1] - 2e-6


@pytest.mark.parametrize("n_components", [6, 24])
@pytest.mark.parametrize("family", FAMILIES)
def test_em_goes_alone_while_it_is_quick(photograph, family, n_components):
    keywords = {"covariance_type": family, "covariance_floor": FLOOR, "unit": 255, "tol": 0, "max_iter": 60}
    plain, fast = (
        fit_mixture(photograph.reshape(-1, 3), n_components, acceleration=acceleration, **keywords).history
        for acceleration in (None, "lbfgs")
    )
    quick = np.diff(plain, prepend=-np.inf) >= min(0.6 / n_components**2, 0.01)
    n_alone = len(quick) if quick.all() else np.argmin(quick) + 1
    np.testing.assert_array_equal(fast[:n_alone], plain[:n_alone])
    assert not np.array_equal(fast, plain)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_ends_where_em_stands_still(photograph, family):
    """Textbook EM from the accelerated end gains nothing: it is a maximum of the likelihood, floor and all."""
    keywords = {"covariance_type": family, "covariance_floor": FLOOR, "tol": 0}
    end = fit_mixture(photograph.reshape(-1, 3) / 255.0, 6, max_iter=400, **keywords)
    mixture = end.mixture
    inverse = np.linalg.inv if family in ("full", "tied") else np.reciprocal
    more = fit_mixture(
        photograph.reshape(-1, 3) / 255.0,
        6,
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=inverse(mixture.covariances),
        acceleration=None,
        max_iter=100,
        **keywords,
    )
    assert more.log_likelihood - end.log_likelihood < 1e-5
    np.testing.assert_allclose(more.mixture.weights, mixture.weights, atol=0.01)


@pytest.mark.parametrize("family", FAMILIES)
def test_fewer_passes_than_em(photograph, family):
    """To within 1e-5 nats of its own end, from the same start."""
    keywords = {"covariance_type": family, "covariance_floor": FLOOR, "tol": 0, "max_iter": 600, "unit": 255}
    passes = []
    for acceleration in ("lbfgs", None):
        history = fit_mixture(photograph.reshape(-1, 3), 8, acceleration=acceleration, **keywords).history
        passes.append(np.argmax(history >= history[-1] - 1e-5))
    assert passes[0] < passes[1]


def test_given_number_of_passes_is_exact(photograph):
    seen = []
    fit = fit_mixture(
        photograph.reshape(-1, 3), 12, unit=255, tol=0, max_iter=37, progress=lambda number, _: seen.append(number)
    )
    assert fit.n_iter == 37
    assert seen == list(range(1, 38))


@pytest.mark.parametrize("acceleration", ["lbfgs", None])
@pytest.mark.parametrize("family", FAMILIES)
def test_tol_is_a_distance_not_a_step(photograph, family, acceleration):
    """Where the fit says that less than tol is left, the same fit run on gains little more."""
    keywords = {"covariance_type": family, "covariance_floor": FLOOR, "acceleration": acceleration, "unit": 255}
    keywords["init_params"] = "k-means++"
    stopped = fit_mixture(photograph.reshape(-1, 3), 5, tol=1e-4, max_iter=2000, **keywords)
    further = fit_mixture(photograph.reshape(-1, 3), 5, tol=0, max_iter=4 * stopped.n_iter, **keywords)
    assert stopped.converged
    np.testing.assert_array_equal(stopped.history, further.history[: stopped.n_iter])
    assert further.history[-1] - stopped.log_likelihood < 1e-3


def test_textbook_em_where_it_is_asked_for(photograph, picture_file):
    """By None; by reg_covar, whose steps are no ascent; and in the first interface."""
    data = photograph.reshape(-1, 3)
    for keywords in ({"covariance_floor": FLOOR}, {"reg_covar": 1e-6}):
        plain = fit_mixture(data, 8, unit=255, tol=0, max_iter=150, acceleration=None, **keywords)
        other = fit_mixture(data, 8, unit=255, tol=0, max_iter=150, **keywords)
        assert np.array_equal(plain.history, other.history) == ("reg_covar" in keywords)
    em = EM(picture_file, 8).fit(25)
    book = fit_mixture(
        em.get_2d_image(),
        8,
        covariance_type="spherical",
        covariance_floor=FLOOR,
        means_init=EM(picture_file, 8).fit(1).get_mu(),
        weights_init=EM(picture_file, 8).fit(1).get_pi(),
        precisions_init=1 / EM(picture_file, 8).fit(1).get_sigma(),
        tol=0,
        max_iter=24,
        acceleration=None,
    )
    np.testing.assert_allclose(em.history[1:], book.history, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_same_bits_at_any_thread_count(large_photograph, family):
    fits = [segment(large_photograph, 9, covariance_type=family, tol=0, max_iter=20, n_threads=n) for n in (1, 2, 8)]
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.history, fits[0].history)
        np.testing.assert_array_equal(fit.labels, fits[0].labels)


def test_unknown_acceleration():
    with pytest.raises(InvalidInputError, match="acceleration"):
        fit_mixture(np.eye(4), 2, acceleration="squarem")
