"""The palette of a picture's distinct colours: k-means by the core, and the promises that it does not know of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from rustem import _core
from rustem.arguments import RandomState, check_choice, check_integer, check_seed
from rustem.exceptions import InvalidInputError
from rustem.quantization.comparison_space import ComparedColors, Space
from rustem.quantization.palette_order import Order, ranking
from rustem.quantization.rare_colors import cheapest, rare_colors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.colorspaces import ColorSpace
    from rustem.images import Picture

Protect: TypeAlias = "bool | Literal['auto']"
Report: TypeAlias = Callable[[int, float], object] | None
MAX_COLORS = 65536
MAX_ITER = 300
# Steps over all colours end when the error falls by less than this part: 0.0001 dB.
_TOL = 2e-5
# Of so many colours by less than 0.0002 dB: 0.002 dB are lost, and a third of the steps saved.
_MANY, _TOL_OF_MANY = 100_000, 5e-5
# Sooner before that: what is then left to gain is gained by the steps over all colours.
_COARSE_TOL = 1e-4
# What rare colours may cost by default, as a part of the error: 0.1 dB.
_PROTECTION = 10**0.01 - 1
# The same for entries that take the colour which most of their pixels have: 0.2 dB. Of photographs only large flat
# areas, as a black ground, take it up, and it costs some 0.01 dB.
_EXACTNESS = 10**0.02 - 1
# Cells of colours are counted of larger pictures, and used where there are so many for each entry of the palette.
_PIXELS_WORTH_CELLS = 2**20
_CELLS_EACH = 32


@dataclass(frozen=True)
class SearchOptions:
    """How a palette is searched for, checked: :func:`rustem.quantize` describes each."""

    n_colors: int
    protect: Protect
    order: Order
    seed: int

    @classmethod
    def checked(cls, n_colors: int, protect: Protect, order: Order, random_state: RandomState) -> SearchOptions:
        """Check what can be checked without a picture."""
        n_colors = check_integer("n_colors", n_colors)
        if n_colors > MAX_COLORS:
            raise InvalidInputError(f"n_colors is {n_colors}: give a whole number from 1 to {MAX_COLORS}")
        check_choice("order", order, get_args(Order))
        if protect not in (True, False, "auto"):
            raise InvalidInputError(f'protect is {protect!r}: give "auto", True or False')
        return cls(n_colors, protect, order, check_seed(random_state))


@dataclass(frozen=True, eq=False)
class PaletteFit:
    """A palette, and which of its entries stands for each colour.

    Parameters
    ----------
    entries : ndarray of shape (k, C)
        The palette, in the picture's type.
    labels : ndarray of shape (m,)
        The entry of each colour; k where it is to be clear, and no entry is.
    counts : ndarray of shape (k,)
        Pixels of each entry.
    space : Space
        Where colours were compared.
    n_iter : int
        Steps of k-means over all colours.
    """

    entries: NDArray[Any]
    labels: NDArray[np.uint32]
    counts: NDArray[np.float64]
    space: Space
    n_iter: int


def search_palette(
    colors: ComparedColors,
    options: SearchOptions,
    fixed: NDArray[Any] | None,
    report: Report,
) -> PaletteFit:
    """Choose ``n_colors`` entries, those of ``fixed`` among them, in the order asked for."""
    entries, labels, n_iter = _search(colors, options, fixed, report)
    return _ordered(colors, entries, labels, n_iter, options.order)


def _search(
    colors: ComparedColors,
    options: SearchOptions,
    fixed: NDArray[Any] | None,
    report: Report,
    tol: float | None = None,
    whole: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[Any], NDArray[np.uint32], int]:
    """Entries, the label of each colour, and steps; ``whole`` tells which of the colours are no means of several."""
    values, n_colors = colors.values, options.n_colors
    fixed = values[:0] if fixed is None else np.unique(fixed, axis=0)
    if len(fixed) > n_colors:
        raise InvalidInputError(f"fixed_colors has {len(fixed)} colours, n_colors is {n_colors}: raise n_colors")
    if len(values) <= n_colors:
        together, rows = np.unique(np.concatenate([fixed, values]), axis=0, return_inverse=True)
        if len(together) <= n_colors:
            exact = rows.ravel()[len(fixed) :].astype(np.uint32)
            return together, exact, 0
    any_visible = bool(colors.visible.any())
    clear = not colors.visible.all() and not (fixed[:, -1] == 0).any()
    n_free = n_colors - int(clear)
    if n_free < 1 or (n_free == len(fixed) and not (fixed[:, -1] > 0).any() and any_visible):
        raise InvalidInputError("full transparency takes one colour: give n_colors of at least 2")
    centres, n_iter, pyramid = colors.space.features(fixed).astype(np.float64), 0, None
    if any_visible:
        tol = tol or (_TOL if len(values) < _MANY else _TOL_OF_MANY)
        pyramid = _Pyramid.of(colors, centres, n_free, options.seed)
        centres, error, _ = pyramid.fit(centres, len(fixed))
        n_kept = len(fixed)
        if options.protect and colors.space.channels == 3 and n_free - len(fixed) > 1 and n_free <= 4096:
            centres, n_kept = _protected(pyramid, centres, error, len(fixed), options.protect)
        centres, _, n_iter = pyramid.fit(centres, n_kept, tol, report)
    entries = np.concatenate([fixed, colors.space.values(centres[len(fixed) :])])
    if clear:
        entries = np.concatenate([np.zeros((1, entries.shape[1]), values.dtype), entries])
    n_given = len(fixed) + int(clear)
    entries, labels = _filled(colors, pyramid, _made_opaque(colors, entries, n_given), n_given, n_colors)
    kept = _made_exact(colors, entries, labels, n_given, whole)
    if kept is not None:
        entries, labels = _filled(colors, pyramid, kept, n_given, n_colors)
    return entries, labels, n_iter


def use_palette(entries: NDArray[Any], colors: ComparedColors) -> PaletteFit:
    """A given palette, in its own order and whole.

    Where none of its entries is transparent, colors become opaque from a half of opacity, and are not shown else; where
    none is fully transparent, colors that are so are not shown.
    """
    hidden = ~colors.visible
    if colors.space.has_alpha and (entries[:, -1] == colors.space.unit).all():
        hidden = 2.0 * colors.values[:, -1] < colors.space.unit
        values = colors.values.copy()
        values[:, -1] = colors.space.unit
        colors = replace(colors, values=values)
    elif colors.space.has_alpha and (entries[:, -1] == 0).any():
        hidden[:] = False
    labels, _ = _labelled(colors, None, entries)
    labels[hidden] = len(entries)
    counts = _masses(colors, labels, len(entries) + 1)[:-1]
    return PaletteFit(entries, labels, counts, colors.space, 0)


def palette_of_cells(
    picture: Picture, color_space: ColorSpace, options: SearchOptions, n_threads: int, report: Report
) -> tuple[NDArray[np.uint8], NDArray[np.float64]] | None:
    """Colours (k, 3) and pixels of each, from counted cells of 2 × 2 × 2 colours; None where cells are no help."""
    pixels = picture.pixels
    if picture.alpha is not None or picture.mask is not None or pixels.dtype != np.uint8 or pixels.shape[2:] != (3,):
        return None
    if pixels.size < 3 * _PIXELS_WORTH_CELLS:
        return None
    values, counts = _core.count_cells(np.ascontiguousarray(pixels).reshape(-1, 3), n_threads)
    if len(values) < _CELLS_EACH * options.n_colors:
        return None
    colors = ComparedColors(values, counts.astype(np.float64), Space(color_space, 3, False, values.dtype), n_threads)
    # Nearly all of a cell has the colour that its mean is next to.
    whole = np.all(np.abs(values - 257.0 * np.rint(values / 257)) <= 0.1 * 257, axis=1)
    entries, _, n_iter = _search(colors, options, None, report, _COARSE_TOL, whole)
    rounded = np.rint(entries / 257).astype(np.uint16)
    if len(np.unique(rounded, axis=0)) < options.n_colors:  # some are less than a step apart
        return None
    entries = rounded * np.uint16(257)
    labels, _ = _labelled(colors, None, entries)
    found = _ordered(colors, entries, labels, n_iter, options.order)
    return (found.entries // 257).astype(np.uint8), found.counts


@dataclass(frozen=True, eq=False)
class _Pyramid:
    """The visible colours on several levels of detail, without their last features where those are constant."""

    colors: ComparedColors
    levels: _core.ColorPyramid
    constant: NDArray[np.float32]
    n_clusters: int
    seed: int

    @classmethod
    def of(cls, colors: ComparedColors, start: NDArray[np.float64], n_clusters: int, seed: int) -> _Pyramid:
        seen, width = colors.visible, colors.features.shape[1]
        features, counts, values = colors.features, colors.counts, colors.values
        if not seen.all():
            features, counts, values = features[seen], counts[seen], values[seen]
        if colors.space.has_alpha and colors.opaque[seen].all() and (start[:, -1] == features[0, -1]).all():
            width -= 1  # as if there were no alpha
        rows, stored = (np.ascontiguousarray(each[:, :width]) for each in (features, values))
        return cls(colors, _core.ColorPyramid(rows, counts, n_clusters, stored), features[:1, width:], n_clusters, seed)

    def fit(
        self, start: NDArray[np.float64], n_fixed: int, tol: float | None = None, report: Report = None
    ) -> tuple[NDArray[np.float64], float, int]:
        """Centres from those of ``start`` on, the first ``n_fixed`` stay; their error, and steps.

        Without ``tol`` on the coarse levels alone.
        """
        options: _core._PaletteOptions = {
            "n_clusters": self.n_clusters,
            "n_fixed": n_fixed,
            "tol": tol or _COARSE_TOL,
            "max_iter": MAX_ITER,
            "coarse": tol is None,
            "seed": self.seed,
            "n_threads": self.colors.n_threads,
        }
        centres, error, n_iter = self.levels.fit(self._varying(start), options, report)
        return np.hstack([centres, np.repeat(self.constant, len(centres), axis=0)]), error, n_iter

    def nearest(self, centres: NDArray[np.float64]) -> tuple[NDArray[np.uint32], NDArray[np.float32]] | None:
        """As :func:`_nearest`; None where a centre is not of the constant kind."""
        if not (centres[:, centres.shape[1] - self.constant.shape[1] :] == self.constant).all():
            return None
        return self.levels.nearest(self._varying(centres), self.colors.n_threads)

    def _varying(self, centres: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ascontiguousarray(centres[:, : self.colors.features.shape[1] - self.constant.shape[1]])


def _nearest(
    colors: ComparedColors, pyramid: _Pyramid | None, centres: NDArray[np.float64]
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The nearest of the centres for each visible colour, and the squared distance."""
    found = None if pyramid is None else pyramid.nearest(centres)
    if found is not None:
        return found
    features = colors.features if colors.visible.all() else np.ascontiguousarray(colors.features[colors.visible])
    return _core.nearest(features, centres, colors.n_threads)


