"""Colours as the user gives them: hex strings, arrays, palettes, files, names of devices."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.images.picture import white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.quantization.comparison_space import Space

_HEX = re.compile(r"#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)


def given_colors(colors: Any, name: str, space: Space) -> NDArray[Any]:
    """Colours as the user gives them, (k, C) in the picture's type, with alpha where the picture has it."""
    if isinstance(colors, str | os.PathLike):
        from rustem.palettes.devices import read_or_named

        colors = read_or_named(colors)
    for attribute in ("palette", "colors"):
        colors = getattr(colors, attribute, colors)
    if isinstance(colors, np.ndarray):
        rows = colors
    else:
        try:
            rows = np.array([_from_hex(color, name) if isinstance(color, str) else color for color in colors])
        except (TypeError, ValueError) as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(
                f'{name} is {colors!r}: give an array (k, {space.channels}) or ["#e4002b", …]'
            ) from None
        if len(rows) and all(isinstance(color, str) for color in colors):
            rows = rows.astype(np.uint8)
    if rows.ndim == 1 and space.channels == 1 and not space.has_alpha:
        rows = rows[:, np.newaxis]
    if rows.ndim != 2 or len(rows) == 0 or rows.dtype.kind not in "uif":
        raise InvalidInputError(f"{name} has shape {rows.shape}: give (k, {space.channels}) with at least one colour")
    if not np.isfinite(rows).all():
        raise InvalidInputError(f"{name} holds colours that are NaN or infinite: give finite numbers")
    return _in_channels(_in_type(rows, name, space), name, space)


def _from_hex(color: str, name: str) -> list[int]:
    found = _HEX.fullmatch(color.strip())
    if found is None:
        raise InvalidInputError(f'{name} holds {color!r}: write colours like "#e4002b", or with alpha "#e4002b80"')
    digits = found[1] if len(found[1]) > 4 else "".join(2 * digit for digit in found[1])
    return list(bytes.fromhex(digits if len(digits) == 8 else digits + "ff"))


def _in_type(rows: NDArray[Any], name: str, space: Space) -> NDArray[Any]:
    rows = rows.astype(rows.dtype.newbyteorder("="), copy=False)
    if rows.dtype == space.dtype:
        return rows
    if rows.dtype.kind == "f" or space.dtype.kind == "f":
        scaled = rows / (255.0 if rows.dtype.kind == "i" else float(white_level(rows.dtype)))
    elif rows.dtype in (np.uint8, np.uint16):
        scaled = rows / float(white_level(rows.dtype))
    else:
        scaled = rows / space.unit
    if not ((scaled >= 0) & (scaled <= 1)).all():
        raise InvalidInputError(f"{name} runs from {rows.min():g} to {rows.max():g}: scale it to the picture's range")
    return (np.rint(scaled * space.unit) if space.dtype.kind == "u" else scaled).astype(space.dtype)


def _in_channels(rows: NDArray[Any], name: str, space: Space) -> NDArray[Any]:
    """Alpha added or, where it says nothing, left out; grey made of equal channels."""
    opaque = np.asarray(space.unit).astype(space.dtype)
    alpha = np.full((len(rows), 1), opaque)
    if rows.shape[1] == space.channels + 1:
        rows, alpha = rows[:, :-1], rows[:, -1:]
    elif rows.shape[1] == 4 and space.channels == 1:
        rows, alpha = rows[:, :3], rows[:, 3:]
    if rows.shape[1] == 1 and space.channels == 3:
        rows = np.repeat(rows, 3, axis=1)
    elif rows.shape[1] == 3 and space.channels == 1 and (rows == rows[:, :1]).all():
        rows = rows[:, :1]
    if rows.shape[1] != space.channels:
        kind = "grey" if space.channels == 1 else f"of {space.channels} channels"
        raise InvalidInputError(f"{name} has shape {rows.shape}: the picture is {kind}; give (k, {space.channels})")
    if space.has_alpha:
        return np.hstack([rows, alpha])
    if (alpha != opaque).any():
        raise InvalidInputError(f"{name} has transparent colours, but the picture is opaque: leave them out")
    return np.ascontiguousarray(rows)
