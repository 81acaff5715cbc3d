"""TIFF of more than Pillow keeps: 16 bits in colour, floats, any number of channels; which pages are the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from rustem.arguments import warn_caller
from rustem.exceptions import ImageError
from rustem.images import tiff_codecs
from rustem.images.color_models import cmyk_to_rgb, lab_to_rgb
from rustem.images.color_profiles import in_srgb
from rustem.images.metadata import data_mask, metadata_of_page, tags_to_write
from rustem.images.orientation import upright_picture
from rustem.images.picture import NO_METADATA, Metadata, Picture, in_plain_type, max_pixels, white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_REDUCED, _MASK = 1, 4
_GREY_OR_RGB, _CMYK, _CIELAB, _ICCLAB = (0, 1, 2), 5, 8, 9
# Axes that planes of a volume lie along, the likeliest first: depth, time, and what writers leave without a name.
_DEPTH_AXES = "ZTQIRHAPE"
# Beginnings of descriptions that tell of more planes than the file has pages.
_STACK_DESCRIPTIONS = ("ImageJ=", "<?xml", "<OME", '{"shape"')


def read_tiff(file: BinaryIO, image: Image.Image | None, name: str) -> tuple[Picture | None, NDArray[np.bool_] | None]:
    """The picture in a file, and the mask that lies on a page of its own.

    Instead of the picture None, if Pillow keeps all of it: then ``image``, as Pillow has opened the file, is at its
    page.
    """
    if image is not None and _is_simple(image):
        return (None, None) if not _is_more_than_pillow_keeps(image) else _read(file, None, name)
    return _read(file, image, name)


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


def _read(file: BinaryIO, image: Image.Image | None, name: str) -> tuple[Picture | None, NDArray[np.bool_] | None]:
    import logging

    from tifffile import TiffFile

    log = logging.getLogger("tifffile")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else it prints each odd tag; what matters is raised
    file.seek(0)
    with TiffFile(file) as tiff:
        stack = _stack(tiff, name)
        if stack is not None:
            return _picture(stack, name), None
        number, mask_page, n_left_out = _main_page(tiff)
        if n_left_out:
            warn_caller(
                f"{name} has {n_left_out + 1} pages: page {number + 1} is read, {n_left_out} left out; "
                "save the others as files of their own",
                UserWarning,
            )
        page = tiff.pages[number].aspage()
        mask = None if mask_page is None else _values(tiff.pages[mask_page].aspage()) > 0
        if image is not None and _pillow_keeps(image, number):
            return None, mask
        return _picture(_Planes.of_page(page), name), mask


def _pillow_keeps(image: Image.Image, number: int) -> bool:
    try:
        image.seek(number)
    except Exception:  # a page of another kind than Pillow reads
        return False
    return not _is_more_than_pillow_keeps(image)


def _main_page(tiff: Any) -> tuple[int, int | None, int]:
    """The first page that is neither reduced nor a mask, the page of its mask, and how many others there are."""
    kinds = [int(page.aspage().subfiletype) for page in tiff.pages]
    main = [number for number, kind in enumerate(kinds) if not kind & (_REDUCED | _MASK)] or [0]
    masks = [number for number, kind in enumerate(kinds) if kind & _MASK and not kind & _REDUCED]
    mask = masks[0] if masks and masks[0] > main[0] and len(main) == 1 else None
    return main[0], mask, len(main) - 1


@dataclass(frozen=True)
class _Planes:
    """What is read as one picture: a page, or the planes of a stack.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page, or the first of the stack.
    pages : list of tifffile.TiffPage or None
        Those of a stack; None where there is one, or where all planes lie behind one page.
    series : tifffile.TiffPageSeries or None
        The stack.
    axes : str
        Axes of the values.
    shape : tuple of int
        Their lengths.
    """

    page: Any
    series: Any
    axes: str
    shape: tuple[int, ...]

    @classmethod
    def of_page(cls, page: Any) -> _Planes:
        return cls(page, None, page.axes, page.shape)

    def check_size(self) -> None:
        """Refuse what is too large, before memory is taken."""
        channels = math.prod(length for axis, length in zip(self.axes, self.shape, strict=True) if axis in "CS")
        n_pixels = math.prod(self.shape) // max(1, channels)
        if n_pixels * max(1, channels / 4) > max_pixels():
            raise Image.DecompressionBombError(f"Image size ({n_pixels} pixels of {channels} channels)")

    def values(self) -> NDArray[Any]:
        """The values as they are stored, of :attr:`shape`."""
        if self.series is None:
            return _values(self.page)
        if not _needs_codecs(self.page):
            return np.asarray(self.series.asarray())
        return np.stack([_values(page.aspage()) for page in self.series.pages]).reshape(self.shape)


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


def _stack(tiff: Any, name: str) -> _Planes | None:
    """The pages as one array, where their writer says that they are one; None where they are a page or unrelated."""
    try:
        series = tiff.series[0]
    except Exception:  # broken metadata leaves the pages
        return None
    axes, shape = series.axes, tuple(series.shape)
    if series.kind.lower() in ("generic", "uniform") or not set(axes) - set("YXS"):
        return None
    if "Y" not in axes or "X" not in axes or int(series.keyframe.photometric) not in _GREY_OR_RGB:
        return None
    others = [each for each in tiff.series[1:] if not int(each.keyframe.subfiletype) & (_REDUCED | _MASK)]
    if others:
        warn_caller(f"{name} has {len(others) + 1} series: the first is read, {len(others)} left out", UserWarning)
    return _Planes(series.keyframe, series, axes, shape)


def _in_order(planes: _Planes, values: NDArray[Any], name: str) -> NDArray[Any]:
    """Values as (H, W, C), or (D, H, W, C) of several planes."""
    axes = planes.axes
    depths = [axis for axis in _DEPTH_AXES if axis in axes]
    channels = [axis for axis in "CS" if axis in axes]
    for axis in [*(each for each in axes if each not in "YXCS" + _DEPTH_AXES), *depths[1:]]:
        place = axes.index(axis)
        if values.shape[place] > 1:
            warn_caller(
                f"{name} has axes {planes.axes} of lengths {planes.shape}: of {axis} the first is read, "
                f"{values.shape[place] - 1} left out",
                UserWarning,
            )
        values, axes = values.take(0, axis=place), axes.replace(axis, "", 1)
    order = [*depths[:1], "Y", "X", *channels]
    values = values.transpose([axes.index(axis) for axis in order])
    return values.reshape(*values.shape[: len(order) - len(channels)], -1)


def _picture(planes: _Planes, name: str) -> Picture:
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
    values = _in_order(planes, planes.values(), name)
    metadata = metadata_of_page(page)
    mask = data_mask(values, metadata.nodata, channels=True)
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


def write_tiff(
    file: BinaryIO,
    colors: NDArray[Any],
    opacity: NDArray[Any] | None,
    profile: bytes | None,
    metadata: Metadata = NO_METADATA,
) -> None:
    """Write a picture (H, W[, C]) or a volume (D, H, W, C) of any plain type, packed by zlib."""
    from tifffile import imwrite

    volume = colors.ndim == 4
    if volume and colors.shape[3] == 1 and opacity is None:
        colors = colors[..., 0]
    channels = colors.ndim - int(volume) == 3
    rgb = channels and colors.shape[-1] == 3
    extra = ["unspecified"] * (0 if rgb or not channels else colors.shape[-1] - 1)
    if opacity is not None:
        colors = colors if channels else colors[..., np.newaxis]
        colors, extra, channels = (
            np.concatenate([colors, opacity[..., np.newaxis]], axis=-1),
            [*extra, "unassalpha"],
            True,
        )
    imwrite(
        file,
        colors,
        photometric="rgb" if rgb else "minisblack",
        planarconfig="contig" if channels else None,
        extrasamples=extra,
        compression="zlib",
        resolution=metadata.dpi,
        resolutionunit=None if metadata.dpi is None else "INCH",
        extratags=([] if profile is None else [(34675, 7, len(profile), profile, True)]) + tags_to_write(metadata),
        metadata={"axes": "ZYXS" if channels else "ZYX"} if volume else None,
        software=False,
    )


def _divided(values: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colours (H, W, C) that were stored multiplied by `alpha`."""
    highest, weight = float(white_level(values.dtype)), alpha[..., None]
    divided = np.zeros(values.shape)
    np.divide(values * highest, weight, out=divided, where=weight > 0)
    return (np.rint(np.minimum(divided, highest)) if values.dtype.kind == "u" else divided).astype(values.dtype)
