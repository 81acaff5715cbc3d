"""The colours that people would name in a picture: distinct ones, the vivid sooner than the dull.

Counted colours are put into some hundred groups by k-means. Each group offers its mode: a colour of the picture, not a
mean. What is chosen covers the groups as well as so many modes can: a facility location problem, whose objective is
submodular, so that the greedy choice reaches at least 1 - 1/e of the best [1]_. Colours differ by CIEDE2000 [2]_.

References
----------
.. [1] G. L. Nemhauser, L. A. Wolsey and M. L. Fisher, "An analysis of approximations for maximizing submodular set
   functions", Mathematical Programming 14 (1978) 265-294. doi:10.1007/BF01588971
.. [2] G. Sharma, W. Wu and E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary
   test data, and mathematical observations", Color Research and Application 30 (2005) 21-30. doi:10.1002/col.20070
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rustem import _core
from rustem.exceptions import InvalidInputError
from rustem.pipeline.color_table import ColorTable, count_colors
from rustem.pipeline.inputs import MaskedPicture, open_inputs
from rustem.quantization.comparison_space import Space
from rustem.quantization.palette_order import ranking
from rustem.quantization.palette_search import MAX_ITER, Report, SearchOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.images import Picture

# The numbers below were set by looking at the palettes of some thirty photographs, and by the share of named colours
# that benchmarks/quantization/prominent.py counts; none of them is sharp.
_GROUPS = 256
# Side of the cells of OKLab in which modes are looked for: wider than the noise of a JPEG.
_CELL = 0.02
# CIEDE2000 at which a colour is covered by an entry to 1/e. Shades of one colour differ in lightness most, and are
# named alike: lightness counts less.
_REACH = 16.0
_LIGHTNESS = 0.6
# Entries are at least so far apart.
_APART = 10.0
# A colour's weight grows with its share to this power: a hundredth of the picture weighs a fifth of the whole.
_POWER = 0.33
# A grey weighs this part of a colour whose chroma in OKLab is _VIVID; more chroma than 1.5 times that adds nothing.
_DULL, _VIVID, _MOST_VIVID = 0.2, 0.14, 1.5
# Pixels without a neighbour like them, in noise and at edges, weigh this part of others.
_ALONE = 0.2
# What with all that is like it has less of the picture is a speck.
_SPECK = 5e-4
# Pixels whose neighbours are compared, at most.
_PAIRS = 2**19

_SPACE = Space("oklab", 3, False, np.dtype(np.uint8))


@dataclass(frozen=True, eq=False)
class _Colors:
    """Distinct visible colours (m, 3), features (m, 3), weights (m,); each table row's place (n,) or -1."""

    values: NDArray[np.uint8]
    features: NDArray[np.float32]
    weights: NDArray[np.float64]
    rows: NDArray[np.intp]


