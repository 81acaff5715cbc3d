"""TIFF of more than Pillow keeps: 16 bits in colour, floats, any number of channels; which pages are the picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from rustem.arguments import warn_caller
from rustem.exceptions import ImageError
from rustem.images import tiff_codecs
from rustem.images.choice import EVERYTHING, Choice, check_part
from rustem.images.color_models import cmyk_to_rgb, lab_to_rgb
from rustem.images.color_profiles import in_srgb
from rustem.images.metadata import calibrated, metadata_of_page, without_data
from rustem.images.orientation import upright_picture
from rustem.images.picture import Metadata, Picture, in_plain_type, max_pixels, white_level
from rustem.images.stored_arrays import MANY_CHANNELS, channels_last

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_REDUCED, _MASK = 1, 4
_GREY_OR_RGB, _CMYK, _CIELAB, _ICCLAB = (0, 1, 2), 5, 8, 9
# Axes that planes of a volume lie along, the likeliest first: depth, time, and what writers leave without a name.
_DEPTH_AXES = "ZTQIRHAPE"
# Fewer pages of one size are no stack: front and back of a sheet.
_FEW_PLANES = 3
# Beginnings of descriptions that tell of more planes than the file has pages.
_STACK_DESCRIPTIONS = ("ImageJ=", "<?xml", "<OME", '{"shape"')


def read_tiff(
    file: BinaryIO, image: Image.Image | None, name: str, choice: Choice = EVERYTHING
) -> tuple[Picture | None, NDArray[np.bool_] | None]:
    """The picture in a file, and the mask that lies on a page of its own.

    Instead of the picture None, if Pillow keeps all of it: then ``image``, as Pillow has opened the file, is at its
    page.
    """
    if image is not None and not choice.names_a_part and _is_simple(image):
        return (None, None) if not _is_more_than_pillow_keeps(image) else _read(file, None, name, choice)
    return _read(file, image, name, choice)


def _is_simple(image: Image.Image) -> bool:
    """Whether the file is one page that stands for one plane."""
    description = str(image.tag_v2.get(270, ""))  # type: ignore[attr-defined]
    if description.startswith(_STACK_DESCRIPTIONS):
        return False
    try:
        image.seek(1)
    except EOFError:
        return True
    except Exception:  # there is a second page, which Pillow does not read
        image.seek(0)
        return False
    image.seek(0)
    return False


def _is_more_than_pillow_keeps(image: Image.Image) -> bool:
    """Whether Pillow would lose channels, signs or depth of the page that it is at."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    bits, photometric, extra = tags.get(258, (1,)), tags.get(262), tags.get(338, ())
    formats = tags.get(339, (1,))
    if photometric in (_CMYK, _CIELAB, _ICCLAB):
        return bool(max(bits) > 8 or photometric == _ICCLAB)
    if photometric not in _GREY_OR_RGB:
        return False
    if max(bits) <= 8:
        untold = tags.get(277, 1) > (3 if photometric == 2 else 1) + len(extra)
        return bool(0 in extra or untold or 2 in formats)
    return bool((bits, photometric, formats) != ((16,), 1, (1,)))


def _read(
    file: BinaryIO, image: Image.Image | None, name: str, choice: Choice
) -> tuple[Picture | None, NDArray[np.bool_] | None]:
    import logging

    TiffFile = tifffile_module(name).TiffFile  # noqa: N806

    log = logging.getLogger("tifffile")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else it prints each odd tag; what matters is raised
    file.seek(0)
    with TiffFile(file) as tiff:
        planes = _Planes.of_pages(tiff, name, choice) if choice.page is not None else _stack(tiff, name, choice)
        mask = None
        if planes is None:
            number, mask_page, others = _main_page(tiff)
            if others:
                planes = _like_a_stack(tiff, [number, *others], name, choice)
            if others and planes is None:
                n_left_out = len(others)
                warn_caller(
                    f"{name} has {n_left_out + 1} pages: page {number + 1} is read, {n_left_out} left out; page=N "
                    "reads another, page='all' a volume of all",
                    UserWarning,
                )
            mask = None if mask_page is None else _values(tiff.pages[mask_page].aspage()) > 0
            planes = planes or _Planes.of_page(tiff, number)
        metadata = calibrated(metadata_of_page(planes.page), tiff, planes.page, planes.series)
        lost = metadata.spacing is not None and int(planes.page.photometric) in _GREY_OR_RGB  # by Pillow
        if image is not None and planes.number is not None and not lost and _pillow_keeps(image, planes.number):
            return None, mask
        return _picture(planes, metadata, name, choice), mask


