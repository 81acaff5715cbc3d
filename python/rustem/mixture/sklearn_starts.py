"""The starts of scikit-learn's mixture.

Written for equal answers: the same random numbers are drawn, by the same functions of scikit-learn, as its own
estimator draws. Departures: sample weights; no (n, k) array of responsibilities, blocks of rows instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    if sample_weight is not None:
        # By a power of two, so that what keeps masses above zero weighs the same whatever the unit of the weights.
        sample_weight = np.ldexp(sample_weight, -int(np.frexp(sample_weight.max())[1]))
    blocks = _blocks(samples, sample_weight, k, init_params, random_state)
    centre = samples.mean(axis=0, dtype=np.float64)
    d = samples.shape[1]
    mass, first, second = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    for rows, responsibilities in blocks():
        mass += responsibilities.sum(axis=0)
        first += responsibilities.T @ (rows - centre)
    mass_or_more = mass + 10 * np.finfo(samples.dtype).eps  # never zero
    means = (first + mass[:, np.newaxis] * centre) / mass_or_more[:, np.newaxis]
    # About each mean, as scikit-learn's: about another point, what is small beside the distance would be lost.
    for rows, responsibilities in blocks():
        for component, shares in enumerate(responsibilities.T):
            taken = np.flatnonzero(shares)
            difference = rows[taken] - means[component]
            second[component] += (shares[taken, np.newaxis] * difference).T @ difference
    rounding = 32 * np.finfo(samples.dtype).eps * np.abs(means).max(axis=1)
    full = second / mass_or_more[:, np.newaxis, np.newaxis]
    variances = np.einsum("jaa->ja", full)
    full[variances.max(axis=1) <= rounding**2] = 0
    weights = mass_or_more / (len(samples) if sample_weight is None else sample_weight.sum())
    match covariance_type:
        case "full":
            covariances = full + reg_covar * np.eye(d)
        case "tied":
            covariances = _tied(samples, sample_weight, mass_or_more, means) + reg_covar * np.eye(d)
        case "diag":
            covariances = variances + reg_covar
        case "spherical":
            covariances = variances.mean(axis=1) + reg_covar
    return weights, means, covariances


def _tied(samples: NDArray[Any], sample_weight: Floats | None, mass: Floats, means: Floats) -> Floats:
    """Squares of *all* samples less those of the means, over the mass: also where most samples have none."""
    weighted = samples if sample_weight is None else samples * sample_weight[:, np.newaxis]
    squares = weighted.astype(np.float64, copy=False).T @ samples
    covariance: Floats = (squares - mass * means.T @ means) / mass.sum()
    if np.diag(covariance).max() <= ROUNDING * float(samples.var(axis=0, dtype=np.float64).mean()):
        covariance[:] = 0
    return covariance


def _blocks(
    samples: NDArray[Any],
    sample_weight: Floats | None,
    k: int,
    init_params: str,
    random_state: np.random.RandomState,
) -> Callable[[], Iterator[tuple[NDArray[Any], Floats]]]:
    """What gives, each time again, rows of the samples and their responsibilities times their weights."""
    from sklearn.cluster import KMeans, kmeans_plusplus

    n, d = samples.shape
    if init_params == "k-means++":
        _, seeds = kmeans_plusplus(samples, k, sample_weight=sample_weight, random_state=random_state)
        return lambda: iter([(samples[seeds], np.eye(k))])
    if init_params == "random_from_data":
        share = None if sample_weight is None else sample_weight / sample_weight.sum()
        chosen = random_state.choice(n, size=k, replace=False, p=share)
        return lambda: iter([(samples[chosen], np.eye(k))])
    labels: NDArray[Any] | None = None
    if init_params == "kmeans":
        clustering = KMeans(n_clusters=k, n_init=1, random_state=random_state)
        labels = clustering.fit(samples, sample_weight=sample_weight).labels_
    state = random_state.get_state()

    def blocks() -> Iterator[tuple[NDArray[Any], Floats]]:
        random_state.set_state(state)  # the same draws each time
        step = max(1, BLOCK // max(k, d))
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

    return blocks
