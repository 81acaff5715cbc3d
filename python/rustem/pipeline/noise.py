"""What counts as noise in a picture: the least variance of each of its channels that a mixture may tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.arguments import check_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What :func:`rustem.segment` takes for noise or shading, as a share of each channel's spread.
NOISE = 0.12
# A hundred times a channel's spread leaves nothing to tell apart.
_MOST_NOISE = 100.0

# A value that more pixels have than this share of all counts as if so many had it: grounds and what stands for no data
# say little about the spread of what is shown.
_MOST_OF_ONE_VALUE = 0.05
# Floats are looked at in so many evenly spread rows.
_MOST_ROWS = 1 << 14
# Of a channel's spread, where values have no steps.
_LEAST = 1e-3


def check_noise(noise: float) -> float:
    """``noise`` as a float that a channel's spread may be multiplied with."""
    return check_number("noise", noise, most=_MOST_NOISE)


def noise_floor(features: NDArray[Any], counts: NDArray[np.float64] | None, white: float, noise: float) -> NDArray[Any]:
    """Variances (d,) that no component falls below, in units of ``white``: those of noise, or of rounding if larger.

    ``noise`` is a share of each feature's :func:`spread`. What whole numbers were rounded by is known, a step of
    ``white``; in other colour spaces, which are scaled alike, a step of sRGB is about a step. Floats are taken to be
    known to a thousandth of their spread.
    """
    own = spread(features, counts) / (white if features.dtype.kind == "u" else 1.0)
    rounding = np.full_like(own, 1 / (np.sqrt(12) * white)) if white > 1 else _LEAST * own
    floor: NDArray[Any] = np.maximum(rounding, noise * own) ** 2
    return np.where(floor > 0, floor, floor.max() or 1.0)  # a channel without differences tells nothing


def spread(values: NDArray[Any], counts: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Standard deviation (d,) of each column of (n, d) values, as their median absolute deviation tells it.

    Hot pixels, and grounds or marks for no data of up to half of the pixels and more, leave it as it is.
    """
    if values.dtype.kind != "u":
        step = -(-len(values) // _MOST_ROWS)
        values, counts = values[::step], None if counts is None else counts[::step]
    return np.array([_deviation(*_distribution(column, counts)) for column in values.T])


def _distribution(column: NDArray[Any], counts: NDArray[np.float64] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """The values that occur, in rising order, and their weights, of which none is most of all."""
    if column.dtype.kind == "u":
        weights = np.bincount(column, counts)
        found = np.flatnonzero(weights)
        weights = weights[found].astype(np.float64)
    else:
        found, which = np.unique(column, return_inverse=True)
        weights = np.bincount(which, counts).astype(np.float64)
    return found.astype(np.float64), np.minimum(weights, _MOST_OF_ONE_VALUE * weights.sum())


def _deviation(values: NDArray[Any], weights: NDArray[Any]) -> float:
    """The median absolute deviation of weighted values in rising order, times 1.4826: a normal standard deviation."""
    distances = np.abs(values - _median(values, weights))
    order = np.argsort(distances, kind="stable")
    return 1.4826 * _median(distances[order], weights[order])


def _median(values: NDArray[Any], weights: NDArray[Any]) -> float:
    """The weighted median of values in rising order."""
    cumulated = np.cumsum(weights)
    return float(values[np.searchsorted(cumulated, 0.5 * cumulated[-1])])
