"""scikit-learn's own tests of its GaussianMixture, from its wheel, run against ours; and its check_estimator.

Its test module is imported and its name `GaussianMixture` points to ours. Every test runs that uses public behaviour;
the others are listed in the table below, each with the reason, and a test sees to it that the table stays true.
"""

import numpy as np
import pytest
import sklearn.mixture
import sklearn.mixture.tests.test_gaussian_mixture as theirs
from sklearn.utils.estimator_checks import parametrize_with_checks

from rustem import GaussianMixture

PRIVATE = "tests a private function of scikit-learn's module, no estimator"
ARRAY_API = "array API: our engine works on NumPy's arrays, and the estimator's tags say so"
CANNOT_APPLY = {
    "test_suffstat_sk_full": PRIVATE,
    "test_suffstat_sk_tied": PRIVATE,
    "test_suffstat_sk_diag": PRIVATE,
    "test_gaussian_suffstat_sk_spherical": PRIVATE,
    "test_compute_log_det_cholesky": PRIVATE,
    "test_gaussian_mixture_log_probabilities": PRIVATE,
    "test_gaussian_mixture_precisions_init": "calls the private method _initialize with responsibilities; that given "
    "precisions are what a fit starts from is tested by test_gaussian_mixture_precisions_init_diag",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": "counts calls of a private function that "
    "our M-step does not use",
    "test_gaussian_mixture_array_api_compliance": ARRAY_API,
    "test_gaussian_mixture_raises_where_array_api_not_implemented": ARRAY_API,
}

pytestmark = [
    # The fits of these tests are short on purpose, and scikit-learn runs them without turning warnings into errors.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def global_dtype(request):
    return request.param


@pytest.fixture(params=[0, 42])
def global_random_seed(request):
    return request.param


THEIR_TESTS = {name for name in vars(theirs) if name.startswith("test_")}
globals().update({name: getattr(theirs, name) for name in THEIR_TESTS - CANNOT_APPLY.keys()})


@pytest.fixture(autouse=True)
def _ours(monkeypatch):
    monkeypatch.setattr(theirs, "GaussianMixture", GaussianMixture)


def test_the_table_is_true():
    """Nothing is listed that does not exist, and most tests are not listed."""
    assert CANNOT_APPLY.keys() <= THEIR_TESTS
    assert len(THEIR_TESTS - CANNOT_APPLY.keys()) >= 25
    assert theirs.GaussianMixture is GaussianMixture is not sklearn.mixture.GaussianMixture


@parametrize_with_checks([GaussianMixture(covariance_type=family) for family in ("full", "tied", "diag", "spherical")])
def test_check_estimator(estimator, check):
    check(estimator)