def tifffile_module(name: str) -> Any:
    """The package that reads and writes TIFF, where it is installed."""
    try:
        import tifffile
    except ImportError:
        raise ImageError(f'{name}: TIFF of this kind needs one more package; pip install "rustem[tiff]"') from None
    return tifffile


def _pillow_keeps(image: Image.Image, number: int) -> bool:
    try:
        image.seek(number)
    except Exception:  # a page of another kind than Pillow reads
        return False
    return not _is_more_than_pillow_keeps(image)


def _main_page(tiff: Any) -> tuple[int, int | None, list[int]]:
    """The first page that is neither reduced nor a mask, the page of its mask, and the others."""
    kinds = [int(page.aspage().subfiletype) for page in tiff.pages]
    main = [number for number, kind in enumerate(kinds) if not kind & (_REDUCED | _MASK)] or [0]
    masks = [number for number, kind in enumerate(kinds) if kind & _MASK and not kind & _REDUCED]
    mask = masks[0] if masks and masks[0] > main[0] and len(main) == 1 else None
    return main[0], mask, main[1:]


@dataclass(frozen=True)
class _Planes:
    """What is read as one picture: a page, or the planes of a stack.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page, or the first of the stack.
    axes : str
        Axes of the values.
    shape : tuple of int
        Their lengths.
    values : callable
        Gives the values as they are stored, of this shape.
    number : int or None
        Of a single page, its number from 0.
    series : int
        The number of the series, from 0.
    """

    page: Any
    axes: str
    shape: tuple[int, ...]
    values: Callable[[], NDArray[Any]]
    number: int | None = None
    series: int = 0

    @classmethod
    def of_page(cls, tiff: Any, number: int) -> _Planes:
        page = tiff.pages[number].aspage()
        return cls(page, page.axes, page.shape, lambda: _values(page), number)

    @classmethod
    def of_numbers(cls, tiff: Any, numbers: list[int]) -> _Planes:
        """Pages of one shape and type."""
        pages = [tiff.pages[number].aspage() for number in numbers]
        first = pages[0]
        shape = (len(pages), *first.shape)
        return cls(first, "I" + first.axes, shape, lambda: np.stack([_values(page) for page in pages]))

    @classmethod
    def of_pages(cls, tiff: Any, name: str, choice: Choice) -> _Planes:
        """The page or pages that are asked for."""
        if len(tiff.pages) == 1 and tiff.series and set(tiff.series[0].axes) - set("YXS"):
            return cls._of_planes(tiff.series[0], name, choice)
        numbers = choice.page_numbers(len(tiff.pages), name)
        if isinstance(choice.page, int):
            return cls.of_page(tiff, numbers[0])
        kinds = {_kind(tiff.pages[number].aspage()) for number in numbers}
        if len(kinds) > 1:
            raise ImageError(f"{name}: these pages differ in size or type, and make no volume; read them one by one")
        return cls.of_numbers(tiff, numbers)

    @classmethod
    def _of_planes(cls, series: Any, name: str, choice: Choice) -> _Planes:
        """Planes that lie behind one page, as ImageJ stores large stacks."""
        n_last = 3 if series.axes.endswith("YXS") else 2
        axes, shape = series.axes[-n_last:], tuple(series.shape[-n_last:])
        n_planes = math.prod(series.shape[:-n_last])
        numbers = choice.page_numbers(n_planes, name)
        single = isinstance(choice.page, int)
        return cls(
            series.keyframe,
            axes if single else "I" + axes,
            shape if single else (len(numbers), *shape),
            lambda: series.asarray().reshape(n_planes, *shape)[numbers[0] if single else numbers],
        )

    @classmethod
    def of_series(cls, series: Any, number: int) -> _Planes:
        page, shape = series.keyframe, tuple(series.shape)

        def values() -> NDArray[Any]:
            if not _needs_codecs(page):
                return np.asarray(series.asarray())
            return np.stack([_values(each.aspage()) for each in series.pages]).reshape(shape)

        return cls(page, series.axes, shape, values, series=number)

    def check_size(self) -> None:
        """Refuse what is too large, before memory is taken."""
        channels = math.prod(length for axis, length in zip(self.axes, self.shape, strict=True) if axis in "CS")
        n_pixels = math.prod(self.shape) // max(1, channels)
        if n_pixels * max(1, channels / 4) > max_pixels():
            raise Image.DecompressionBombError(f"Image size ({n_pixels} pixels of {channels} channels)")


