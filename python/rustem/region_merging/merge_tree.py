"""The merges of one picture's superpixels, and sums over superpixels: what all cuts of a picture share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.pipeline.inputs import MaskedPicture


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Superpixels, their merges, and sums over them."""

    source: MaskedPicture
    superpixels: NDArray[np.int32]  # -1 outside the mask
    merges: NDArray[np.int64]
    levels: NDArray[np.float64]

    @property
    def n_leaves(self) -> int:
        """Number of superpixels."""
        return len(self.merges) + 1

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Pixels (n_leaves,) of each superpixel."""
        return np.bincount(self.superpixels[self.superpixels >= 0], minlength=self.n_leaves)

    @cached_property
    def color_sums(self) -> NDArray[np.float64]:
        """Sum (n_leaves, C) of each superpixel's colours."""
        inside = self.superpixels >= 0
        pixels = self.source.pixels[inside]
        labels = self.superpixels[inside]
        sums = [np.bincount(labels, pixels[:, channel], self.n_leaves) for channel in range(pixels.shape[1])]
        return np.stack(sums, axis=1)

    @cached_property
    def boxes(self) -> NDArray[np.int64]:
        """Half-open box (n_leaves, 4) of each superpixel."""
        rows, columns = np.nonzero(self.superpixels >= 0)
        labels = self.superpixels[rows, columns]
        boxes = np.empty((self.n_leaves, 4), np.int64)
        for axis, places in enumerate((rows, columns)):
            low, high = np.full(self.n_leaves, np.iinfo(np.int64).max), np.full(self.n_leaves, -1)
            np.minimum.at(low, labels, places)
            np.maximum.at(high, labels, places)
            boxes[:, axis], boxes[:, axis + 2] = low, high + 1
        return boxes

    @cached_property
    def borders(self) -> tuple[tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]], ...]:
        """For each axis: where (…) the next pixel has another superpixel, and the two superpixels there."""
        found = []
        for axis in range(2):
            here, there = neighbouring(self.superpixels, axis)
            where = (here != there) & (here >= 0) & (there >= 0)
            found.append((where, here[where].astype(np.int64), there[where].astype(np.int64)))
        return tuple(found)

    def pairs(self) -> NDArray[np.int64]:
        """Each two superpixels (m, 2) that touch, once."""
        keys = np.concatenate([np.minimum(a, b) * self.n_leaves + np.maximum(a, b) for _, a, b in self.borders])
        return np.stack(np.divmod(np.unique(keys), self.n_leaves), axis=1)

    def regions_of(self, n_merges: int) -> NDArray[np.int32]:
        """Region (n_leaves,) of each superpixel after the first merges, from 1, the largest first."""
        n = self.n_leaves
        roots = np.arange(n + n_merges)
        roots[self.merges[:n_merges].ravel()] = np.repeat(np.arange(n, n + n_merges), 2)
        while (roots != roots[roots]).any():
            roots = roots[roots]
        nodes, regions = np.unique(roots[:n], return_inverse=True)
        order = np.argsort(-np.bincount(regions, self.sizes), kind="stable")
        ranks = np.empty(len(nodes), np.int32)
        ranks[order] = np.arange(1, len(nodes) + 1)
        return ranks[regions]

    def level_of_merges(self, n_merges: int) -> float:
        """The level that the first merges reach."""
        return float(self.levels[n_merges - 1]) if n_merges else 0.0

    def hierarchy(self) -> NDArray[np.float64]:
        """The merges (n_leaves − 1, 4) as ``scipy.cluster.hierarchy`` has them."""
        n = self.n_leaves
        counts = np.ones(2 * n - 1)
        for row, (a, b) in enumerate(self.merges):
            counts[n + row] = counts[a] + counts[b]
        return np.column_stack([self.merges, self.levels, counts[n:]])

    def strength(self) -> NDArray[np.float32]:
        """At each border pixel (H, W) the level at which the border vanishes, elsewhere 0."""
        pairs = self.pairs()
        levels = self._meeting_levels(pairs)
        keys = pairs[:, 0] * self.n_leaves + pairs[:, 1]
        strength = np.zeros(self.superpixels.shape, np.float32)
        for axis, (where, a, b) in enumerate(self.borders):
            values = np.zeros(where.shape, np.float32)
            values[where] = levels[np.searchsorted(keys, np.minimum(a, b) * self.n_leaves + np.maximum(a, b))]
            view = strength[first_of(axis)]
            np.maximum(view, values, out=view)
        return strength

    def _meeting_levels(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Level at which each pair of superpixels comes into one region."""
        n = self.n_leaves
        parents = np.zeros(2 * n - 1, np.int64)
        parents[self.merges.ravel()] = np.repeat(np.arange(n, 2 * n - 1), 2)
        low, high = pairs.min(axis=1), pairs.max(axis=1)
        apart = low != high
        while apart.any():
            # A node's parent has a larger number: the smaller of two nodes can only meet the other further up.
            climbed = parents[low[apart]]
            low[apart], high[apart] = np.minimum(climbed, high[apart]), np.maximum(climbed, high[apart])
            apart = low != high
        met: NDArray[np.float64] = self.levels[high - n]
        return met


def neighbouring(values: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each pixel but the last along an axis, and the next one."""
    return (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])


def first_of(axis: int) -> tuple[slice, ...]:
    """What picks each pixel but the last along an axis."""
    return (slice(None, -1),) if axis == 0 else (slice(None), slice(None, -1))
