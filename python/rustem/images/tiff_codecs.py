"""Compressed TIFF that tifffile alone does not decode, by Pillow's libtiff.

Pillow would lose depth or channels of such files. But compression knows only bytes: each strip or tile is handed over
as a grey picture of 8 bits, as wide as its rows have bytes, and what comes back is put together here.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rustem.images.orientation import without_warnings

if TYPE_CHECKING:
    from numpy.typing import NDArray

# LZW, deflate by its two numbers, PackBits, LZMA, Zstandard.
_OF_BYTES = (5, 8, 32946, 32773, 34925, 50000)
_HORIZONTAL, _FLOATING_POINT = 2, 3


def decodes(page: Any) -> bool:
    """Whether this can decode a page of tifffile's."""
    return (
        int(page.compression) in _OF_BYTES
        and int(page.predictor) in (1, _HORIZONTAL, _FLOATING_POINT)
        and page.bitspersample in (8, 16, 32, 64)
        and int(page.fillorder) == 1
        and page.imagedepth == 1
        and page.dtype is not None
    )


def decoded(page: Any) -> NDArray[Any]:
    """The pixels of a page, in its shape: (H, W), (H, W, C) or, for one plane per channel, (C, H, W)."""
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    n_planes = samples if int(page.planarconfig) == 2 else 1
    samples //= n_planes
    block_width, block_height = (page.tilewidth, page.tilelength) if page.is_tiled else (width, page.rowsperstrip)
    block_height = block_height if page.is_tiled else min(block_height, height)
    across, down = -(-width // block_width), -(-height // block_height)
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    pixels = np.zeros((n_planes, height, width, samples), np.dtype(page.dtype))
    file = page.parent.filehandle
    for number, (offset, length) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        plane, place = divmod(number, across * down)
        if length == 0 or plane >= n_planes:  # sparse files leave out blocks of zeros
            continue
        top, left = (place // across) * block_height, (place % across) * block_width
        rows = block_height if page.is_tiled else min(block_height, height - top)
        file.seek(offset)
        block = _unpacked(file.read(length), int(page.compression), rows, block_width * samples * dtype.itemsize)
        block = _summed(block, dtype, samples, int(page.predictor)).reshape(rows, block_width, samples)
        area = pixels[plane, top : top + block_height, left : left + block_width]
        area[:] = block[: area.shape[0], : area.shape[1]]
    if n_planes > 1:
        return pixels[..., 0]
    return pixels[0] if samples > 1 else pixels[0, ..., 0]


def _unpacked(data: bytes, compression: int, rows: int, row_bytes: int) -> NDArray[np.uint8]:
    """The bytes (rows, row_bytes) of a block."""
    entries = [
        (256, 4, row_bytes),
        (257, 4, rows),
        (258, 3, 8),
        (259, 3, compression),
        (262, 3, 1),
        (273, 4, 0),
        (277, 3, 1),
        (278, 4, rows),
        (279, 4, len(data)),
    ]
    head_bytes = 8 + 2 + 12 * len(entries) + 4
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for code, kind, value in entries:
        head += struct.pack("<HHII", code, kind, 1, head_bytes if code == 273 else value)
    with without_warnings(), Image.open(io.BytesIO(head + b"\0\0\0\0" + data)) as image:
        return np.frombuffer(image.tobytes(), np.uint8).reshape(rows, row_bytes)


def _summed(block: NDArray[np.uint8], dtype: np.dtype[Any], samples: int, predictor: int) -> NDArray[Any]:
    """Undo the differences that TIFF 6.0 (section 14) and its Technical Note 3 store."""
    if predictor == _FLOATING_POINT:
        summed = np.cumsum(block.reshape(len(block), -1, samples), axis=1, dtype=np.uint8)
        planes = summed.reshape(len(block), dtype.itemsize, -1)
        return np.ascontiguousarray(planes.swapaxes(1, 2)).view(dtype.newbyteorder(">"))[..., 0]
    values = np.ascontiguousarray(block).view(dtype)
    if predictor == _HORIZONTAL:
        whole = values.view(f"{dtype.byteorder}u{dtype.itemsize}").astype(f"=u{dtype.itemsize}")
        summed = np.cumsum(whole.reshape(len(block), -1, samples), axis=1, dtype=whole.dtype)
        return summed.view(dtype.newbyteorder("="))
    return values