def _kind(page: Any) -> tuple[Any, ...]:
    return tuple(page.shape), page.axes, page.dtype, int(page.photometric), tuple(page.extrasamples)


def _like_a_stack(tiff: Any, numbers: list[int], name: str, choice: Choice) -> _Planes | None:
    """Pages without a word on how they belong together, where they look like planes: several grey ones of one kind."""
    first = tiff.pages[numbers[0]].aspage()
    if len(numbers) < _FEW_PLANES or first.axes != "YX" or int(first.photometric) not in (0, 1):
        return None
    if first.bitspersample == 1 or any(_kind(tiff.pages[number].aspage()) != _kind(first) for number in numbers):
        return None
    if choice.channel_axis == "auto":
        warn_caller(
            f"{name} has {len(numbers)} grey pages of one size, and does not say how they belong together: they are "
            f"read as the planes of a volume; page={numbers[0] + 1} reads the first alone, channel_axis=0 channels",
            UserWarning,
        )
    return _Planes.of_numbers(tiff, numbers)


def _values(page: Any) -> NDArray[Any]:
    return tiff_codecs.decoded(page) if _needs_codecs(page) else np.asarray(page.asarray())


def _needs_codecs(page: Any) -> bool:
    """Whether tifffile lacks what it takes to unpack a page, and Pillow has it."""
    from tifffile import TIFF

    try:
        return (page.compression not in TIFF.DECOMPRESSORS or page.predictor not in TIFF.UNPREDICTORS) and (
            tiff_codecs.decodes(page)
        )
    except (KeyError, ValueError):
        return False


def _stack(tiff: Any, name: str, choice: Choice) -> _Planes | None:
    """The pages as one array, where their writer says that they are one; None where they are a page or unrelated."""
    try:
        all_series = list(tiff.series)
        series = all_series[0]
    except Exception:  # broken metadata leaves the pages
        return None
    if choice.series is not None:
        check_part("series", choice.series, len(all_series), name)
        return _Planes.of_series(all_series[choice.series - 1], choice.series - 1)
    axes = series.axes
    if series.kind.lower() in ("generic", "uniform") or not set(axes) - set("YXS"):
        return None
    if "Y" not in axes or "X" not in axes or int(series.keyframe.photometric) not in _GREY_OR_RGB:
        return None
    others = [each for each in all_series[1:] if not int(each.keyframe.subfiletype) & (_REDUCED | _MASK)]
    if others:
        warn_caller(
            f"{name} has {len(others) + 1} series: series 1 is read, {len(others)} left out; series=N reads another",
            UserWarning,
        )
    return _Planes.of_series(series, 0)


def _in_order(planes: _Planes, values: NDArray[Any], name: str, choice: Choice) -> NDArray[Any]:
    """Values as (H, W, C), or (D, H, W, C) of several planes."""
    axes = planes.axes
    if choice.time is not None:
        n_times = planes.shape[axes.index("T")] if "T" in axes else 1
        check_part("time", choice.time, n_times, name)
        if "T" in axes:
            values, axes = values.take(choice.time - 1, axis=axes.index("T")), axes.replace("T", "")
    depths = [axis for axis in _DEPTH_AXES if axis in axes]
    channels = [axis for axis in "CS" if axis in axes]
    unnamed = set(axes) - set("YX") <= set("QI") or (len(axes) == 3 and isinstance(choice.channel_axis, int))
    if not channels and len(axes) > 2 and unnamed:
        return _of_unnamed_axes(values, name, choice)
    for axis in [*(each for each in axes if each not in "YXCS" + _DEPTH_AXES), *depths[1:]]:
        place = axes.index(axis)
        if values.shape[place] > 1:
            other = "time=N reads another" if axis == "T" else "page=N reads any plane of the file"
            warn_caller(
                f"{name} has axes {planes.axes} of lengths {planes.shape}: of {axis} the first is read, "
                f"{values.shape[place] - 1} left out; {other}",
                UserWarning,
            )
        values, axes = values.take(0, axis=place), axes.replace(axis, "", 1)
    order = [*depths[:1], "Y", "X", *channels]
    values = values.transpose([axes.index(axis) for axis in order])
    return values.reshape(*values.shape[: len(order) - len(channels)], -1)


