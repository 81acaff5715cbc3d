"""GaussianMixture: equal answers from equal starts, sample weights, and life among scikit-learn's tools."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import sklearn.mixture
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rustem import GaussianMixture, Mixture, reference

FAMILIES = ["full", "tied", "diag", "spherical"]
INITS = ["kmeans", "k-means++", "random", "random_from_data"]
PARAMETERS = ["weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted_from_one_start(samples, k, **keywords):
    """scikit-learn's model, and ours that goes on from where scikit-learn's starts."""
    theirs = sklearn.mixture.GaussianMixture(k, **keywords).fit(samples)
    start = sklearn.mixture.GaussianMixture(k, **{**keywords, "max_iter": 0}).fit(samples)
    ours = GaussianMixture(k, **keywords, warm_start=True)
    for name in [*PARAMETERS, "converged_", "lower_bound_"]:
        setattr(ours, name, getattr(start, name))
    return theirs, ours.fit(samples)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_equal_starts_give_scikit_learns_answer(samples, family, init_params, dtype):
    """Attribute by attribute and iteration by iteration, to what rounding allows."""
    X = samples.astype(dtype)
    keywords = {"covariance_type": family, "init_params": init_params, "random_state": 5, "max_iter": 300}
    theirs, ours = fitted_from_one_start(X, 4, **keywords)
    exact = dtype == np.float64
    if exact:
        assert (ours.n_iter_, ours.converged_) == (theirs.n_iter_, theirs.converged_)
        # A start from one sample each has variances of 1e-6, which scikit-learn finds as differences of squares.
        np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=1e-7)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for name in PARAMETERS:
        expected = getattr(theirs, name)
        assert getattr(ours, name).dtype == expected.dtype == dtype
        if exact:
            np.testing.assert_allclose(
                getattr(ours, name), expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max(), err_msg=name
            )
    # In float32 scikit-learn's own rounding can end the iterations elsewhere: ours is to be as good.
    assert ours.score(X) == pytest.approx(theirs.score(X), rel=1e-8 if exact else 1e-2)
    if exact:
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)
        np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-7)
        assert ours.bic(X) == pytest.approx(theirs.bic(X))
        assert ours.aic(X) == pytest.approx(theirs.aic(X))
        np.testing.assert_allclose(ours.sample(20)[0], theirs.sample(20)[0], rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_given_starts(samples, family):
    k, d = 3, samples.shape[1]
    given = {
        "weights_init": [0.2, 0.3, 0.5],
        "means_init": samples[:k],
        "precisions_init": {
            "full": np.tile(2 * np.eye(d), (k, 1, 1)),
            "tied": 2 * np.eye(d),
            "diag": np.full((k, d), 2.0),
            "spherical": np.full(k, 2.0),
        }[family],
    }
    theirs, ours = (
        model(k, covariance_type=family, **given).fit(samples)
        for model in (sklearn.mixture.GaussianMixture, GaussianMixture)
    )
    for name in PARAMETERS:
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, atol=1e-8)
    sought = GaussianMixture(k, covariance_type=family, random_state=1, max_iter=0).fit(samples)
    for name, value in given.items():
        start = GaussianMixture(k, covariance_type=family, random_state=1, max_iter=0, **{name: value}).fit(samples)
        for part in ("weights", "means", "precisions"):
            expected = value if name == f"{part}_init" else getattr(sought, f"{part}_")
            np.testing.assert_allclose(getattr(start, f"{part}_"), expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("family", FAMILIES)
def test_k_means_starts_from_one_m_step_of_its_clusters(samples, family, dtype):
    from sklearn.cluster import KMeans

    X = (5 * samples).astype(dtype)
    weight = np.random.default_rng(8).random(len(X)) + 0.1
    best = KMeans(4, n_init=20, random_state=0).fit(X, sample_weight=weight)
    start = GaussianMixture(4, covariance_type=family, max_iter=0, random_state=2).fit(X, sample_weight=weight)
    distances = ((X[:, None] - start.means_) ** 2).sum(axis=2)
    assert weight @ distances.min(axis=1) < 1.001 * best.inertia_
    shares = np.eye(4)[distances.argmin(axis=1)] * weight[:, None]
    weights, means, covariances = reference.maximise(X.astype(float), shares, family, 1e-6)
    rough = 2e-2  # the last step moved a few samples
    np.testing.assert_allclose(start.weights_, weights / weights.sum(), rtol=rough)
    np.testing.assert_allclose(start.means_, means, rtol=rough, atol=rough)
    np.testing.assert_allclose(start.covariances_, covariances, rtol=5 * rough, atol=rough * covariances.max())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("init_params", ["k-means++", "random_from_data"])
def test_seeds_start_with_one_sample_each(samples, family, init_params):
    """As scikit-learn's first M-step from responsibilities that are 1 for one sample and 0 for all others."""
    keywords = {"covariance_type": family, "init_params": init_params, "max_iter": 0}
    start = GaussianMixture(4, random_state=3, **keywords).fit(samples)
    chosen = np.abs(samples[:, None] - start.means_).sum(axis=2).argmin(axis=0)
    assert len(set(chosen)) == 4
    np.testing.assert_allclose(samples[chosen], start.means_, rtol=1e-12)
    book = sklearn.mixture.GaussianMixture(4, covariance_type=family)
    shares = np.zeros((len(samples), 4))
    shares[chosen, range(4)] = 1
    book._initialize(samples, shares)
    for name in ["weights_", "means_", "covariances_"]:
        np.testing.assert_allclose(getattr(start, name), getattr(book, name), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_random_responsibilities_start_about_the_mean(samples, family):
    keywords = {"covariance_type": family, "init_params": "random", "max_iter": 0, "random_state": 1}
    ours, theirs = (kind(4, **keywords).fit(samples) for kind in (GaussianMixture, sklearn.mixture.GaussianMixture))
    for name in ["weights_", "means_", "covariances_"]:
        values = getattr(theirs, name)
        np.testing.assert_allclose(getattr(ours, name), values, rtol=0.1, atol=0.05 * np.abs(values).max())
    assert len(np.unique(ours.means_, axis=0)) == 4


def test_starts_where_samples_coincide():
    X = np.repeat([[0.0, 0.0], [4.0, 1.0]], 30, axis=0)
    for init_params in INITS:
        for family in FAMILIES:
            model = GaussianMixture(5, covariance_type=family, init_params=init_params, random_state=0).fit(X)
            assert model.weights_.shape == (5,)
            assert model.weights_.sum() == pytest.approx(1)
            assert np.isfinite(model.score(X))


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_count_as_repetitions(samples, family):
    weight = np.arange(len(samples)) % 4
    keywords = {"covariance_type": family, "means_init": samples[:3], "weights_init": [0.3, 0.3, 0.4]}
    keywords["precisions_init"] = {
        "full": np.tile(np.eye(3), (3, 1, 1)),
        "tied": np.eye(3),
        "diag": np.ones((3, 3)),
        "spherical": np.ones(3),
    }[family]
    weighted = GaussianMixture(3, **keywords).fit(samples, sample_weight=weight)
    repeated = GaussianMixture(3, **keywords).fit(np.repeat(samples, weight, axis=0))
    for name in PARAMETERS:
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-8, atol=1e-10)
    assert weighted.lower_bound_ == pytest.approx(repeated.lower_bound_, abs=1e-12)
    assert weighted.score(samples, sample_weight=weight) == pytest.approx(
        repeated.score(np.repeat(samples, weight, axis=0)), abs=1e-12
    )


