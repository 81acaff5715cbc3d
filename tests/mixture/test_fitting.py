"""fit_mixture and Mixture: agreement with scikit-learn, invariants, reproducibility, bad arguments."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning as SklearnConvergenceWarning
from sklearn.mixture import GaussianMixture

from rustem import ConvergenceWarning, InvalidInputError, _core, fit_mixture

FAMILIES = ["full", "tied", "diag", "spherical"]
K = 6


@pytest.fixture(scope="module")
def start(samples):
    """The same start for everybody: weights, means, precisions by family."""
    random = np.random.default_rng(0)
    means = samples[random.choice(len(samples), K, replace=False)]
    variance = 0.02 * (1 + np.arange(K))
    precisions = {
        "full": np.eye(3) / variance[:, None, None],
        "tied": np.eye(3) / 0.03,
        "diag": np.ones((K, 3)) / variance[:, None],
        "spherical": 1 / variance,
    }
    return np.arange(1, K + 1) / np.arange(1, K + 1).sum(), means, precisions


def sklearn_fit(samples, start, family, n_iter):
    weights, means, precisions = start
    model = GaussianMixture(
        K,
        covariance_type=family,
        tol=0,
        max_iter=n_iter,
        weights_init=weights,
        means_init=means,
        precisions_init=precisions[family],
    )
    with pytest.warns(SklearnConvergenceWarning):
        return model.fit(samples)


def our_fit(samples, start, family, n_iter, **keywords):
    weights, means, precisions = start
    keywords = {
        "weights_init": weights,
        "means_init": means,
        "precisions_init": precisions[family],
        "reg_covar": 1e-6,
        "tol": 0,
        "max_iter": n_iter,
        "acceleration": None,
        **keywords,
    }
    return fit_mixture(samples, K, covariance_type=family, **keywords)


@pytest.mark.parametrize("n_iter", [1, 5, 30])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-5), (np.float32, 1e-3)])
def test_agrees_with_scikit_learn(samples, start, family, n_iter, dtype, tolerance):
    theirs = sklearn_fit(samples, start, family, n_iter)
    ours = our_fit(samples.astype(dtype), start, family, n_iter)
    np.testing.assert_allclose(ours.mixture.weights, theirs.weights_, rtol=tolerance)
    np.testing.assert_allclose(ours.mixture.means, theirs.means_, rtol=tolerance)
    scale = np.abs(theirs.covariances_).max()
    np.testing.assert_allclose(ours.mixture.covariances, theirs.covariances_, rtol=tolerance, atol=tolerance * scale)
    assert ours.n_iter == n_iter == theirs.n_iter_
    if dtype == np.float64:
        assert ours.log_likelihood == pytest.approx(theirs.score(samples), abs=1e-6)
        np.testing.assert_allclose(ours.history, theirs.lower_bounds_, atol=1e-6)
        np.testing.assert_array_equal(ours.labels, theirs.predict(samples))
        np.testing.assert_allclose(ours.mixture.predict_proba(samples), theirs.predict_proba(samples), atol=1e-6)
        np.testing.assert_allclose(ours.mixture.score_samples(samples), theirs.score_samples(samples), atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_agrees_with_the_reference_and_counted_colours(photograph, samples, start, family):
    """Counted or not, float32 or float64, by textbook or by kernel: one mixture."""
    from rustem import reference

    weights, means, precisions = start
    covariances = 1 / precisions[family] if family in ("diag", "spherical") else np.linalg.inv(precisions[family])
    book = reference.em(samples, weights, means, covariances, covariance_type=family, n_iter=10, reg_covar=1e-6)
    colours, counts, index = _core.count_colors(photograph.reshape(-1, 3), 1)
    np.testing.assert_array_equal(colours[index], photograph.reshape(-1, 3))
    counted = our_fit(colours, start, family, 10, sample_weight=counts, unit=255)
    uncounted = our_fit(photograph.reshape(-1, 3), start, family, 10, unit=255)
    for fit in (counted, uncounted):
        np.testing.assert_allclose(fit.mixture.means, book[1], rtol=1e-4)
        np.testing.assert_allclose(fit.mixture.covariances, book[2], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(fit.history, book[3], atol=1e-5)


@pytest.mark.parametrize("d", [1, 2, 4, 5, 9])
@pytest.mark.parametrize("family", FAMILIES)
def test_any_number_of_features_agrees_with_scikit_learn(family, d):
    random = np.random.default_rng(d)
    data = random.standard_normal((700, d)) @ random.standard_normal((d, d)) + 3 * random.integers(0, 3, (700, 1))
    means = data[:4]
    theirs = GaussianMixture(
        4, covariance_type=family, means_init=means, weights_init=np.full(4, 0.25), tol=0, max_iter=8
    )
    theirs.precisions_init = {
        "full": np.tile(np.eye(d), (4, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((4, d)),
        "spherical": np.ones(4),
    }[family]
    with pytest.warns(SklearnConvergenceWarning):
        theirs.fit(data)
    ours = fit_mixture(
        data,
        4,
        covariance_type=family,
        means_init=means,
        weights_init=np.full(4, 0.25),
        precisions_init=theirs.precisions_init,
        reg_covar=1e-6,
        tol=0,
        max_iter=8,
    )
    np.testing.assert_allclose(ours.mixture.means, theirs.means_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.mixture.covariances, theirs.covariances_, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_the_likelihood_never_falls(photograph, family, dtype):
    data = photograph.reshape(-1, 3) if dtype == np.uint8 else photograph.reshape(-1, 3).astype(dtype) / 255
    unit = 255 if dtype == np.uint8 else 1
    fit = fit_mixture(
        data, 16, unit=unit, covariance_type=family, covariance_floor=1 / (12 * 255**2), tol=0, max_iter=150
    )
    assert np.diff(fit.history).min() >= -2e-6 if dtype != np.float64 else np.diff(fit.history).min() >= -1e-12


@pytest.mark.parametrize("family", FAMILIES)
def test_same_bits_at_any_thread_count(large_photograph, family):
    data = large_photograph.reshape(-1, 3)
    fits = [fit_mixture(data, 8, unit=255, covariance_type=family, tol=0, max_iter=5, n_threads=n) for n in (1, 2, 8)]
    for fit in fits[1:]:
        for name in ("weights", "means", "covariances"):
            np.testing.assert_array_equal(getattr(fit.mixture, name), getattr(fits[0].mixture, name))
        np.testing.assert_array_equal(fit.history, fits[0].history)
        np.testing.assert_array_equal(fit.labels, fits[0].labels)
        assert fit.log_likelihood == fits[0].log_likelihood


def test_permuting_samples_changes_nothing_but_rounding(samples, start):
    order = np.random.default_rng(1).permutation(len(samples))
    one, other = our_fit(samples, start, "full", 20), our_fit(samples[order], start, "full", 20)
    np.testing.assert_allclose(one.mixture.means, other.mixture.means, rtol=1e-9)
    np.testing.assert_array_equal(one.labels[order], other.labels)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-4)])
def test_scaling_and_shifting_samples_scales_and_shifts_the_answer(samples, dtype, tolerance):
    """Also far from the origin, where raw second moments in float32 would be all cancellation."""
    scale, shift = 200, 3000
    one = fit_mixture(samples, 5, covariance_floor=1e-4, tol=0, max_iter=20)
    moved = (samples * scale + shift).astype(dtype)
    other = fit_mixture(moved, 5, covariance_floor=1e-4 * scale**2, tol=0, max_iter=20)
    np.testing.assert_allclose((other.mixture.means - shift) / scale, one.mixture.means, atol=tolerance)
    np.testing.assert_allclose(other.mixture.covariances / scale**2, one.mixture.covariances, atol=tolerance)
    assert other.log_likelihood == pytest.approx(one.log_likelihood - 3 * np.log(scale), abs=10 * tolerance)


def test_weights_count_as_repetitions(samples, start):
    data = samples[:500]
    weights = np.arange(500) % 3
    weighted = our_fit(data, start, "full", 15, sample_weight=weights)
    repeated = our_fit(np.repeat(data, weights, axis=0), start, "full", 15)
    np.testing.assert_allclose(weighted.mixture.means, repeated.mixture.means, rtol=1e-9)
    assert weighted.mixture.score(data, weights) == pytest.approx(repeated.log_likelihood, abs=1e-12)


def test_labels_are_those_of_the_final_parameters(samples):
    fit = fit_mixture(samples, 7, tol=0, max_iter=3)
    np.testing.assert_array_equal(fit.labels, fit.mixture.predict(samples))
    np.testing.assert_array_equal(fit.labels, fit.mixture.predict_proba(samples).argmax(axis=1))
    assert fit.log_likelihood == pytest.approx(fit.mixture.score(samples))


def test_convergence_is_told(samples):
    with pytest.warns(ConvergenceWarning, match=r"not converged after 3 iterations .*: raise max_iter or tol"):
        fit = fit_mixture(samples, 8, tol=1e-9, max_iter=3)
    assert not fit.converged
    fit = fit_mixture(samples, 3, tol=1e-3, max_iter=500)
    assert fit.converged
    assert 1 < fit.n_iter < 100  # far from the limit
    assert fit_mixture(samples, 3, tol=0, max_iter=4).n_iter == 4  # an exact number is what was asked for: no warning


def test_restarts_keep_the_best(samples):
    single = [fit_mixture(samples, 9, tol=0, max_iter=15, random_state=seed).log_likelihood for seed in range(3)]
    assert len(set(single)) == 3
    several = fit_mixture(samples, 9, tol=0, max_iter=15, random_state=0, n_init=6)
    assert several.log_likelihood >= single[0]


def test_seeds(samples):
    same = [fit_mixture(samples, 5, tol=0, max_iter=2, random_state=4).mixture.means for _ in range(2)]
    np.testing.assert_array_equal(*same)
    for state in (None, np.random.default_rng(3)):
        assert fit_mixture(samples, 5, tol=0, max_iter=2, random_state=state).mixture.n_components == 5


@pytest.mark.parametrize("family", FAMILIES)
def test_more_components_than_distinct_samples(family):
    fit = fit_mixture([[0.0], [1.0], [1.0]], 32, covariance_type=family, covariance_floor=1e-4)
    assert fit.mixture.n_components == 2
    assert sorted(fit.mixture.means.round(6).ravel()) == [0, 1]


@pytest.mark.parametrize("init_params", ["k-means++", "random_from_data"])
def test_large_k_is_no_byte(samples, init_params):
    fit = fit_mixture(samples, 300, covariance_type="spherical", init_params=init_params, tol=0, max_iter=260)
    assert (fit.mixture.n_components, fit.n_iter) == (300, 260)


def test_a_component_without_samples_stays_harmless(samples):
    means = np.array([[0.5, 0.5, 0.5], [1e6, 0.0, 0.0]])
    fit = fit_mixture(samples, 2, means_init=means, weights_init=[0.5, 0.5], precisions_init=[np.eye(3)] * 2)
    assert np.isfinite(fit.history).all()
    assert fit.mixture.weights[1] < 1e-10
    np.testing.assert_allclose(fit.mixture.means[0], samples.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"n_components": 0}, "n_components is 0: give a whole number of at least 1"),
        ({"n_components": 2.5}, "n_components is 2.5"),
        ({"tol": -1.0}, "tol is -1.0: give a number of at least 0"),
        ({"tol": float("nan")}, "tol is nan"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"n_init": 0}, "n_init is 0"),
        ({"reg_covar": -1e-6}, "reg_covar"),
        ({"covariance_type": "round"}, "covariance_type is 'round': choose one of full, tied, diag, spherical"),
        (
            {"init_params": "guess"},
            'init_params "guess" is unknown: choose one of "search", "k-means\\+\\+", "random_from_data"',
        ),
        ({"sample_weight": [1.0]}, r"sample_weight has shape \(1,\): give \(40,\)"),
        ({"sample_weight": -np.ones(40)}, r"sample_weight\[0\] is -1: weights must be finite and not negative"),
        ({"sample_weight": np.zeros(40)}, "no samples"),
        ({"means_init": np.zeros((3, 2))}, r"means_init has shape \(3, 2\): give finite numbers of shape \(2, 2\)"),
        ({"means_init": np.full((2, 2), np.nan)}, "means_init"),
        ({"precisions_init": -np.ones((2, 2, 2))}, "precision of component 0 is not symmetric positive-definite"),
        ({"random_state": -1}, "random_state is -1"),
        ({"n_threads": 0}, "n_threads is 0"),
    ],
)
def test_wrong_arguments_get_one_line(keywords, message):
    data = np.random.default_rng(0).random((40, 2))
    with pytest.raises(InvalidInputError, match=message) as caught:
        fit_mixture(data, **{"n_components": 2, **keywords})
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros(5), r"shape \(5,\)"),
        ([[1.0, np.nan]], "sample 0 is NaN or infinite in feature 1"),
        ([[np.inf]], "sample 0 is NaN or infinite in feature 0"),
        ([[1e300], [-1e300]], "too large to be squared"),
        ([["a"]], "give whole or real numbers"),
    ],
)
def test_wrong_samples_get_one_line(data, message):
    with pytest.raises(InvalidInputError, match=message):
        fit_mixture(data, 2)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int16, np.int32, np.int64, np.uint32, np.float16, ">f4", ">u2"])
def test_every_number_type_is_taken(dtype):
    data = np.random.default_rng(0).integers(0, 100, (50, 2)).astype(dtype)
    assert fit_mixture(data, 2, covariance_floor=1e-3).mixture.n_features == 2
    assert fit_mixture(data[::2, ::-1], 2, covariance_floor=1e-3).mixture.n_features == 2  # not contiguous


def test_progress_is_reported_and_its_errors_pass_through(samples):
    seen = []
    fit = fit_mixture(samples, 3, tol=0, max_iter=4, progress=lambda i, value: seen.append((i, value)))
    assert seen == list(enumerate(fit.history, start=1))

    def fail(_iteration, _value):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        fit_mixture(samples, 3, progress=fail)


def test_a_bar_is_drawn_on_stderr(samples, capsys):
    fit_mixture(samples, 3, tol=0, max_iter=4, progress=True)
    assert "0/4" in capsys.readouterr().err


def test_the_gil_is_released(large_photograph):
    """Another Python thread goes on while a fit runs."""
    ticks = []
    running = threading.Event()

    def tick():
        while not running.is_set():
            ticks.append(None)
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    fit_mixture(large_photograph.reshape(-1, 3), 64, unit=255, tol=0, max_iter=20, n_threads=1)
    running.set()
    thread.join()
    assert len(ticks) > 20


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child there")
@pytest.mark.parametrize("where", ["many iterations", "one long iteration"])
def test_ctrl_c_ends_a_fit_soon(where):
    n, k, max_iter = (20_000, 16, 10**9) if where == "many iterations" else (1_000_000, 2000, 1)
    # A process that was started in the background ignores Ctrl-C, unless it is told otherwise.
    script = f"""
