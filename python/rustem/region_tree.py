"""From a photograph to the pieces a person would draw: a tree of regions that can be cut anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rustem._validation import RandomState, check_integer, check_seed, check_threads
from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import PIL.Image
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from rustem.images import Picture

View: TypeAlias = Literal["contours", "filled", "both"]
STAGES = ("colours", "texture", "edges", "superpixels", "merging", "borders")
DEFAULT_LEVEL = 0.5
_CONTOUR = (255, 40, 100)


@dataclass(frozen=True, eq=False)
class _Tree:
    """What all cuts of one picture share: superpixels, their merges, and sums over them."""

    picture: Picture
    superpixels: NDArray[np.int32]  # -1 outside the mask
    merges: NDArray[np.int64]
    levels: NDArray[np.float64]

    @property
    def n_leaves(self) -> int:
        return len(self.merges) + 1

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        return np.bincount(self.superpixels[self.superpixels >= 0], minlength=self.n_leaves)

    @cached_property
    def colour_sums(self) -> NDArray[np.float64]:
        inside = self.superpixels >= 0
        pixels = np.atleast_3d(self.picture.pixels)[inside]
        labels = self.superpixels[inside]
        sums = [np.bincount(labels, pixels[:, channel], self.n_leaves) for channel in range(pixels.shape[1])]
        return np.stack(sums, axis=1)

    @cached_property
    def boxes(self) -> NDArray[np.int64]:
        rows, columns = np.nonzero(self.superpixels >= 0)
        labels = self.superpixels[rows, columns]
        boxes = np.empty((self.n_leaves, 4), np.int64)
        for axis, places in enumerate((rows, columns)):
            low, high = np.full(self.n_leaves, np.iinfo(np.int64).max), np.full(self.n_leaves, -1)
            np.minimum.at(low, labels, places)
            np.maximum.at(high, labels, places)
            boxes[:, axis], boxes[:, axis + 2] = low, high + 1
        return boxes

    @cached_property
    def borders(self) -> tuple[tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]], ...]:
        """For each axis: where (…) the next pixel has another superpixel, and the two superpixels there."""
        found = []
        for axis in range(2):
            here, there = _neighbouring(self.superpixels, axis)
            where = (here != there) & (here >= 0) & (there >= 0)
            found.append((where, here[where].astype(np.int64), there[where].astype(np.int64)))
        return tuple(found)

    def pairs(self) -> NDArray[np.int64]:
        """Each two superpixels (m, 2) that touch, once."""
        keys = np.concatenate([np.minimum(a, b) * self.n_leaves + np.maximum(a, b) for _, a, b in self.borders])
        return np.stack(np.divmod(np.unique(keys), self.n_leaves), axis=1)

    def regions_of(self, n_merges: int) -> NDArray[np.int32]:
        """Region (n_leaves,) of each superpixel after the first merges, from 1, the largest first."""
        n = self.n_leaves
        roots = np.arange(n + n_merges)
        roots[self.merges[:n_merges].ravel()] = np.repeat(np.arange(n, n + n_merges), 2)
        while (roots != roots[roots]).any():
            roots = roots[roots]
        nodes, regions = np.unique(roots[:n], return_inverse=True)
        order = np.argsort(-np.bincount(regions, self.sizes), kind="stable")
        ranks = np.empty(len(nodes), np.int32)
        ranks[order] = np.arange(1, len(nodes) + 1)
        return ranks[regions]


@dataclass(frozen=True, eq=False)
class Regions:
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
    _tree: _Tree = field(repr=False)
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
        if n_regions is not None:
            return _cut_at_number(self._tree, n_regions)
        return _cut_at_level(self._tree, level)

    @property
    def hierarchy(self) -> NDArray[np.float64]:
        """The merge tree (n_superpixels − 1, 4) as ``scipy.cluster.hierarchy`` has it.

        Each row: the two nodes merged (superpixels first, then earlier merges in their order), the level, and the
        number of superpixels in the new node. ``scipy.cluster.hierarchy.dendrogram`` draws it.
        """
        tree = self._tree
        counts = np.ones(2 * tree.n_leaves - 1)
        for row, (a, b) in enumerate(tree.merges):
            counts[tree.n_leaves + row] = counts[a] + counts[b]
        return np.column_stack([tree.merges, tree.levels, counts[tree.n_leaves :]])

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
        sums = self._tree.colour_sums
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
        edges = np.zeros(self.labels.shape, dtype=bool)
        for axis in range(2):
            here, there = _neighbouring(self.labels, axis)
            edges[_first_of(axis)] |= (here != there) & (here > 0) & (there > 0)
        return edges

    def boundary_strength(self) -> NDArray[np.float32]:
        """Ultrametric contour map (H, W): at each border pixel the level at which the border vanishes, elsewhere 0.

        ``boundary_strength() > level`` are the boundaries of the cut at that level.

        References
        ----------
        .. [1] P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image segmentation",
           IEEE TPAMI 33 (2011), doi:10.1109/TPAMI.2010.161
        """
        tree = self._tree
        pairs = tree.pairs()
        strengths = self._meeting_levels(pairs)
        keys = pairs[:, 0] * tree.n_leaves + pairs[:, 1]
        strength = np.zeros(self.labels.shape, np.float32)
        for axis, (where, a, b) in enumerate(tree.borders):
            values = np.zeros(where.shape, np.float32)
            values[where] = strengths[np.searchsorted(keys, np.minimum(a, b) * tree.n_leaves + np.maximum(a, b))]
            view = strength[_first_of(axis)]
            np.maximum(view, values, out=view)
        return strength

    def _meeting_levels(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Level at which each pair of superpixels comes into one region."""
        tree = self._tree
        parents = np.zeros(2 * tree.n_leaves - 1, np.int64)
        parents[tree.merges.ravel()] = np.repeat(np.arange(tree.n_leaves, 2 * tree.n_leaves - 1), 2)
        low, high = pairs.min(axis=1), pairs.max(axis=1)
        apart = low != high
        while apart.any():
            # A node's parent has a larger number: the smaller of two nodes can only meet the other further up.
            climbed = parents[low[apart]]
            low[apart], high[apart] = np.minimum(climbed, high[apart]), np.maximum(climbed, high[apart])
            apart = low != high
        met: NDArray[np.float64] = tree.levels[high - tree.n_leaves]
        return met

    @cached_property
    def image(self) -> NDArray[Any]:
        """The picture with each region filled with its mean colour, in the type and shape of the original."""
        pixels = self._tree.picture.pixels
        means = self.mean_colors
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
        shown = _displayable(self._tree.picture.pixels)
        shown[lines] = color
        return shown

    def save(self, path: str | os.PathLike[str], *, view: View = "contours", overwrite: bool = True) -> None:
        """Write a picture of the regions; the extension decides on the format.

        Parameters
        ----------
        path : path
            The file.
        view : {"contours", "filled", "both"}, default "contours"
            Borders over the photograph; each region filled with its mean colour; the two side by side.
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

        picture = self._tree.picture
        if view == "filled":
            plain = picture.pixels.ndim == 2 or picture.pixels.shape[2] in (1, 3)
            filled = self.image if plain and picture.pixels.dtype.kind == "u" else self._filled()
            alpha = self._alpha() if filled is self.image else None
            images.write(path, filled, alpha=alpha, icc_profile=picture.icc_profile, overwrite=overwrite)
            return
        if view not in ("contours", "both"):
            raise InvalidInputError(f"view is {view!r}: choose one of 'contours', 'filled', 'both'")
        shown = self.contours()
        if view == "both":
            from rustem.plotting import side_by_side

            shown = side_by_side(shown, self._filled())
        images.write(path, shown, icc_profile=picture.icc_profile, overwrite=overwrite)

    def save_labels(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the label map: the array itself to ``.npy``, else a grey picture whose values are the labels."""
        from rustem import images

        images.write_labels(path, self.labels, overwrite=overwrite)

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
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError('matplotlib is missing: pip install "rustem[plot]"') from error
        if axes is None:
            _, axes = pyplot.subplots(1, 3, figsize=(12.5, 3.5), layout="constrained")
        if len(axes) != 3:
            raise InvalidInputError(f"axes has {len(axes)} axes; give 3")
        titles = (f"{self.n_regions} regions", "mean colours", "boundary strength")
        views: list[NDArray[Any]] = [self.contours(), self._filled(), self.boundary_strength()]
        for panel, title, shown in zip(axes, titles, views, strict=True):
            panel.imshow(shown, cmap="magma" if shown.ndim == 2 else None)
            panel.set(title=title, xticks=[], yticks=[])
        return axes

    def __repr__(self) -> str:
        height, width = self.labels.shape
        return (
            f"<Regions of {width}×{height} pixels: {self.n_regions} regions at level {self.level:.3f}, "
            f"{self.n_superpixels} superpixels>"
        )

    def _repr_png_(self) -> bytes:
        """The borders over the picture, as notebooks show them."""
        import io

        import PIL.Image

        file = io.BytesIO()
        PIL.Image.fromarray(self.contours()).save(file, "PNG")
        return file.getvalue()

    def _filled(self) -> NDArray[np.uint8]:
        return _displayable(self.image, like=self._tree.picture.pixels)

    def _alpha(self) -> NDArray[Any] | None:
        picture = self._tree.picture
        if picture.alpha is not None or (self.labels > 0).all():
            return picture.alpha
        opaque = np.iinfo(picture.pixels.dtype).max if picture.pixels.dtype.kind == "u" else 1
        return np.where(self.labels > 0, opaque, 0).astype(picture.pixels.dtype)


