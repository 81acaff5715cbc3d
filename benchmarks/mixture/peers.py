"""The contenders: each fits from a given start for an exact number of iterations, and returns the parameters."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

import rustem
from rustem import reference
from rustem.arguments import check_threads
from rustem.pipeline.color_table import count_colors
from rustem.pipeline.inputs import open_inputs

# scikit-learn's default. OpenCV and Armadillo have nothing of the kind, only a limit for matrices that they cannot
# invert, so their likelihoods may end a little elsewhere.
REG_COVAR = 1e-6


class UnavailableError(Exception):
    """A contender that is not installed, or cannot do this job."""


@dataclass(frozen=True)
class Job:
    """Pixels, a family of covariances, and a start that all contenders share."""

    pixels: np.ndarray  # (H, W, 3) uint8
    family: str
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    n_iter: int

    @property
    def k(self) -> int:
        return len(self.weights)

    @property
    def rows(self) -> np.ndarray:
        return self.pixels.reshape(-1, 3)

    @property
    def samples(self) -> np.ndarray:
        return self.rows / 255.0

    @property
    def precisions(self) -> np.ndarray:
        return 1 / self.covariances if self.family in ("diag", "spherical") else np.linalg.inv(self.covariances)

    def every(self, step: int) -> Job:
        """The same job on every ``step``-th pixel."""
        return replace(self, pixels=np.ascontiguousarray(self.rows[::step])[np.newaxis])


@dataclass(frozen=True)
class Outcome:
    """Final parameters; seconds by the contender's own clock, where ours would measure more than the fit; a remark."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    seconds: float | None = None
    note: str = ""


def numpy_reference(job: Job) -> Callable[[], Outcome]:
    samples = job.samples

    def run() -> Outcome:
        start = samples, job.weights, job.means, job.covariances
        options = {"covariance_type": job.family, "n_iter": job.n_iter, "reg_covar": REG_COVAR}
        return Outcome(*reference.em(*start, **options)[:3])

    return run


def scikit_learn(job: Job) -> Callable[[], Outcome]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    samples = job.samples
    model = GaussianMixture(
        job.k,
        covariance_type=job.family,
        tol=0,
        max_iter=job.n_iter,
        reg_covar=REG_COVAR,
        weights_init=job.weights,
        means_init=job.means,
        precisions_init=job.precisions,
    )

    def run() -> Outcome:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(samples)
        if model.n_iter_ != job.n_iter:
            raise RuntimeError(f"scikit-learn stopped after {model.n_iter_} iterations")
        return Outcome(model.weights_, model.means_, model.covariances_)

    return run


def opencv(job: Job) -> Callable[[], Outcome]:
    import cv2

    if not hasattr(cv2, "ml"):
        raise UnavailableError("its ml module is missing: install opencv-contrib-python-headless")
    kinds = {
        "spherical": cv2.ml.EM_COV_MAT_SPHERICAL,
        "diag": cv2.ml.EM_COV_MAT_DIAGONAL,
        "full": cv2.ml.EM_COV_MAT_GENERIC,
    }
    samples = job.samples
    # From Python it takes no covariances to start from, but the first responsibilities, which say the same.
    log_joint = reference.log_joint_densities(samples, job.weights, job.means, job.covariances, job.family)
    responsibilities = np.exp(log_joint - reference.log_sum_exp(log_joint)[:, np.newaxis])
    model = cv2.ml.EM_create()
    model.setClustersNumber(job.k)
    model.setCovarianceMatrixType(kinds[job.family])
    model.setTermCriteria((cv2.TERM_CRITERIA_COUNT, job.n_iter, 0))
    # Its iterations stop at the first fall of the likelihood that it calculates.
    wrong = (
        "counts log|Σ| once instead of d times: another optimum, not comparable" if job.family == "spherical" else ""
    )

    def run() -> Outcome:
        model.trainM(samples, responsibilities)
        covariances = np.array(model.getCovs())
        if job.family != "full":
            covariances = np.einsum("jaa->ja", covariances)
        if job.family == "spherical":
            covariances = covariances.mean(axis=1)
        return Outcome(model.getWeights().ravel(), model.getMeans(), covariances, note=wrong)

    return run


