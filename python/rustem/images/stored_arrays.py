"""Arrays in NumPy's files: ``.npy``, and ``.npz`` of a single one."""

from __future__ import annotations

import math
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from rustem.exceptions import ImageError
from rustem.images.picture import Picture, in_plain_type, max_pixels

if TYPE_CHECKING:
    from typing import IO

    from numpy.typing import NDArray

_ZIP_MAGIC = b"PK\3\4"
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
        if len(arrays) != 1:
            what = f"holds {len(arrays)} arrays" if arrays else "is an archive, no picture"
            raise ImageError(f"{name}: this file {what}; save one array by numpy.save")
        with archive.open(arrays[0]) as member:
            return _checked(member, name)


def picture_of(array: NDArray[Any], name: str) -> Picture:
    """An array (H, W), (H, W, C) or (D, H, W, C) as a picture."""
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise ImageError(f"{name}: an array of shape {array.shape} is no picture; save (H, W) or (H, W, C)")
    return Picture(np.ascontiguousarray(in_plain_type(array)), None, None, name)


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
