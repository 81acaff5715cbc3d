"""Animated PNG put together as its specification says.

Pillow unpacks each frame. Its own animations keep what a frame drew over another where it should be taken back.

References
----------
.. [1] W3C, "Portable Network Graphics (PNG) Specification, Third Edition", 2025, sections 11.3.6 and 12.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BACKGROUND, _PREVIOUS = 1, 2  # what becomes of a frame's place when its time is over
_OVER = 1


class PngFrame(NamedTuple):
    """A frame as it is stored."""

    box: tuple[int, int, int, int]
    """Width, height, left and top."""
    packed: bytes
    milliseconds: float
    disposal: int
    blend: int


class PngAnimation(NamedTuple):
    """An animation as it is stored, without a picture for those who know no animations."""

    size: tuple[int, int]
    """Width and height of the canvas."""
    frames: list[PngFrame]
    loop: int
    """How often it is played; 0 for ever."""
    header: bytes
    """What IHDR says after the size."""
    common: bytes
    """Chunks that hold for all frames: palette, transparency, …"""

    def composed(self) -> Iterator[NDArray[np.uint8]]:
        """The frames (H, W, 4) as they are shown, over transparency."""
        width, height = self.size
        canvas = np.zeros((height, width, 4), np.uint8)
        for frame in self.frames:
            before = canvas.copy() if frame.disposal == _PREVIOUS else None
            frame_width, frame_height, left, top = frame.box
            place = canvas[top : top + frame_height, left : left + frame_width]
            if place.shape[:2] != (frame_height, frame_width):
                raise ValueError("a frame reaches out of the picture")
            drawn = _unpacked(self, frame)
            if frame.blend == _OVER:
                below = Image.fromarray(place)
                below.alpha_composite(Image.fromarray(drawn))
                drawn = np.asarray(below)
            place[:] = drawn
            yield canvas.copy()
            if before is not None:
                canvas = before
            elif frame.disposal == _BACKGROUND:
                place[:] = 0


def parse(data: bytes) -> PngAnimation | None:
    """The chunks of a file, nothing unpacked; None if it is not animated.

    Raises
    ------
    EOFError
        The file is truncated.
    """
    size, header, common, loop, place = (0, 0), b"", b"", None, len(SIGNATURE)
    frames: list[PngFrame] = []
    control: tuple[int, ...] | None = None
    packed: list[bytes] = []

    def close() -> None:
        if control is not None and packed:
            width, height, left, top, numerator, denominator, disposal, blend = control
            milliseconds = 1000 * numerator / (denominator or 100)
            frames.append(PngFrame((width, height, left, top), b"".join(packed), milliseconds, disposal, blend))
        packed.clear()

    while True:
        if place + 12 > len(data):
            raise EOFError
        length, kind = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        place += 12 + length
        match kind:
            case b"IHDR":
                size, header = struct.unpack_from(">II", content), content[8:]
            case b"acTL":
                loop = int.from_bytes(content[4:8], "big")
            case b"fcTL":
                close()
                control = struct.unpack_from(">IIIIHHBB", content, 4)
            case b"IDAT" | b"fdAT":
                packed.append(content if kind == b"IDAT" else content[4:])
            case b"IEND":
                close()
                break
            case _ if not packed and not frames:
                common += _chunk(kind, content)
    return None if loop is None or not frames else PngAnimation(size, frames, loop, header, common)


def _unpacked(file: PngAnimation, frame: PngFrame) -> NDArray[np.uint8]:
    header = struct.pack(">II", *frame.box[:2]) + file.header
    data = SIGNATURE + _chunk(b"IHDR", header) + file.common + _chunk(b"IDAT", frame.packed) + _chunk(b"IEND", b"")
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        return np.asarray(image.convert("RGBA"))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
