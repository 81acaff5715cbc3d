"""PNG of 16 bits per channel, of which Pillow would keep 8."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from rustem.images.color_profiles import declared_profile
from rustem.images.metadata import metadata_of_pillow
from rustem.images.orientation import exif_orientation, upright_picture
from rustem.images.picture import Picture, max_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Bytes of the signature and the first chunk, IHDR.
_HEAD = 8 + 25
# Only where one of these occurs can a PNG file tell its orientation.
_PNG_ORIENTATION = re.compile(rb"eXIf|Raw profile type exif|XML:com.adobe.xmp")


def read_png16(file: BinaryIO, image: Image.Image, name: str) -> Picture:
    """The picture in a file that Pillow has opened as ``image``."""
    from rustem._core import decode_png16

    profile = declared_profile(image, name)
    file.seek(0)
    data = file.read()
    pixels = decode_png16(data, max_pixels())
    # Pillow finds it by decoding the pixels too.
    orientation = exif_orientation(Image.open(io.BytesIO(data))) if _PNG_ORIENTATION.search(data) else 1
    alpha = None
    if pixels.shape[2] in (2, 4):
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
    return upright_picture(pixels, alpha, profile, orientation, name, metadata=metadata_of_pillow(image))


def encode(pixels: NDArray[Any], icc_profile: bytes | None, dpi: tuple[float, float] | None = None) -> bytes:
    """The file of a picture (H, W[, C]) of uint16."""
    from rustem._core import encode_png16
    from rustem.images.indexed_png import resolution_chunk

    data = encode_png16(np.ascontiguousarray(pixels if pixels.ndim == 3 else pixels[..., None]), icc_profile)
    return data if dpi is None else data[:_HEAD] + resolution_chunk(dpi) + data[_HEAD:]
