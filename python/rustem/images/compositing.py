"""Animations put together: patches that files store, drawn upon one canvas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Disposal(Enum):
    """What becomes of a patch's area after the frame was shown."""

    KEEP = auto()
    CLEAR = auto()
    RESTORE = auto()


@dataclass(frozen=True)
class Patch:
    """What a file stores of a frame.

    Attributes
    ----------
    pixels : (h, w, 4) ndarray of uint8
        Colors with alpha.
    x, y : int
        Where it lies on the canvas; what sticks out is cut off.
    over : bool
        Whether it is laid over what is there, or replaces it.
    disposal : Disposal
        What happens before the next frame.
    """

    pixels: NDArray[np.uint8]
    x: int
    y: int
    over: bool
    disposal: Disposal


# Pillow's reader differs from browsers: it clears to the background color of a GIF, takes a patch that sticks out for a
# larger canvas, keeps disposals for later frames, and forgets what an APNG's frames that are restored had covered.
def composed(height: int, width: int, patches: Iterable[Patch]) -> Iterator[NDArray[np.uint8]]:
    """Each frame (H, W, 4) whole; it is good until the next one is asked for."""
    canvas = np.zeros((height, width, 4), np.uint8)
    for patch in patches:
        area = canvas[patch.y : patch.y + patch.pixels.shape[0], patch.x : patch.x + patch.pixels.shape[1]]
        pixels = patch.pixels[: area.shape[0], : area.shape[1]]
        before = area.copy() if patch.disposal is Disposal.RESTORE else None
        area[...] = _over(pixels, area) if patch.over else pixels
        yield canvas
        if before is not None:
            area[...] = before
        elif patch.disposal is Disposal.CLEAR:
            area[...] = 0


def _over(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> NDArray[np.uint8]:
    opacity = above[..., 3]
    result = np.where((opacity > 0)[..., np.newaxis], above, below)
    mixed = (opacity > 0) & (opacity < 255) & (below[..., 3] > 0)
    if mixed.any():
        upper, lower = above[mixed] / 255, below[mixed] / 255
        share = lower[:, 3:] * (1 - upper[:, 3:])
        alpha = upper[:, 3:] + share
        colors = (upper[:, :3] * upper[:, 3:] + lower[:, :3] * share) / alpha
        result[mixed] = np.rint(255 * np.hstack([colors, alpha]))
    return result
