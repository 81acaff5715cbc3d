"""How many components: one sweep from many down to few, and what each number costs and gains.

The sweep follows M. Figueiredo & A. K. Jain, "Unsupervised learning of finite mixture models", IEEE PAMI 24 (2002),
doi:10.1109/34.990138, in going down from too many components, each fit starting from the last. Departure: two
components are merged instead of one annihilated, those whose merger costs least by the bound of A. R. Runnalls,
"Kullback–Leibler approach to Gaussian mixture reduction", IEEE Trans. AES 43 (2007), doi:10.1109/TAES.2007.4383588.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rustem.arguments import check_components
from rustem.exceptions import InvalidInputError
from rustem.mixture.covariances import full_matrices, inverted, log_determinants
from rustem.mixture.fitting import fit_mixture
from rustem.mixture.model import Mixture

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rustem.arguments import CovarianceType

Criterion: TypeAlias = Literal["bic", "icl", "aic", "mml"]
CRITERIA = ("bic", "icl", "aic", "mml")

FIRST_ITERATIONS, NEXT_ITERATIONS = 100, 25


@dataclass(frozen=True, eq=False)
class Selection:
    """The numbers of components that were tried, what each criterion says of them, and the choice.

    Parameters
    ----------
    n_components : int
        The number of components where ``criterion`` is least.
    criterion : {"bic", "icl", "aic", "mml"}
        The criterion that chose.
    candidates : ndarray of shape (m,)
        The numbers tried, in rising order.
    values : dict of str to ndarray of shape (m,)
        Each criterion at each number, in units of twice a nat; the least is the best.
    log_likelihoods : ndarray of shape (m,)
        Mean log-likelihood of each fit, in nats per sample.
    mixtures : tuple of Mixture
        The fit of each number, roughly converged.
    n_samples : int
        Samples or pixels.
    n_effective : float
        How many independent ones they are worth: the sample size in the criteria.
    """

    n_components: int
    criterion: Criterion
    candidates: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    log_likelihoods: NDArray[np.float64]
    mixtures: tuple[Mixture, ...]
    n_samples: int
    n_effective: float

    def __repr__(self) -> str:
        first, last = self.candidates[[0, -1]]
        return (
            f"<Selection of {self.n_components} components from {first} to {last} by {self.criterion}, "
            f"{self.n_samples} samples worth {self.n_effective:.0f}>"
        )

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the criteria, each above its least value, with matplotlib; the choice is marked."""
        from rustem.plotting import plot_selection

        return plot_selection(self, axes)


def check_candidates(candidates: Iterable[int]) -> list[int]:
    """The numbers of components to choose from, in rising order, each once."""
    numbers = sorted({check_components(number, "each of candidates") for number in candidates})
    if not numbers:
        raise InvalidInputError("candidates is empty: give the numbers of components to choose from")
    return numbers


def sweep(
    features: NDArray[Any],
    numbers: list[int],
    covariance_type: CovarianceType,
    floor: NDArray[np.float64],
    seed: int,
    threads: int,
) -> list[Mixture]:
    """Fits with the numbers of components asked for, in rising order; no more than there are distinct samples."""
    mixture: Mixture | None = None
    found = []
    while mixture is None or mixture.n_components > numbers[0]:
        start = None if mixture is None else merged(mixture)
        mixture = fit_mixture(
            features,
            numbers[-1] if start is None else start.n_components,
            covariance_type=covariance_type,
            tol=0,
            max_iter=FIRST_ITERATIONS if start is None else NEXT_ITERATIONS,
            weights_init=None if start is None else start.weights,
            means_init=None if start is None else start.means,
            precisions_init=None if start is None else inverted(start.covariances, covariance_type),
            covariance_floor=floor,
            random_state=seed,
            n_threads=threads,
        ).mixture
        if mixture.n_components in numbers:
            found.append(mixture)
    return found[::-1] or [mixture]


def merged(mixture: Mixture) -> Mixture:
    """The mixture with two components made one of the same moments: those for which the bound on the loss is least."""
    w, means, family = mixture.weights, mixture.means, mixture.covariance_type
    k, d = means.shape
    full = full_matrices(mixture.covariances, family, k, d)
    both = np.maximum(w[:, None] + w, np.finfo(float).tiny)
    difference = means[:, None] - means
    between = (w[:, None] * w / both**2)[..., None, None] * difference[..., None] * difference[..., None, :]
    within = (w[:, None, None, None] * full[:, None] + w[None, :, None, None] * full) / both[..., None, None]
    joint = within + between
    apart = w * log_determinants(full, family)
    loss = both * log_determinants(joint, family) - apart[:, None] - apart
    loss[np.tril_indices(k)] = np.inf
    i, j = np.unravel_index(int(np.argmin(loss)), loss.shape)
    keep = np.arange(k) != j
    new_means, new_weights, covariances = means.copy(), w.copy(), mixture.covariances.copy()
    new_means[i] = (w[i] * means[i] + w[j] * means[j]) / both[i, j]
    new_weights[i] = both[i, j]
    match family:
        case "tied":
            covariances = covariances + both[i, j] * between[i, j]
        case "full":
            covariances[i] = joint[i, j]
        case "diag":
            covariances[i] = np.diag(joint[i, j])
        case "spherical":
            covariances[i] = np.trace(joint[i, j]) / d
    kept = covariances if family == "tied" else covariances[keep]
    return Mixture(new_weights[keep] / new_weights[keep].sum(), new_means[keep], kept, family)


def criteria(mixture: Mixture, features: NDArray[Any], n: float, threads: int) -> dict[str, float]:
    """Log-likelihood and criteria of one fit."""
    log_likelihood = mixture.score(features, n_threads=threads)
    shares = mixture.predict_proba(features, n_threads=threads)
    entropy = -float((shares * np.log(np.maximum(shares, 1e-30))).sum(axis=1).mean(dtype=np.float64))
    k, d = mixture.means.shape
    square = {"full": d * (d + 1) // 2, "tied": 0, "diag": d, "spherical": 1}[mixture.covariance_type]
    shared = d * (d + 1) // 2 if mixture.covariance_type == "tied" else 0
    each = d + square
    p = k * (each + 1) - 1 + shared
    fit = -2 * n * log_likelihood
    penalty = p * np.log(max(n, 1.0))
    alive = mixture.weights[mixture.weights * n > 1]
    length = each * np.log(alive * n / 12).sum() + (len(alive) + shared) * np.log(n / 12) + len(alive) * (each + 1)
    return {
        "log_likelihood": log_likelihood,
        "bic": fit + penalty,
        "icl": fit + penalty + 2 * n * entropy,
        "aic": fit + 2 * p,
        "mml": fit + length,
    }
