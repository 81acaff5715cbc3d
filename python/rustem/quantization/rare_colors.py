"""Rare colours whose hue a palette loses, and the entries that can give way to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.quantization.comparison_space import CHROMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOST = 0.06 * CHROMA
"""Difference in the chroma plane beyond which a colour is lost: about three times what the eye can tell."""
ALIKE = 0.05
"""Side of the cells of OKLab within which lost colours are one."""
FEWEST = 3
"""Pixels that make a region, less being noise."""


def cheapest(centres: NDArray[np.float64], masses: NDArray[Any], n_fixed: int, n: int) -> NDArray[np.intp]:
    """The ``n`` centres after the first ``n_fixed`` that are missed least, by Ward's cost of a merge."""
    joint = masses[:, np.newaxis] * masses / np.maximum(masses[:, np.newaxis] + masses, 1)
    squares = ((centres[:, np.newaxis] - centres) ** 2).sum(axis=2)
    costs = joint * squares
    np.fill_diagonal(costs, np.inf)
    costs = costs.min(axis=1)
    costs[:n_fixed] = np.inf
    return np.argsort(costs, kind="stable")[:n]


def rare_colors(
    own: NDArray[np.float32], shown: NDArray[np.float32], counts: NDArray[np.float64], most: int
) -> tuple[list[NDArray[np.intp]], float]:
    """Up to ``most`` groups of colours that lost their hue, the most visible first; and how much is lost in all.

    ``own`` and ``shown`` are (m, 3) features in OKLab: the colours, and what stands for them. What is lost is measured
    by the difference in the chroma plane, times pixels.
    """
    missed = np.hypot(own[:, 1] - shown[:, 1], own[:, 2] - shown[:, 2])
    lost = np.flatnonzero(missed > LOST)
    if not len(lost):
        return [], 0.0
    weights = missed[lost] * counts[lost]
    _, cell = np.unique(
        np.floor(own[lost] / [ALIKE, CHROMA * ALIKE, CHROMA * ALIKE]).astype(np.int64) @ [10**6, 10**3, 1],
        return_inverse=True,
    )
    visible = np.bincount(cell, weights) * (np.bincount(cell, counts[lost]) >= FEWEST)
    best = np.argsort(-visible, kind="stable")[:most]
    return [lost[cell == number] for number in best if visible[number] > 0], float(weights.sum())
