"""Connected pieces of a segmentation: their borders; small ones, absorbed by their neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem import _core
from rustem.colours import Colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.segmentation import Segmentation

# Pixels whose probabilities are held at a time.
_BLOCK = 1 << 18


def borders(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a label (H, W) or (D, H, W) differs from the next one's along any axis."""
    edges = np.zeros(labels.shape, dtype=bool)
    for axis in range(labels.ndim):
        here = (slice(None),) * axis + (slice(None, -1),)
        edges[here] |= np.diff(labels, axis=axis) != 0
    return edges


def absorb_small(segmentation: Segmentation, min_size: int, *, repaint: bool) -> Segmentation:
    """Give each connected piece under ``min_size`` pixels to the neighbour whose label is most probable for it.

    Parameters
    ----------
    segmentation : Segmentation
        The segmentation, which is not changed.
    min_size : int
        Pixels that a piece needs to stay; pieces without neighbours (islands of the mask) stay anyway.
    repaint : bool
        Whether the palette follows the new labels.

    Returns
    -------
    Segmentation
        The same mixture with other labels, counts and palette.
    """
    shape = segmentation.labels.shape
    volume = np.ascontiguousarray(segmentation.labels, np.int32).reshape((1,) * (3 - len(shape)) + shape)
    pieces, n_pieces = _core.connected_components(volume)
    inside = volume.ravel() >= 0
    of_pixel = pieces.ravel()[inside]
    small = np.bincount(of_pixel, minlength=n_pieces) < min_size
    if not small.any():
        return segmentation
    affinity = _affinity(segmentation, of_pixel, small)
    labels = _core.absorb_components(volume, pieces, affinity, min_size).astype(segmentation.labels.dtype)[of_pixel]
    return _relabelled(segmentation, labels, inside.reshape(shape), repaint=repaint)


def _affinity(segmentation: Segmentation, of_pixel: NDArray[Any], small: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Probability (pieces, k) of each label, summed over the pixels of each small piece."""
    colours, mixture = segmentation._colours, segmentation.mixture
    index = _index(colours)
    sums = np.zeros((len(small), mixture.n_components), np.float32)
    unit = segmentation._unit if colours.features.dtype.kind == "u" else 1.0
    pixels = np.flatnonzero(small[of_pixel])
    for start in range(0, len(pixels), _BLOCK):
        block = pixels[start : start + _BLOCK]
        rows, back = np.unique(block if index is None else index[block], return_inverse=True)
        found = mixture.predict_proba(colours.features[rows], unit=unit, n_threads=segmentation._n_threads)
        np.add.at(sums, of_pixel[block], found[back])
    return sums


def _relabelled(
    segmentation: Segmentation, labels: NDArray[Any], inside: NDArray[np.bool_], *, repaint: bool
) -> Segmentation:
    colours, k = _with_labels(segmentation._colours, segmentation._colour_labels, labels, segmentation.n_components)
    colour_labels = np.zeros(len(colours.values), labels.dtype)
    colour_labels[k] = labels
    counts, sums = colours.sums(colour_labels, segmentation.n_components)
    palette = segmentation.palette
    if repaint:
        means = sums / np.maximum(counts, 1)[:, np.newaxis]
        if palette.dtype.kind == "u":
            means = np.rint(means)
        palette = np.where(counts[:, np.newaxis] > 0, means, palette).astype(palette.dtype)
    laid_out = np.full(inside.shape, -1, labels.dtype)
    laid_out[inside] = labels
    return replace(
        segmentation, labels=laid_out, counts=counts, palette=palette, _colours=colours, _colour_labels=colour_labels
    )


def _with_labels(
    colours: Colours, old: NDArray[Any], labels: NDArray[Any], n_labels: int
) -> tuple[Colours, NDArray[Any] | slice]:
    """Colours of which each row has one label, and each pixel's row: pixels of another label get rows of their own."""
    index = _index(colours)
    if index is None:
        return replace(colours, mask=None), slice(None)
    m, index = len(colours.values), index.copy()
    changed = np.flatnonzero(old[index] != labels)
    keys, back = np.unique(index[changed].astype(np.int64) * n_labels + labels[changed], return_inverse=True)
    rows = keys // n_labels
    index[changed] = m + back.astype(np.uint32)
    counts = np.bincount(index, minlength=m + len(rows)).astype(np.float64)
    values, features = (np.concatenate([each, each[rows]]) for each in (colours.values, colours.features))
    return Colours(values, features, counts, index, n_repeated=colours.n_repeated + len(rows)), index


def _index(colours: Colours) -> NDArray[np.uint32] | None:
    """The colour of each pixel that takes part; None where every pixel has its own."""
    return colours.index if colours.index is None or colours.mask is None else colours.index[colours.mask]