def regions(
    image: str | os.PathLike[str] | PIL.Image.Image | Picture | ArrayLike,
    *,
    level: float = DEFAULT_LEVEL,
    n_regions: int | None = None,
    n_components: int = 16,
    random_state: RandomState = 0,
    mask: ArrayLike | None = None,
    channel_axis: int | None = -1,
    max_pixels: int = 400_000,
    progress: bool | Callable[[str, float], object] | None = None,
    n_threads: int | None = None,
) -> Regions:
    """Segment a picture into connected regions, about as a person would outline them; their number is found.

    A mixture over colour and texture gives each pixel soft classes; where these or the colours change, there are edges;
    superpixels between the edges are merged, always the two neighbours that belong together most. The result is the
    whole tree of merges, cut at one level.

    Parameters
    ----------
    image : path, PIL image or array
        An array has shape (H, W[, C]). Three channels are taken for sRGB and one for grey; of any other number the
        first three principal components take the place of CIELAB. Integers span the range of their type, floats
        [0, 1]; floats beyond that are brought there by their least and largest value. In files and PIL images, fully
        transparent pixels take no part.
    level : float, default 0.5
        Where to cut the tree: higher for fewer regions, lower for more, on a scale that is the same for every picture.
        Try 0.45 for details, 0.55 for the coarsest shapes; :meth:`Regions.cut` changes it at once.
    n_regions : int, optional
        The number of regions, instead of a level.
    n_components : int, default 16
        Components of the mixture: soft classes of colour and texture.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the mixture's start; the same number gives the same answer.
    mask : array-like of bool, shape (H, W), optional
        Only True pixels take part and get a label.
    channel_axis : int or None, default -1
        The axis of an array that holds the channels; None where there is none. Arrays of two axes are grey.
    max_pixels : int, default 400_000
        Larger pictures are shrunk by a whole factor to at most as many pixels to find the tree; borders are then drawn
        at full resolution. Raise it to find small regions of large pictures.
    progress : bool or callable, optional
        True shows a bar; a function is called with (stage, share done) as each stage begins.
    n_threads : int, optional
        Default: ``RUSTEM_NUM_THREADS``, or the CPUs that the process may use. The answer does not depend on it.

    Returns
    -------
    Regions
        The regions, and the tree behind them.

    Raises
    ------
    ImageError
        The file cannot be read.
    InvalidInputError
        Wrong arguments or shapes, NaN or infinite pixels, nothing to segment.

    Notes
    -----
    The steps and every constant are described on the page about regions.

    References
    ----------
    .. [1] D. R. Martin, C. C. Fowlkes, J. Malik, "Learning to detect natural image boundaries using local brightness,
       color, and texture cues", IEEE TPAMI 26 (2004), doi:10.1109/TPAMI.2004.1273918
    .. [2] P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image segmentation",
       IEEE TPAMI 33 (2011), doi:10.1109/TPAMI.2010.161

    Examples
    --------
    >>> import numpy as np
    >>> import rustem
    >>> picture = np.zeros((64, 96, 3), dtype=np.uint8)
    >>> picture[:, 40:] = [255, 128, 0]
    >>> found = rustem.regions(picture)
    >>> found.n_regions, found.areas.tolist()
    (2, [3584, 2560])
    >>> found.cut(n_regions=1).labels.max()
    np.int32(1)
    """
    from rustem import _core
    from rustem._input import as_picture, check_finite, pixels_inside

    threads = check_threads(n_threads)
    picture = as_picture(image, channel_axis)
    pixels = picture.pixels[..., np.newaxis] if picture.pixels.ndim == 2 else picture.pixels
    if pixels.ndim != 3:
        raise InvalidInputError(f"{picture.name} has shape {picture.pixels.shape}: regions need a picture (H, W[, C])")
    shape = pixels.shape[:2]
    inside = pixels_inside(picture, shape, mask)
    if pixels.size == 0 or (inside is not None and not inside.any()):
        raise InvalidInputError(f"{picture.name} has no pixel to segment: it is empty, masked out or fully transparent")
    check_finite(pixels.reshape(-1, pixels.shape[2]), picture.name, shape, inside)
    options: _core._RegionOptions = {
        "n_components": check_integer("n_components", n_components),
        "seed": check_seed(random_state),
        "max_pixels": check_integer("max_pixels", max_pixels),
        "range": _range(pixels if inside is None else pixels[inside]),
        "n_threads": threads,
        "weights": None,
    }
    with _stage_callback(progress) as callback:
        superpixels, merges, levels = _core.regions(np.ascontiguousarray(pixels), inside, options, callback)
    tree = _Tree(picture, superpixels.view(np.int32), merges.astype(np.int64), levels)
    return _cut_at_level(tree, level) if n_regions is None else _cut_at_number(tree, n_regions)


