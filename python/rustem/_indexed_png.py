"""Indexed PNG, as small as the format allows without another search for the best compression.

W3C, "Portable Network Graphics (PNG) Specification, Third Edition", 2025. Rows are left unfiltered, as section 12.7
recommends for palettes: filters make neighbours differ less only where the order of the palette means something, and
even then, sorted by lightness, photographs take 7 to 22 % more. Without filters the order is free: it changes the size
by about 0.1 %. Level 7 of zlib's memory makes shorter blocks than the highest; their codes fit better, by 0.4 to 0.9 %.
benchmarks/png_size.py measures all this.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"\x89PNG\r\n\x1a\n"
_INDEXED = 3


def encode(
    index: NDArray[np.uint8],
    entries: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    profile: bytes | None,
    compression: int = 9,
) -> bytes:
    """The file of a picture.

    Parameters
    ----------
    index : (H, W) ndarray of uint8
        The row of `entries` for each pixel.
    entries : (k, 3) ndarray of uint8
        The palette, 1 to 256 colours.
    alpha : (k,) ndarray of uint8
        Opacity of each. Those that are not opaque should come first, as only up to the last of them are stored.
    profile : bytes or None
        ICC profile.
    compression : int, default 9
        Level of zlib, 1 to 9.
    """
    height, width = index.shape
    bits = next(bits for bits in (1, 2, 4, 8) if len(entries) <= 2**bits)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, _INDEXED, 0, 0, 0))]
    if profile is not None:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(profile, 9)))
    chunks.append((b"PLTE", entries.tobytes()))
    if (alpha < 255).any():
        chunks.append((b"tRNS", alpha[: np.flatnonzero(alpha < 255)[-1] + 1].tobytes()))
    packer = zlib.compressobj(compression, zlib.DEFLATED, 15, 7)
    pixels = b"".join(packer.compress(rows) for rows in _rows(index, bits)) + packer.flush()
    chunks += [(b"IDAT", pixels), (b"IEND", b"")]
    return _MAGIC + b"".join(_chunk(*chunk) for chunk in chunks)


def _rows(index: NDArray[np.uint8], bits: int) -> Iterator[bytes]:
    """Rows with their filter byte, several pixels to a byte, the first in the highest bits; some at a time."""
    per_byte = 8 // bits
    length = -(-index.shape[1] // per_byte)
    for first in range(0, len(index), 256):
        rows = index[first : first + 256]
        padded = np.pad(rows, ((0, 0), (0, length * per_byte - rows.shape[1])))
        packed = np.zeros((len(rows), 1 + length), np.uint8)
        for place in range(per_byte):
            packed[:, 1:] |= padded[:, place::per_byte] << np.uint8(8 - bits * (place + 1))
        yield packed.tobytes()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