def prominent_colors(
    picture: Picture, options: SearchOptions, n_threads: int, report: Report
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Up to ``n_colors`` colours (k, 3) in 8 bits, and the part of the picture that is nearest to each."""
    (opened,) = open_inputs(picture, None, -1, alpha="channel").pictures
    table = count_colors([_in_8_bits(opened)], "srgb", n_threads)
    colors = _visible_colors(table)
    groups = _grouped(colors, options.seed, n_threads, report)
    modes = colors.values[_modes(colors, groups)]
    chosen = _chosen(modes, groups, colors, table, options.n_colors)
    centres = _SPACE.features(modes[chosen]).astype(np.float64)
    nearest, _ = _core.nearest(colors.features, centres, n_threads)
    shares = np.bincount(nearest, colors.weights, len(chosen)) / colors.weights.sum()
    order = ranking(modes[chosen], shares, options.order, _SPACE)
    return modes[chosen][order], shares[order]


def _in_8_bits(opened: MaskedPicture) -> MaskedPicture:
    """The picture as a palette can show it."""
    pixels, name = opened.pixels, opened.picture.name
    n_channels = pixels.shape[-1] - int(opened.picture.alpha is not None)
    if n_channels not in (1, 3):
        raise InvalidInputError(f'{name} has {n_channels} channels: goal="prominent" needs a grey or RGB picture')
    if pixels.dtype.kind == "f":
        if pixels.min() < 0 or pixels.max() > 1:
            raise InvalidInputError(f"{name} runs from {pixels.min():g} to {pixels.max():g}: scale it to [0, 1]")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    elif pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return replace(opened, pixels=pixels)


def _visible_colors(table: ColorTable) -> _Colors:
    values = table.values
    weights = np.ones(len(values)) if table.counts is None else table.counts
    rows: NDArray[np.intp] = np.arange(len(values))
    has_alpha = table.pictures[0].picture.alpha is not None
    if has_alpha:  # pixels weigh what they are opaque
        weights, values = weights * (values[:, -1] / 255), values[:, :-1]
    if has_alpha or table.index is None:
        keys = values.astype(np.int64) @ (256 ** np.arange(values.shape[1]))
        seen = weights > 0
        if not seen.any():
            raise InvalidInputError(f"{table.pictures[0].picture.name} is fully transparent: no colour is seen")
        _, first, places = np.unique(keys[seen], return_index=True, return_inverse=True)
        rows = np.full(len(values), -1, np.intp)
        rows[seen] = places.ravel()
        values, weights = values[seen][first], np.bincount(places.ravel(), weights[seen]).astype(np.float64)
    rgb = np.ascontiguousarray(np.broadcast_to(values, (len(values), 3)))
    return _Colors(rgb, _SPACE.features(rgb), weights, rows)


def _grouped(colors: _Colors, seed: int, n_threads: int, report: Report) -> NDArray[np.intp]:
    """The group (m,) of each colour."""
    if len(colors.values) <= _GROUPS:
        return np.arange(len(colors.values))
    fit: _core._PaletteOptions = {
        "n_clusters": _GROUPS,
        "n_fixed": 0,
        "tol": 1e-4,
        "max_iter": MAX_ITER,
        "coarse": True,
        "seed": seed,
        "n_threads": n_threads,
    }
    levels = _core.ColorPyramid(colors.features, colors.weights, _GROUPS, colors.values)
    centres, _, _ = levels.fit(np.zeros((0, 3)), fit, report)
    nearest, _ = levels.nearest(centres, n_threads)
    used, groups = np.unique(nearest, return_inverse=True)
    return groups.ravel() if len(used) < len(centres) else nearest.astype(np.intp)


def _modes(colors: _Colors, groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """The most frequent colour of each group in that of its cells whose neighbourhood is densest."""
    lightness, a, b = (np.floor(colors.features / (_CELL * np.array([1, 2, 2]))).astype(np.int64) + 64).T
    cells, cell = np.unique((lightness * 256 + a) * 256 + b, return_inverse=True)
    density = np.bincount(cell.ravel(), colors.weights)
    for step in (1, 256, 256**2):  # binomial weights of 1/2, 1, 1/2 along each axis
        once = density.copy()
        for neighbour in (cells - step, cells + step):
            place = np.searchsorted(cells, neighbour).clip(max=len(cells) - 1)
            density += 0.5 * once[place] * (cells[place] == neighbour)
    ranked = np.lexsort((-colors.weights, -density[cell.ravel()], groups))
    return ranked[np.searchsorted(groups[ranked], np.arange(groups.max() + 1))]


def _chosen(
    modes: NDArray[np.uint8], groups: NDArray[np.intp], colors: _Colors, table: ColorTable, n_colors: int
) -> list[int]:
    """The modes that cover the groups best, one after the other."""
    from rustem.colorspaces import to_space
    from rustem.palettes.color_names import ciede2000

    lab = to_space(modes / 255, "lab") * [100 * _LIGHTNESS, 100, 100]
    apart = ciede2000(lab[:, np.newaxis], lab)
    covers = np.exp(-((apart / _REACH) ** 2))
    alike = covers > 0.5
    masses = np.bincount(groups, colors.weights) * _support(table, colors.rows, groups, alike)
    masses /= colors.weights.sum()
    # Of a colour's share with all that is like it, so that it does not matter into how many groups it fell. Sums, not
    # products of matrices, whose last bits depend on the threads of the linear algebra library.
    around = (covers * masses).sum(axis=1)
    _, a, b = to_space(modes / 255, "oklab").T
    vivid = _DULL + np.minimum(np.hypot(a, b) / _VIVID, _MOST_VIVID)
    weights = masses * around ** (_POWER - 1) * vivid
    seen = (alike * masses).sum(axis=1)
    allowed = seen >= min(_SPECK, seen.max())
    covered = np.zeros(len(modes))
    chosen: list[int] = []
    while len(chosen) < n_colors and allowed.any():
        gains = (weights[:, np.newaxis] * np.maximum(covers - covered[:, np.newaxis], 0)).sum(axis=0)
        best = int(np.argmax(np.where(allowed, gains, -1)))
        chosen.append(best)
        covered = np.maximum(covered, covers[best])
        allowed &= apart[best] >= _APART
    return chosen


def _support(
    table: ColorTable, rows: NDArray[np.intp], groups: NDArray[np.intp], alike: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What a pixel of each group weighs, by how many of its neighbours are like it."""
    of_row = np.where(rows >= 0, groups[rows], -1)
    labels = table.label_pixels(of_row, len(alike))
    step = max(1, int(np.ceil(np.sqrt(labels.size / _PAIRS))))
    thinned = (*(slice(None),) * (labels.ndim - 2), slice(None, None, step), slice(None, None, step))
    same, all_pairs = np.zeros(len(alike)), np.zeros(len(alike))
    for axis in (-1, -2):
        lines = np.moveaxis(labels, axis, -1)
        one, other = lines[..., :-1][thinned].ravel(), lines[..., 1:][thinned].ravel()
        inside = (one >= 0) & (other >= 0)
        one, other = one[inside], other[inside]
        for each in (one, other):
            same += np.bincount(each, alike[one, other], len(alike))
            all_pairs += np.bincount(each, minlength=len(alike))
    return _ALONE + (1 - _ALONE) * same / np.maximum(all_pairs, 1)