def _range(pixels: NDArray[Any]) -> tuple[float, float]:
    """The values of black and white."""
    if pixels.dtype.kind == "u":
        return 0.0, float(np.iinfo(pixels.dtype).max)
    low, high = float(pixels.min()), float(pixels.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if not np.isfinite(high - low):
        raise InvalidInputError("the picture's values are too large: rescale them first")
    return low, high if high > low else low + 1.0


def _cut_at_level(tree: _Tree, level: object) -> Regions:
    if isinstance(level, bool) or not isinstance(level, int | float | np.number) or not 0 <= level <= 1:
        raise InvalidInputError(f"level is {level!r}: give a number from 0 to 1")
    return _cut(tree, int(np.searchsorted(tree.levels, float(level), side="right")), float(level))


def _cut_at_number(tree: _Tree, n_regions: int) -> Regions:
    number = check_integer("n_regions", n_regions)
    if number > tree.n_leaves:
        raise InvalidInputError(
            f"n_regions is {number}, but the picture has {tree.n_leaves} superpixels: give at most that many"
        )
    n_merges = tree.n_leaves - number
    return _cut(tree, n_merges, float(tree.levels[n_merges - 1]) if n_merges else 0.0)


def _cut(tree: _Tree, n_merges: int, level: float) -> Regions:
    of_superpixel = tree.regions_of(n_merges)
    labels = np.append(of_superpixel, np.int32(0))[tree.superpixels]
    return Regions(labels, level, tree, of_superpixel)


def _neighbouring(values: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each pixel but the last along an axis, and the next one."""
    return (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])


def _first_of(axis: int) -> tuple[slice, ...]:
    return (slice(None, -1),) if axis == 0 else (slice(None), slice(None, -1))


def _displayable(pixels: NDArray[Any], like: NDArray[Any] | None = None) -> NDArray[np.uint8]:
    """A copy as 8-bit RGB (H, W, 3): of many bands the first, middle and last, spread over the range of ``like``."""
    low, high = _range(pixels if like is None else like)
    channels = np.atleast_3d(pixels)
    if channels.shape[2] != 3:
        channels = channels[..., [0, (channels.shape[2] - 1) // 2, channels.shape[2] - 1]]
    shown = (np.nan_to_num(channels.astype(np.float32)) - low) * (255 / (high - low))
    as_bytes: NDArray[np.uint8] = np.rint(np.clip(shown, 0, 255)).astype(np.uint8)
    return as_bytes


@contextmanager
def _stage_callback(progress: bool | Callable[[str, float], object] | None) -> Iterator[Callable[[str], object] | None]:
    """What the core calls as each stage begins."""
    if progress is None or progress is False:
        yield None
    elif callable(progress):
        yield lambda stage: progress(stage, STAGES.index(stage) / len(STAGES))
    else:
        from tqdm import tqdm

        with tqdm(total=len(STAGES), unit="stage", leave=False) as bar:

            def begin(stage: str) -> None:
                bar.set_postfix_str(stage, refresh=False)
                bar.update(STAGES.index(stage) - bar.n)

            yield begin
