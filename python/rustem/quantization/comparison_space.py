"""The parts of quantize(): the space that colours are compared in, given colours, rare colours, the palette's order."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.colorspaces import ColorSpace

Order: TypeAlias = Literal["weight", "luminance", "hue"]
_HEX = re.compile(r"#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)
# Colours of less chroma in OKLab have no hue to sort by.
_GREY = 0.02
# Weight of chroma beside lightness in differences of OKLab. Its author found 2.016 and 2.045 to fit two sets of judged
# differences best (Ottosson 2021, github.com/w3c/csswg-drafts/issues/6642#issuecomment-945714988).
_CHROMA = 2.0


@dataclass(frozen=True)
class Space:
    """Where colours are compared: a colour space, with alpha multiplied in. Chroma counts double in OKLab.

    A pixel of colour c and alpha a may lie over anything. Over black, two pixels differ by Δ(ac), over white of
    colour w by Δ(ac) − wΔa; the mean square of both is that of Δ(ac − aw/2) and of |w|Δa/2 together. Opaque pixels
    differ as their colours do.
    """

    name: ColorSpace
    channels: int
    has_alpha: bool
    dtype: np.dtype[Any]

    @property
    def unit(self) -> float:
        """The value of white."""
        return float(np.iinfo(self.dtype).max) if self.dtype.kind == "u" else 1.0

    @property
    def _chroma(self) -> float:
        return _CHROMA if self.name == "oklab" else 1.0

    @property
    def _white(self) -> NDArray[np.float32]:
        white = np.ones(self.channels, np.float32)
        if self.name in ("lab", "oklab"):
            white[1:] = 0
        return white

    def features(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Features (m, d) of colours (m, C) in the picture's type, alpha last where there is one."""
        stored = np.ascontiguousarray(values[:, : self.channels])
        if self.name == "oklab" and self.channels == 3 and self.dtype.kind == "u":
            from rustem.colorspaces import oklab_of_stored

            return self._with_alpha(oklab_of_stored(stored, self._chroma), values)
        scaled = stored.astype(np.float32) / np.float32(self.unit)
        if self.name != "srgb":
            from rustem.colorspaces import to_space

            scaled = to_space(np.broadcast_to(scaled, (len(scaled), 3)), self.name)[:, : self.channels]
            scaled[:, 1:] *= np.float32(self._chroma)
        return self._with_alpha(scaled, values)

    def _with_alpha(self, scaled: NDArray[np.float32], values: NDArray[Any]) -> NDArray[np.float32]:
        if self.has_alpha:
            alpha, white = values[:, -1:].astype(np.float32) / np.float32(self.unit), self._white
            half = alpha * np.float32(np.sqrt(white.sum()) / 2)
            scaled = np.hstack([alpha * scaled + (1 - alpha) * white / 2, half])  # opaque colours as they are
        return np.ascontiguousarray(scaled, np.float32)

    def values(self, features: NDArray[np.float64]) -> NDArray[Any]:
        """The way back, rounded to the picture's type; no entry becomes fully transparent."""
        colours, alpha = features, None
        if self.has_alpha:
            white = self._white
            alpha = features[:, -1:] / (np.sqrt(white.sum()) / 2)
            colours = (features[:, :-1] - (1 - alpha) * white / 2) / np.maximum(alpha, 1e-6)
        if self.name != "srgb":
            from rustem.colorspaces import from_space

            triples = np.zeros((len(colours), 3))
            triples[:, : self.channels] = colours
            triples[:, 1:] /= self._chroma
            if self.channels == 1 and self.name == "linear":
                triples[:] = colours
            colours = from_space(triples, self.name)[:, : self.channels].astype(np.float64)
        least = 1 / self.unit if self.dtype.kind == "u" else 1e-6
        joined = colours if alpha is None else np.hstack([colours, np.clip(alpha, least, 1)])
        if self.dtype.kind == "f":
            return joined.astype(self.dtype)
        return np.rint(np.clip(joined, 0, 1) * self.unit).astype(self.dtype)


