"""What the tests of the estimator share."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module", autouse=True)
def _one_thread_of_blas():
    """Samples this small gain nothing from more, and busy machines lose much."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(3)
    centres = np.array([[0, 0, 0], [3, 1, 0], [0, 4, 2], [-3, 2, 5]])
    scales = np.array([0.5, 1.0, 0.8, 1.2])
    which = random.integers(0, 4, 900)
    return centres[which] + scales[which, None] * random.standard_normal((900, 3))
