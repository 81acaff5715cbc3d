"""Which way up a picture is, and how it is turned."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rustem.images.color_profiles import in_srgb
from rustem.images.metadata import upright_metadata
from rustem.images.picture import NO_METADATA, Metadata, Picture, white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXIF_KEYS = frozenset(("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"))
# NumPy views that undo the EXIF orientations 2 to 8.
_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
_WARNING_FILTERS = threading.Lock()


def exif_orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none."""
    with without_warnings(), contextlib.suppress(Exception):  # broken metadata leaves the pixels alone
        image.load()  # a PNG may tell its orientation after the pixels
        # Else spare the import of Pillow's reader of EXIF.
        if any(_may_tell_orientation(key, image.info[key]) for key in _EXIF_KEYS.intersection(image.info)):
            return int(image.getexif().get(0x0112, 1))
    return 1


def _may_tell_orientation(key: str, value: bytes | str) -> bool:
    """Whether the tag's number, 0x0112, occurs in EXIF, or its name in XMP."""
    data = value.encode() if isinstance(value, str) else value
    if key == "exif":
        return b"\x01\x12" in data or b"\x12\x01" in data
    return b"Orientation" in data or "xmp" not in key


def upright_picture(
    pixels: NDArray[Any],
    alpha: NDArray[Any] | None,
    profile: bytes | None,
    orientation: int,
    name: str,
    mask: NDArray[np.bool_] | None = None,
    metadata: Metadata = NO_METADATA,
) -> Picture:
    """A picture turned upright, in sRGB, its alpha and mask left out where all is opaque and holds data."""
    upright = _UPRIGHT.get(orientation, np.asarray)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    pixels = np.ascontiguousarray(upright(pixels))
    if alpha is not None:
        alpha = None if np.all(alpha == white_level(alpha.dtype)) else np.ascontiguousarray(upright(alpha))
    if mask is not None:
        mask = None if mask.all() else np.ascontiguousarray(upright(mask))
    return in_srgb(Picture(pixels, alpha, profile, name, mask, upright_metadata(metadata, orientation)))


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Silence Pillow's warnings inside."""
    # Oddities of the metadata leave the pixels alone, and sizes up to the limit are welcome. The filters belong to the
    # whole process, hence the lock.
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
