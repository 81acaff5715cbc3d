"""The starts of scikit-learn's mixture.

Written for equal answers: the same random numbers are drawn, by the same functions of scikit-learn, as its own
estimator draws. Departures: sample weights; no (n, k) array of responsibilities, blocks of rows instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rustem.arguments import CovarianceType

    Floats = NDArray[np.float64]

# Numbers in one block of responsibilities or of squares.
BLOCK = 1 << 20
# A variance below this share of the samples' own is what rounding leaves of zero.
ROUNDING = 1e-14


def start(
    samples: NDArray[Any],
    sample_weight: Floats | None,
    k: int,
    covariance_type: CovarianceType,
    reg_covar: float,
    init_params: str,
    random_state: np.random.RandomState,
) -> tuple[Floats, Floats, Floats]:
    """Weights, means and covariances: one M-step from the responsibilities that ``init_params`` names.

    The weights of "k-means++" and "random_from_data" sum to k / n, as scikit-learn's do: each component starts from a
    single sample.
    """
    centre = samples.mean(axis=0, dtype=np.float64)
    d = samples.shape[1]
    mass, first, second = np.zeros(k), np.zeros((k, d)), np.zeros((k, d * d))
    for rows, responsibilities in _blocks(samples, sample_weight, k, init_params, random_state):
        difference = rows - centre
        mass += responsibilities.sum(axis=0)
        first += responsibilities.T @ difference
        second += responsibilities.T @ (difference[:, :, np.newaxis] * difference[:, np.newaxis]).reshape(len(rows), -1)
    mass_or_more = mass + 10 * np.finfo(samples.dtype).eps  # never zero
    means = (first + mass[:, np.newaxis] * centre) / mass_or_more[:, np.newaxis]
    shift = means - centre
    mixed = first[:, :, np.newaxis] * shift[:, np.newaxis]
    scatter = second.reshape(k, d, d) - mixed - mixed.transpose(0, 2, 1)
    scatter += mass[:, np.newaxis, np.newaxis] * shift[:, :, np.newaxis] * shift[:, np.newaxis]
    full = scatter / mass_or_more[:, np.newaxis, np.newaxis]
    variances = np.einsum("jaa->ja", full)
    total_variance = float(samples.var(axis=0, dtype=np.float64).mean())
    full[variances.max(axis=1) <= ROUNDING * total_variance] = 0
    weights = mass_or_more / (len(samples) if sample_weight is None else sample_weight.sum())
    match covariance_type:
        case "full":
            covariances = full + reg_covar * np.eye(d)
        case "tied":
            covariances = _tied(samples, sample_weight, mass_or_more, means, total_variance) + reg_covar * np.eye(d)
        case "diag":
            covariances = variances + reg_covar
        case "spherical":
            covariances = variances.mean(axis=1) + reg_covar
    return weights, means, covariances


def _tied(
    samples: NDArray[Any], sample_weight: Floats | None, mass: Floats, means: Floats, total_variance: float
) -> Floats:
    """Squares of *all* samples less those of the means, over the mass: also where most samples have none."""
    weighted = samples if sample_weight is None else samples * sample_weight[:, np.newaxis]
    squares = weighted.astype(np.float64, copy=False).T @ samples
    covariance: Floats = (squares - mass * means.T @ means) / mass.sum()
    if np.diag(covariance).max() <= ROUNDING * total_variance:
        covariance[:] = 0
    return covariance


def _blocks(
    samples: NDArray[Any],
    sample_weight: Floats | None,
    k: int,
    init_params: str,
    random_state: np.random.RandomState,
) -> Iterator[tuple[NDArray[Any], Floats]]:
    """Rows of the samples, and their responsibilities times their weights."""
    from sklearn.cluster import KMeans, kmeans_plusplus

    n, d = samples.shape
    labels: NDArray[Any] | None = None
    match init_params:
        case "k-means++":
            _, seeds = kmeans_plusplus(samples, k, sample_weight=sample_weight, random_state=random_state)
            yield samples[seeds], np.eye(k)
            return
        case "random_from_data":
            share = None if sample_weight is None else sample_weight / sample_weight.sum()
            yield samples[random_state.choice(n, size=k, replace=False, p=share)], np.eye(k)
            return
        case "kmeans":
            clustering = KMeans(n_clusters=k, n_init=1, random_state=random_state)
            labels = clustering.fit(samples, sample_weight=sample_weight).labels_
    step = max(1, BLOCK // max(k, d * d))
    for begin in range(0, n, step):
        block = slice(begin, begin + step)
        rows = samples[block]
        if labels is None:
            responsibilities = random_state.uniform(size=(len(rows), k))
            responsibilities /= responsibilities.sum(axis=1, keepdims=True)
        else:
            responsibilities = np.equal.outer(labels[block], np.arange(k)).astype(np.float64)
        if sample_weight is not None:
            responsibilities *= sample_weight[block, np.newaxis]
        yield rows, responsibilities
