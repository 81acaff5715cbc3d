"""Expectation-maximisation as in the textbook, in float64 NumPy: slow, short, and right.

The oracle of the tests and the first row of the benchmark. Everything follows C. M. Bishop, "Pattern Recognition and
Machine Learning" (2006), section 9.2; only the sum of densities is taken as a log-sum-exp. Shapes: samples (n, d),
weights (k,), means (k, d), covariances (k, d, d) "full", (d, d) "tied", (k, d) "diag" or (k,) "spherical".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

__all__ = ["em", "log_densities", "log_joint_densities", "log_sum_exp", "maximise"]

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def em(
    samples: Floats,
    weights: Floats,
    means: Floats,
    covariances: Floats,
    *,
    covariance_type: str,
    n_iter: int,
    reg_covar: float = 0.0,
    sample_weight: Floats | None = None,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Run ``n_iter`` iterations from the given parameters.

    Parameters
    ----------
    samples, weights, means, covariances : ndarray
        The data and the start, in the shapes above.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The family of the covariances.
    n_iter : int
        Number of iterations.
    reg_covar : float, default 0.0
        Added to the covariances' diagonal after each M-step.
    sample_weight : ndarray of shape (n,), optional
        How often each sample counts.

    Returns
    -------
    weights, means, covariances, history : ndarray
        The final parameters; and the mean log-likelihood (n_iter,) that each iteration started from.
    """
    w = np.ones(len(samples)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    history = []
    for _ in range(n_iter):
        log_joint = log_joint_densities(samples, weights, means, covariances, covariance_type)
        log_density = log_sum_exp(log_joint)
        history.append(np.average(log_density, weights=w))
        responsibilities = np.exp(log_joint - log_density[:, np.newaxis]) * w[:, np.newaxis]
        weights, means, covariances = maximise(samples, responsibilities, covariance_type, reg_covar)
    return weights, means, covariances, np.array(history)


def log_densities(samples: Floats, weights: Floats, means: Floats, covariances: Floats, covariance_type: str) -> Floats:
    """Log-density (n,) of the mixture at each sample."""
    return log_sum_exp(log_joint_densities(samples, weights, means, covariances, covariance_type))


def log_joint_densities(
    samples: Floats, weights: Floats, means: Floats, covariances: Floats, covariance_type: str
) -> Floats:
    """Logarithm (n, k) of weight times density of each component, equation (2.43)."""
    n, d = samples.shape
    log_joint = np.empty((n, len(means)))
    for j, mean in enumerate(means):
        match covariance_type:
            case "full":
                covariance = covariances[j]
            case "tied":
                covariance = covariances
            case "diag":
                covariance = np.diag(covariances[j])
            case _:
                covariance = covariances[j] * np.eye(d)
        white = np.linalg.solve(np.linalg.cholesky(covariance), (samples - mean).T)
        _, log_det = np.linalg.slogdet(covariance)
        log_joint[:, j] = np.log(weights[j]) - 0.5 * (d * np.log(2 * np.pi) + log_det + (white**2).sum(axis=0))
    return log_joint


def log_sum_exp(values: Floats) -> Floats:
    """Logarithm of the sum of exponentials along the last axis, with the maximum taken out."""
    largest = values.max(axis=-1)
    total: Floats = largest + np.log(np.exp(values - largest[..., np.newaxis]).sum(axis=-1))
    return total


def maximise(
    samples: Floats, responsibilities: Floats, covariance_type: str, reg_covar: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Weights, means and covariances from weighted responsibilities (n, k), equations (9.24) to (9.26)."""
    d = samples.shape[1]
    mass = responsibilities.sum(axis=0)
    means = responsibilities.T @ samples / mass[:, np.newaxis]
    full = np.empty((len(mass), d, d))
    for j, mean in enumerate(means):
        difference = samples - mean
        full[j] = (responsibilities[:, j, np.newaxis] * difference).T @ difference / mass[j]
    weights = mass / mass.sum()
    variances = np.einsum("jaa->ja", full)
    match covariance_type:
        case "full":
            covariances = full + reg_covar * np.eye(d)
        case "tied":
            covariances = np.einsum("j,jab->ab", weights, full) + reg_covar * np.eye(d)
        case "diag":
            covariances = variances + reg_covar
        case _:
            covariances = variances.mean(axis=1) + reg_covar
    return weights, means, covariances
