"""Which formats are opened: those named here, by the names that Pillow has for them."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

# Pillow reads more. EPS and WMF are programs that others would run; BUFR, GRIB, HDF5 and MPEG it only recognizes.
_COMMON = ("PNG", "JPEG", "MPO", "GIF", "BMP", "DIB", "PPM")
_RARER = (
    *("TIFF", "WEBP", "AVIF", "HEIF", "JPEG2000", "JXL", "QOI", "ICO", "CUR", "ICNS"),
    *("TGA", "PCX", "PSD", "DDS", "SGI", "SUN", "FITS", "XBM"),
)
# HEIC's reader is a package that registers its endings when the first such file is read.
_HEIF_ENDINGS = (".heic", ".heics", ".heif", ".heifs", ".hif")
_ARRAY_ENDINGS = (".npy", ".npz")


def open_image(file: BinaryIO) -> Image.Image:
    """Open a picture file with Pillow, if it is of a format that is named here.

    Raises
    ------
    UnidentifiedImageError
        It is none of them.
    """
    Image.preinit()
    try:
        return Image.open(file, formats=[name for name in _COMMON if name in Image.OPEN])
    except UnidentifiedImageError:
        Image.init()
        return Image.open(file, formats=[name for name in _RARER if name in Image.OPEN])


def endings() -> tuple[frozenset[str], frozenset[str]]:
    """What names of pictures end in, in lower case, and what other files do that hold or may hold pictures."""
    Image.init()
    taken = {ending for ending, name in Image.EXTENSION.items() if name in _COMMON + _RARER} | set(_HEIF_ENDINGS)
    return frozenset(taken), frozenset({*Image.EXTENSION, *_ARRAY_ENDINGS} - taken)
