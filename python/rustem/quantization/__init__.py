"""The fewest colours that look best: from a picture to a palette and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Unpack, get_args, overload

import numpy as np

from rustem.arguments import (
    ChannelAxis,
    Progress,
    RandomState,
    check_choice,
    check_threads,
    progress_callback,
    warn_caller,
)
from rustem.exceptions import InvalidInputError
from rustem.images.picture import Picture
from rustem.pipeline.color_table import count_colors
from rustem.pipeline.inputs import as_picture, has_channel_axis, is_several, open_inputs
from rustem.quantization.comparison_space import compared, distinct, without_alpha
from rustem.quantization.given_colors import given_colors
from rustem.quantization.labelling import Dither, label_picture
from rustem.quantization.palette_order import Order
from rustem.quantization.palette_search import (
    MAX_ITER,
    Protect,
    SearchOptions,
    palette_of_cells,
    search_palette,
    use_palette,
)
from rustem.quantization.prominent_colors import prominent_colors
from rustem.quantization.result import Quantization

if TYPE_CHECKING:
    from rustem.colorspaces import ColorSpace
    from rustem.palettes import Palette
    from rustem.pipeline.inputs import Image

    class Options(TypedDict, total=False):
        """What `quantize` takes by name."""

        color_space: ColorSpace
        dither: Dither
        fixed_colors: Any
        palette: Any
        protect: Protect
        order: Order
        mask: Any
        channel_axis: ChannelAxis
        random_state: RandomState
        progress: Progress
        n_threads: int | None


__all__ = ["Quantization", "palette", "quantize"]

Goal: TypeAlias = Literal["error", "prominent"]


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
    channel_axis: ChannelAxis = "auto",
    random_state: RandomState = 0,
    progress: Progress = None,
    n_threads: int | None = None,
) -> Quantization | list[Quantization]:
    """Reduce a picture to few colours, chosen so that it changes least.

    Parameters
    ----------
    image : path, bytes, open file, PIL image or array; or a list of them
        A list, as of the frames of an animation, shares one palette, and gives a list of results. An array has shape
        (H, W[, C]); uint8, uint16, or floats in [0, 1]; other integers and whole floats from 0 to 255 are taken for
        uint8. With 2 or 4 channels, the last one is alpha. Masked values of arrays, and what a file says is no data,
        take no part.
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
    palette : array-like, list of hex strings, path, name, or result of quantize or segment, optional
        The palette to use, in its own order and whole; nothing is fitted, and ``n_colors`` is not used. A name is one
        of :data:`rustem.palettes.NAMED`, as "eink-7color"; a file of this name goes before. Where none of its colors is
        transparent, pixels of less than half opacity stay clear (label -1), and the others become opaque.
    protect : {"auto", True, False}, default "auto"
        Whether rare colours whose hue would be lost (a few red pixels on a map) get entries of their own: "auto" where
        that costs less than 0.1 dB, True at any cost.
    order : {"weight", "luminance", "hue"}, default "weight"
        Order of the palette: most pixels first; dark to light; or greys from dark to light, then by hue from red over
        yellow, green and blue. Equal ones stay in the order in which they were found.
    mask : array-like of bool, shape (H, W), optional
        Only True pixels take part and get a label. For several pictures, a list.
    channel_axis : int, None or "auto", default "auto"
        The axis of an array that holds the channels; None where there is none. Arrays of two axes are grey. "auto" is
        -1, but refuses shapes that more likely have channels elsewhere or nowhere, as (24, 256, 256).
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
    options = SearchOptions.checked(n_colors, protect, order, random_state)
    inputs = open_inputs(image, mask, channel_axis, alpha="channel").within_unit(colors=color_space != "srgb")
    table = distinct(count_colors(inputs.pictures, "srgb", check_threads(n_threads)), options.n_colors)
    colors = compared(table, color_space)
    if palette is not None:
        found = use_palette(given_colors(palette, "palette", colors.space), colors)
    else:
        fixed = None if fixed_colors is None else given_colors(fixed_colors, "fixed_colors", colors.space)
        with progress_callback(progress, MAX_ITER) as report:
            found = search_palette(colors, options, fixed, report)
    n_requested = options.n_colors if palette is None else len(found.entries)
    return inputs.hand_back([label_picture(own, rows, found, n_requested, dither) for own, rows in table.split()])


