"""EM from a whole start for :class:`rustem.GaussianMixture`: held components, priors, batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from rustem import _core
from rustem.arguments import progress_callback
from rustem.exceptions import InvalidInputError
from rustem.mixture.covariances import shape_of
from rustem.mixture.model import Mixture, core_parameters, mixture_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rustem.arguments import CovarianceType, Progress


class Run(NamedTuple):
    """What one run gives: the mixture, the objective before each M-step, and whether it settled."""

    mixture: Mixture
    history: list[float]
    converged: bool


class Stream(NamedTuple):
    """What batches have told so far: the mixture that their statistics ask for, their number, their samples."""

    statistics: Mixture
    n_steps: int
    n_seen: float


def fit(
    rows: NDArray[Any],
    weight: NDArray[np.float64] | None,
    start: Mixture,
    prior: _core._PriorOptions,
    options: _core._FitOptions,
    progress: Progress,
) -> Run:
    """Textbook EM."""
    with progress_callback(progress, options["max_iter"]) as callback:
        parameters, history, converged, _ = _core.fit(
            rows, weight, 1.0, core_parameters(start), prior, options, callback
        )
    return Run(mixture_of(parameters), history, converged)


def step(
    rows: NDArray[Any],
    weight: NDArray[np.float64] | None,
    stream: Stream | None,
    current: Mixture,
    prior: _core._PriorOptions,
    options: _core._FitOptions,
) -> tuple[Stream, Mixture]:
    """One step on a batch, by (number of batches + 1) ** -0.6; the first batch alone decides on the first step."""
    statistics, n_steps, n_seen = (current, 0, 0.0) if stream is None else stream
    rate = 1.0 if n_steps == 0 else (n_steps + 1) ** -0.6
    n_seen += len(rows) if weight is None else float(weight.sum())
    told, mixture = _core.step(
        rows, weight, 1.0, core_parameters(statistics), core_parameters(current), rate, n_seen, prior, options
    )
    return Stream(mixture_of(told), n_steps + 1, n_seen), mixture_of(mixture)


def held(name: str, value: ArrayLike | None, k: int) -> list[bool]:
    """Which components ``name`` holds; empty for none."""
    if value is None or value is False:
        return []
    mask = np.full(k, True) if value is True else np.asarray(value)
    if mask.dtype != np.bool_ or mask.shape != (k,):
        raise InvalidInputError(f"{name} is {value!r}: give True, or {k} booleans, one per component")
    return cast("list[bool]", mask.tolist())


def prior_scale(value: ArrayLike | None, covariance_type: CovarianceType, d: int) -> list[float] | None:
    """The scale of the covariances' prior, flat."""
    if value is None:
        return None
    shape = (d, d) if covariance_type == "tied" else shape_of(covariance_type, 1, d)[1:]
    scale = np.asarray(value, dtype=np.float64)
    if scale.shape != shape or not np.isfinite(scale).all():
        wanted = "a number" if shape == () else f"finite numbers of shape {shape}"
        raise InvalidInputError(f"covariance_prior has shape {scale.shape}: give {wanted}")
    flat: list[float] = scale.ravel().tolist()
    return flat