import signal
import numpy as np, rustem
signal.signal(signal.SIGINT, signal.default_int_handler)
x = np.random.default_rng(0).random(({n}, 3), dtype=np.float32)
start = dict(means_init=x[:{k}], weights_init=np.full({k}, 1 / {k}), precisions_init=np.full({k}, 9.0))
print("go", flush=True)
try:
    rustem.fit_mixture(x, {k}, **start, covariance_type="spherical", tol=0, max_iter={max_iter})
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
    environment = {**os.environ, "RUSTEM_NUM_THREADS": "2"}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stdout.readline() == "go\n"
            time.sleep(0.5)
            assert child.poll() is None
            child.send_signal(signal.SIGINT)
            assert child.communicate(timeout=10)[0] == "stopped\n"
        finally:
            child.kill()


class TestDefaultFloor:
    @staticmethod
    def overlapping():
        random = np.random.default_rng(2)
        which = random.integers(0, 8, 20_000)
        turns = random.normal(size=(8, 8, 8)) / np.sqrt(8)
        noise = np.einsum("nij,nj->ni", turns[which], random.normal(size=(20_000, 8)))
        return random.normal(size=(8, 8))[which] + noise

    def test_defaults_are_as_likely_as_any_other_choice(self):
        samples = self.overlapping()
        default = fit_mixture(samples, 8).log_likelihood
        for other in ({"covariance_floor": 0.0}, {"covariance_floor": 1e-6}, {"init_params": "search"}):
            assert default > fit_mixture(samples, 8, **other).log_likelihood - 1e-3

    def test_units_of_features_change_nothing(self):
        samples = self.overlapping()[:, :4]
        scale = 10.0 ** np.arange(-4, 4, 2)
        plain, scaled = fit_mixture(samples, 4), fit_mixture(samples * scale, 4)
        assert scaled.log_likelihood + np.log(scale).sum() == pytest.approx(plain.log_likelihood, abs=1e-4)
        np.testing.assert_allclose(scaled.mixture.means / scale, plain.mixture.means, rtol=0.02, atol=0.02)

    @pytest.mark.parametrize("weights", [None, [0, 0, 0, 1.0, 1, 0]])
    def test_constant_features_and_few_weights(self, weights):
        samples = np.array([[0.0, 7], [1, 7], [2, 7], [3, 7], [9, 7], [9.5, 7]])
        fit = fit_mixture(samples, 2, sample_weight=weights)
        assert np.isfinite(fit.log_likelihood)
        assert fit_mixture(samples[:, 1:], 1).mixture.means[0, 0] == pytest.approx(7)
