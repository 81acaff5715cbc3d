"""The colours of pictures: distinct ones with their counts where that pays, and the way back to the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem import _core
from rustem.images.picture import white_level
from rustem.pipeline.inputs import rows_of
from rustem.pipeline.noise import noise_floor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rustem.colorspaces import ColorSpace
    from rustem.pipeline.inputs import MaskedPicture


@dataclass(frozen=True, eq=False)
class ColorTable:
    """The colours of the pixels that take part: distinct ones with their counts, or each pixel's own.

    Parameters
    ----------
    values : ndarray of shape (m, C)
        Colours in the pictures' type.
    features : ndarray of shape (m, d)
        The same as the mixture sees them: in the pictures' type, or in another colour space.
    counts : ndarray of shape (m,) or None
        Pixels of each colour; None where every pixel stands for itself.
    index : ndarray of shape (n,) or None
        The row of each pixel; None where every pixel stands for itself. Of one picture all pixels, m being none's row;
        of several those that take part, one picture after the other.
    pictures : tuple of MaskedPicture
        Where the colours come from.
    n_threads : int
        Threads that look-ups may use.
    """

    values: NDArray[Any]
    features: NDArray[Any]
    counts: NDArray[np.float64] | None
    index: NDArray[np.uint32] | None
    pictures: tuple[MaskedPicture, ...]
    n_threads: int

    @property
    def white(self) -> float:
        """The value of white in the pictures' type."""
        return float(white_level(self.values.dtype))

    @property
    def feature_unit(self) -> float:
        """What features are divided by: they are scaled in other colour spaces already."""
        return self.white if self.features.dtype.kind == "u" else 1.0

    def floor(self, noise: float) -> NDArray[Any]:
        """Variances (d,) that no component falls below; see :func:`noise_floor`."""
        return noise_floor(self.features, self.counts, self.white, noise)

    @property
    def n_pixels(self) -> int:
        """Number of pixels that take part."""
        return len(self.values) if self.counts is None else int(self.counts.sum())

    @property
    def n_distinct(self) -> int | None:
        """Number of distinct colours, or None where none were counted."""
        return None if self.index is None else len(self.values)

    def sums(self, labels: NDArray[Any], n_labels: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Pixels (k,) of each label, and the sum (k, C) of their colours, from the label of each colour (m,)."""
        values = np.ascontiguousarray(self.values)
        counts, sums = _core.sums_by_label(values, self.counts, np.ascontiguousarray(labels, np.uint32), n_labels)
        return counts.astype(np.int64), sums

    def rows_of_pixels(self) -> NDArray[np.uint32]:
        """The row (n,) of each pixel of one picture that takes part."""
        (picture,) = self.pictures
        if self.index is None:
            return np.arange(len(self.values), dtype=np.uint32)
        return self.index if picture.mask is None else self.index[picture.mask.ravel()]

    def paint(self, of_color: NDArray[Any], outside: float) -> NDArray[Any]:
        """Values (m, …) of the colours, laid out as the one picture is; ``outside`` where pixels take no part."""
        (picture,) = self.pictures
        if self.index is None:
            return picture.lay_out(of_color, outside)
        if picture.mask is not None:
            of_color = np.concatenate([of_color, np.full_like(of_color[:1], outside)])
        rows = np.ascontiguousarray(of_color).reshape(len(of_color), -1)
        painted = _core.paint(rows.view(np.uint8), self.index, self.n_threads)
        return painted.view(of_color.dtype).reshape(*picture.shape, *of_color.shape[1:])

    def label_pixels(self, of_color: NDArray[Any], n_labels: int) -> NDArray[Any]:
        """The labels (m,) of the colours as a label map of the smallest signed type; -1 where pixels take no part."""
        return self.paint(of_color.astype(np.int16 if n_labels <= white_level(np.dtype(np.int16)) else np.int32), -1)

    def split(self) -> list[tuple[ColorTable, NDArray[np.intp] | slice]]:
        """The colours of each picture alone, and where they stand among all."""
        if len(self.pictures) == 1:
            return [(self, slice(None))]
        parts, begin = [], 0
        for picture in self.pictures:
            pixels = slice(begin, begin + picture.n_inside)
            parts.append(self._part(picture, pixels))
            begin = pixels.stop
        return parts

    def _part(self, picture: MaskedPicture, pixels: slice) -> tuple[ColorTable, NDArray[np.intp] | slice]:
        if self.index is None:
            own = ColorTable(self.values[pixels], self.features[pixels], None, None, (picture,), self.n_threads)
            return own, pixels
        counts = np.bincount(self.index[pixels], minlength=len(self.values))
        used = np.flatnonzero(counts)
        position = np.empty(len(counts), dtype=np.uint32)
        position[used] = np.arange(len(used), dtype=np.uint32)
        index = picture.lay_out(position[self.index[pixels]], len(used)).ravel()
        of_used = counts[used].astype(np.float64)
        return ColorTable(self.values[used], self.features[used], of_used, index, (picture,), self.n_threads), used


def count_colors(pictures: Sequence[MaskedPicture], color_space: ColorSpace, n_threads: int) -> ColorTable:
    """The distinct colours where counting them pays, else all pixels; and what the mixture sees of them."""
    mask = None
    if len(pictures) == 1:  # the core leaves pixels out itself
        pixels = pictures[0].pixels.reshape(-1, pictures[0].pixels.shape[-1])
        mask = None if pictures[0].mask is None else pictures[0].mask.ravel()
    else:
        pixels = rows_of(pictures)
    counted = None
    if pixels.shape[1] <= 4:
        counted = _core.count_colors(np.ascontiguousarray(pixels), n_threads, mask)
    values, counts, index = (pixels if mask is None else pixels[mask], None, None) if counted is None else counted
    features = np.ascontiguousarray(values)
    if color_space != "srgb":
        from rustem.colorspaces import to_space

        scaled = features / np.float32(white_level(values.dtype)) if features.dtype.kind == "u" else features
        features = np.ascontiguousarray(to_space(scaled, color_space))
    return ColorTable(values, features, counts, index, tuple(pictures), n_threads)
