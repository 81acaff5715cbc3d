"""The fewest colours that look best: from a picture to a palette and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict, Unpack, cast, get_args, overload

import numpy as np

from rustem import _core
from rustem.arguments import Progress, RandomState, check_integer, check_seed, check_threads, progress_callback
from rustem.exceptions import InvalidInputError
from rustem.pipeline.color_table import Colours, count_colours
from rustem.pipeline.inputs import as_picture, check_finite, is_several, lay_out, pixels_inside
from rustem.quantization.comparison_space import Space
from rustem.quantization.given_colors import given_colours
from rustem.quantization.palette_order import Order
from rustem.quantization.palette_search import COARSE_TOL, MAX_ITER, Fit, Protect
from rustem.quantization.result import Quantization

if TYPE_CHECKING:
    from collections.abc import Sequence

    import PIL.Image
    from numpy.typing import ArrayLike, NDArray

    from rustem.colorspaces import ColorSpace
    from rustem.images import Picture
    from rustem.palettes.palette import Palette

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
__all__ = ["Quantization", "palette", "quantize"]

Dither: TypeAlias = "bool | str | Mapping[str, Any]"
MAX_COLORS = 65536
# Cells of colours are counted of larger pictures, and used where there are so many for each entry of the palette.
_PIXELS_WORTH_CELLS = 2**20
_CELLS_EACH = 32


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
        Where colours are compared: "oklab" for the eye, "srgb" for the highest PSNR. In "oklab" chroma counts double
        [2]_. Pictures of other than one or three channels are compared in their own values.
    dither : bool, str or mapping, default False
        True or "floyd-steinberg" diffuses errors, "blue-noise" thresholds by a mask; a mapping gives further options
        of :func:`rustem.dither`, as in ``{"method": "floyd-steinberg", "strength": 0.8}``.
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
    .. [2] B. Ottosson on the scale of OKLab's chroma, 2021,
       https://github.com/w3c/csswg-drafts/issues/6642#issuecomment-945714988

    Examples
    --------
    >>> import numpy as np
    >>> import rustem
    >>> ramp = np.linspace(0, 255, 64).astype(np.uint8).reshape(8, 8)
    >>> rustem.quantize(ramp, 4, order="luminance").palette.ravel().tolist()
    [22, 82, 149, 220]
    >>> rustem.quantize(ramp, palette=["#000", "#fff"]).counts.tolist()
    [25, 39]
    """
    n_colors = _check(n_colors, order, protect)
    threads = check_threads(n_threads)
    several = is_several(image)
    pictures, masks = (image, mask) if several else ([image], [mask])
    parts = _parts(cast("Sequence[Any]", pictures), masks, channel_axis)
    rows = parts[0].rows if len(parts) == 1 else np.concatenate([part.rows for part in parts])
    channels, has_alpha = parts[0].channels, parts[0].picture.alpha is not None
    space = Space(color_space if channels in (1, 3) else "srgb", channels, has_alpha, rows.dtype)
    _check_range(rows, parts[0].picture.name, space)

    fit = Fit(_distinct(rows, n_colors, space, threads), space, check_seed(random_state), threads)
    if palette is not None:
        fit.entries = given_colours(palette, "palette", space)
        n_colors = len(fit.entries)
    else:
        fixed = None if fixed_colors is None else given_colours(fixed_colors, "fixed_colors", space)
        with progress_callback(progress, MAX_ITER) as report:
            fit.run(n_colors, fixed, protect, report)
        fit.reorder(order)
    results = _results(parts, fit, n_colors, dither)
    return results if several else results[0]


def palette(
    image: Image,
    n_colors: int = 256,
    *,
    color_space: ColorSpace = "oklab",
    protect: Protect = "auto",
    order: Order = "weight",
    random_state: RandomState = 0,
    progress: Progress = None,
    n_threads: int | None = None,
) -> Palette:
    """Choose the colours that a picture changes least in, without reducing it to them: sooner than `quantize`.

    Colours of large 8-bit RGB pictures are counted in cells of 2 × 2 × 2, and steps end sooner: the palette is nearly
    as good as that of `quantize`, but not the same. Other pictures, and those of few colours, are left to `quantize`.

    Parameters
    ----------
    image : path, PIL image or array of shape (H, W[, C])
        The picture; with 2 or 4 channels, the last one is alpha, and full transparency is no colour.
    n_colors : int, default 256
        Number of colours, from 1 to 65536; fewer are found only where the picture has fewer.
    color_space, protect, order, random_state, progress, n_threads
        As in `quantize`.

    Returns
    -------
    Palette
        Colours (k, 3) in 8 bits, and the share of the picture that is nearest to each.

    Raises
    ------
    ImageError
        The file cannot be read.
    InvalidInputError
        Wrong arguments or shapes, NaN or infinite pixels, no pixel at all.

    Examples
    --------
    >>> import numpy as np
    >>> import rustem
    >>> flag = np.repeat([[0, 0, 0], [221, 0, 0], [255, 204, 0]], 5, axis=0).astype(np.uint8)[:, np.newaxis]
    >>> found = rustem.palette(flag, 3, order="luminance")
    >>> found.hex, found.shares.round(2).tolist()
    (['#000000', '#dd0000', '#ffcc00'], [0.33, 0.33, 0.33])
    """
    from rustem.palettes.palette import as_palette

    if is_several(image):
        raise InvalidInputError("the image is a list: give one picture, or use quantize for a palette that they share")
    picture = as_picture(image, -1)
    options: dict[str, Any] = {"color_space": color_space, "protect": protect, "order": order}
    options |= {"random_state": random_state, "progress": progress, "n_threads": n_threads}
    found = _palette_of_cells(picture, n_colors, **options)
    if found is None:
        result = quantize(picture, n_colors, **options)
        colors, counts = result.palette, result.counts
        if colors.shape[1] in (2, 4):  # transparency is no colour
            colors, counts = colors[colors[:, -1] > 0, :-1], counts[colors[:, -1] > 0]
    else:
        colors, counts = found
    return as_palette(colors, shares=counts / max(1, counts.sum()))


