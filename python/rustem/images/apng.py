"""Animated PNG: its frames, each decoded as the PNG that it would be alone.

"Portable Network Graphics (PNG) Specification (Third Edition)", W3C 2025, section 11.3.6.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rustem.exceptions import ImageError
from rustem.images.compositing import Disposal, Patch
from rustem.images.decoding import decode
from rustem.images.orientation import exif_orientation, without_warnings
from rustem.images.picture import Picture, white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
# What pixels mean. Orientation belongs to the canvas.
_OF_PIXELS = (b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP")
_DISPOSALS = (Disposal.KEEP, Disposal.CLEAR, Disposal.RESTORE)


@dataclass(frozen=True)
class _Frame:
    """A frame's control chunk and data."""

    x: int
    y: int
    width: int
    height: int
    duration: Fraction
    disposal: Disposal
    over: bool
    data: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Apng:
    """An animated PNG of which nothing is decoded yet."""

    width: int
    height: int
    n_plays: int
    frames: list[_Frame]
    depth: bytes
    shared: list[bytes]  # chunks that hold for all frames
    orientation: int
    name: str

    @property
    def n_pixels(self) -> int:
        """How many pixels are composed, all frames together."""
        return self.width * self.height * len(self.frames)

    @property
    def durations(self) -> list[Fraction]:
        """Milliseconds of each frame."""
        return [frame.duration for frame in self.frames]

    def patches(self) -> Iterator[Patch]:
        """The frames' own pixels in sRGB, decoded one by one."""
        for frame in self.frames:
            header = _chunk(b"IHDR", struct.pack(">II", frame.width, frame.height) + self.depth)
            data = [_chunk(b"IDAT", b"".join(frame.data)), _chunk(b"IEND", b"")]
            picture = decode(io.BytesIO(b"".join([PNG_MAGIC, header, *self.shared, *data])), self.name)
            assert isinstance(picture, Picture)
            pixels = np.full((frame.height, frame.width, 4), 255, np.uint8)
            pixels[..., :3] = _in_eight_bits(picture.pixels.reshape(frame.height, frame.width, -1))
            if picture.alpha is not None:
                pixels[..., 3] = _in_eight_bits(picture.alpha)
            yield Patch(pixels, frame.x, frame.y, frame.over, frame.disposal)


def _in_eight_bits(values: NDArray[Any]) -> NDArray[Any]:
    return np.rint(values * (255 / white_level(values.dtype)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def parse_apng(data: bytes, name: str) -> Apng | None:
    """Find the frames of a file, without an image that is none of them; None of a PNG that is not animated."""
    n_frames = n_plays = n_numbered = 0
    shared: list[bytes] = []
    frames: list[_Frame] = []
    for kind, content in _chunks(data, name):
        if kind in _OF_PIXELS:
            shared.append(_chunk(kind, content))
        elif kind == b"acTL":
            n_frames, n_plays = struct.unpack(">II", content)
        elif kind == b"IDAT":
            if not n_frames:
                break
            if frames:  # else this is the image for those who know no animations
                frames[0].data.append(content)
        elif kind in (b"fcTL", b"fdAT"):
            _add_numbered(frames, kind, content, n_numbered, name)
            n_numbered += 1
    if not n_frames:
        return None
    if len(frames) != n_frames:
        raise ImageError(f"{name}: {len(frames)} of {n_frames} frames are there; get a complete copy of it")
    width, height, depth = struct.unpack_from(">II5s", data, len(PNG_MAGIC) + 8)
    for number, frame in enumerate(frames):
        fits = frame.x + frame.width <= width and frame.y + frame.height <= height
        if not (fits and frame.width and frame.height and frame.data):
            raise _damaged(name, number)
    with without_warnings():
        image = Image.open(io.BytesIO(data))
    with image:
        return Apng(width, height, n_plays, frames, depth, shared, exif_orientation(image), name)


def _add_numbered(frames: list[_Frame], kind: bytes, content: bytes, number: int, name: str) -> None:
    """Add what a numbered chunk says: a new frame, or more data of the last one."""
    if len(content) < 4 or struct.unpack_from(">I", content)[0] != number:
        raise _damaged(name, len(frames))
    if kind == b"fcTL":
        frames.append(_frame(content, name, len(frames)))
    elif frames:
        frames[-1].data.append(content[4:])
    else:
        raise _damaged(name, 0)


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """The chunks up to the last, their sums checked."""
    at, kind = len(PNG_MAGIC), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ImageError(f"{name}: the file is truncated; get a complete copy of it")
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        checked = data[at + 8 + length : at + 12 + length]
        if len(checked) < 4:
            raise ImageError(f"{name}: the file is truncated; get a complete copy of it")
        if kind in (b"IHDR", b"IDAT", b"acTL", b"fcTL", b"fdAT") and checked != struct.pack(
            ">I", zlib.crc32(content, zlib.crc32(kind))
        ):
            raise ImageError(f"{name}: the checksum of {kind.decode()} is wrong; get another copy of it")
        yield kind, content
        at += 12 + length


def _frame(content: bytes, name: str, number: int) -> _Frame:
    if len(content) != 26:
        raise _damaged(name, number)
    width, height, x, y, numerator, denominator, disposal, blend = struct.unpack_from(">IIIIHHBB", content, 4)
    if disposal > 2 or blend > 1:
        raise _damaged(name, number)
    duration = Fraction(1000 * numerator, denominator or 100)
    return _Frame(x, y, width, height, duration, _DISPOSALS[disposal], blend == 1)


def _damaged(name: str, number: int) -> ImageError:
    return ImageError(f"{name}: frame {number} is damaged; get another copy of it")
