"""What results of all tasks have in common: a picture with labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def find_boundaries(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a label (H, W) or (D, H, W) differs from the next one's along any axis."""
    edges = np.zeros(labels.shape, dtype=bool)
    for axis in range(labels.ndim):
        here = (slice(None),) * axis + (slice(None, -1),)
        edges[here] |= np.diff(labels, axis=axis) != 0
    return edges
