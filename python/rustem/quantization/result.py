"""What quantize() gives back: a picture in few colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rustem.images.picture import white_level
from rustem.pipeline.labelled import PalettePicture, decibels
from rustem.quantization.comparison_space import Space

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Quantization(PalettePicture):
    """A picture in few colours.

    Parameters
    ----------
    labels : ndarray of shape (H, W)
        The palette's row for each pixel; -1 outside the mask, and where a given palette shows nothing.
    palette : ndarray of shape (k, C)
        The colours, in the picture's type: C is 1 for grey and 3 for colour, one more where the picture has
        transparency (alpha comes last).
    counts : ndarray of shape (k,)
        Pixels of each colour.
    n_requested : int
        The number of colours asked for. The palette is shorter only where the picture has fewer; then ``image`` equals
        the picture.
    n_iter : int
        Steps of k-means over all colours.
    """

    n_iter: int

    _compression: ClassVar[int] = 9  # small files are what these are for

    @property
    def n_colors(self) -> int:
        """Number of colours, k."""
        return len(self.palette)

    @cached_property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the new colours against the original, in decibels, in the stored values.

        Transparency counts as the mean of the picture over black and over white.
        """
        channels = self._channels
        space = Space("srgb", channels, self._has_alpha, self.palette.dtype)
        peak = float(np.ptp(self._table.values[:, :channels])) if self.palette.dtype.kind == "f" else 1.0
        entries = np.concatenate([self.palette, np.zeros_like(self.palette[:1])])  # the label -1 finds the last one
        mean_square = self._mean_square(space.features(self._table.values), space.features(entries))
        return decibels(mean_square / channels, peak)

    def __repr__(self) -> str:
        shape = "×".join(str(length) for length in self.labels.shape[::-1])
        asked = f" of {self.n_requested} asked for" if self.n_colors < self.n_requested else ""
        return f"<Quantization of {shape} pixels: {self.n_colors} colours{asked}, PSNR {self.psnr:.2f} dB>"

    @property
    def _has_alpha(self) -> bool:
        return self._source.picture.alpha is not None

    @property
    def _channels(self) -> int:
        return int(self.palette.shape[1]) - int(self._has_alpha)

    def _shown(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        return (self.image[..., :-1], self.image[..., -1]) if self._has_alpha else (self.image, None)

    def _indexed(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
        if not self._has_alpha:
            return self.labels, self.palette, None
        colors, opacity = self.palette[:, :-1], self.palette[:, -1]
        kept = opacity > 0
        rank = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # the label -1 finds the last one
        labels = rank[self.labels]
        alpha = (
            None
            if (opacity[kept] == white_level(opacity.dtype)).all()
            else np.append(opacity, 0).astype(opacity.dtype)[self.labels]
        )
        return labels, colors[kept], alpha
