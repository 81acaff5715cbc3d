"""Pictures read from files and taken over from Pillow."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

from PIL import Image

from rustem.arguments import ChannelAxis
from rustem.exceptions import ImageError
from rustem.images.choice import EVERYTHING, Choice, Page
from rustem.images.decoding import decode, from_pillow, reading
from rustem.images.picture import Picture
from rustem.images.stored_arrays import picture_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read(
    path: str | os.PathLike[str] | bytes | bytearray | IO[bytes],
    *,
    page: Page = None,
    series: int | None = None,
    time: int | None = None,
    channel_axis: ChannelAxis = "auto",
    nodata: float | Iterable[float] | None = None,
) -> Picture:
    """Read a picture file; of several frames or pages, the first, with a warning where pages are left out.

    Whatever Pillow reads is read. PNG and TIFF keep 16 bits per channel, TIFF also floats and any number of channels.
    The EXIF orientation is applied. Palettes, CMYK, YCbCr, HSV and CIELAB become RGB. What has a profile of another
    space than sRGB, or PNG's chunks that say so (cICP, gAMA, cHRM), becomes sRGB; what lies beyond is clipped. Integers
    of more than 16 bits or below zero become float64.

    TIFF stacks that say how their pages belong together, as OME-TIFF and ImageJ's do, are read whole: as a volume along
    depth, else along time, with channels last. Three or more grey pages of one size and type, without a word on how
    they belong together, are a volume too, with a warning. Reduced pages and masks are no pictures; pixels of a mask,
    and those of the value that GDAL's tag names, hold no data. ``.npy`` files hold arrays (H, W), (H, W, C) or
    (D, H, W, C), and so do ``.npz`` files of one array.

    Parameters
    ----------
    path : str, path-like, bytes or binary file
        The file: where it lies, what is in it, or the open file, which is read from its beginning.
    page : int, iterable of int, or "all", optional
        The page of a TIFF file, or the frame of an animation, from 1, reduced pages and masks counted too; several
        make the planes of a volume. ``[page]`` is a volume of one.
    series : int, optional
        The series of a TIFF file, from 1: the positions or resolutions that OME-TIFF files hold. By default the first.
    time : int, optional
        The time point of a TIFF series, from 1. By default all, or the first where there is depth too.
    channel_axis : int, None or "auto", default "auto"
        The axis of an array that holds the channels, or of a TIFF stack that does not say; None where its planes are
        those of a volume. "auto": the last of an array, except where its shape is more likely that of a volume or of
        channels that come first, which is refused; the planes of a TIFF stack are a volume.
    nodata : float or iterable of float, optional
        Values as they are stored, of pixels that hold no data, beside the one that the file tells. NaN is one of them.
        Pixels of whole numbers hold none where all channels have it, measured ones where any has.

    Returns
    -------
    Picture
        Its pixels, alpha, color profile, mask and metadata.

    Raises
    ------
    ImageError
        If the file is missing, truncated, damaged, no picture, or larger than Pillow's limit: more than twice
        ``PIL.Image.MAX_IMAGE_PIXELS``, over all pages that are read, which can be raised. If it has no such page.
    InvalidInputError
        An argument is wrong, or the shape of an array leaves open where its channels are.

    Warns
    -----
    UserWarning
        Pages or series of a TIFF file are left out, or taken for a volume; a color profile is damaged, or its coding is
        one of HDR: the values are taken for sRGB.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from rustem.images import write
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "grey.png")
    ...     write(path, np.zeros((2, 3), np.uint16))
    ...     read(path).pixels
    array([[0, 0, 0],
           [0, 0, 0]], dtype=uint16)
    """
    choice = Choice.checked(page, series, time, channel_axis, nodata)
    found, name = read_any(path, choice)
    if isinstance(found, Picture):
        return found
    with reading(name):
        return picture_of(found, name, choice)


def read_any(
    path: str | os.PathLike[str] | bytes | bytearray | IO[bytes], choice: Choice = EVERYTHING
) -> tuple[Picture | NDArray[Any], str]:
    """What is in a file as `read` takes it, and its name; an array if the file is one of NumPy's."""
    if isinstance(path, str | os.PathLike):
        name = os.fsdecode(path)
        with reading(name), open(path, "rb") as file:
            return decode(file, name, choice), name
    name = "the image"
    if not isinstance(path, bytes | bytearray):
        name = path.name if isinstance(getattr(path, "name", None), str) else name
        with reading(name):
            path = _content(path, name)
    with reading(name):
        return decode(io.BytesIO(path), name, choice), name


def _content(file: IO[bytes], name: str) -> bytes:
    """All of an open file: uploads have names that are no paths, and writers leave buffers at their end."""
    if hasattr(file, "seekable") and file.seekable():
        file.seek(0)
    content = file.read()
    if not isinstance(content, bytes | bytearray):
        raise ImageError(f"{name}: this file is open for text; open it for bytes, as by mode 'rb'")
    return bytes(content)


def from_pil(image: Image.Image, name: str = "image") -> Picture:
    """Take over a Pillow image, treated as `read` treats a file.

    Parameters
    ----------
    image : PIL.Image.Image
        The image, of any mode. It is not changed, but loaded if it was not yet.
    name : str, default="image"
        What messages call it.

    Returns
    -------
    Picture
        Its pixels, alpha and color profile.

    Raises
    ------
    ImageError
        If the image has no pixels, or cannot be loaded or converted.

    Examples
    --------
    >>> picture = from_pil(Image.new("LA", (3, 2), (200, 0)))
    >>> picture.pixels.shape, int(picture.alpha.max())
    ((2, 3), 0)
    """
    with reading(name):
        return from_pillow(image, name)
