"""Numbers far out of range, and memory that is not there: a sentence, never an end of the process."""

import subprocess
import sys

import numpy as np
import pytest

import rustem
from rustem import InvalidInputError, Mixture

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
SAMPLES = PICTURE.reshape(-1, 3) / 255
ONE = Mixture(np.ones(1), np.zeros((1, 3)), np.ones(1), "spherical")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rustem.segment(PICTURE, 2**32), "n_components is 4294967296: give a whole number from 1 to 65536"),
        (lambda: rustem.segment(PICTURE, 2**63 - 1), "n_components"),
        (lambda: rustem.fit_mixture(SAMPLES, 2**40, init_params="random_from_data"), "n_components"),
        (lambda: rustem.select_components(PICTURE, range(1, 2**62)), "each of candidates is 65537"),
        (lambda: rustem.segment(PICTURE, 3, max_iter=2**70), "max_iter"),
        (lambda: rustem.segment(PICTURE, 3, min_size=2**70), "min_size"),
        (lambda: rustem.regions(PICTURE, max_pixels=2**70), "max_pixels"),
        (lambda: rustem.segment(PICTURE, 3, noise=1e30), "noise is 1e"),
        (lambda: rustem.select_components(PICTURE, [1, 2], n_effective=0), "n_effective is 0"),
        (
            lambda: rustem.quantize(PICTURE / 255, palette=[[np.nan, 0, 0], [1, 1, 1]]),
            "palette holds colours that are NaN",
        ),
        (lambda: rustem.quantize(PICTURE, 4, fixed_colors=np.array([[np.inf, 0, 0]])), "fixed_colors holds"),
        (lambda: ONE.predict(SAMPLES, unit=-1), "unit is -1"),
        (lambda: ONE.predict_proba(SAMPLES, unit=float("nan")), "unit is nan"),
        (lambda: rustem.fit_mixture(SAMPLES, 2, unit=0), "unit is 0"),
        (lambda: Mixture([0.0, 0.0], np.zeros((2, 3)), np.ones(2), "spherical"), "weights sum to 0"),
        (lambda: Mixture([1.0], np.zeros((2, 3)), np.ones(2), "spherical"), r"weights have shape \(1,\)"),
        (lambda: Mixture([1.0], np.zeros((1, 3)), np.ones((3, 3)), "full"), r"covariances have shape \(3, 3\)"),
        (lambda: Mixture([1.0], np.zeros(3), np.ones(1), "spherical"), "means have shape"),
        (lambda: Mixture([1.0], [["a"]], np.ones(1), "spherical"), "means of a mixture are no array of numbers"),
        (lambda: Mixture([1.0], np.zeros((1, 3)), np.ones(1), "round"), "covariance_type is 'round'"),
    ],
)
def test_out_of_range(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call()


@pytest.mark.filterwarnings("ignore")
def test_weights_of_any_unit():
    weight = np.random.default_rng(1).random(len(SAMPLES))
    for samples in (SAMPLES, SAMPLES.astype(np.float32)):
        expected = rustem.fit_mixture(samples, 3, sample_weight=weight, max_iter=20, tol=0)
        for scale in (1e-300, 1e-40, 1e40, 1e300):
            found = rustem.fit_mixture(samples, 3, sample_weight=weight * scale, max_iter=20, tol=0)
            np.testing.assert_allclose(found.mixture.means, expected.mixture.means, rtol=0, atol=1e-4)


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit for the memory of a process")
@pytest.mark.parametrize("megabytes", [8, 64, 200])
@pytest.mark.parametrize(
    "call",
    [
        "rustem.segment(levels, 6, max_iter=2)",
        "rustem.segment(floats, 6, max_iter=2)",
        "rustem.segment(floats, 40, max_iter=1).probabilities()",
        "rustem.quantize(levels, 16, dither=True)",
        "rustem.regions(levels)",
        "rustem.fit_mixture(floats.reshape(-1, 3), 6, max_iter=2)",
    ],
)
def test_without_memory(call, megabytes):
    code = f"""
import resource, warnings
import numpy as np
import rustem
warnings.simplefilter("ignore")
random = np.random.default_rng(0)
small = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
rustem.segment(small, 3), rustem.quantize(small, 3, dither=True), rustem.regions(small)
levels = random.integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
floats = random.random((1000, 1500, 3), dtype=np.float32)
with open("/proc/self/statm") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
limit = taken + {megabytes} * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    {call}
except MemoryError:
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
