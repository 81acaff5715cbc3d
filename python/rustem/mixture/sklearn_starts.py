"""The starts of scikit-learn's mixture, by what each ``init_params`` means there, found by rustem's own k-means.

Departures: other random numbers, hence other starts from the same seed; sample weights; where samples coincide, so that
k-means finds fewer clusters, the last components are those found once more instead of at the origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rustem import _core
from rustem.mixture.covariances import ILL_DEFINED
from rustem.mixture.model import Mixture, mixture_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.arguments import CovarianceType

    Floats = NDArray[np.float64]

# Numbers in one block of responsibilities or of squares.
BLOCK = 1 << 20
# A variance below this share of the samples' own is what rounding leaves of zero.
ROUNDING = 1.01e-14


def start(
    samples: NDArray[Any],
    sample_weight: Floats | None,
    k: int,
    covariance_type: CovarianceType,
    reg_covar: float,
    init_params: str,
    random_state: np.random.RandomState,
    n_threads: int,
) -> tuple[Floats, Floats, Floats]:
    """Weights, means and covariances: one M-step from the responsibilities that ``init_params`` names.

    The weights of "k-means++" and "random_from_data" sum to k / n, as scikit-learn's do: each component starts from a
    single sample.
    """
    if sample_weight is not None:
        # By a power of two, so that what keeps masses above zero weighs the same whatever the unit of the weights.
        sample_weight = np.ldexp(sample_weight, -int(np.frexp(sample_weight.max())[1]))
    seed = int(random_state.randint(np.iinfo(np.int32).max))
    match init_params:
        case "kmeans":
            found = _core.k_means_start(samples, sample_weight, k, covariance_type, reg_covar, seed, n_threads)
            if reg_covar == 0:
                _check_extent(mixture_of(found), samples)
            return _repeated(mixture_of(found), k)
        case "k-means++":
            seeds = _core.seeds(samples, sample_weight, k, seed, n_threads)
            return _from_seeds(
                samples, sample_weight, np.resize(seeds, (k, seeds.shape[1])), covariance_type, reg_covar
            )
        case "random_from_data":
            share = None if sample_weight is None else sample_weight / sample_weight.sum()
            chosen = random_state.choice(len(samples), size=k, replace=False, p=share)
            seeds = samples[chosen].astype(np.float64)
            return _from_seeds(samples, sample_weight, seeds, covariance_type, reg_covar)
    return _from_random(samples, sample_weight, k, covariance_type, reg_covar, seed)


def _check_extent(found: Mixture, samples: NDArray[Any]) -> None:
    """Refuse clusters whose samples coincide, as scikit-learn does; the core lifts them to what rounding leaves."""
    squares = found.covariances
    variances = np.einsum("...aa->...a", squares) if found.covariance_type in ("full", "tied") else squares
    if (variances.max(axis=-1) if variances.ndim > 1 else variances).min() <= _no_extent(samples):
        raise ValueError(ILL_DEFINED)


def _no_extent(samples: NDArray[Any]) -> float:
    return ROUNDING * float(samples.var(axis=0, dtype=np.float64).mean())


def _repeated(found: Mixture, k: int) -> tuple[Floats, Floats, Floats]:
    """A mixture of k components, some of them the same if fewer were found."""
    which = np.arange(k) % found.n_components
    weights = found.weights[which] / np.bincount(which)[which]
    tied = found.covariance_type == "tied"
    return weights, found.means[which], found.covariances if tied else found.covariances[which]


def _from_seeds(
    samples: NDArray[Any], sample_weight: Floats | None, seeds: Floats, family: CovarianceType, reg_covar: float
) -> tuple[Floats, Floats, Floats]:
    """Each component responsible for one sample."""
    (k, d), total = seeds.shape, len(samples) if sample_weight is None else sample_weight.sum()
    match family:
        case "full":
            covariances = np.tile(reg_covar * np.eye(d), (k, 1, 1))
        case "tied":
            covariances = _tied(samples, sample_weight, np.ones(k), seeds) + reg_covar * np.eye(d)
        case "diag":
            covariances = np.full((k, d), reg_covar)
        case "spherical":
            covariances = np.full(k, reg_covar)
    return np.full(k, 1 / total), seeds, covariances


def _from_random(
    samples: NDArray[Any], sample_weight: Floats | None, k: int, family: CovarianceType, reg_covar: float, seed: int
) -> tuple[Floats, Floats, Floats]:
    """All components responsible for all samples, by shares that are drawn: their means are all near the middle."""
    center = samples.mean(axis=0, dtype=np.float64)
    d = samples.shape[1]
    mass, first = np.zeros(k), np.zeros((k, d))
    second = np.zeros((k, d, d) if family == "full" else (k, d))
    drawn, step = np.random.default_rng(seed), max(1, BLOCK // max(k, d))
    for begin in range(0, len(samples), step):
        rows = samples[begin : begin + step] - center
        shares = drawn.uniform(size=(len(rows), k))
        shares /= shares.sum(axis=1, keepdims=True)
        if sample_weight is not None:
            shares *= sample_weight[begin : begin + step, np.newaxis]
        mass += shares.sum(axis=0)
        first += shares.T @ rows
        if family == "full":
            for component, share in enumerate(shares.T):
                second[component] += (share[:, np.newaxis] * rows).T @ rows
        else:
            second += shares.T @ rows**2
    shift = first / mass[:, np.newaxis]
    means, weights = center + shift, mass / mass.sum()
    match family:
        case "full":
            outer = shift[:, :, np.newaxis] * shift[:, np.newaxis]
            covariances = second / mass[:, np.newaxis, np.newaxis] - outer + reg_covar * np.eye(d)
        case "tied":
            covariances = _tied(samples, sample_weight, mass, means) + reg_covar * np.eye(d)
        case _:
            variances = second / mass[:, np.newaxis] - shift**2
            covariances = (variances.mean(axis=1) if family == "spherical" else variances) + reg_covar
    return weights, means, covariances


def _tied(samples: NDArray[Any], sample_weight: Floats | None, mass: Floats, means: Floats) -> Floats:
    """Squares of *all* samples less those of the means, over the mass: also where most samples have none."""
    weighted = samples if sample_weight is None else samples * sample_weight[:, np.newaxis]
    squares = weighted.astype(np.float64, copy=False).T @ samples
    covariance: Floats = (squares - mass * means.T @ means) / mass.sum()
    if np.diag(covariance).max() <= _no_extent(samples):
        covariance[:] = 0
    return covariance