def _of_unnamed_axes(values: NDArray[Any], name: str, choice: Choice) -> NDArray[Any]:
    """A stack whose writer names none of the axes but height and width: planes, or what the caller says."""
    values = values.reshape([length for length in values.shape[:-2] if length > 1] + list(values.shape[-2:]))
    axis = choice.channel_axis
    if axis == "auto" and values.ndim == 3:
        axis = -1 if values.shape[-1] <= MANY_CHANNELS < min(values.shape[:2]) else None
    values, named = channels_last(values, axis, name)
    return values if named else values[..., np.newaxis]


def _picture(planes: _Planes, metadata: Metadata, name: str, choice: Choice) -> Picture:
    page = planes.page
    planes.check_size()
    photometric, extra, bits = int(page.photometric), tuple(int(kind) for kind in page.extrasamples), page.bitspersample
    n_inks = page.samplesperpixel - len(extra)
    known = photometric in _GREY_OR_RGB or (
        (photometric == _CMYK and n_inks == 4) or (photometric in (_CIELAB, _ICCLAB) and n_inks == 3)
    )
    if not known or "Y" not in planes.axes or "X" not in planes.axes:
        raise ImageError(
            f"{name}: TIFF of this kind ({page.photometric!s}, {page.axes}) is not read; convert it to RGB"
        )
    values = _in_order(planes, planes.values(), name, choice)
    metadata, mask = without_data(values, metadata, choice.nodata, channels=True)
    if values.dtype.kind == "u" and bits < 8 * values.dtype.itemsize <= 16:
        values = np.rint(values * (white_level(values.dtype) / (2**bits - 1))).astype(values.dtype)
    values = in_plain_type(values)
    if photometric == 0 and values.dtype.kind == "u":
        values = white_level(values.dtype) - values
    alpha = None
    kind = next((kind for kind in extra if kind in (1, 2)), None)
    if kind is not None and "C" not in planes.axes:
        channel = values.shape[-1] - len(extra) + extra.index(kind)
        alpha, values = values[..., channel], np.delete(values, channel, axis=-1)
        if kind == 1:
            values = _divided(values, alpha)
    profile, orientation = page.tags.valueof(34675), int(page.tags.valueof(274, 1))
    if photometric not in _GREY_OR_RGB:
        if values.dtype.kind != "u":
            raise ImageError(
                f"{name}: TIFF of this kind ({page.photometric!s}, {values.dtype}) is not read; convert it to RGB"
            )
        values = _in_rgb(values, photometric, profile, name)
        if alpha is not None:
            alpha = _as_deep_as(alpha, values.dtype)
    if values.ndim == 4:
        return _volume(values, alpha, profile, name, mask, metadata)
    return upright_picture(values, alpha, profile, orientation, name, mask, metadata)


def _in_rgb(values: NDArray[Any], photometric: int, profile: bytes | None, name: str) -> NDArray[Any]:
    if photometric == _CMYK:
        return cmyk_to_rgb(values[..., :4], profile, name)
    return lab_to_rgb(values[..., :3], offset=photometric == _ICCLAB)


def _as_deep_as(alpha: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    scaled = alpha * (white_level(dtype) / white_level(alpha.dtype))
    return np.rint(scaled).astype(dtype)


def _volume(
    values: NDArray[Any],
    alpha: NDArray[Any] | None,
    profile: bytes | None,
    name: str,
    mask: NDArray[np.bool_] | None,
    metadata: Metadata,
) -> Picture:
    if alpha is not None:
        alpha = None if (alpha == white_level(alpha.dtype)).all() else np.ascontiguousarray(alpha)
    return in_srgb(Picture(np.ascontiguousarray(values), alpha, profile, name, mask, metadata))


def _divided(values: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colours (H, W, C) that were stored multiplied by `alpha`."""
    highest, weight = float(white_level(values.dtype)), alpha[..., None]
    divided = np.zeros(values.shape)
    np.divide(values * highest, weight, out=divided, where=weight > 0)
    return (np.rint(np.minimum(divided, highest)) if values.dtype.kind == "u" else divided).astype(values.dtype)