def _palette_of_cells(
    picture: Picture,
    n_colors: int,
    *,
    color_space: ColorSpace,
    protect: Protect,
    order: Order,
    random_state: RandomState,
    progress: Progress,
    n_threads: int | None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]] | None:
    """Colours (k, 3) and pixels of each; None where cells are no help."""
    pixels = picture.pixels
    if picture.alpha is not None or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        return None
    if pixels.size < 3 * _PIXELS_WORTH_CELLS:
        return None
    _check(n_colors, order, protect)
    threads = check_threads(n_threads)
    values, counts = _core.count_cells(np.ascontiguousarray(pixels).reshape(-1, 3), threads)
    if len(values) < _CELLS_EACH * n_colors:
        return None
    space = Space(color_space, 3, False, values.dtype)
    colours = Colours(values, values, counts.astype(np.float64), None)
    fit = Fit(colours, space, check_seed(random_state), threads, COARSE_TOL)
    with progress_callback(progress, MAX_ITER) as report:
        fit.run(n_colors, None, protect, report)
    rounded = np.rint(fit.entries / 257).astype(np.uint16)
    if len(np.unique(rounded, axis=0)) < n_colors:  # some are less than a step apart
        return None
    fit.entries = rounded * np.uint16(257)
    fit.reorder(order)
    return (fit.entries // 257).astype(np.uint8), fit.labels()[1]


def _check(n_colors: int, order: Order, protect: Protect) -> int:
    n_colors = check_integer("n_colors", n_colors)
    if n_colors > MAX_COLORS:
        raise InvalidInputError(f"n_colors is {n_colors}: give a whole number from 1 to {MAX_COLORS}")
    _check_choice("order", order, get_args(Order))
    if protect not in (True, False, "auto"):
        raise InvalidInputError(f'protect is {protect!r}: give "auto", True or False')
    return n_colors


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


def _results(parts: list[_Part], fit: Fit, n_requested: int, dither: Dither) -> list[Quantization]:
    """Each picture in the palette's colours."""
    colour_labels, counts = fit.labels()
    label_type = np.int16 if len(fit.entries) <= np.iinfo(np.int16).max else np.int32
    painted = fit.colours.paint(colour_labels.astype(label_type), fit.threads)
    results, begin = [], 0
    for part in parts:
        end = begin + len(part.rows)
        colours = fit.colours if len(parts) == 1 else _slice(fit.colours, begin, end)
        labels = lay_out(painted[begin:end], part.shape, part.inside, -1)
        if dither:
            labels = _dithered(fit, colours, labels, part.inside, dither)
        if dither or len(parts) > 1:
            shown = labels if part.inside is None else labels[part.inside]
            counts = np.bincount(shown.ravel(), minlength=len(fit.entries)).astype(np.int64)
        results.append(
            Quantization(
                labels=labels,
                palette=fit.entries,
                counts=counts,
                n_requested=n_requested,
                n_iter=fit.n_iter,
                _picture=part.picture,
                _colours=colours,
                _inside=part.inside,
                _channels=part.channels,
                _n_threads=fit.threads,
            )
        )
        begin = end
    return results


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
    if space.has_alpha and len(colours.values) > n_colors:
        hidden = rows[:, -1] == 0
        if rows[hidden].any():  # what colour nobody sees must not matter
            colours = count_colours(np.where(hidden[:, np.newaxis], 0, rows), space.unit, "srgb", threads)
    if colours.index is not None:
        return colours
    few = rows[:: max(1, len(rows) // (8 * n_colors + 1024))]
    if len(np.unique(few, axis=0)) > n_colors:
        return colours
    values, index, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return Colours(values, values, counts.astype(np.float64), index.ravel().astype(np.uint32))


def _dithered(
    fit: Fit, colours: Colours, labels: NDArray[Any], inside: NDArray[np.bool_] | None, dither: Dither
) -> NDArray[Any]:
    """Labels after dithering. Fully transparent pixels and entries take no part."""
    from rustem.quantization.dithering import dither_colours

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
