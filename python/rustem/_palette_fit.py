"""The palette of a picture's distinct colours: k-means by the core, and the promises that it does not know of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rustem import _core
from rustem._quantizing import Order, Space, cheapest, ranking, rare_colours
from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.colours import Colours

Protect: TypeAlias = "bool | Literal['auto']"
MAX_ITER = 300
# Steps over all colours end when the error falls by less than this part: 0.0001 dB.
_TOL = 2e-5
# Of so many colours by less than 0.0002 dB: 0.002 dB are lost, and a third of the steps saved.
_MANY, _TOL_OF_MANY = 100_000, 5e-5
# Sooner before that: what is then left to gain is gained by the steps over all colours.
COARSE_TOL = 1e-4
# What rare colours may cost by default, as a part of the error: 0.1 dB.
_PROTECTION = 10**0.01 - 1


class Fit:
    """A palette in the making: `entries` for the colours of a picture."""

    def __init__(self, colours: Colours, space: Space, seed: int, threads: int, tol: float | None = None) -> None:
        self.colours, self.space, self.seed, self.threads = colours, space, seed, threads
        self.tol = tol or (_TOL if len(colours.values) < _MANY else _TOL_OF_MANY)
        self.counts = np.ones(len(colours.values)) if colours.counts is None else colours.counts
        values = colours.values
        self.visible = values[:, -1] > 0 if space.has_alpha else np.ones(len(values), bool)
        self.opaque = values[:, -1] == space.unit if space.has_alpha else self.visible
        self.features = space.features(values)
        self.entries = values[:0]
        self.exact: NDArray[np.uint32] | None = None  # each colour's own entry
        self._levels: _core.ColorPyramid | None = None  # the visible colours, without their last features if constant
        self._constant = self.features[:0]
        self.n_iter = 0
        self._labelled: tuple[bytes, NDArray[np.uint32], NDArray[np.int64]] | None = None  # by the entries' bytes

    def run(self, n_colors: int, fixed: NDArray[Any] | None, protect: Protect, report: Any) -> None:
        """Choose ``n_colors`` entries, those of ``fixed`` among them."""
        values = self.colours.values
        fixed = values[:0] if fixed is None else np.unique(fixed, axis=0)
        if len(fixed) > n_colors:
            raise InvalidInputError(f"fixed_colors has {len(fixed)} colours, n_colors is {n_colors}: raise n_colors")
        if len(values) <= n_colors:
            together, rows = np.unique(np.concatenate([fixed, values]), axis=0, return_inverse=True)
            if len(together) <= n_colors:
                self.entries, self.exact = together, rows.ravel()[len(fixed) :].astype(np.uint32)
                return
        hidden = not self.visible.all()
        clear = hidden and not (fixed[:, -1] == 0).any()
        n_free = n_colors - int(clear)
        if n_free < 1 or (n_free == len(fixed) and not (fixed[:, -1] > 0).any() and self.visible.any()):
            raise InvalidInputError("full transparency takes one colour: give n_colors of at least 2")
        start = self.space.features(fixed).astype(np.float64)
        centres, n_kept = self._fit(start, len(fixed), n_free, coarse=True), len(fixed)
        if protect and self.space.channels == 3 and self.visible.any() and n_free - len(fixed) > 1 and n_free <= 4096:
            centres, n_kept = self._protected(centres, fixed, n_free, protect)
        centres = self._fit(centres, n_kept, n_free, report)
        self.entries = np.concatenate([fixed, self.space.values(centres[len(fixed) :])])
        if clear:
            self.entries = np.concatenate([np.zeros((1, self.entries.shape[1]), values.dtype), self.entries])
        self._make_opaque(len(fixed) + int(clear))
        self._fill(len(fixed) + int(clear), n_colors)

    def _fit(
        self, start: NDArray[np.float64], n_fixed: int, n: int, report: Any = None, *, coarse: bool = False
    ) -> NDArray[np.float64]:
        """Centres for the visible colours, from those of ``start`` on; the first ``n_fixed`` stay."""
        if not self.visible.any():
            return start
        if self._levels is None:
            seen, width = self.visible, self.features.shape[1]
            features, counts, values = self.features, self.counts, self.colours.values
            if not seen.all():
                features, counts, values = features[seen], counts[seen], values[seen]
            if self.space.has_alpha and self.opaque[seen].all() and (start[:, -1] == features[0, -1]).all():
                width -= 1  # as if there were no alpha
            self._constant = features[:1, width:]
            self._levels = _core.ColorPyramid(
                np.ascontiguousarray(features[:, :width]), counts, n, np.ascontiguousarray(values[:, :width])
            )
        width = self.features.shape[1] - self._constant.shape[1]
        options: _core._PaletteOptions = {
            "n_clusters": n,
            "n_fixed": n_fixed,
            "tol": COARSE_TOL if coarse else self.tol,
            "max_iter": MAX_ITER,
            "coarse": coarse,
            "seed": self.seed,
            "n_threads": self.threads,
        }
        centres, self.error, self.n_iter = self._levels.fit(np.ascontiguousarray(start[:, :width]), options, report)
        return np.hstack([centres, np.repeat(self._constant, len(centres), axis=0)])

    def _nearest(self, centres: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """The nearest of the centres for each visible colour, and the squared distance."""
        width = self.features.shape[1]
        if self._levels is not None and (centres[:, width - self._constant.shape[1] :] == self._constant).all():
            return self._levels.nearest(
                np.ascontiguousarray(centres[:, : width - self._constant.shape[1]]), self.threads
            )
        features = self.features if self.visible.all() else np.ascontiguousarray(self.features[self.visible])
        return _core.nearest(features, centres, self.threads)

    def _protected(
        self, centres: NDArray[np.float64], fixed: NDArray[Any], n: int, protect: Protect
    ) -> tuple[NDArray[np.float64], int]:
        """The centres with some for rare vivid colours, if those do not cost too much; how many, the first, stay."""
        values, features, counts = self.colours.values, self.features, self.counts
        if not self.visible.all():
            values, features, counts = values[self.visible], features[self.visible], counts[self.visible]
        space, before = self.space, self.error
        perceived = replace(space, name="oklab", has_alpha=False)
        own = features if space == perceived else perceived.features(values)

        def lost(centres: NDArray[np.float64]) -> tuple[list[NDArray[np.intp]], float, NDArray[Any]]:
            labels, _ = self._nearest(centres)
            shown = perceived.features(space.values(centres))[labels]
            return *rare_colours(own, shown, counts, max(1, n // 16)), np.bincount(labels, counts, len(centres))

        groups, loss, masses = lost(centres)
        while groups:
            rare = np.array([np.average(features[group], axis=0, weights=counts[group]) for group in groups])
            dropped = cheapest(centres, masses, len(fixed), len(rare))
            kept = np.delete(centres, dropped, axis=0)
            start = np.concatenate([kept[: len(fixed)], rare, kept[len(fixed) :]])
            tried = self._fit(start, len(fixed) + len(rare), n, coarse=True)
            if protect is True or self.error <= (1 + _PROTECTION) * before:
                worth = protect is True or lost(tried)[1] < loss
                return (tried, len(fixed) + len(rare)) if worth else (centres, len(fixed))
            groups = groups[: len(groups) // 2]
        return centres, len(fixed)

    def reorder(self, order: Order) -> None:
        """Sort the entries."""
        labels, counts = self.labels()
        rows = ranking(self.entries, counts, order, self.space)
        self.entries = self.entries[rows]
        labels = np.argsort(rows).astype(np.uint32)[labels]
        if self.exact is not None:
            self.exact = labels
        self._labelled = (self.entries.tobytes(), labels, counts[rows])

    def labels(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The entry of each colour, and the pixels of each entry.

        Opaque colours get opaque entries and transparent ones transparent entries, as far as there are any.
        """
        key = self.entries.tobytes()
        if self._labelled is None or self._labelled[0] != key:
            labels = self._label() if self.exact is None else self.exact
            counts = np.bincount(labels, self.counts, len(self.entries)).astype(np.int64)
            self._labelled = (key, labels, counts)
        return self._labelled[1:]

    def _label(self) -> NDArray[np.uint32]:
        entries = self.entries
        if not self.space.has_alpha:
            labels, self.distances = self._nearest(self.space.features(entries).astype(np.float64))
            return labels
        alpha = entries[:, -1]
        clear, full = alpha == 0, alpha == self.space.unit
        groups = [(~self.visible, clear), (self.opaque, full), (self.visible & ~self.opaque, ~clear)]
        labels = np.zeros(len(self.features), np.uint32)
        self.distances = np.zeros(len(self.features), np.float32)
        for colours, allowed in groups:
            if not colours.any():
                continue
            chosen = np.flatnonzero(allowed if allowed.any() else np.ones_like(allowed))
            centres = self.space.features(entries[chosen]).astype(np.float64)
            if (colours == self.visible).all():
                nearest, self.distances[colours] = self._nearest(centres)
            else:
                features = np.ascontiguousarray(self.features[colours])
                nearest, self.distances[colours] = _core.nearest(features, centres, self.threads)
            labels[colours] = chosen[nearest]
        return labels

    def _make_opaque(self, n_kept: int) -> None:
        """Entries that stand for opaque pixels mostly become opaque; at least one does if there are such pixels."""
        if not self.space.has_alpha or not self.opaque.any():
            return
        free = np.arange(len(self.entries)) >= n_kept
        labels, _ = _core.nearest(self.features, self.space.features(self.entries).astype(np.float64), self.threads)
        mass = np.bincount(labels, self.counts, len(self.entries))
        opaque = np.bincount(labels, self.counts * self.opaque, len(self.entries))
        solid = free & (2 * opaque > mass)
        if free.any() and not solid.any() and not (self.entries[:, -1] == self.space.unit).any():
            solid[np.argmax(np.where(free, opaque, -1))] = True
        self.entries[solid, -1] = self.space.unit

    def _fill(self, n_kept: int, n: int) -> None:
        """Replace entries that no pixel has, and add missing ones, by the colours that are shown worst."""
        for _ in range(64):
            labels, counts = self.labels()
            idle = np.flatnonzero(counts == 0)
            idle = idle[idle >= n_kept]
            missing = n - len(self.entries)
            if not len(idle) and not missing:
                return
            errors = self.distances * self.counts * self.visible
            worst = np.argsort(-errors, kind="stable")[: len(idle) + missing]
            worst = worst[self.visible[worst] & (self.colours.values[worst] != self.entries[labels[worst]]).any(axis=1)]
            if not len(worst):
                return
            self.entries[idle[: len(worst)]] = self.colours.values[worst[: len(idle)]]
            self.entries = np.concatenate([self.entries, self.colours.values[worst[len(idle) :]]])
