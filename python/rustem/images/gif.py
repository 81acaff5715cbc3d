"""GIF's blocks: animations read and written frame by frame, with Pillow for the compression of each.

CompuServe, "Graphics Interchange Format, version 89a", 1990. Where files leave the standard, what browsers do is done:
the canvas grows to hold the first frame, later ones are cut off at it; cleared areas become transparent, whatever the
background color; a repetition count of n is n + 1 times; the fourth way of disposal is the third.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from rustem.exceptions import ImageError
from rustem.images.compositing import Disposal, Patch

if TYPE_CHECKING:
    from numpy.typing import NDArray

GIF_MAGIC = (b"GIF87a", b"GIF89a")
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
_NO_CONTROL: tuple[int, int | None, Disposal] = (0, None, Disposal.KEEP)
_MOST = 2**16 - 1  # of all numbers: lengths, delays, repetitions


@dataclass(frozen=True)
class _Frame:
    """An image block, and the control block before it."""

    x: int
    y: int
    width: int
    height: int
    interlaced: bool
    palette: bytes
    data: bytes  # compressed, in sub-blocks, the size of the first codes before them
    delay: int
    clear: int | None
    disposal: Disposal


@dataclass(frozen=True)
class Gif:
    """A GIF file of which nothing is decoded yet."""

    width: int
    height: int
    n_plays: int
    frames: list[_Frame]
    orientation: int = 1

    @property
    def n_pixels(self) -> int:
        """How many pixels are decoded and composed, all frames together."""
        return sum(max(self.width * self.height, frame.width * frame.height) for frame in self.frames)

    @property
    def durations(self) -> list[int]:
        """Milliseconds of each frame."""
        return [10 * frame.delay for frame in self.frames]

    def patches(self) -> Iterator[Patch]:
        """The frames' own pixels, decoded one by one."""
        for frame in self.frames:
            colors = np.full((256, 4), 255, np.uint8)  # without any palette, greys
            colors[:, :3] = np.arange(256)[:, np.newaxis]
            if frame.palette:
                entries = np.frombuffer(frame.palette, np.uint8).reshape(-1, 3)
                colors[:, :3] = 0
                colors[: len(entries), :3] = entries
            if frame.clear is not None:
                colors[frame.clear] = 0
            yield Patch(colors[_indices(frame)], frame.x, frame.y, True, frame.disposal)


def _indices(frame: _Frame) -> NDArray[np.uint8]:
    """Decoded by Pillow, as the only image of a file, which without a palette is grey."""
    if not frame.width or not frame.height:
        return np.zeros((frame.height, frame.width), np.uint8)
    size = struct.pack("<HH", frame.width, frame.height)
    place = struct.pack("<BHH", _IMAGE, 0, 0) + size + bytes([0x40 * frame.interlaced])
    file = io.BytesIO(b"GIF89a" + size + bytes(3) + place + frame.data + bytes([_TRAILER]))
    with Image.open(file, formats=["GIF"]) as image:
        return np.asarray(image)


def parse_gif(data: bytes, name: str) -> Gif:
    """Find the frames of a file; what comes after the trailer is no part of it."""
    if len(data) < 13:
        raise _truncated(name)
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    palette, at = _palette(data, 13, flags, name)
    frames: list[_Frame] = []
    n_plays, control = 1, _NO_CONTROL
    while at < len(data) and data[at] != _TRAILER:  # many writers forget the trailer
        kind = data[at]
        if kind == 0:  # padding
            at += 1
        elif kind == _EXTENSION:
            blocks, end = _sub_blocks(data, at + 2, name)
            label = data[at + 1]
            if label == _CONTROL and blocks and len(blocks[0]) >= 4:
                flags, delay, index = struct.unpack_from("<BHB", blocks[0])
                control = delay, index if flags & 1 else None, _DISPOSALS.get(flags >> 2 & 7, Disposal.KEEP)
            elif label == _APPLICATION and len(blocks) > 1 and blocks[0] in _LOOPING and len(blocks[1]) >= 3:
                code, repetitions = struct.unpack_from("<BH", blocks[1])
                n_plays = n_plays if code & 7 != 1 else repetitions and repetitions + 1
            at = end
        elif kind == _IMAGE:
            if at + 11 > len(data):
                raise _truncated(name)
            x, y, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
            own, start = _palette(data, at + 10, flags, name)
            _, at = _sub_blocks(data, start + 1, name)
            interlaced = bool(flags & 0x40)
            frames.append(_Frame(x, y, w, h, interlaced, own or palette, data[start:at], *control))
            control = _NO_CONTROL
        else:
            where = f"after frame {len(frames) - 1}" if frames else "before its first frame"
            raise ImageError(f"{name}: the GIF is damaged {where}; get another copy of it")
    if at >= len(data) and control is not _NO_CONTROL:
        raise _truncated(name)
    if not frames:
        raise ImageError(f"{name}: the GIF has no frame; get a complete copy of it")
    return Gif(max(width, frames[0].x + frames[0].width), max(height, frames[0].y + frames[0].height), n_plays, frames)


