"""Connected regions of a picture, as a tree of merges that can be cut anywhere."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from rustem.arguments import check_choice, check_integer
from rustem.exceptions import InvalidInputError
from rustem.images.display import as_rgb8
from rustem.images.picture import Metadata, white_level
from rustem.pipeline.labelled import LabelledPicture, find_boundaries, pair
from rustem.region_merging.merge_tree import MergeTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rustem.pipeline.inputs import MaskedPicture

View: TypeAlias = Literal["contours", "filled", "both"]
_CONTOUR = (255, 40, 100)


@dataclass(frozen=True, eq=False, repr=False)
class Regions(LabelledPicture):
    """Connected regions of a picture: one cut of a merge tree, which :meth:`cut` cuts anew at once.

    Labels start at 1, the largest region first; 0 is outside the mask, as ``skimage.measure.regionprops`` takes it.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Region of each pixel, in [1, n_regions]; 0 outside the mask and where the picture is fully transparent.
    level : float
        The level in [0, 1] that this cut was made at: borders that vanish at or below it are gone.
    """

    labels: NDArray[np.int32]
    level: float
    _outside: ClassVar[int] = 0
    _tree: MergeTree = field(repr=False)
    _of_superpixel: NDArray[np.int32] = field(repr=False)

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return int(self._of_superpixel.max())

    @property
    def n_superpixels(self) -> int:
        """Number of superpixels, the leaves of the tree: the most regions that a cut can have."""
        return self._tree.n_leaves

    def cut(self, level: float | None = None, n_regions: int | None = None) -> Regions:
        """Cut the same tree elsewhere.

        Parameters
        ----------
        level : float, optional
            From 0, all superpixels, to 1, everything that hangs together. 0.5 is the default of :func:`regions`.
        n_regions : int, optional
            The number of regions, instead of a level; from 1 to :attr:`n_superpixels`.

        Returns
        -------
        Regions
            The new cut.

        Raises
        ------
        InvalidInputError
            Both or neither are given, or one out of its range.
        """
        if (level is None) == (n_regions is None):
            raise InvalidInputError("give either level or n_regions")
        return cut_tree(self._tree, level, n_regions)

    @property
    def hierarchy(self) -> NDArray[np.float64]:
        """The merge tree (n_superpixels − 1, 4) as ``scipy.cluster.hierarchy`` has it.

        Each row: the two nodes merged (superpixels first, then earlier merges in their order), the level, and the
        number of superpixels in the new node. ``scipy.cluster.hierarchy.dendrogram`` draws it.
        """
        return self._tree.hierarchy()

    @property
    def superpixels(self) -> NDArray[np.int32]:
        """Superpixel (H, W) of each pixel, from 0; -1 outside the mask."""
        return self._tree.superpixels

    @property
    def areas(self) -> NDArray[np.int64]:
        """Pixels (n_regions,) of each region."""
        return np.bincount(self._of_superpixel - 1, self._tree.sizes).astype(np.int64)

    @property
    def mean_colors(self) -> NDArray[np.float64]:
        """Mean colour (n_regions, C) of each region, in the picture's unit."""
        sums = self._tree.color_sums
        of = self._of_superpixel - 1
        return np.stack([np.bincount(of, column) for column in sums.T], axis=1) / self.areas[:, np.newaxis]

    @property
    def bounding_boxes(self) -> NDArray[np.int64]:
        """Half-open box (n_regions, 4) of each region: first row, first column, end of rows, end of columns."""
        boxes = np.empty((self.n_regions, 4), np.int64)
        boxes[:, :2], boxes[:, 2:] = np.iinfo(np.int64).max, -1
        np.minimum.at(boxes[:, :2], self._of_superpixel - 1, self._tree.boxes[:, :2])
        np.maximum.at(boxes[:, 2:], self._of_superpixel - 1, self._tree.boxes[:, 2:])
        return boxes

    @property
    def neighbors(self) -> list[NDArray[np.int32]]:
        """For each region the labels of the regions that touch it, in rising order."""
        pairs = self._of_superpixel[self._tree.pairs()]
        pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
        return np.split(pairs[:, 1], np.searchsorted(pairs[:, 0], np.arange(2, self.n_regions + 1)))

    def boundaries(self) -> NDArray[np.bool_]:
        """True (H, W) where a pixel's region differs from the next one's along any axis; never at the mask."""
        return find_boundaries(self.labels, outside=0)

    def boundary_strength(self) -> NDArray[np.float32]:
        """Ultrametric contour map (H, W): at each border pixel the level at which the border vanishes, elsewhere 0.

        ``boundary_strength() > level`` are the boundaries of the cut at that level.

        References
        ----------
        .. [1] P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image segmentation",
           IEEE TPAMI 33 (2011), doi:10.1109/TPAMI.2010.161
        """
        return self._tree.strength()

    @cached_property
    def image(self) -> NDArray[Any]:
        """The picture with each region filled with its mean colour, in the type and shape of the original."""
        pixels, means = self._source.picture.pixels, self.mean_colors
        if pixels.dtype.kind == "u":
            means = np.rint(means)
        table = np.concatenate([np.zeros((1, means.shape[1])), means]).astype(pixels.dtype)
        return table[self.labels].reshape(pixels.shape)

    def contours(self, *, color: tuple[int, int, int] = _CONTOUR, width: int | None = None) -> NDArray[np.uint8]:
        """The picture (H, W, 3) with the borders of the regions drawn over it.

        Parameters
        ----------
        color : tuple of three int, default (255, 40, 100)
            Colour of the borders, from 0 to 255.
        width : int, optional
            Width of the lines in pixels; by default 2, more on pictures of more than 1000 pixels a side.
        """
        lines = self.boundaries()
        for _ in range((max(2, round(max(lines.shape) / 500)) if width is None else check_integer("width", width)) - 1):
            grown = lines.copy()
            grown[1:] |= lines[:-1]
            grown[:, 1:] |= lines[:, :-1]
            lines = grown
        shown = as_rgb8(self._source.picture.pixels, like=self._source.rows())
        shown[lines] = color
        return shown

    def save(self, path: str | os.PathLike[str], *, view: View = "contours", overwrite: bool = True) -> None:
        """Write a picture of the regions; the extension decides on the format.

        Parameters
        ----------
        path : path
            The file.
        view : {"contours", "filled", "both"}, default "contours"
            Borders over the photograph; each region filled with its mean colour; the two side by side. Transparency is
            kept; what the file says is no data is transparent, in filled regions all that is outside the mask.
        overwrite : bool, default True
            Whether an existing file may be replaced.

        Raises
        ------
        ImageError
            The file cannot be written.
        InvalidInputError
            There is no such view.
        """
        from rustem import images

        check_choice("view", view, ("contours", "filled", "both"))
        picture, metadata = self._source.picture, replace(self._source.picture.metadata, nodata=None, bands=())
        plain = picture.pixels.ndim == 2 or picture.pixels.shape[2] in (1, 3)
        shown, alpha = self.contours(), self._opacity(picture.mask)
        if view == "filled":
            shown, alpha = self._filled(), self._opacity(self._source.mask)
            if plain and picture.pixels.dtype.kind == "u":
                shown = self.image
        elif view == "both":
            metadata = Metadata(picture.metadata.dpi)
            shown, alpha = pair((shown, alpha), (self._filled(), self._opacity(self._source.mask)))
        profile = picture.icc_profile
        images.write(path, shown, alpha=alpha, icc_profile=profile, metadata=metadata, overwrite=overwrite)

    def plot(self, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw the borders over the picture, the filled regions and the boundary strength with matplotlib.

        Parameters
        ----------
        axes : sequence of three matplotlib.axes.Axes, optional
            Where to draw; by default a new figure is made.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        from rustem.plotting import plot_regions

        return plot_regions(self.n_regions, self.contours(), self._filled(), self.boundary_strength(), axes)

    def __repr__(self) -> str:
        height, width = self.labels.shape
        return (
            f"<Regions of {width}×{height} pixels: {self.n_regions} regions at level {self.level:.3f}, "
            f"{self.n_superpixels} superpixels>"
        )

    @property
    def _source(self) -> MaskedPicture:
        return self._tree.source

    def _displayed(self) -> NDArray[np.uint8]:
        return self.contours()

    @property
    def label_colors(self) -> NDArray[np.uint8]:
        """The mean colour (n_regions, 3) of each region in 8 bits: of many bands the first, middle and last."""
        return as_rgb8(self.mean_colors[:, np.newaxis], like=self._source.picture.pixels)[:, 0]

    def _opacity(self, mask: NDArray[np.bool_] | None) -> NDArray[np.uint8] | None:
        """The picture's own alpha, nothing outside of a mask; None where all is opaque."""
        alpha = self._source.picture.alpha
        if alpha is None:
            return None if mask is None else np.where(mask, np.uint8(255), np.uint8(0))
        levels = np.rint(alpha * (255 / white_level(alpha.dtype))).astype(np.uint8)
        return levels if mask is None else np.where(mask, levels, np.uint8(0))

    def _filled(self) -> NDArray[np.uint8]:
        return as_rgb8(self.image, like=self._source.picture.pixels)


def cut_tree(tree: MergeTree, level: object = None, n_regions: int | None = None) -> Regions:
    """The regions of a tree at a level, or a number of them."""
    if n_regions is None:
        if isinstance(level, bool) or not isinstance(level, int | float | np.number) or not 0 <= level <= 1:
            raise InvalidInputError(f"level is {level!r}: give a number from 0 to 1")
        level = float(level)
        n_merges = int(np.searchsorted(tree.levels, level, side="right"))
    else:
        number = check_integer("n_regions", n_regions)
        if number > tree.n_leaves:
            raise InvalidInputError(
                f"n_regions is {number}, but the picture has {tree.n_leaves} superpixels: give at most that many"
            )
        n_merges = tree.n_leaves - number
        level = tree.level_of_merges(n_merges)
    of_superpixel = tree.regions_of(n_merges)
    labels = np.append(of_superpixel, np.int32(0))[tree.superpixels]
    return Regions(labels, level, tree, of_superpixel)
