"""Any picture as something to look at; two side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.images.picture import white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray


# By how much floats may leave [0, 1] and still count as rounded, as a share of the highest.
_OVERSHOOT = 1e-3


def side_by_side(original: NDArray[Any], colors: NDArray[Any], *, gap: int = 8) -> NDArray[Any]:
    """Join two pictures: the original on the left, its k colours on the right.

    Parameters
    ----------
    original, colors : (H, W) or (H, W, C) ndarray
        Two pictures of one height and one dtype: integers, or floats in [0, 1]. There may be 1 to 4 channels: grey,
        grey and alpha, RGB, RGB and alpha. Where they differ, grey becomes colour and a missing alpha becomes opaque.
    gap : int, default=8
        Width of the white stripe between the two, in pixels.

    Returns
    -------
    (H, W₁ + gap + W₂[, C]) ndarray
        The pair, in the dtype of the two.

    Raises
    ------
    InvalidInputError
        If heights, dtypes or channels do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> side_by_side(np.zeros((2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8), gap=1).shape
    (2, 7, 3)
    """
    if original.dtype != colors.dtype or original.shape[:1] != colors.shape[:1]:
        raise InvalidInputError(
            f"pictures side by side need one height and one dtype, but they are {original.shape} {original.dtype} and "
            f"{colors.shape} {colors.dtype}"
        )
    pair = [_with_channels(picture) for picture in (original, colors)]
    colored = any(picture.shape[2] > 2 for picture in pair)
    transparent = any(picture.shape[2] in (2, 4) for picture in pair)
    left, right = (_like(picture, colored=colored, transparent=transparent) for picture in pair)
    stripe = np.full((len(left), gap, left.shape[2]), white_level(left.dtype), left.dtype)
    joined = np.concatenate([left, stripe, right], axis=1)
    return joined[..., 0] if original.ndim == colors.ndim == 2 else joined


def displayable(
    picture: NDArray[Any], limits: tuple[float, float] | None = None, *, alpha: bool = True
) -> NDArray[np.float64]:
    """Turn any picture into RGB or RGBA floats in [0, 1], as matplotlib wants them; ``limits`` are black and white.

    The last of 2 or 4 channels is ``alpha``, or one more band; of many bands, the first, middle and last are red, green
    and blue.
    """
    if picture.ndim == 3 and picture.shape[2] not in ((1, 2, 3, 4) if alpha else (1, 3)):
        picture = three_bands(picture)
    channels = _with_channels(picture)
    color = _like(channels, colored=True, transparent=channels.shape[2] in (2, 4))
    low, high = (0.0, float(white_level(picture.dtype))) if limits is None else limits
    return np.clip((color - low) / (high - low), 0, 1)


def _with_channels(picture: NDArray[Any]) -> NDArray[Any]:
    channels = picture[..., None] if picture.ndim == 2 else picture
    if channels.ndim != 3 or not 1 <= channels.shape[2] <= 4:
        raise InvalidInputError(f"a picture of shape {picture.shape} cannot be shown; give (H, W) or (H, W, 1 to 4)")
    return channels


def _like(picture: NDArray[Any], *, colored: bool, transparent: bool) -> NDArray[Any]:
    """Add the channels that a picture lacks: three of colour, one of alpha."""
    has_alpha = picture.shape[2] in (2, 4)
    color = picture[..., :-1] if has_alpha else picture
    if colored and color.shape[2] == 1:
        color = np.repeat(color, 3, axis=2)
    if not transparent:
        return color
    opaque = np.full_like(picture[..., :1], white_level(picture.dtype))
    return np.concatenate([color, picture[..., -1:] if has_alpha else opaque], axis=2)


def value_range(pixels: NDArray[Any]) -> tuple[float, float]:
    """The values of black and white."""
    if pixels.dtype.kind == "u":
        return 0.0, float(white_level(pixels.dtype))
    low, high = float(pixels.min()), float(pixels.max())
    if low >= -_OVERSHOOT * high and high <= 1 + _OVERSHOOT:
        return 0.0, 1.0
    if not np.isfinite(high - low):
        raise InvalidInputError("the picture's values are too large: rescale them first")
    return low, high if high > low else low + 1.0


def holds_bytes(values: NDArray[Any]) -> bool:
    """Whether floats are levels from 0 to 255: whole ones, or such as fill more than half of that range."""
    if values.dtype.kind != "f" or not values.size:
        return False
    low, high = values.min(), values.max()
    return bool(low >= 0 and 1 < high <= 255 and (high > 127 or (values == np.rint(values)).all()))


def shown_range(values: NDArray[Any]) -> tuple[float, float]:
    """The values of black and white where a picture is shown: as :func:`value_range`, and 0 to 255 for such floats."""
    return (0.0, 255.0) if holds_bytes(values) else value_range(values)


def three_bands(picture: NDArray[Any]) -> NDArray[Any]:
    """The first, middle and last channel of many."""
    n_bands = picture.shape[-1]
    return picture[..., [0, (n_bands - 1) // 2, n_bands - 1]]


def as_rgb8(pixels: NDArray[Any], like: NDArray[Any] | None = None) -> NDArray[np.uint8]:
    """A copy as 8-bit RGB (H, W, 3): of many bands the first, middle and last, spread over the range of ``like``."""
    low, high = value_range(pixels if like is None else like)
    channels = np.atleast_3d(pixels)
    if channels.shape[2] != 3:
        channels = three_bands(channels)
    shown = (np.nan_to_num(channels.astype(np.float32)) - low) * (255 / (high - low))
    as_bytes: NDArray[np.uint8] = np.rint(np.clip(shown, 0, 255)).astype(np.uint8)
    return as_bytes
