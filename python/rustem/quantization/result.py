"""What quantize() gives back: a picture in few colours."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem import _core
from rustem.exceptions import InvalidInputError
from rustem.pipeline.inputs import lay_out
from rustem.quantization.comparison_space import Space

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rustem.images import Picture
    from rustem.pipeline.color_table import Colours

_PIXELS_AT_A_TIME = 2**18


@dataclass(frozen=True, eq=False)
class Quantization:
    """A picture in few colours.

    Parameters
    ----------
    labels : ndarray of shape (H, W)
        The palette's row for each pixel; -1 outside the mask.
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

    labels: NDArray[Any]
    palette: NDArray[Any]
    counts: NDArray[np.int64]
    n_requested: int
    n_iter: int
    _picture: Picture = field(repr=False)
    _colours: Colours = field(repr=False)
    _inside: NDArray[np.bool_] | None = field(repr=False)
    _channels: int = field(repr=False)
    _n_threads: int = field(repr=False)

    @property
    def n_colors(self) -> int:
        """Number of colours, k."""
        return len(self.palette)

    @property
    def n_distinct(self) -> int | None:
        """Number of distinct colours of the picture, or None where nearly every pixel has its own."""
        return None if self._colours.index is None else len(self._colours.values)

    @cached_property
    def image(self) -> NDArray[Any]:
        """The picture in its new colours, in the type of the original; zero outside the mask."""
        table = self.palette[:, 0] if self.palette.shape[1] == 1 and self._picture.pixels.ndim == 2 else self.palette
        chosen = np.ascontiguousarray(self.labels).ravel() if self._inside is None else self.labels[self._inside]
        rows = np.ascontiguousarray(table).reshape(len(table), -1)
        painted = _core.paint(rows.view(np.uint8), chosen.astype(np.uint32), self._n_threads)
        painted = painted.view(table.dtype).reshape(-1, *table.shape[1:])
        return lay_out(painted, self.labels.shape, self._inside, 0)

    @cached_property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the new colours against the original, in decibels, in the stored values.

        Transparency counts as the mean of the picture over black and over white.
        """
        space = Space("srgb", self._channels, self.palette.shape[1] > self._channels, self.palette.dtype)
        original, entries, index = (
            space.features(self._colours.values),
            space.features(self.palette),
            self._colours.index,
        )
        labels = self.labels.ravel() if self._inside is None else self.labels[self._inside]
        total = 0.0
        for first in range(0, len(labels), _PIXELS_AT_A_TIME):
            pixels = slice(first, first + _PIXELS_AT_A_TIME)
            own = original[pixels] if index is None else original[index[pixels]]
            total += float(((own - entries[labels[pixels]]) ** 2).sum(dtype=np.float64))
        peak = float(np.ptp(self._colours.values[:, : self._channels])) if self.palette.dtype.kind == "f" else 1.0
        mean_square = total / len(labels) / self._channels
        return float("inf") if mean_square == 0 else float(10 * np.log10(peak**2 / mean_square))

    def boundaries(self) -> NDArray[np.bool_]:
        """True (H, W) where a pixel's colour differs from the next one's along any axis."""
        from rustem.pipeline.labelled import find_boundaries

        return find_boundaries(self.labels)

    def save(self, path: str | os.PathLike[str], *, side_by_side: bool = False, overwrite: bool = True) -> None:
        """Write the picture in its new colours, or the original and it side by side.

        The extension decides on the format. A PNG of up to 256 colours (8 bits a channel) is an indexed one. The colour
        profile of the original is carried over.

        Raises
        ------
        ImageError
            The file cannot be written; ``overwrite`` is False and it exists.
        """
        from rustem import images

        if self.labels.ndim != 2:
            raise InvalidInputError(f"a volume of shape {self.labels.shape} cannot be saved as a picture: use .image")
        options: dict[str, Any] = {"icc_profile": self._picture.icc_profile, "overwrite": overwrite}
        if not side_by_side:
            labels, palette, alpha = self._indexed()
            images.write_indexed(path, labels, palette, alpha=alpha, **options)
            return
        from rustem.images.display import side_by_side as join

        original = self._picture.pixels
        if self._picture.alpha is not None:
            original = np.dstack([original, self._picture.alpha])
        pair = join(original, self.image)
        has_alpha = pair.ndim == 3 and pair.shape[2] in (2, 4)
        images.write(path, pair[..., :-1] if has_alpha else pair, alpha=pair[..., -1] if has_alpha else None, **options)

    def save_labels(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the label map; see :func:`rustem.images.write_labels`."""
        from rustem import images

        images.write_labels(path, self.labels, overwrite=overwrite)

    def plot(self, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw the original, the new colours and the palette with matplotlib."""
        from rustem.plotting import plot_segmentation

        return plot_segmentation(self, self._picture.pixels, axes)

    def __repr__(self) -> str:
        shape = "×".join(str(length) for length in self.labels.shape[::-1])
        asked = f" of {self.n_requested} asked for" if self.n_colors < self.n_requested else ""
        return f"<Quantization of {shape} pixels: {self.n_colors} colours{asked}, PSNR {self.psnr:.2f} dB>"

    def _repr_png_(self) -> bytes | None:
        """The picture, as notebooks show it."""
        if self.labels.ndim != 2 or self.palette.shape[1] > 4:
            return None
        import PIL.Image

        unit = Space("srgb", self._channels, False, self.palette.dtype).unit
        shown = np.rint(np.clip(self.image / unit, 0, 1) * 255).astype(np.uint8)
        file = io.BytesIO()
        PIL.Image.fromarray(shown.reshape(shown.shape[: 2 + (shown.shape[2:] > (1,))])).save(file, "PNG")
        return file.getvalue()

    def _indexed(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
        """Labels, colours and alpha (H, W) as picture files take them: -1 where nothing is shown."""
        if self.palette.shape[1] == self._channels:
            return self.labels, self.palette, None
        colours, opacity = self.palette[:, :-1], self.palette[:, -1]
        kept = opacity > 0
        rank = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # the label -1 finds the last one
        labels = rank[self.labels]
        unit = np.iinfo(opacity.dtype).max if opacity.dtype.kind == "u" else 1
        alpha = None if (opacity[kept] == unit).all() else np.append(opacity, 0).astype(opacity.dtype)[self.labels]
        return labels, colours[kept], alpha
