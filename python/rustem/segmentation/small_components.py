"""Small connected components of a label map, absorbed by their neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rustem import _core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.mixture import Mixture
    from rustem.pipeline.color_table import ColorTable

# Pixels whose probabilities are held at a time.
_BLOCK = 1 << 18


def absorb_small(labels: NDArray[Any], mixture: Mixture, table: ColorTable, min_size: int) -> NDArray[Any]:
    """Give each connected component under ``min_size`` pixels to the neighbour whose label is most probable for it.

    Parameters
    ----------
    labels : ndarray of shape (H, W) or (D, H, W)
        Label of each pixel, -1 for none; not changed.
    mixture : Mixture
        What the labels come from.
    table : ColorTable
        The picture's colours.
    min_size : int
        Pixels that a component needs to stay; those without neighbours (islands of the mask) stay anyway.

    Returns
    -------
    ndarray
        The new labels; the old ones where nothing is small.
    """
    volume = np.ascontiguousarray(labels, np.int32).reshape((1,) * (3 - labels.ndim) + labels.shape)
    components, n_components = _core.connected_components(volume)
    of_pixel = components.ravel()[volume.ravel() >= 0]
    small = np.bincount(of_pixel, minlength=n_components) < min_size
    if not small.any():
        return labels
    affinity = _affinity(mixture, table, of_pixel, small)
    of_component = _core.absorb_components(volume, components, affinity, min_size).astype(labels.dtype)
    return table.pictures[0].lay_out(of_component[of_pixel], -1)


def _affinity(
    mixture: Mixture, table: ColorTable, of_pixel: NDArray[Any], small: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Probability (components, k) of each label, summed over the pixels of each small component."""
    sums = np.zeros((len(small), mixture.n_components), np.float32)
    pixels, rows = np.flatnonzero(small[of_pixel]), table.rows_of_pixels()
    for start in range(0, len(pixels), _BLOCK):
        block = pixels[start : start + _BLOCK]
        used, back = np.unique(rows[block], return_inverse=True)
        found = mixture.predict_proba(table.features[used], unit=table.feature_unit, n_threads=table.n_threads)
        np.add.at(sums, of_pixel[block], found[back])
    return sums