def palette(
    image: Image,
    n_colors: int = 256,
    *,
    goal: Goal = "error",
    color_space: ColorSpace = "oklab",
    protect: Protect = "auto",
    order: Order = "weight",
    channel_axis: ChannelAxis = "auto",
    random_state: RandomState = 0,
    progress: Progress = None,
    n_threads: int | None = None,
) -> Palette:
    """Choose the colours that a picture changes least in, or those that people would name in it.

    For the least change, colours of large 8-bit RGB pictures are counted in cells of 2 × 2 × 2, and steps end sooner
    than in `quantize`: the palette is nearly as good, but not the same. Other pictures, and those of few colours, are
    left to `quantize`.

    Parameters
    ----------
    image : path, bytes, open file, PIL image or array of shape (H, W[, C])
        The picture; with 2 or 4 channels, the last one is alpha. Transparency is no color: pixels weigh as much as they
        are opaque.
    n_colors : int, default 256
        Number of colours, from 1 to 65536; fewer are found where the picture has fewer. Of prominent colours, at most
        so many.
    goal : {"error", "prominent"}, default "error"
        "error" to reduce a picture to these colours: they stand for all of it, in means of what is near. "prominent" to
        show or describe it, or to take a theme from it: few distinct colours as they occur in it, small vivid things
        among them, no shade twice, no specks.
    color_space, protect
        As in `quantize`; not for prominent colours.
    order, channel_axis, random_state, progress, n_threads
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
    >>> rustem.palette(flag, 8, goal="prominent", order="luminance").hex
    ['#000000', '#dd0000', '#ffcc00']
    """
    if is_several(image):
        raise InvalidInputError("the image is a list: give one picture, or use quantize for a palette that they share")
    from rustem.palettes.palette import as_palette

    picture = as_picture(image, channel_axis, alpha="channel")
    picture = _of_grey_or_colors(picture)
    options = SearchOptions.checked(n_colors, protect, order, random_state)
    check_choice("goal", goal, get_args(Goal))
    if goal == "prominent":
        for name, given, default in (("color_space", color_space, "oklab"), ("protect", protect, "auto")):
            if given != default:
                raise InvalidInputError(f'{name} is {given!r}, but goal="prominent" has no use for it: leave it out')
        with progress_callback(progress, MAX_ITER) as report:
            colors, shares = prominent_colors(picture, options, check_threads(n_threads), report)
        return as_palette(colors, shares=shares)
    with progress_callback(progress, MAX_ITER) as report:
        found = palette_of_cells(picture, color_space, options, check_threads(n_threads), report)
        if found is None:
            inputs = open_inputs(picture, None, channel_axis, alpha="channel").within_unit(colors=color_space != "srgb")
            table = distinct(count_colors(inputs.pictures, "srgb", check_threads(n_threads)), options.n_colors)
            fit = search_palette(without_alpha(compared(table, color_space)), options, None, report)
            found = fit.entries, fit.counts
    colors, counts = found
    return as_palette(colors, shares=counts / max(1, counts.sum()))


def _of_grey_or_colors(picture: Picture) -> Picture:
    """Without a band beside them, such as infrared, which no palette can show."""
    if not has_channel_axis(picture):
        return Picture(picture.pixels[..., np.newaxis], None, None, picture.name, picture.mask)
    n_channels = picture.pixels.shape[-1]
    if n_channels in (1, 3):
        return picture
    if n_channels not in (2, 4):
        raise InvalidInputError(
            f"{picture.name} has {n_channels} channels: a palette shows 1 or 3; choose them, as by pixels[..., :3]"
        )
    warn_caller(f"{picture.name} has {n_channels} channels: the palette leaves out the last", UserWarning)
    return replace(picture, pixels=np.ascontiguousarray(picture.pixels[..., :-1]))
