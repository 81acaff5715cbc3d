"""Indexed PNG, as small as the format allows without another search for the best compression.

W3C, "Portable Network Graphics (PNG) Specification, Third Edition", 2025. Rows are left unfiltered, as section 12.7
recommends for palettes: filters make neighbours differ less only where the order of the palette means something, and
even then, sorted by lightness, photographs take 7 to 22 % more. Without filters the order is free: it changes the size
by about 0.1 %. Level 7 of zlib's memory makes shorter blocks than the highest; their codes fit better, by 0.4 to 0.9 %.
benchmarks/quantization/png_size.py measures all this.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from rustem.arguments import check_threads

_MAGIC = b"\x89PNG\r\n\x1a\n"
_INDEXED = 3
_MEMORY_LEVEL = 7
# Bytes that are packed at a time, and how far back a piece can refer.
_PIECE = 2**20
_WINDOW = 2**15


def encode(
    index: NDArray[np.uint8],
    entries: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    profile: bytes | None,
    compression: int = 9,
    dpi: tuple[float, float] | None = None,
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
    dpi : tuple of two float or None
        Pixels per inch, across and down.
    """
    height, width = index.shape
    bits = next(bits for bits in (1, 2, 4, 8) if len(entries) <= 2**bits)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, _INDEXED, 0, 0, 0))]
    if profile is not None:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(profile, 9)))
    if dpi is not None:
        chunks.append((b"pHYs", _per_metre(dpi)))
    chunks.append((b"PLTE", entries.tobytes()))
    if (alpha < 255).any():
        chunks.append((b"tRNS", alpha[: np.flatnonzero(alpha < 255)[-1] + 1].tobytes()))
    chunks += [(b"IDAT", _packed(list(_rows(index, bits)), compression)), (b"IEND", b"")]
    return _MAGIC + b"".join(_chunk(*chunk) for chunk in chunks)


def resolution_chunk(dpi: tuple[float, float]) -> bytes:
    """The chunk that tells a resolution."""
    return _chunk(b"pHYs", _per_metre(dpi))


def _per_metre(dpi: tuple[float, float]) -> bytes:
    return struct.pack(">IIB", *(max(1, round(each / 0.0254)) for each in dpi), 1)


def _packed(pieces: list[bytes], compression: int) -> bytes:
    """The pieces as one stream of zlib, packed side by side, each with the end of the one before as its dictionary.

    The stream does not depend on the number of threads. It takes 0.03 % more than in one go.
    """

    def pack(number: int) -> bytes:
        before = pieces[number - 1][-_WINDOW:] if number else b""
        packer = zlib.compressobj(compression, zlib.DEFLATED, -15, _MEMORY_LEVEL, zdict=before)
        end = zlib.Z_FINISH if number == len(pieces) - 1 else zlib.Z_SYNC_FLUSH
        return packer.compress(pieces[number]) + packer.flush(end)

    if len(pieces) == 1:
        packed = [pack(0)]
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(check_threads(None)) as pool:
            packed = list(pool.map(pack, range(len(pieces))))
    checksum = reduce(lambda sum_, piece: zlib.adler32(piece, sum_), pieces, 1)
    return zlib.compress(b"", compression)[:2] + b"".join(packed) + struct.pack(">I", checksum)


def _rows(index: NDArray[np.uint8], bits: int) -> Iterator[bytes]:
    """Rows with their filter byte, several pixels to a byte, the first in the highest bits; a piece at a time."""
    per_byte = 8 // bits
    length = -(-index.shape[1] // per_byte)
    step = max(1, _PIECE // (1 + length))
    for first in range(0, len(index), step):
        rows = index[first : first + step]
        padded = np.pad(rows, ((0, 0), (0, length * per_byte - rows.shape[1])))
        packed = np.zeros((len(rows), 1 + length), np.uint8)
        for place in range(per_byte):
            packed[:, 1:] |= padded[:, place::per_byte] << np.uint8(8 - bits * (place + 1))
        yield packed.tobytes()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