def armadillo(job: Job) -> Callable[[], Outcome]:
    if job.family == "spherical":
        raise UnavailableError("it has no spherical family")
    program = compile_armadillo()
    folder = program.parent
    samples = job.samples
    start = np.concatenate([job.weights, job.means.ravel(), job.covariances.ravel()])

    def run() -> Outcome:
        samples.tofile(folder / "samples")
        start.tofile(folder / "start")
        command = [str(program), job.family, str(job.k), str(job.n_iter), str(folder)]
        seconds, version = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        weights, means, covariances = np.split(np.fromfile(folder / "result"), [job.k, 4 * job.k])
        shape = job.covariances.shape
        return Outcome(
            weights, means.reshape(job.k, 3), covariances.reshape(shape), float(seconds), f"version {version}"
        )

    return run


@cache
def compile_armadillo() -> Path:
    include = Path(os.environ.get("ARMADILLO_INCLUDE", "/usr/include"))
    if not (include / "armadillo").exists() or shutil.which("g++") is None:
        raise UnavailableError(
            "it needs g++ and Debian's libarmadillo-dev, or its headers in $ARMADILLO_INCLUDE and LAPACK"
        )
    program = Path(scratch_folder().name, "armadillo_em")
    source = Path(__file__).with_name("armadillo_em.cpp")
    options = ["-std=c++17", "-O3", "-march=native", "-fopenmp", "-DARMA_DONT_USE_WRAPPER", f"-I{include}"]
    build = subprocess.run(
        ["g++", *options, str(source), "-o", str(program), "-llapack", "-lblas"],
        check=False,
        capture_output=True,
        text=True,
    )
    if build.returncode:
        raise UnavailableError(f"armadillo_em.cpp does not compile: {build.stderr.splitlines()[0]}")
    return program


@cache
def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that lives as long as this process."""
    return tempfile.TemporaryDirectory(prefix="rustem-bench-")


def rustem_fit(n_threads: int | None) -> Callable[[Job], Callable[[], Outcome]]:
    """The fit as ``segment`` runs it: distinct colours are counted first, which is part of its time."""

    def prepare(job: Job) -> Callable[[], Outcome]:
        threads = check_threads(n_threads)

        def run() -> Outcome:
            colours = count_colors(open_inputs(job.rows[None], None, -1).pictures, "srgb", threads)
            fit = rustem.fit_mixture(
                colours.features,
                job.k,
                sample_weight=colours.counts,
                unit=255,
                covariance_type=job.family,
                weights_init=job.weights,
                means_init=job.means,
                precisions_init=job.precisions,
                reg_covar=REG_COVAR,
                tol=0,
                max_iter=job.n_iter,
                acceleration=None,
                n_threads=threads,
            )
            return Outcome(fit.mixture.weights, fit.mixture.means, fit.mixture.covariances)

        return run

    return prepare


def rustem_segment(job: Job) -> Callable[[], Outcome]:
    """From array to labels and k-colour picture: counting, a start of its own, fit, labels, painting."""

    def run() -> Outcome:
        segmentation = rustem.segment(
            job.pixels, job.k, noise=0, covariance_type=job.family, tol=0, max_iter=job.n_iter, acceleration=None
        )
        assert segmentation.image.shape == job.pixels.shape
        mixture = segmentation.mixture
        return Outcome(mixture.weights, mixture.means, mixture.covariances, note="own start, own covariance floor")

    return run


SCIKIT_LEARN, OPENCV, WHOLE = "scikit-learn", "OpenCV", "rustem.segment(), whole"
SLOW = {
    "NumPy reference": numpy_reference,
    SCIKIT_LEARN: scikit_learn,
    OPENCV: opencv,
    "Armadillo": armadillo,
}
FAST = {
    "rustem, fit, 1 thread": rustem_fit(1),
    f"rustem, fit, {check_threads(None)} threads": rustem_fit(None),
    WHOLE: rustem_segment,
}
