"""The order of a palette's colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rustem.quantization.comparison_space import Space

if TYPE_CHECKING:
    from numpy.typing import NDArray

Order: TypeAlias = Literal["weight", "luminance", "hue"]
# Colours of less chroma in OKLab have no hue to sort by.
_GREY = 0.02


def ranking(palette: NDArray[Any], counts: NDArray[Any], order: Order, space: Space) -> NDArray[np.intp]:
    """The rows of a palette in the order asked for; what is equal stays as it stands."""
    if order == "weight":
        return np.argsort(-counts, kind="stable")
    plain = Space("srgb", space.channels, False, space.dtype)
    rgb = plain.features(palette[:, : space.channels])
    if space.channels not in (1, 3):
        return np.argsort(rgb.mean(axis=1), kind="stable")
    from rustem.colorspaces import to_space

    rgb = np.ascontiguousarray(np.broadcast_to(rgb, (len(rgb), 3)))
    luminance = to_space(rgb, "linear") @ np.array([0.2126, 0.7152, 0.0722])
    if order == "luminance":
        return np.argsort(luminance, kind="stable")
    _, a, b = to_space(rgb, "oklab").T
    hue = np.where(np.hypot(a, b) < _GREY, -1.0, np.arctan2(b, a) % (2 * np.pi))
    return np.lexsort((luminance, hue))
