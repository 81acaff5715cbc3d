"""Dithering: the entries of a palette mixed so that areas keep their colours, seen from some distance.

The eye adds up light. In the space "linear", errors are therefore diffused in linear light, and entries are chosen in
the same space, turned into luminance and two opponent colours by CIELAB's formulas without their cube roots: the space
YCxCz of [1]_. In "oklab" and "lab" both are done in that space; few colours then come out too bright, and dark areas
with less noise.

An error passed on never takes a pixel to an entry far from its own colour, where the palette has nothing in between:
such entries would be seen as stray dots of another hue. Areas keep their mean as far as entries near to it can mix it.

References
----------
.. [1] B. W. Kolpatzik and C. A. Bouman, "Optimized error diffusion for image display", Journal of Electronic Imaging 1
   (1992) 277-292. doi:10.1117/12.60027
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from rustem import _core
from rustem.arguments import as_supported, check_threads
from rustem.exceptions import InvalidInputError
from rustem.images.picture import Picture, white_level
from rustem.pipeline.color_table import count_colors
from rustem.pipeline.inputs import MaskedPicture

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["dither"]

DitherMethod: TypeAlias = Literal["floyd-steinberg", "blue-noise"]
DitherSpace: TypeAlias = Literal["linear", "oklab", "lab"]
_OUTSIDE = np.uint32(2**32 - 1)


def dither(
    pixels: ArrayLike,
    palette: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    method: DitherMethod = "floyd-steinberg",
    strength: float = 1.0,
    edge_aware: bool = True,
    color_space: DitherSpace = "linear",
    n_threads: int | None = None,
) -> NDArray[np.int32]:
    """Label each pixel with an entry of a palette, so that areas keep their mean colours.

    Parameters
    ----------
    pixels : array-like of shape (H, W) or (H, W, C)
        A picture in sRGB or grey levels, C = 1 to 4: with 2 or 4 channels the last one is alpha. uint8, uint16, or
        floats in [0, 1].
    palette : array-like of shape (k, C) or (k,)
        The colours to use, in the type and with the channels of the picture.
    mask : array-like of bool, shape (H, W), optional
        Only True pixels are labelled, and no error crosses the others.
    method : {"floyd-steinberg", "blue-noise"}, default "floyd-steinberg"
        "floyd-steinberg" diffuses errors, and has the finer grain. "blue-noise" thresholds by a mask, each pixel by
        itself, as suits animations and pictures that are edited afterwards.
    strength : float, default 1.0
        Part of the errors that is made up for: 0 gives the nearest entries, 0.5 to 0.8 less grain.
    edge_aware : bool, default True
        Leave pixels at their nearest entry where dithering only soils: at edges, in flat areas, next to letters, where
        the difference is not seen. False dithers everywhere, so that even flat areas keep their mean, as far as
        entries near to it can mix it.
    color_space : {"linear", "oklab", "lab"}, default "linear"
        Where errors add up and distances are taken.
    n_threads : int, optional
        Default: ``RUSTEM_NUM_THREADS``, or the CPUs that the process may use. The answer does not depend on it.

    Returns
    -------
    ndarray of int32, shape (H, W)
        Rows of the palette; -1 outside the mask and where a pixel is fully transparent.

    Raises
    ------
    InvalidInputError
        Wrong shapes, types or options; NaN or infinite values.

    Examples
    --------
    >>> import numpy as np
    >>> grey = np.full((512, 512), 128, np.uint8)
    >>> labels = dither(grey, np.array([0, 255], np.uint8))
    >>> round(float(labels.mean()), 2)  # 128 is 22 % of white's light
    0.22
    """
    threads = check_threads(n_threads)
    hidden = np.ma.getmaskarray(pixels) if isinstance(pixels, np.ma.MaskedArray) else None
    values = as_supported(np.asarray(pixels), "the picture")
    values = values[..., np.newaxis] if values.ndim == 2 else values
    if values.ndim != 3 or values.size == 0:
        raise InvalidInputError(f"the picture has shape {values.shape}: give (H, W) or (H, W, C) with pixels")
    entries = as_supported(np.asarray(palette), "the palette")
    shape, channels = values.shape[:2], values.shape[2]
    inside = np.ones(shape, bool) if mask is None else np.asarray(mask, bool)
    if inside.shape != shape:
        raise InvalidInputError(f"mask has shape {inside.shape}: give {shape}, one value per pixel")
    if hidden is not None:
        inside = inside & ~(hidden if hidden.ndim == 2 else hidden.any(axis=2))
    if channels in (2, 4):
        inside = inside & (values[..., -1] > 0)
    labels = np.full(shape, -1, np.int32)
    if not inside.any():
        return labels
    picture = MaskedPicture(Picture(values, None, None, "the picture"), values, None if inside.all() else inside)
    table = count_colors([picture], "srgb", threads)
    return dither_colors(
        table.values,
        table.rows_of_pixels(),
        picture.mask,
        shape,
        entries,
        threads,
        method=method,
        strength=strength,
        edge_aware=edge_aware,
        color_space=color_space,
    )


def dither_colors(
    values: NDArray[Any],
    rows: NDArray[np.uint32],
    inside: NDArray[np.bool_] | None,
    shape: tuple[int, ...],
    palette: NDArray[Any],
    n_threads: int,
    *,
    method: DitherMethod = "floyd-steinberg",
    strength: float = 1.0,
    edge_aware: bool = True,
    color_space: DitherSpace = "linear",
) -> NDArray[np.int32]:
    """`dither` for the pixels ``inside`` (all for None), which have ``rows`` of the colours ``values`` (m, C)."""
    channels = values.shape[1]
    palette = palette[:, np.newaxis] if palette.ndim == 1 else palette
    if palette.ndim != 2 or palette.shape[1] != channels or len(palette) == 0 or palette.dtype != values.dtype:
        raise InvalidInputError(
            f"the palette is {palette.dtype} of shape {palette.shape}: give {values.dtype} of (k, {channels})"
        )
    if channels > 4:
        raise InvalidInputError(f"a picture of {channels} channels cannot be dithered: give grey or RGB, alpha or not")
    if color_space not in get_args(DitherSpace):
        choices = ", ".join(map(repr, get_args(DitherSpace)))
        raise InvalidInputError(f"color_space is {color_space!r}: dither in one of {choices}")
    table, sensitivity = _features(values, color_space)
    index = rows.reshape(shape) if inside is None else np.full(shape, _OUTSIDE)
    if inside is not None:
        index[inside] = rows
    options: _core._DitherOptions = {
        "method": method,
        "strength": float(strength),
        "edge_aware": bool(edge_aware),
        "n_threads": n_threads,
    }
    labels = _core.dither(table, index, sensitivity, _features(palette, color_space)[0], options)
    return labels.view(np.int32)


def _features(values: NDArray[Any], space: DitherSpace) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours (m, d) as the ditherer sees them, alpha multiplied in; and lightness seen per unit of them (m,)."""
    from rustem import colorspaces

    unit = float(white_level(values.dtype))
    opaque = values[:, : values.shape[1] - 1] if values.shape[1] in (2, 4) else values
    if space == "linear":
        light = _light(opaque, unit)
        if light.shape[1] == 3:
            light = light @ colorspaces.OPPONENT_FROM_LINEAR.T.astype(np.float32)
        sensitivity = colorspaces.lightness_slope(light[:, 0])
    else:
        rgb = np.broadcast_to(opaque, (len(opaque), 3)) / np.float32(unit)
        light = colorspaces.to_space(rgb, space)[:, : opaque.shape[1]]
        sensitivity = np.ones(len(values), np.float32)
    if values.shape[1] in (2, 4):
        alpha = values[:, -1:] / np.float32(unit)
        light = np.hstack([light * alpha, alpha])
    return np.ascontiguousarray(light, np.float32), np.ascontiguousarray(sensitivity, np.float32)


def _light(values: NDArray[Any], unit: float) -> NDArray[np.float32]:
    """Linear light of sRGB values or grey levels, integers through a table of their levels."""
    from rustem.colorspaces import to_space

    levels = np.arange(unit + 1, dtype=np.float32) / np.float32(unit) if values.dtype.kind == "u" else values.ravel()
    triples = np.broadcast_to(levels[:, np.newaxis], (len(levels), 3)).astype(np.float32)
    light = np.ascontiguousarray(to_space(triples, "linear")[:, 0])
    return light[values] if values.dtype.kind == "u" else light.reshape(values.shape)
