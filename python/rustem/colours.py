"""The colours of a picture: distinct ones with their counts where that pays, and the way back to its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem import _core

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.colorspaces import ColorSpace


@dataclass(frozen=True, eq=False)
class Colours:
    """The colours that take part in a fit: distinct ones with their counts, or each pixel's own.

    Parameters
    ----------
    values : ndarray of shape (m, C)
        Colours in the picture's type.
    features : ndarray of shape (m, d)
        The same as the mixture sees them: in the picture's type, or in another colour space.
    counts : ndarray of shape (m,) or None
        Pixels of each colour; None where every pixel stands for itself.
    index : ndarray of shape (n,) or None
        The colour of each pixel of the whole picture, m where there is none; None where no colours were counted.
    mask : ndarray of shape (n,) or None
        Which pixels of the picture take part; None for all.
    n_repeated : int, default 0
        Rows of a colour that stands in another row too, because its pixels got several labels.
    """

    values: NDArray[Any]
    features: NDArray[Any]
    counts: NDArray[np.float64] | None
    index: NDArray[np.uint32] | None
    mask: NDArray[np.bool_] | None = None
    n_repeated: int = 0

    @property
    def n_pixels(self) -> int:
        """Number of pixels that take part."""
        return len(self.values) if self.counts is None else int(self.counts.sum())

    def sums(self, labels: NDArray[Any], n_labels: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Pixels (k,) of each label, and the sum (k, C) of their colours."""
        values = np.ascontiguousarray(self.values)
        counts, sums = _core.sums_by_label(values, self.counts, np.ascontiguousarray(labels, np.uint32), n_labels)
        return counts.astype(np.int64), sums

    def paint(self, table: NDArray[Any], n_threads: int, outside: float = 0) -> NDArray[Any]:
        """Rows of ``table`` (m, ...), one for each pixel of the picture; ``outside`` for those that take no part."""
        if self.index is not None:
            if self.mask is not None:
                table = np.concatenate([table, np.full_like(table[:1], outside)])
            rows = np.ascontiguousarray(table).reshape(len(table), -1)
            painted = _core.paint(rows.view(np.uint8), self.index, n_threads)
            return painted.view(table.dtype).reshape(-1, *table.shape[1:])
        if self.mask is None:
            return table
        laid_out = np.full(self.mask.shape + table.shape[1:], outside, dtype=table.dtype)
        laid_out[self.mask] = table
        return laid_out

    def part(self, pixels: slice) -> tuple[Colours, NDArray[Any] | slice]:
        """The colours of a run of pixels alone, and where they stand among all."""
        if self.index is None:
            return Colours(self.values[pixels], self.features[pixels], None, None), pixels
        counts = np.bincount(self.index[pixels], minlength=len(self.values))
        used = np.flatnonzero(counts)
        position = np.empty(len(counts), dtype=np.uint32)
        position[used] = np.arange(len(used), dtype=np.uint32)
        own = Colours(
            self.values[used], self.features[used], counts[used].astype(np.float64), position[self.index[pixels]]
        )
        return own, used


def count_colours(
    pixels: NDArray[Any],
    unit: float,
    color_space: ColorSpace,
    threads: int,
    mask: NDArray[np.bool_] | None = None,
) -> Colours:
    """The distinct colours where counting them pays, else all pixels; and what the mixture sees of them."""
    counted = None
    if pixels.shape[1] <= 4:
        counted = _core.count_colors(np.ascontiguousarray(pixels), threads, mask)
    values, counts, index = (pixels if mask is None else pixels[mask], None, None) if counted is None else counted
    features = np.ascontiguousarray(values)
    if color_space != "srgb":
        from rustem.colorspaces import to_space

        scaled = features / np.float32(unit) if features.dtype.kind == "u" else features
        features = np.ascontiguousarray(to_space(scaled, color_space))
    return Colours(values, features, counts, index, mask)


def rounding_noise(features: NDArray[Any], unit: float, counts: NDArray[np.float64] | None = None) -> float:
    """Variance that no component falls below: that of rounding to a step, or a millionth of a float picture's own.

    Other colour spaces are scaled so that a step of sRGB is about a step there.
    """
    if unit > 1:
        return 1 / (12 * unit**2)
    if counts is None:
        return 1e-6 * float(features.var(axis=0, dtype=np.float64).mean())
    deviations = features - np.average(features, axis=0, weights=counts)
    return 1e-6 * float(np.average(deviations**2, axis=0, weights=counts).mean())