def _palette(data: bytes, start: int, flags: int, name: str) -> tuple[bytes, int]:
    """The colors at a place, where flags say that there are any, and where they end."""
    end = start + (6 << (flags & 7) if flags & 0x80 else 0)
    if end > len(data):
        raise _truncated(name)
    return data[start:end], end


def _sub_blocks(data: bytes, at: int, name: str) -> tuple[list[bytes], int]:
    """The blocks up to an empty one, and where it ends."""
    blocks: list[bytes] = []
    while at < len(data):
        length = data[at]
        at += 1 + length
        if not length:
            return blocks, at
        blocks.append(data[at - length : at])
    raise _truncated(name)


def _truncated(name: str) -> ImageError:
    return ImageError(f"{name}: the file is truncated; get a complete copy of it")


# Pillow writes animations too, but drops frames that are like the one before, writes a second header in the midst of a
# file where nothing is left of a frame, and takes counts of repetitions for times.
def write_gif(
    file: BinaryIO, frames: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]], delays: list[int], n_plays: int
) -> None:
    """Write an animation: of each frame what changes.

    Parameters
    ----------
    file : binary file
        Where to write.
    frames : list of (indices, palette)
        Whole frames (H, W) of one size; up to 256 colors (k, 4) with alpha of 0 or 255. The first palette is that of
        the file; others are stored with their frames.
    delays : list of int
        Hundredths of a second.
    n_plays : int
        How often it is played; 0 for ever.
    """
    height, width = frames[0][0].shape
    if max(width, height) > _MOST:
        raise ValueError(f"GIF holds up to {_MOST} × {_MOST} pixels")
    if max(delays) > _MOST:
        raise ValueError(f"GIF shows a frame for {_MOST / 100:g} seconds at most")
    of_file = _table(frames[0][1])
    file.write(b"GIF89a" + struct.pack("<HH", width, height) + bytes([_flags(of_file), 0, 0]) + of_file)
    if n_plays != 1:
        repetitions = min(max(n_plays - 1, 0), _MOST)
        looping = bytes([_EXTENSION, _APPLICATION, 11]) + _LOOPING[0] + struct.pack("<BBH", 3, 1, repetitions) + b"\0"
        file.write(looping)
    visible, shown = _visible(*frames[0]), np.zeros((height, width), np.uint32)
    for number, (indices, palette) in enumerate(frames):
        following = _visible(*frames[(number + 1) % len(frames)])
        # What shows through a later frame has to be cleared after this one, so it is drawn within this one's rectangle.
        vanishing = (visible > 0) & (following == 0)
        clears = bool(vanishing.any())
        rows, columns = _rectangle((visible != shown) | vanishing) if number else (slice(0, height), slice(0, width))
        clear = np.flatnonzero(palette[:, 3] == 0)
        control = (2 if clears else 1) << 2 | (len(clear) > 0)
        index = int(clear[0]) if len(clear) else 0
        file.write(struct.pack("<BBBBHBB", _EXTENSION, _CONTROL, 4, control, delays[number], index, 0))
        patch = np.ascontiguousarray(indices[rows, columns])
        own = _table(palette)
        flags = b"\0" if own == of_file else bytes([_flags(own)]) + own
        file.write(struct.pack("<BHHHH", _IMAGE, columns.start, rows.start, patch.shape[1], patch.shape[0]) + flags)
        file.write(_compressed(patch))
        shown = visible
        if clears:
            shown = shown.copy()
            shown[rows, columns] = 0
        visible = following
    file.write(bytes([_TRAILER]))


def _visible(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """What is seen (H, W): a number for each color, 0 for transparency."""
    entries = palette.astype(np.uint32)
    numbers = (entries[:, 0] << 16 | entries[:, 1] << 8 | entries[:, 2]) + 1
    return np.where(entries[:, 3] > 0, numbers, 0).astype(np.uint32)[indices]


def _rectangle(inside: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The smallest that holds all; a pixel where there is nothing, as an image has to have one."""
    if not inside.any():
        return slice(0, 1), slice(0, 1)
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _table(palette: NDArray[np.uint8]) -> bytes:
    """Colors up to a power of two."""
    length = max(2, 1 << (len(palette) - 1).bit_length())
    return palette[:, :3].tobytes().ljust(3 * length, b"\0")


def _flags(table: bytes) -> int:
    return 0x80 | (len(table) // 3).bit_length() - 2


def _compressed(indices: NDArray[np.uint8]) -> bytes:
    """The data of an image block, as Pillow compresses it."""
    file = io.BytesIO()
    Image.fromarray(indices).save(file, "GIF", optimize=False, interlace=False)
    return parse_gif(file.getvalue(), "a frame").frames[0].data
