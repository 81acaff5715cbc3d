"""The fewest colours that look best: from a picture to a palette and back."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict, Unpack, cast, get_args, overload

import numpy as np

from rustem import _core
from rustem._input import as_picture, check_finite, is_several, lay_out, pixels_inside
from rustem._quantizing import Order, Space, cheapest, given_colours, ranking, rare_colours
from rustem._validation import Progress, RandomState, check_integer, check_seed, check_threads, progress_callback
from rustem.colours import Colours, count_colours
from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import PIL.Image
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from rustem.colorspaces import ColorSpace
    from rustem.images import Picture
    from rustem.segmentation import Segmentation

    class Options(TypedDict, total=False):
        """What `quantize` takes by name."""

        color_space: ColorSpace
        dither: Dither
        fixed_colors: Any
        palette: Any
        protect: Protect
        order: Order
        mask: Any
        channel_axis: int | None
        random_state: RandomState
        progress: Progress
        n_threads: int | None

    Image: TypeAlias = str | os.PathLike[str] | PIL.Image.Image | Picture | ArrayLike
Dither: TypeAlias = "bool | str | Mapping[str, Any]"
Protect: TypeAlias = "bool | Literal['auto']"
MAX_COLORS = 65536
# Steps over all colours end when the error falls by less than this part: about 0.0001 dB.
_TOL = 2e-5
_MAX_ITER = 300
# What rare colours may cost by default, as a part of the error: 0.1 dB.
_PROTECTION = 10**0.01 - 1
_PROTECTING_STEPS = 20


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
        original = self._colours.paint(space.features(self._colours.values), self._n_threads)
        entries = space.features(self.palette)
        labels = self.labels.ravel() if self._inside is None else self.labels[self._inside]
        shown = labels >= 0
        squares = ((original[shown] - entries[labels[shown]]) ** 2).sum(axis=1, dtype=np.float64)
        peak = float(np.ptp(self._colours.values[:, : self._channels])) if self.palette.dtype.kind == "f" else 1.0
        mean_square = float(squares.mean()) / self._channels
        return float("inf") if mean_square == 0 else float(10 * np.log10(peak**2 / mean_square))

    def boundaries(self) -> NDArray[np.bool_]:
        """True (H, W) where a pixel's colour differs from the next one's along any axis."""
        edges = np.zeros(self.labels.shape, dtype=bool)
        for axis in range(self.labels.ndim):
            here = (slice(None),) * axis + (slice(None, -1),)
            edges[here] |= np.diff(self.labels, axis=axis) != 0
        return edges

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
        from rustem.plotting import side_by_side as join

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

        return plot_segmentation(cast("Segmentation", self), self._picture.pixels, axes)

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


@overload
def quantize(
    image: list[Any] | tuple[Any, ...], n_colors: int = ..., **options: Unpack[Options]
) -> list[Quantization]: ...


@overload
def quantize(image: Image, n_colors: int = ..., **options: Unpack[Options]) -> Quantization: ...


def quantize(
    image: Image | list[Any] | tuple[Any, ...],
    n_colors: int = 256,
    *,
    color_space: ColorSpace = "oklab",
    dither: Dither = False,
    fixed_colors: Any = None,
    palette: Any = None,
    protect: Protect = "auto",
    order: Order = "weight",
    mask: Any = None,
    channel_axis: int | None = -1,
    random_state: RandomState = 0,
    progress: Progress = None,
    n_threads: int | None = None,
) -> Quantization | list[Quantization]:
    """Reduce a picture to few colours, chosen so that it changes least.

    Parameters
    ----------
    image : path, PIL image or array; or a list of them
        A list, as of the frames of an animation, shares one palette, and gives a list of results. An array has shape
        (H, W[, C]); uint8, uint16, or floats in [0, 1]. With 2 or 4 channels, the last one is alpha.
    n_colors : int, default 256
        Number of colours, from 1 to 65536. The palette has exactly as many; fewer only where the picture has no more,
        and then every pixel keeps its colour. Full transparency takes one of them where it occurs.
    color_space : {"srgb", "linear", "lab", "oklab"}, default "oklab"
        Where colours are compared: "oklab" for the eye, "srgb" for the highest PSNR. Pictures of other than one or
        three channels are compared in their own values.
    dither : bool, str or mapping, default False
        True or "floyd-steinberg" diffuses errors, "blue-noise" thresholds by a mask; a mapping gives further options
        of :func:`rustem.dithering.dither`, as in ``{"method": "floyd-steinberg", "strength": 0.8}``.
    fixed_colors : list of hex strings, or array-like of shape (f, C), optional
        Colours that are in the palette as given; the others adapt to them. Arrays are in the picture's type, uint8, or
        floats in [0, 1].
    palette : array-like, list of hex strings, path, or result of quantize or segment, optional
        The palette to use, in its own order and whole; nothing is fitted, and ``n_colors`` is not used.
    protect : {"auto", True, False}, default "auto"
        Whether rare colours whose hue would be lost (a few red pixels on a map) get entries of their own: "auto" where
        that costs less than 0.1 dB, True at any cost.
    order : {"weight", "luminance", "hue"}, default "weight"
        Order of the palette: most pixels first; dark to light; or greys from dark to light, then by hue from red over
        yellow, green and blue. Equal ones stay in the order in which they were found.
    mask : array-like of bool, shape (H, W), optional
        Only True pixels take part and get a label. For several pictures, a list.
    channel_axis : int or None, default -1
        The axis of an array that holds the channels; None where there is none. Arrays of two axes are grey.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the start; the same number gives the same answer.
    progress : bool or callable, optional
        True shows a bar; a function is called with (step, mean squared error).
    n_threads : int, optional
        Default: ``RUSTEM_NUM_THREADS``, or the CPUs that the process may use. The answer does not depend on it.

    Returns
    -------
    Quantization, or a list of them
        Labels, palette and the picture in its new colours, with what `Segmentation` offers to save and show them.

    Raises
    ------
    ImageError
        The file cannot be read.
    InvalidInputError
        Wrong arguments or shapes, NaN or infinite pixels, no pixel at all.

    References
    ----------
    .. [1] S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982) 129-137.
       doi:10.1109/TIT.1982.1056489

    Examples
    --------
    >>> import numpy as np
    >>> import rustem
    >>> ramp = np.linspace(0, 255, 64).astype(np.uint8).reshape(8, 8)
    >>> rustem.quantize(ramp, 4, order="luminance").palette.ravel().tolist()
    [24, 86, 153, 222]
    >>> rustem.quantize(ramp, palette=["#000", "#fff"]).counts.tolist()
    [25, 39]
    """
    n_colors = check_integer("n_colors", n_colors)
    if n_colors > MAX_COLORS:
        raise InvalidInputError(f"n_colors is {n_colors}: give a whole number from 1 to {MAX_COLORS}")
    _check_choice("order", order, get_args(Order))
    if protect not in (True, False, "auto"):
        raise InvalidInputError(f'protect is {protect!r}: give "auto", True or False')
    threads = check_threads(n_threads)
    several = is_several(image)
    pictures, masks = (image, mask) if several else ([image], [mask])
    parts = _parts(cast("Sequence[Any]", pictures), masks, channel_axis)
    rows = parts[0].rows if len(parts) == 1 else np.concatenate([part.rows for part in parts])
    channels, has_alpha = parts[0].channels, parts[0].picture.alpha is not None
    space = Space(color_space if channels in (1, 3) else "srgb", channels, has_alpha, rows.dtype)
    _check_range(rows, parts[0].picture.name, space)

    colours = _distinct(rows, n_colors, space, threads)
    fit = _Fit(colours, space, check_seed(random_state), threads)
    if palette is not None:
        fit.entries = given_colours(palette, "palette", space)
    else:
        fixed = None if fixed_colors is None else given_colours(fixed_colors, "fixed_colors", space)
        with progress_callback(progress, _MAX_ITER) as report:
            fit.run(n_colors, fixed, protect, report)
        fit.reorder(order)
    colour_labels, _ = fit.labels()
    label_type = np.int16 if len(fit.entries) <= np.iinfo(np.int16).max else np.int32
    painted = colours.paint(colour_labels.astype(label_type), threads)
    results, begin = [], 0
    for part in parts:
        end = begin + len(part.rows)
        own = colours if len(parts) == 1 else _slice(colours, begin, end)
        labels = lay_out(painted[begin:end], part.shape, part.inside, -1)
        if dither:
            labels = _dithered(fit, own, labels, part.inside, dither)
        shown = labels if part.inside is None else labels[part.inside]
        results.append(
            Quantization(
                labels=labels,
                palette=fit.entries,
                counts=np.bincount(shown[shown >= 0].ravel(), minlength=len(fit.entries)).astype(np.int64),
                n_requested=len(fit.entries) if palette is not None else n_colors,
                n_iter=fit.n_iter,
                _picture=part.picture,
                _colours=own,
                _inside=part.inside,
                _channels=channels,
                _n_threads=threads,
            )
        )
        begin = end
    return results if several else results[0]


class _Part(NamedTuple):
    """One picture, and the pixels (n, C) of it that take part, alpha last where there is one."""

    picture: Picture
    shape: tuple[int, ...]
    inside: NDArray[np.bool_] | None
    rows: NDArray[Any]
    channels: int


def _parts(pictures: Sequence[Any], masks: Any, channel_axis: int | None) -> list[_Part]:
    """The pictures, which must be of one kind; if one has alpha, all get it."""
    masks = [None] * len(pictures) if masks is None else masks
    if not isinstance(masks, list | tuple) or len(masks) != len(pictures):
        raise InvalidInputError(f"for {len(pictures)} pictures, give mask as a list of {len(pictures)} masks or None")
    taken = [_with_alpha_apart(as_picture(picture, channel_axis)) for picture in pictures]
    has_alpha = any(picture.alpha is not None for picture in taken)
    parts = []
    for opened, mask in zip(taken, masks, strict=True):
        picture, pixels = opened, opened.pixels
        shape = pixels.shape if pixels.ndim == 2 or channel_axis is None else pixels.shape[:-1]
        inside = pixels_inside(replace(picture, alpha=None), shape, mask)
        if pixels.size == 0 or (inside is not None and not inside.any()):
            raise InvalidInputError(f"{picture.name} has no pixel to reduce: it is empty or masked out")
        rows = pixels.reshape(int(np.prod(shape)), -1)
        channels = rows.shape[1]
        if has_alpha:
            opaque = np.iinfo(rows.dtype).max if rows.dtype.kind == "u" else 1
            alpha = np.full(shape, opaque, rows.dtype) if picture.alpha is None else picture.alpha
            picture, rows = replace(picture, alpha=alpha), np.hstack([rows, alpha.reshape(-1, 1)])
        if inside is not None:
            rows = rows[inside.ravel()]
        check_finite(rows, picture.name, shape, inside)
        parts.append(_Part(picture, shape, inside, rows, channels))
        if (channels, rows.dtype) != (parts[0].channels, parts[0].rows.dtype):
            raise InvalidInputError(
                f"{picture.name} has {channels} channels of {rows.dtype}, but {parts[0].picture.name} has "
                f"{parts[0].channels} of {parts[0].rows.dtype}: convert one of them"
            )
    return parts


def _slice(colours: Colours, begin: int, end: int) -> Colours:
    """The same colours for a run of the pixels."""
    if colours.index is None:
        return Colours(colours.values[begin:end], colours.features[begin:end], None, None)
    return replace(colours, index=colours.index[begin:end])


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidInputError(f"{name} is {value!r}: choose one of {', '.join(map(repr, choices))}")


def _with_alpha_apart(picture: Picture) -> Picture:
    """The last of 2 or 4 channels is alpha."""
    if picture.alpha is None and picture.pixels.ndim == 3 and picture.pixels.shape[2] in (2, 4):
        pixels, alpha = picture.pixels[..., :-1], picture.pixels[..., -1]
        return replace(picture, pixels=np.ascontiguousarray(pixels), alpha=np.ascontiguousarray(alpha))
    return picture


def _check_range(rows: NDArray[Any], name: str, space: Space) -> None:
    if rows.dtype.kind != "f":
        return
    values = rows if space.name != "srgb" else rows[:, space.channels :]
    if values.size and (values.min() < 0 or values.max() > 1):
        raise InvalidInputError(
            f"{name} runs from {values.min():g} to {values.max():g}: scale it to [0, 1]"
            + ("" if space.has_alpha else ', or use color_space="srgb" for values of another kind')
        )


def _distinct(rows: NDArray[Any], n_colors: int, space: Space, threads: int) -> Colours:
    """The distinct colours; where counting does not pay and they are too many to be kept, all pixels."""
    colours = count_colours(rows, space.unit, "srgb", threads)
    if colours.index is not None:
        return colours
    few = rows[:: max(1, len(rows) // (8 * n_colors + 1024))]
    if len(np.unique(few, axis=0)) > n_colors:
        return colours
    values, index, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return Colours(values, values, counts.astype(np.float64), index.ravel().astype(np.uint32))


class _Fit:
    """A palette in the making: `entries` for the colours of a picture."""

    def __init__(self, colours: Colours, space: Space, seed: int, threads: int) -> None:
        self.colours, self.space, self.seed, self.threads = colours, space, seed, threads
        self.counts = np.ones(len(colours.values)) if colours.counts is None else colours.counts
        values = colours.values
        self.visible = values[:, -1] > 0 if space.has_alpha else np.ones(len(values), bool)
        self.opaque = values[:, -1] == space.unit if space.has_alpha else self.visible
        self.features = space.features(values)
        self.entries = values[:0]
        self.exact: NDArray[np.uint32] | None = None  # each colour's own entry
        self.n_iter = 0

    def run(self, n_colors: int, fixed: NDArray[Any] | None, protect: Protect, report: Any) -> None:
        """Choose ``n_colors`` entries, those of ``fixed`` among them."""
        values = self.colours.values
        fixed = values[:0] if fixed is None else np.unique(fixed, axis=0)
        if len(fixed) > n_colors:
            raise InvalidInputError(f"fixed_colors has {len(fixed)} colours, n_colors is {n_colors}: raise n_colors")
        if len(values) <= n_colors:
            together, rows = np.unique(np.concatenate([fixed, values]), axis=0, return_inverse=True)
            if len(together) <= n_colors:
                self.entries, self.exact = together, rows.ravel()[len(fixed) :].astype(np.uint32)
                return
        hidden = not self.visible.all()
        clear = hidden and not (fixed[:, -1] == 0).any()
        n_free = n_colors - int(clear)
        if n_free < 1 or (n_free == len(fixed) and not (fixed[:, -1] > 0).any() and self.visible.any()):
            raise InvalidInputError("full transparency takes one colour: give n_colors of at least 2")
        start = self.space.features(fixed).astype(np.float64)
        centres = self._fit(start, len(fixed), n_free, report)
        if protect and self.space.channels == 3 and self.visible.any() and n_free - len(fixed) > 1 and n_free <= 4096:
            centres = self._protected(centres, fixed, n_free, protect)
        self.entries = np.concatenate([fixed, self.space.values(centres[len(fixed) :])])
        if clear:
            self.entries = np.concatenate([np.zeros((1, self.entries.shape[1]), values.dtype), self.entries])
        self._make_opaque(len(fixed) + int(clear))
        self._fill(len(fixed) + int(clear), n_colors)

    def _fit(
        self, start: NDArray[np.float64], n_fixed: int, n: int, report: Any = None, max_iter: int = _MAX_ITER
    ) -> NDArray[np.float64]:
        seen, width = self.visible, self.features.shape[1]
        features, counts = (self.features, self.counts) if seen.all() else (self.features[seen], self.counts[seen])
        if not len(features):
            return start
        if self.space.has_alpha and self.opaque[seen].all() and (start[:, -1] == features[0, -1]).all():
            width -= 1  # as if there were no alpha
        options: _core._PaletteOptions = {
            "n_clusters": n,
            "n_fixed": n_fixed,
            "tol": _TOL,
            "max_iter": max_iter,
            "seed": self.seed,
            "n_threads": self.threads,
        }
        centres, self.error, self.n_iter = _core.fit_palette(
            np.ascontiguousarray(features[:, :width]), counts, np.ascontiguousarray(start[:, :width]), options, report
        )
        constant = np.broadcast_to(features[:1, width:], (len(centres), features.shape[1] - width))
        return np.hstack([centres, constant])

    def _protected(
        self, centres: NDArray[np.float64], fixed: NDArray[Any], n: int, protect: Protect
    ) -> NDArray[np.float64]:
        """The centres with some for rare vivid colours, if those do not cost too much."""
        values, space, before = self.colours.values[self.visible], self.space, self.error
        features, counts = self.features[self.visible], self.counts[self.visible]
        perceived = replace(space, name="oklab", has_alpha=False)
        own = features if space == perceived else perceived.features(values)

        def lost(centres: NDArray[np.float64]) -> tuple[list[NDArray[np.intp]], float, NDArray[Any]]:
            labels, _ = _core.nearest(features, centres, self.threads)
            shown = perceived.features(space.values(centres))[labels]
            return *rare_colours(own, shown, counts, max(1, n // 16)), np.bincount(labels, counts, len(centres))

        groups, loss, masses = lost(centres)
        while groups:
            rare = np.array([np.average(features[group], axis=0, weights=counts[group]) for group in groups])
            dropped = cheapest(centres, masses, len(fixed), len(rare))
            kept = np.delete(centres, dropped, axis=0)
            start = np.concatenate([kept[: len(fixed)], rare, kept[len(fixed) :]])
            tried = self._fit(start, len(fixed) + len(rare), n, max_iter=_PROTECTING_STEPS)
            if protect is True or self.error <= (1 + _PROTECTION) * before:
                return tried if protect is True or lost(tried)[1] < loss else centres
            groups = groups[: len(groups) // 2]
        return centres

    def reorder(self, order: Order) -> None:
        """Sort the entries."""
        _, counts = self.labels()
        rows = ranking(self.entries, counts, order, self.space)
        self.entries = self.entries[rows]
        if self.exact is not None:
            self.exact = np.argsort(rows).astype(np.uint32)[self.exact]

    def labels(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The entry of each colour, and the pixels of each entry.

        Opaque colours get opaque entries and transparent ones transparent entries, as far as there are any.
        """
        if self.exact is not None:
            return self.exact, np.bincount(self.exact, self.counts, len(self.entries)).astype(np.int64)
        entries, groups = self.entries, [(np.ones(len(self.features), bool), np.ones(len(self.entries), bool))]
        if self.space.has_alpha:
            alpha = entries[:, -1]
            clear, full = alpha == 0, alpha == self.space.unit
            groups = [(~self.visible, clear), (self.opaque, full), (self.visible & ~self.opaque, ~clear)]
        labels = np.zeros(len(self.features), np.uint32)
        self.distances = np.zeros(len(self.features), np.float32)
        for colours, allowed in groups:
            if not colours.any():
                continue
            chosen = np.flatnonzero(allowed if allowed.any() else np.ones_like(allowed))
            features = self.features if colours.all() else np.ascontiguousarray(self.features[colours])
            centres = self.space.features(entries[chosen]).astype(np.float64)
            nearest, self.distances[colours] = _core.nearest(features, centres, self.threads)
            labels[colours] = chosen[nearest]
        return labels, np.bincount(labels, self.counts, len(entries)).astype(np.int64)

    def _make_opaque(self, n_kept: int) -> None:
        """Entries that stand for opaque pixels mostly become opaque; at least one does if there are such pixels."""
        if not self.space.has_alpha or not self.opaque.any():
            return
        free = np.arange(len(self.entries)) >= n_kept
        labels, _ = _core.nearest(self.features, self.space.features(self.entries).astype(np.float64), self.threads)
        mass = np.bincount(labels, self.counts, len(self.entries))
        opaque = np.bincount(labels, self.counts * self.opaque, len(self.entries))
        solid = free & (2 * opaque > mass)
        if free.any() and not solid.any() and not (self.entries[:, -1] == self.space.unit).any():
            solid[np.argmax(np.where(free, opaque, -1))] = True
        self.entries[solid, -1] = self.space.unit

    def _fill(self, n_kept: int, n: int) -> None:
        """Replace entries that no pixel has, and add missing ones, by the colours that are shown worst."""
        for _ in range(64):
            labels, counts = self.labels()
            idle = np.flatnonzero(counts == 0)
            idle = idle[idle >= n_kept]
            missing = n - len(self.entries)
            if not len(idle) and not missing:
                return
            errors = self.distances * self.counts * self.visible
            worst = np.argsort(-errors, kind="stable")[: len(idle) + missing]
            worst = worst[self.visible[worst] & (self.colours.values[worst] != self.entries[labels[worst]]).any(axis=1)]
            if not len(worst):
                return
            self.entries[idle[: len(worst)]] = self.colours.values[worst[: len(idle)]]
            self.entries = np.concatenate([self.entries, self.colours.values[worst[len(idle) :]]])


def _dithered(
    fit: _Fit, colours: Colours, labels: NDArray[Any], inside: NDArray[np.bool_] | None, dither: Dither
) -> NDArray[Any]:
    """Labels after dithering. Fully transparent pixels and entries take no part."""
    from rustem.dithering import dither_colours

    options: dict[str, Any] = {}
    if isinstance(dither, Mapping):
        options = dict(dither)
    elif isinstance(dither, str):
        options = {"method": dither}
    entries, values, seen = fit.entries, colours.values, inside
    chosen = np.arange(len(entries))
    index = np.arange(len(values), dtype=np.uint32) if colours.index is None else colours.index
    if fit.space.has_alpha:
        chosen = np.flatnonzero(entries[:, -1] > 0)
        shown = values[index, -1] > 0
        if not shown.any() or not len(chosen):
            return labels
        seen = lay_out(shown, labels.shape, inside, False)
        index = index[shown]
    dithered = dither_colours(
        replace(colours, index=index), seen, labels.shape, entries[chosen], n_threads=fit.threads, **options
    )
    result = labels.copy()
    took_part = np.ones(labels.shape, bool) if seen is None else seen
    result[took_part] = chosen[dithered[took_part]]
    return result