@pytest.mark.parametrize("init_params", ["kmeans", "random"])
@pytest.mark.parametrize("family", ["full", "diag", "spherical"])
@pytest.mark.parametrize("distance", [3e4, 7e6])
def test_a_far_cluster_without_extent_is_scikit_learns(family, init_params, distance):
    random = np.random.default_rng(4)
    points = np.concatenate(
        [random.normal(distance, 20, (400, 2)), np.full((30, 2), -1.5), random.normal(0, 3, (50, 2))]
    )
    options = {"covariance_type": family, "init_params": init_params, "random_state": 2}
    theirs, ours = fitted_from_one_start(points, 3, **options)
    # Far from the origin scikit-learn's sums of squares lose digits, ours do not: 1e-5 is between the two.
    assert abs(ours.score(points) - theirs.score(points)) < 2e-5


@pytest.mark.parametrize("init_params", INITS)
@pytest.mark.parametrize("scale", [1e-300, 1e-18, 1e-5, 1e9, 1e300])
def test_only_the_ratios_of_weights_count(samples, init_params, scale):
    weight = np.random.default_rng(3).random(len(samples))
    options = {"init_params": init_params, "random_state": 1, "max_iter": 20, "tol": 0}
    expected, found = (GaussianMixture(3, **options).fit(samples, sample_weight=weight * unit) for unit in (1.0, scale))
    np.testing.assert_allclose(found.means_, expected.means_, rtol=0, atol=1e-8)


