"""The road's back end: a picture with labels, as every task hands it out."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rustem import _core
from rustem.exceptions import InvalidInputError
from rustem.images.picture import Metadata, white_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rustem.pipeline.color_table import ColorTable
    from rustem.pipeline.inputs import MaskedPicture

_PIXELS_AT_A_TIME = 2**18


class LabelledPicture(ABC):
    """A picture of which each pixel has a label: what all results have, whatever made them."""

    labels: NDArray[Any]
    # The label of pixels that take no part.
    _outside: ClassVar[int] = -1

    @property
    @abstractmethod
    def _source(self) -> MaskedPicture:
        """The picture that was labelled."""

    @property
    @abstractmethod
    def image(self) -> NDArray[Any]:
        """The picture in the labels' colours, in the type and shape of the original; zero where there is no label."""

    def boundaries(self) -> NDArray[np.bool_]:
        """True (H, W) where a pixel's label differs from the next one's along any axis."""
        return find_boundaries(self.labels)

    def save_labels(
        self,
        path: str | os.PathLike[str],
        *,
        labels_from: int | None = None,
        color_table: bool = False,
        overwrite: bool = True,
    ) -> None:
        """Write the label map: whole numbers to ``.npy``, else a grey picture whose values are the labels.

        TIFF files keep what the picture's own file says of its place on Earth and of the size of its pixels; volumes
        are stacks.

        Parameters
        ----------
        path : path
            The file, ``.npy``, ``.png``, ``.tif``, or ``.ome.tif`` for OME-TIFF.
        labels_from : {0, 1}, optional
            The number of the first label, by default as in ``labels``. From 1, pixels without label are 0, as ImageJ,
            napari and GIS programs take it for background; from 0, they are 255, or 65535 where there are more than
            255 labels (-1 in ``.npy``).
        color_table : bool, default False
            Whether viewers show each label in its colour: values stay the labels, but some readers, OpenCV's and
            imageio's of PNG among them, turn them into colours. Up to 255 labels have one.
        overwrite : bool, default True
            Whether an existing file may be replaced.

        Raises
        ------
        ImageError
            The file cannot be written.
        InvalidInputError
            There are too many labels for a colour table.
        """
        from rustem import images

        own_first = self._outside + 1
        labels_from = own_first if labels_from is None else labels_from
        metadata = self._source.picture.metadata
        has_gaps = self._source.mask is not None or metadata.nodata is not None
        images.write_labels(
            path,
            self.labels - own_first if own_first else self.labels,
            labels_from=labels_from,
            colors=self.label_colors if color_table else None,
            metadata=replace(metadata, nodata=0 if has_gaps else None),
            overwrite=overwrite,
        )

    @property
    @abstractmethod
    def label_colors(self) -> NDArray[np.uint8]:
        """A colour (k, 3) of 8 bits to show each label in: of many bands the first, middle and last."""

    def _repr_png_(self) -> bytes:
        """The picture, as notebooks show it: of a volume its middle plane, of many bands three as colours."""
        import PIL.Image

        shown = self._displayed()
        if shown.dtype != np.uint8:
            low, high = self._shown_range()
            shown = np.rint(np.clip((np.nan_to_num(shown) - low) / (high - low), 0, 1) * 255).astype(np.uint8)
        file = io.BytesIO()
        PIL.Image.fromarray(shown[..., 0] if shown.shape[2:] == (1,) else shown).save(file, "PNG")
        return file.getvalue()

    def _shown_range(self) -> tuple[float, float]:
        """The values of black and white."""
        from rustem.images.display import shown_range

        return shown_range(self._source.rows())

    def _displayed(self) -> NDArray[Any]:
        """What notebooks show: a picture of 1 to 4 channels, those of 2 and 4 with alpha; floats from 0 to 1."""
        return self.image

    def _shown(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Colours and alpha of the new picture: alpha of the original, nothing where there is no label."""
        alpha, mask = self._source.picture.alpha, self._source.mask
        if mask is None:
            return self.image, alpha
        if alpha is None:
            alpha = np.full(mask.shape, white_level(self.image.dtype), self.image.dtype)
        return self.image, np.where(mask, alpha, 0).astype(alpha.dtype)


@dataclass(frozen=True, eq=False)
class PalettePicture(LabelledPicture):
    """A picture whose labels have colours of their own.

    Parameters
    ----------
    labels : ndarray of shape (H, W)
        Label of each pixel, in [0, k); -1 where it takes no part.
    palette : ndarray of shape (k, C)
        Colour of each label, in the picture's type.
    counts : ndarray of shape (k,)
        Pixels of each label.
    n_requested : int
        The number of labels asked for.
    """

    labels: NDArray[Any]
    palette: NDArray[Any]
    counts: NDArray[np.int64]
    n_requested: int
    _table: ColorTable = field(repr=False)

    # How hard an indexed PNG is packed. At 9, packing a photograph takes longer than segmenting it, for a per cent.
    _compression: ClassVar[int] = 7

    @property
    def n_distinct(self) -> int | None:
        """Number of distinct colours of the picture, or None where nearly every pixel has its own."""
        return self._table.n_distinct

    @cached_property
    def image(self) -> NDArray[Any]:
        """The picture in the labels' colours, in the type and shape of the original; zero where there is no label."""
        flat = self.palette.shape[1] == 1 and self._source.picture.pixels.ndim == self.labels.ndim
        return paint_labels(self.palette[:, 0] if flat else self.palette, self.labels, self._table.n_threads)

    def save(self, path: str | os.PathLike[str], *, side_by_side: bool = False, overwrite: bool = True) -> None:
        """Write the picture in its new colours, or the original and it side by side.

        The extension decides on the format. A PNG of up to 256 colours (8 bits a channel) is an indexed one.
        Transparency and resolution of the original are carried over, from TIFF to TIFF the georeference too. Pictures
        that were read are in sRGB, and so is this one. Volumes are saved as stacks, in ``.tif``.

        Raises
        ------
        ImageError
            The file cannot be written; ``overwrite`` is False and it exists.
        """
        from rustem import images

        if self.labels.ndim != 2 and (side_by_side or not _is_tiff(path)):
            what = "saved side by side" if side_by_side else "saved as a picture except in a .tif file"
            raise InvalidInputError(f"a volume of shape {self.labels.shape} cannot be {what}: use .image and .labels")
        profile, metadata = self._source.picture.icc_profile, self._source.picture.metadata
        if side_by_side:
            both, alpha = self._side_by_side()
            both = self._as_stored(path, both)
            resolution = Metadata(metadata.dpi)
            images.write(path, both, alpha=alpha, icc_profile=profile, metadata=resolution, overwrite=overwrite)
            return
        labels, palette, alpha = self._indexed()
        images.write_indexed(
            path,
            labels,
            self._as_stored(path, palette),
            alpha=alpha,
            icc_profile=profile,
            metadata=metadata,
            compression=self._compression,
            overwrite=overwrite,
        )

    def _as_stored(self, path: str | os.PathLike[str], colors: NDArray[Any]) -> NDArray[Any]:
        """Floats that are levels of 8 bits as such, where the file is to hold no floats."""
        from rustem.images.display import holds_bytes

        if _is_tiff(path) or not holds_bytes(self._source.rows()):
            return colors
        levels: NDArray[np.uint8] = np.clip(np.rint(np.nan_to_num(colors)), 0, 255).astype(np.uint8)
        return levels

    def plot(self, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw the original, the new colours and the palette with matplotlib; of a volume, the plane in the middle."""
        from rustem.plotting import plot_segmentation

        return plot_segmentation(self, self._source.picture.pixels, axes, self._shown_range(), alpha=self._has_alpha)

    @property
    def _source(self) -> MaskedPicture:
        return self._table.pictures[0]

    @property
    def _has_alpha(self) -> bool:
        """Whether the last channel of the palette is one of opacity."""
        return False

    def _displayed(self) -> NDArray[Any]:
        from rustem.images.display import three_bands

        shown = self.image[len(self.image) // 2] if self.labels.ndim == 3 else self.image
        n_colors = self.palette.shape[1] - int(self._has_alpha)
        return shown if n_colors in (1, 3) else three_bands(shown[..., :n_colors])

    @property
    def label_colors(self) -> NDArray[np.uint8]:
        """A colour (k, 3) of 8 bits to show each label in: of many bands the first, middle and last."""
        from rustem.images.display import displayable

        shown = displayable(self.palette[:, np.newaxis], self._shown_range(), alpha=self._has_alpha)[:, 0, :3]
        return np.rint(shown * 255).astype(np.uint8)

    def _indexed(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
        """Labels, colours and alpha (H, W) as picture files take them: -1 where nothing is shown."""
        return self.labels, self.palette, self._source.picture.alpha

    def _side_by_side(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Colours and alpha of the original and the new picture side by side."""
        return pair((self._source.picture.pixels, self._source.picture.alpha), self._shown())

    def _mean_square(self, original: NDArray[Any], entries: NDArray[Any]) -> float:
        """Mean over pixels of the squared distance between features (m, d) of colours and (k, d) of the palette."""
        labels = self.labels.ravel() if self._source.mask is None else self.labels[self._source.mask]
        rows, total = self._table.rows_of_pixels(), 0.0
        for first in range(0, len(labels), _PIXELS_AT_A_TIME):
            pixels = slice(first, first + _PIXELS_AT_A_TIME)
            difference = original[rows[pixels]] - entries[labels[pixels]]
            total += float((difference**2).sum(dtype=np.float64))
        return total / len(labels)


def _is_tiff(path: str | os.PathLike[str]) -> bool:
    return os.path.splitext(os.fsdecode(path))[1].lower() in (".tif", ".tiff")


def pair(
    before: tuple[NDArray[Any], NDArray[Any] | None], after: tuple[NDArray[Any], NDArray[Any] | None]
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colors and alpha of two pictures side by side."""
    from rustem.images.display import side_by_side

    (left, left_alpha), (right, right_alpha) = before, after
    joined = side_by_side(left, right)
    if left_alpha is None and right_alpha is None:
        return joined, None
    opaque = np.full(left.shape[:2], white_level(left.dtype), left.dtype)
    return joined, side_by_side(*(opaque if alpha is None else alpha for alpha in (left_alpha, right_alpha)))


def paint_labels(palette: NDArray[Any], labels: NDArray[Any], n_threads: int) -> NDArray[Any]:
    """Rows of ``palette`` (k, …) for labels (H, W) of int16 or int32; zero for -1."""
    table = np.concatenate([palette, np.zeros_like(palette[:1])])
    rows = np.ascontiguousarray(table).reshape(len(table), -1)
    painted = _core.paint(rows.view(np.uint8), np.ascontiguousarray(labels).ravel(), n_threads)
    return painted.view(table.dtype).reshape(*labels.shape, *table.shape[1:])


def decibels(mean_square: float, peak: float) -> float:
    """Peak signal-to-noise ratio; infinite where nothing is lost."""
    return float("inf") if mean_square == 0 else float(10 * np.log10(peak**2 / mean_square))


def find_boundaries(labels: NDArray[Any], outside: int | None = None) -> NDArray[np.bool_]:
    """True where a label (H, W) or (D, H, W) differs from the next one's along any axis, neither being ``outside``."""
    edges = np.zeros(labels.shape, dtype=bool)
    for axis in range(labels.ndim):
        lead = (slice(None),) * axis
        here, there = labels[*lead, :-1], labels[*lead, 1:]
        differ = here != there
        if outside is not None:
            differ &= (here != outside) & (there != outside)
        edges[*lead, :-1] |= differ
    return edges