def _protected(
    pyramid: _Pyramid, centres: NDArray[np.float64], before: float, n_fixed: int, protect: Protect
) -> tuple[NDArray[np.float64], int]:
    """The centres with some for rare vivid colours, if those do not cost too much; how many, the first, stay."""
    colors, n = pyramid.colors, pyramid.n_clusters
    values, features, counts = colors.values, colors.features, colors.counts
    if not colors.visible.all():
        values, features, counts = values[colors.visible], features[colors.visible], counts[colors.visible]
    space = colors.space
    perceived = replace(space, name="oklab", has_alpha=False)
    own = features if space == perceived else perceived.features(values)

    def lost(centres: NDArray[np.float64]) -> tuple[list[NDArray[np.intp]], float, NDArray[Any]]:
        labels, _ = _nearest(colors, pyramid, centres)
        shown = perceived.features(space.values(centres))[labels]
        return *rare_colors(own, shown, counts, max(1, n // 16)), np.bincount(labels, counts, len(centres))

    groups, loss, masses = lost(centres)
    while groups:
        rare = np.array([np.average(features[group], axis=0, weights=counts[group]) for group in groups])
        kept = np.delete(centres, cheapest(centres, masses, n_fixed, len(rare)), axis=0)
        start = np.concatenate([kept[:n_fixed], rare, kept[n_fixed:]])
        tried, error, _ = pyramid.fit(start, n_fixed + len(rare))
        if protect is True or error <= (1 + _PROTECTION) * before:
            worth = protect is True or lost(tried)[1] < loss
            return (tried, n_fixed + len(rare)) if worth else (centres, n_fixed)
        groups = groups[: len(groups) // 2]
    return centres, n_fixed


def _labelled(
    colors: ComparedColors, pyramid: _Pyramid | None, entries: NDArray[Any]
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The entry (m,) of each colour, and its squared distance.

    Opaque colours get opaque entries and transparent ones transparent entries, as far as there are any.
    """
    if not colors.space.has_alpha:
        return _nearest(colors, pyramid, colors.space.features(entries).astype(np.float64))
    clear, full = entries[:, -1] == 0, entries[:, -1] == colors.space.unit
    visible, opaque = colors.visible, colors.opaque
    labels, distances = np.zeros(len(visible), np.uint32), np.zeros(len(visible), np.float32)
    for group, allowed in ((~visible, clear), (opaque, full), (visible & ~opaque, ~clear)):
        if not group.any():
            continue
        chosen = np.flatnonzero(allowed if allowed.any() else np.ones_like(allowed))
        centres = colors.space.features(entries[chosen]).astype(np.float64)
        if (group == visible).all():
            nearest, distances[group] = _nearest(colors, pyramid, centres)
        else:
            features = np.ascontiguousarray(colors.features[group])
            nearest, distances[group] = _core.nearest(features, centres, colors.n_threads)
        labels[group] = chosen[nearest]
    return labels, distances


def _made_opaque(colors: ComparedColors, entries: NDArray[Any], n_kept: int) -> NDArray[Any]:
    """Entries that stand for opaque pixels mostly become opaque; at least one does if there are such pixels."""
    if not colors.space.has_alpha or not colors.opaque.any():
        return entries
    free = np.arange(len(entries)) >= n_kept
    labels, _ = _core.nearest(colors.features, colors.space.features(entries).astype(np.float64), colors.n_threads)
    mass = np.bincount(labels, colors.counts, len(entries))
    opaque = np.bincount(labels, colors.counts * colors.opaque, len(entries))
    solid = free & (2 * opaque > mass)
    if free.any() and not solid.any() and not (entries[:, -1] == colors.space.unit).any():
        solid[np.argmax(np.where(free, opaque, -1))] = True
    entries = entries.copy()
    entries[solid, -1] = colors.space.unit
    return entries


def _made_exact(
    colors: ComparedColors,
    entries: NDArray[Any],
    labels: NDArray[np.uint32],
    n_kept: int,
    whole: NDArray[np.bool_] | None,
) -> NDArray[Any] | None:
    """Entries of which most pixels have one colour take that colour, the cheapest first; None where none does.

    Soft edges draw the mean of white paper away from white, which is seen where paper was white.
    """
    space = colors.space
    masses = np.bincount(labels, colors.counts, len(entries))
    most = np.flatnonzero((2 * colors.counts > masses[labels]) & (labels >= n_kept) & colors.visible)
    if whole is not None:
        most = most[whole[most]]
    most = most[(colors.values[most] != entries[labels[most]]).any(axis=1)]
    if space.has_alpha:  # what was made opaque stays so
        most = most[(entries[labels[most], -1] != space.unit) | colors.opaque[most]]
    if not len(most):
        return None
    features = space.features(entries)
    # Entries are the means of their pixels, so that the error rises by the square of the step for each pixel.
    rises = masses[labels[most]] * ((colors.features[most] - features[labels[most]]) ** 2).sum(axis=1)
    error = (((colors.features - features[labels]) ** 2).sum(axis=1) * colors.counts).sum()
    cheapest_first = np.argsort(rises, kind="stable")
    taken = most[cheapest_first[np.cumsum(rises[cheapest_first]) <= _EXACTNESS * error]]
    entries = entries.copy()
    entries[labels[taken]] = colors.values[taken]
    return entries if len(taken) else None


def _filled(
    colors: ComparedColors, pyramid: _Pyramid | None, entries: NDArray[Any], n_kept: int, n: int
) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """Entries that no pixel has, and missing ones, replaced by the colours that are shown worst; and the labels."""
    labels, distances = _labelled(colors, pyramid, entries)
    for _ in range(64):
        idle = np.flatnonzero(_masses(colors, labels, len(entries)) == 0)
        idle = idle[idle >= n_kept]
        missing = n - len(entries)
        if not len(idle) and not missing:
            break
        worst = np.argsort(-(distances * colors.counts * colors.visible), kind="stable")[: len(idle) + missing]
        worst = worst[colors.visible[worst] & (colors.values[worst] != entries[labels[worst]]).any(axis=1)]
        if not len(worst):
            break
        entries = np.concatenate([entries, colors.values[worst[len(idle) :]]])
        entries[idle[: len(worst)]] = colors.values[worst[: len(idle)]]
        labels, distances = _labelled(colors, pyramid, entries)
    return entries, labels


def _ordered(
    colors: ComparedColors, entries: NDArray[Any], labels: NDArray[np.uint32], n_iter: int, order: Order
) -> PaletteFit:
    counts = _masses(colors, labels, len(entries))
    rows = ranking(entries, counts, order, colors.space)
    labels = np.argsort(rows).astype(np.uint32)[labels]
    return PaletteFit(entries[rows], labels, counts[rows], colors.space, n_iter)


def _masses(colors: ComparedColors, labels: NDArray[np.uint32], n: int) -> NDArray[np.float64]:
    """Pixels (k,) of each entry."""
    return np.bincount(labels, colors.counts, n).astype(np.float64)