@pytest.mark.parametrize("init_params", INITS)
def test_every_start_takes_weights(samples, init_params):
    """All the weight on two groups: no component starts, or ends, elsewhere."""
    X = np.concatenate([samples, samples + 1000])
    weight = np.repeat([1.0, 0.0], len(samples))
    weight[::2] *= 3
    model = GaussianMixture(3, init_params=init_params, random_state=0).fit(X, sample_weight=weight)
    assert model.means_.max() < 100
    assert model.fit_predict(X, sample_weight=weight).shape == (len(X),)


def test_memory_of_responsibilities_is_bounded(samples, monkeypatch):
    from rustem.mixture import sklearn_starts

    whole = GaussianMixture(4, init_params="random", random_state=2, max_iter=0).fit(samples)
    monkeypatch.setattr(sklearn_starts, "BLOCK", 64)
    blocks = GaussianMixture(4, init_params="random", random_state=2, max_iter=0).fit(samples)
    np.testing.assert_allclose(blocks.covariances_, whole.covariances_, rtol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
def test_warm_start_goes_on_as_scikit_learns(samples, family):
    given = GaussianMixture(4, covariance_type=family, max_iter=0, random_state=0).fit(samples)
    start = {f"{part}_init": getattr(given, f"{part}_") for part in ("weights", "means", "precisions")}
    models = [
        model(4, covariance_type=family, warm_start=True, max_iter=3, tol=1e-4, **start)
        for model in (sklearn.mixture.GaussianMixture, GaussianMixture)
    ]
    for _ in range(8):
        for model in models:
            model.fit(samples)
        assert models[0].n_iter_ == models[1].n_iter_
        assert models[0].converged_ == models[1].converged_
        np.testing.assert_allclose(models[0].lower_bounds_, models[1].lower_bounds_, rtol=1e-8)


def test_fitted_by_hand(samples):
    """Attributes that somebody sets are what predicts, as with scikit-learn."""
    fitted = GaussianMixture(3, random_state=0).fit(samples)
    bare = GaussianMixture(3)
    for name in ["weights_", "means_", "precisions_cholesky_"]:
        setattr(bare, name, getattr(fitted, name))
    np.testing.assert_array_equal(bare.predict(samples), fitted.predict(samples))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames(samples, frame):
    table = frame(dict(zip("rgb", samples.T, strict=True)))
    model = GaussianMixture(3, random_state=0).fit(table)
    assert model.feature_names_in_.tolist() == ["r", "g", "b"]
    np.testing.assert_array_equal(model.predict(table), model.fit_predict(table))
    np.testing.assert_array_equal(model.means_, GaussianMixture(3, random_state=0).fit(samples).means_)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame(dict(zip("rgx", samples.T, strict=True))))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_pipelines_and_frames_between_the_steps(samples, container):
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)).set_output(transform=container)
    labels = pipeline.fit(pd.DataFrame(samples, columns=["r", "g", "b"])).predict(
        pd.DataFrame(samples, columns=["r", "g", "b"])
    )
    assert pipeline[-1].feature_names_in_.tolist() == ["r", "g", "b"]
    assert len(np.unique(labels)) == 3


def test_grid_search_over_processes(samples):
    search = GridSearchCV(GaussianMixture(random_state=0, n_threads=1), {"n_components": [1, 4]}, cv=2, n_jobs=2).fit(
        samples
    )
    assert search.best_params_["n_components"] == 4
    assert search.score(samples) == pytest.approx(search.best_estimator_.score(samples))


def test_sample_weight_is_routed(samples):
    weight = (samples[:, 0] > 0).astype(float)
    model = GaussianMixture(2, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = clone(model).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        with_weight = cross_val_score(asking, samples, params={"sample_weight": weight + 1e-3}, cv=2)
        without = cross_val_score(model, samples, cv=2)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, asking).fit(samples, sample_weight=weight)
    assert not np.allclose(with_weight, without)
    scaled = StandardScaler().fit_transform(samples)
    np.testing.assert_allclose(pipeline[-1].means_, model.fit(scaled, sample_weight=weight).means_)


