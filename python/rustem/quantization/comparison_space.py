"""The space that colours are compared in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.images.picture import white_level
from rustem.pipeline.color_table import count_colors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.colorspaces import ColorSpace
    from rustem.pipeline.color_table import ColorTable

# Weight of chroma beside lightness in differences of OKLab. Its author found 2.016 and 2.045 to fit two sets of judged
# differences best (Ottosson 2021, github.com/w3c/csswg-drafts/issues/6642#issuecomment-945714988).
CHROMA = 2.0


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
        return float(white_level(self.dtype))

    @property
    def _chroma(self) -> float:
        return CHROMA if self.name == "oklab" else 1.0

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
        colors, alpha = features, None
        if self.has_alpha:
            white = self._white
            alpha = features[:, -1:] / (np.sqrt(white.sum()) / 2)
            colors = (features[:, :-1] - (1 - alpha) * white / 2) / np.maximum(alpha, 1e-6)
        if self.name != "srgb":
            from rustem.colorspaces import from_space

            triples = np.zeros((len(colors), 3))
            triples[:, : self.channels] = colors
            triples[:, 1:] /= self._chroma
            if self.channels == 1 and self.name == "linear":
                triples[:] = colors
            colors = from_space(triples, self.name)[:, : self.channels].astype(np.float64)
        least = 1 / self.unit if self.dtype.kind == "u" else 1e-6
        joined = colors if alpha is None else np.hstack([colors, np.clip(alpha, least, 1)])
        if self.dtype.kind == "f":
            return joined.astype(self.dtype)
        return np.rint(np.clip(joined, 0, 1) * self.unit).astype(self.dtype)


@dataclass(frozen=True, eq=False)
class ComparedColors:
    """Colours as they are compared, and how many pixels have each.

    Parameters
    ----------
    values : ndarray of shape (m, C)
        Colours in the picture's type, alpha last where there is one.
    counts : ndarray of shape (m,)
        Pixels of each.
    space : Space
        Where they are compared.
    n_threads : int
        Threads to use.
    """

    values: NDArray[Any]
    counts: NDArray[np.float64]
    space: Space
    n_threads: int

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """Features (m, d) in the space."""
        return self.space.features(self.values)

    @cached_property
    def visible(self) -> NDArray[np.bool_]:
        """Which colours (m,) are not fully transparent."""
        return self.values[:, -1] > 0 if self.space.has_alpha else np.ones(len(self.values), bool)

    @cached_property
    def opaque(self) -> NDArray[np.bool_]:
        """Which colours (m,) are fully opaque."""
        return self.values[:, -1] == self.space.unit if self.space.has_alpha else self.visible


def without_alpha(colors: ComparedColors) -> ComparedColors:
    """The same colors opaque, each weighing as much as it is seen; without those that are not.

    Raises
    ------
    InvalidInputError
        None is seen.
    """
    if not colors.space.has_alpha:
        return colors
    space = replace(colors.space, has_alpha=False)
    weights = colors.counts * (colors.values[:, -1] / colors.space.unit)
    values, rows = np.unique(colors.values[colors.visible, :-1], axis=0, return_inverse=True)
    if not len(values):
        raise InvalidInputError("the picture is fully transparent: it has no colors")
    return ComparedColors(
        values, np.bincount(rows.ravel(), weights[colors.visible]).astype(np.float64), space, colors.n_threads
    )


def compared(table: ColorTable, color_space: ColorSpace) -> ComparedColors:
    """The colours of pictures in the space asked for; other than grey and RGB ones in their own values."""
    picture, values = table.pictures[0].picture, table.values
    has_alpha = picture.alpha is not None
    channels = values.shape[1] - int(has_alpha)
    space = Space(color_space if channels in (1, 3) else "srgb", channels, has_alpha, values.dtype)
    if values.dtype.kind == "f":
        bounded = values if space.name != "srgb" else values[:, channels:]
        if bounded.size and (bounded.min() < 0 or bounded.max() > 1):
            raise InvalidInputError(
                f"{picture.name} runs from {bounded.min():g} to {bounded.max():g}: scale it to [0, 1]"
                + ("" if has_alpha else ', or use color_space="srgb" for values of another kind')
            )
    counts = np.ones(len(values)) if table.counts is None else table.counts
    return ComparedColors(values, counts, space, table.n_threads)


def distinct(table: ColorTable, n_colors: int) -> ColorTable:
    """The distinct colours, if they are few or counting pays; hidden ones, below full transparency, as one."""
    if table.pictures[0].picture.alpha is not None and len(table.values) > n_colors:
        hidden = table.values[:, -1] == 0
        if table.values[hidden].any():  # what colour nobody sees must not matter
            seen = [replace(each, pixels=each.pixels * (each.pixels[..., -1:] > 0)) for each in table.pictures]
            table = count_colors(seen, "srgb", table.n_threads)
    if table.index is not None:
        return table
    few = table.values[:: max(1, len(table.values) // (8 * n_colors + 1024))]
    if len(np.unique(few, axis=0)) > n_colors:
        return table
    values, index, counts = np.unique(table.values, axis=0, return_inverse=True, return_counts=True)
    rows: NDArray[np.uint32] = index.ravel().astype(np.uint32)
    if len(table.pictures) == 1:
        rows = table.pictures[0].lay_out(rows, len(values)).ravel()
    return replace(table, values=values, features=values, counts=counts.astype(np.float64), index=rows)
