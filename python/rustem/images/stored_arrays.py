"""Arrays in NumPy's files: ``.npy``, and ``.npz`` of a single one."""

from __future__ import annotations

import math
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from rustem.exceptions import ImageError, InvalidInputError
from rustem.images.choice import EVERYTHING, Choice
from rustem.images.metadata import without_data
from rustem.images.picture import NO_METADATA, Picture, in_plain_type, max_pixels

if TYPE_CHECKING:
    from typing import IO

    from numpy.typing import NDArray

    from rustem.arguments import ChannelAxis

_ZIP_MAGIC = b"PK\3\4"
# More channels than this are rarer than volumes.
MANY_CHANNELS = 16
ARRAY_MAGIC = (npy.MAGIC_PREFIX, _ZIP_MAGIC)


def read_array(file: BinaryIO, name: str) -> NDArray[Any]:
    """The one array in a file."""
    file.seek(0)
    if file.read(len(_ZIP_MAGIC)) != _ZIP_MAGIC:
        file.seek(0)
        return _checked(file, name)
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise ImageError(f"{name}: this archive is damaged; get a complete copy of it") from None
    with archive:
        arrays = [each for each in archive.namelist() if each.endswith(".npy")]
        if not arrays:
            raise ImageError(f"{name}: this file is an archive, no picture; save one array by numpy.save")
        if len(arrays) > 1:
            keys = ", ".join(each.removesuffix(".npy") for each in arrays)
            raise ImageError(f"{name}: this file holds {len(arrays)} arrays ({keys}); save one of them by numpy.save")
        with archive.open(arrays[0]) as member:
            return _checked(member, name)


def picture_of(array: NDArray[Any], name: str, choice: Choice = EVERYTHING) -> Picture:
    """An array (H, W), (H, W, C) or (D, H, W[, C]), or with its channels elsewhere, as a picture."""
    if choice.names_a_part:
        raise ImageError(f"{name}: an array has no pages, series or time points; save the part of it that is meant")
    if array.size == 0:
        raise ImageError(f"{name}: an array of shape {array.shape} is no picture; save (H, W) or (H, W, C)")
    pixels, channels = channels_last(array, choice.channel_axis, name)
    metadata, mask = without_data(pixels, NO_METADATA, choice.nodata, channels=channels)
    if pixels.ndim == 3 and not channels:  # planes, which are no channels
        pixels = pixels[..., np.newaxis]
    return Picture(np.ascontiguousarray(in_plain_type(pixels)), None, None, name, mask, metadata)


def channels_last(array: NDArray[Any], channel_axis: ChannelAxis, name: str) -> tuple[NDArray[Any], bool]:
    """An array with its channels on the last axis, and whether it has any.

    Raises
    ------
    InvalidInputError
        Its axes are too few or too many, it has no such axis, or its shape leaves open where the channels are.
    """
    if array.ndim not in (2, 3, 4):
        raise InvalidInputError(f"{name} has shape {array.shape}: give (H, W[, C]) or (D, H, W[, C])")
    if array.ndim == 2 or channel_axis is None:
        if array.ndim == 4:
            raise InvalidInputError(
                f"{name} has shape {array.shape}: four axes need one of channels, as channel_axis=-1"
            )
        return array, False
    axis = _last_axis(array.shape, name) if channel_axis == "auto" else channel_axis
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or not -array.ndim <= axis < array.ndim:
        raise InvalidInputError(f"channel_axis is {channel_axis!r}, but {name} has {array.ndim} axes")
    return np.moveaxis(array, axis, -1), True


def _last_axis(shape: tuple[int, ...], name: str) -> int:
    """Where channels are by default: on the last axis, unless the shape speaks for another reading as much.

    Few planes of large, about square pictures are volumes, or channels that come first, as tensors have them. Spectral
    pictures have many channels on many rows, and seldom as many channels as columns.
    """
    planes, height, width = shape[-3:]
    if width > MANY_CHANNELS and (
        height == width or (3 * planes <= min(height, width) and max(height, width) <= 2 * min(height, width))
    ):
        size = " × ".join(str(length) for length in shape[:-1])
        volume = f"None for a volume of {planes} planes, " if len(shape) == 3 else ""
        raise InvalidInputError(
            f"{name} has shape {shape}: give channel_axis={volume}-1 for {size} pixels of {width} channels, "
            f"or {-3 % len(shape)} for {planes} channels that come first"
        )
    return -1


def _checked(file: IO[bytes], name: str) -> NDArray[Any]:
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = npy.read_array_header_1_0(file)
    else:
        shape, fortran, dtype = npy.read_array_header_2_0(file)
    if dtype.kind not in "biuf":
        raise ImageError(f"{name}: an array of type {dtype} is no picture; save whole or real numbers")
    if math.prod(shape) > max_pixels() * (4 if len(shape) > 2 else 1):
        raise Image.DecompressionBombError(f"Image size ({math.prod(shape)} values)")
    data = file.read(math.prod(shape) * dtype.itemsize)
    if len(data) < math.prod(shape) * dtype.itemsize:
        raise EOFError
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