def given_colours(colours: Any, name: str, space: Space) -> NDArray[Any]:
    """Colours as the user gives them, (k, C) in the picture's type, with alpha where the picture has it."""
    if isinstance(colours, str | os.PathLike):
        from rustem.palettes import read

        colours = read(colours)
    for attribute in ("palette", "colors"):
        colours = getattr(colours, attribute, colours)
    if isinstance(colours, np.ndarray):
        rows = colours
    else:
        try:
            rows = np.array([_from_hex(colour, name) if isinstance(colour, str) else colour for colour in colours])
        except (TypeError, ValueError) as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(
                f'{name} is {colours!r}: give an array (k, {space.channels}) or ["#e4002b", …]'
            ) from None
        if len(rows) and all(isinstance(colour, str) for colour in colours):
            rows = rows.astype(np.uint8)
    if rows.ndim == 1 and space.channels == 1 and not space.has_alpha:
        rows = rows[:, np.newaxis]
    if rows.ndim != 2 or len(rows) == 0 or rows.dtype.kind not in "uif":
        raise InvalidInputError(f"{name} has shape {rows.shape}: give (k, {space.channels}) with at least one colour")
    return _in_channels(_in_type(rows, name, space), name, space)


def _from_hex(colour: str, name: str) -> list[int]:
    found = _HEX.fullmatch(colour.strip())
    if found is None:
        raise InvalidInputError(f'{name} holds {colour!r}: write colours like "#e4002b", or with alpha "#e4002b80"')
    digits = found[1] if len(found[1]) > 4 else "".join(2 * digit for digit in found[1])
    return list(bytes.fromhex(digits if len(digits) == 8 else digits + "ff"))


def _in_type(rows: NDArray[Any], name: str, space: Space) -> NDArray[Any]:
    if rows.dtype == space.dtype:
        return rows
    if rows.dtype.kind == "f" or space.dtype.kind == "f":
        highest = float(np.iinfo(rows.dtype).max) if rows.dtype.kind == "u" else 1.0
        if rows.dtype.kind == "i":
            highest = 255.0
        scaled = rows / highest
    elif rows.dtype in (np.uint8, np.uint16):
        scaled = rows / float(np.iinfo(rows.dtype).max)
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


def cheapest(centres: NDArray[np.float64], masses: NDArray[Any], n_fixed: int, n: int) -> NDArray[np.intp]:
    """The ``n`` centres after the first ``n_fixed`` that are missed least, by Ward's cost of a merge."""
    joint = masses[:, np.newaxis] * masses / np.maximum(masses[:, np.newaxis] + masses, 1)
    squares = ((centres[:, np.newaxis] - centres) ** 2).sum(axis=2)
    costs = joint * squares
    np.fill_diagonal(costs, np.inf)
    costs = costs.min(axis=1)
    costs[:n_fixed] = np.inf
    return np.argsort(costs, kind="stable")[:n]


def rare_colours(
    own: NDArray[np.float32], shown: NDArray[np.float32], counts: NDArray[np.float64], most: int
) -> tuple[list[NDArray[np.intp]], float]:
    """Up to ``most`` groups of colours that lost their hue, the most visible first; and how much is lost in all.

    ``own`` and ``shown`` are (m, 3) features in OKLab: the colours, and what stands for them. What is lost is measured
    by the difference in the chroma plane, times pixels.
    """
    missed = np.hypot(own[:, 1] - shown[:, 1], own[:, 2] - shown[:, 2])
    lost = np.flatnonzero(missed > LOST)
    if not len(lost):
        return [], 0.0
    weights = missed[lost] * counts[lost]
    _, cell = np.unique(
        np.floor(own[lost] / [ALIKE, _CHROMA * ALIKE, _CHROMA * ALIKE]).astype(np.int64) @ [10**6, 10**3, 1],
        return_inverse=True,
    )
    visible = np.bincount(cell, weights) * (np.bincount(cell, counts[lost]) >= FEWEST)
    best = np.argsort(-visible, kind="stable")[:most]
    return [lost[cell == number] for number in best if visible[number] > 0], float(weights.sum())


LOST = 0.06 * _CHROMA
"""Difference in the chroma plane beyond which a colour is lost: about three times what the eye can tell."""
ALIKE = 0.05
"""Side of the cells of OKLab within which lost colours are one."""
FEWEST = 3
"""Pixels that make a region, less being noise."""