def test_copies(samples, tmp_path):
    model = GaussianMixture(3, random_state=0, n_threads=1).fit(samples)
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(copy.predict_proba(samples), model.predict_proba(samples))
    again = clone(model)
    assert again.get_params() == model.get_params()
    assert not hasattr(again, "means_")
    results = joblib.Parallel(n_jobs=2)(joblib.delayed(model.predict)(part) for part in np.array_split(samples, 3))
    np.testing.assert_array_equal(np.concatenate(results), model.predict(samples))


def test_same_bits_at_any_thread_count(large_photograph):
    X = large_photograph.reshape(-1, 3)[::3] / 255.0
    models = [GaussianMixture(5, random_state=0, init_params="k-means++", n_threads=n).fit(X) for n in (1, 2, 8)]
    for model in models[1:]:
        for name in PARAMETERS:
            np.testing.assert_array_equal(getattr(model, name), getattr(models[0], name))


def test_it_is_scikit_learns(samples):
    import inspect

    theirs = inspect.signature(sklearn.mixture.GaussianMixture.__init__).parameters
    ours = inspect.signature(GaussianMixture.__init__).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert (ours[name].default, ours[name].kind) == (parameter.default, parameter.kind)
    assert isinstance(GaussianMixture(), sklearn.mixture.GaussianMixture)
    fitted = [model(2).fit(samples) for model in (sklearn.mixture.GaussianMixture, GaussianMixture)]
    own = vars(fitted[1]).keys() - vars(fitted[0]).keys()
    assert own == {"_stream", *(ours.keys() - theirs.keys())}
    assert vars(fitted[0]).keys() <= vars(fitted[1]).keys()


def test_warnings_and_errors(samples):
    with pytest.warns(ConvergenceWarning, match="Best performing initialization did not converge") as caught:
        GaussianMixture(3, max_iter=1).fit(samples)
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="Expected n_samples >= n_components but got n_components = 5, n_samples = 3"):
        GaussianMixture(5).fit(samples[:3])
    with pytest.raises(ValueError, match="n_samples = 4"):
        GaussianMixture(5).fit(samples, sample_weight=np.r_[np.ones(4), np.zeros(len(samples) - 4)])
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        GaussianMixture(5).fit(samples, sample_weight=-np.ones(len(samples)))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        GaussianMixture().fit([[np.nan], [1.0]])
    with pytest.raises(ValueError, match="The 'tol' parameter of GaussianMixture must be a float in the range"):
        GaussianMixture(tol=-1).fit(samples)


def test_verbose_prints_what_scikit_learn_prints(samples, capsys):
    printed = []
    for model in (sklearn.mixture.GaussianMixture, GaussianMixture):
        model(4, verbose=1, verbose_interval=2, n_init=2, random_state=0).fit(samples)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "Iteration 2" in printed[0]


def test_integers_and_lists(samples):
    X = (samples * 10).astype(int)
    model = GaussianMixture(2, random_state=0).fit(X)
    assert model.means_.dtype == np.float64
    np.testing.assert_array_equal(model.predict(X.tolist()), model.predict(X))
    assert model.predict_proba(samples.astype(np.float32)).dtype == np.float64


def test_mixtures_come_and_go(samples):
    for family in FAMILIES:
        model = GaussianMixture(3, covariance_type=family, random_state=0).fit(samples)
        mixture = Mixture.from_sklearn(model)
        np.testing.assert_array_equal(mixture.predict(samples), model.predict(samples))
        theirs = mixture.to_sklearn()
        assert type(theirs) is sklearn.mixture.GaussianMixture
        np.testing.assert_allclose(theirs.predict_proba(samples), model.predict_proba(samples), atol=1e-9)
        np.testing.assert_allclose(theirs.precisions_, model.precisions_, rtol=1e-9, atol=1e-9)
        assert theirs.sample(3)[0].shape == (3, 3)


def test_without_scikit_learn_there_is_one_line():
    script = """
import sys
sys.modules["sklearn"] = None
import rustem
rustem.fit_mixture([[0.0], [1.0]], 1)
from rustem import *
try:
    rustem.GaussianMixture
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "scikit-learn is missing: pip install 'rustem[sklearn]'\n"
