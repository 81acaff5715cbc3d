"""TIFF of more than Pillow keeps: 16 bits in colour, floats, any number of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from rustem.exceptions import ImageError
from rustem.images.orientation import upright_picture
from rustem.images.picture import Picture, in_plain_type, max_pixels, white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_more_than_pillow_keeps(image: Image.Image) -> bool:
    """Whether Pillow would lose channels or depth of the TIFF file that it has opened."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    bits, photometric, extra = tags.get(258, (1,)), tags.get(262), tags.get(338, ())
    if photometric not in (0, 1, 2):
        return False
    if max(bits) <= 8:
        return 0 in extra
    return (bits, photometric, tags.get(339, (1,))) != ((16,), 1, (1,))


def read_tiff(file: BinaryIO, name: str) -> Picture:
    """The first page of a file."""
    import logging

    from tifffile import TiffFile

    log = logging.getLogger("tifffile")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else it prints each odd tag; what matters is raised
    file.seek(0)
    with TiffFile(file) as tiff:
        page = tiff.pages.first
        n_pixels = page.imagewidth * page.imagelength
        if n_pixels * max(1, page.samplesperpixel / 4) > max_pixels():
            raise Image.DecompressionBombError(f"Image size ({n_pixels} pixels of {page.samplesperpixel} channels)")
        photometric, extra, bits = page.photometric, tuple(page.extrasamples), page.bitspersample
        if photometric not in (0, 1, 2) or page.axes not in ("YX", "YXS", "SYX"):
            raise ImageError(f"{name}: TIFF of this kind ({photometric!s}, {page.axes}) is not read; convert it to RGB")
        values = page.asarray()
        if page.axes == "SYX":
            values = np.moveaxis(values, 0, -1)
        profile, orientation = page.tags.valueof(34675), page.tags.valueof(274, 1)
    if values.dtype.kind == "u" and bits < 8 * values.dtype.itemsize <= 16:
        values = np.rint(values * (white_level(values.dtype) / (2**bits - 1))).astype(values.dtype)
    values = np.atleast_3d(in_plain_type(values))
    if photometric == 0 and values.dtype.kind == "u":
        values = white_level(values.dtype) - values
    alpha = None
    kind = next((kind for kind in extra if kind in (1, 2)), None)
    if kind is not None:
        channel = values.shape[2] - len(extra) + extra.index(kind)
        alpha, values = values[..., channel], np.delete(values, channel, axis=2)
        if kind == 1:
            values = _divided(values, alpha)
    return upright_picture(values, alpha, profile, orientation, name)


def write_tiff(file: BinaryIO, colors: NDArray[Any], opacity: NDArray[Any] | None, profile: bytes | None) -> None:
    """Write a picture (H, W[, C]) of any plain type, packed by zlib."""
    from tifffile import imwrite

    rgb = colors.shape[2:] == (3,)
    extra = ["unspecified"] * (0 if rgb or colors.ndim == 2 else colors.shape[2] - 1)
    if opacity is not None:
        colors, extra = np.dstack([colors, opacity]), [*extra, "unassalpha"]
    imwrite(
        file,
        colors,
        photometric="rgb" if rgb else "minisblack",
        planarconfig="contig" if colors.ndim == 3 else None,
        extrasamples=extra,
        compression="zlib",
        extratags=[] if profile is None else [(34675, 7, len(profile), profile, True)],
        metadata=None,
        software=False,
    )


def _divided(values: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colours (H, W, C) that were stored multiplied by `alpha`."""
    highest, weight = float(white_level(values.dtype)), alpha[..., None]
    divided = np.zeros(values.shape)
    np.divide(values * highest, weight, out=divided, where=weight > 0)
    return (np.rint(np.minimum(divided, highest)) if values.dtype.kind == "u" else divided).astype(values.dtype)
