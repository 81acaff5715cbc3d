"""GIF as its specification says and browsers show it: animations put together, and written block by block.

Pillow packs and unpacks the pixels. Its own animations fill cleared areas with the background's color, let frames be
larger than the canvas, and write a second header where a frame shows nothing.

References
----------
.. [1] CompuServe, "Graphics Interchange Format, Version 89a", 1990.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IMAGE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_HAS_TABLE, _INTERLACED = 0x80, 0x40
_CLEAR, _PREVIOUS = 2, 3  # what becomes of a frame's place when its time is over
_MOST_DELAY = 65535
# Of a file of one frame, for Pillow to unpack: any table that is not grey.
_ANY_TABLE = bytes(range(256)) * 3


class GifFrame(NamedTuple):
    """A frame as it is stored: where it lies on the canvas, and how it is shown."""

    box: tuple[int, int, int, int]
    """Left, top, width and height."""
    flags: int
    table: NDArray[np.uint8]
    """Colors (256, 3)."""
    packed: bytes
    """The indices, packed."""
    delay: int
    """Hundredths of a second."""
    disposal: int
    transparent: int
    """The index that shows nothing, or -1."""

    @property
    def milliseconds(self) -> int:
        """How long it is shown."""
        return 10 * self.delay


class GifAnimation(NamedTuple):
    """An animation as it is stored."""

    size: tuple[int, int]
    """Width and height of the canvas."""
    frames: list[GifFrame]
    loop: int
    """How often it is played; 0 for ever."""

    def composed(self) -> Iterator[NDArray[np.uint8]]:
        """The frames (H, W, 4) as they are shown, over transparency."""
        width, height = self.size
        canvas = np.zeros((height, width, 4), np.uint8)
        for frame in self.frames:
            before = canvas.copy() if frame.disposal == _PREVIOUS else None
            left, top, frame_width, frame_height = frame.box
            place = canvas[top : top + frame_height, left : left + frame_width]
            index = _unpacked(frame)[: place.shape[0], : place.shape[1]]
            shown = index != frame.transparent
            place[shown, :3] = frame.table[index[shown]]
            place[shown, 3] = 255
            yield canvas.copy()
            if before is not None:
                canvas = before
            elif frame.disposal == _CLEAR:
                place[:] = 0


class GifCanvas(NamedTuple):
    """What is to be written of a frame: the entry (H, W) of each pixel, -1 where it shows nothing, and the colors."""

    labels: NDArray[np.integer[Any]]
    palette: NDArray[np.uint8]


def parse(data: bytes) -> GifAnimation:
    """The blocks of a file, nothing unpacked.

    The canvas is the logical screen, or the first frame where that does not fit into it.

    Raises
    ------
    EOFError
        The file is truncated.
    ValueError
        It holds no frame.
    """
    if data[:3] != b"GIF" or len(data) < 13:
        raise EOFError
    width, height, flags, _, _ = struct.unpack_from("<HHBBB", data, 6)
    place, common = _table(data, 13, flags)
    frames, loop, control = [], 1, (0, 0, 0)
    while place < len(data) and data[place] in (_IMAGE, _EXTENSION):
        if data[place] == _EXTENSION:
            kind, blocks, place = data[place + 1], *_sub_blocks(data, place + 2)
            if kind == _CONTROL and blocks and len(blocks[0]) == 4:
                control = struct.unpack("<BHB", blocks[0])
            elif kind == _APPLICATION and blocks[:1] == [b"NETSCAPE2.0"] and blocks[1:] and blocks[1][:1] == b"\1":
                repeats = int.from_bytes(blocks[1][1:3], "little")
                loop = repeats + 1 if repeats else 0
            continue
        if place + 10 > len(data):
            raise EOFError
        *box, image_flags = struct.unpack_from("<HHHHB", data, place + 1)
        begin, table = _table(data, place + 10, image_flags)
        _, place = _sub_blocks(data, begin + 1)
        how, delay, index = control
        transparent = index if how & 1 else -1
        table = common if table is None else table
        packed = data[begin:place]
        frames.append(
            GifFrame(
                tuple(box), image_flags, _GREYS if table is None else table, packed, delay, how >> 2 & 7, transparent
            )
        )
        control = (0, 0, 0)
    if not frames:
        raise EOFError if place >= len(data) else ValueError("it holds no frame")
    left, top, first_width, first_height = frames[0].box
    return GifAnimation((max(width, left + first_width), max(height, top + first_height)), frames, loop)


_GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)


def _table(data: bytes, place: int, flags: int) -> tuple[int, NDArray[np.uint8] | None]:
    """Where the table of colors ends, and the table, filled up with black; None where there is none."""
    if not flags & _HAS_TABLE:
        return place, None
    end = place + 3 * (2 << (flags & 7))
    if end > len(data):
        raise EOFError
    table = np.zeros((256, 3), np.uint8)
    stored = np.frombuffer(data[place:end], np.uint8).reshape(-1, 3)
    table[: len(stored)] = stored
    return end, table


def _sub_blocks(data: bytes, place: int) -> tuple[list[bytes], int]:
    blocks = []
    while place < len(data) and data[place]:
        end = place + 1 + data[place]
        blocks.append(data[place + 1 : end])
        place = end
    if place >= len(data):
        raise EOFError
    return blocks, place + 1


def _unpacked(frame: GifFrame) -> NDArray[np.uint8]:
    _, _, width, height = frame.box
    if not width or not height:
        return np.zeros((height, width), np.uint8)
    head = struct.pack("<6sHHBBB", b"GIF89a", width, height, _HAS_TABLE | 7, 0, 0) + _ANY_TABLE
    descriptor = struct.pack("<BHHHHB", _IMAGE, 0, 0, width, height, frame.flags & _INTERLACED)
    with Image.open(io.BytesIO(head + descriptor + frame.packed + bytes([_END])), formats=["GIF"]) as image:
        return np.asarray(image)


def encode(canvases: Sequence[GifCanvas], delays: Sequence[int], loop: int) -> bytes:
    """The file of an animation, or of one picture.

    Parameters
    ----------
    canvases : list of GifCanvas
        The frames, of one size. Palettes have up to 256 colors, 255 where a pixel of that frame shows nothing.
    delays : list of int
        Hundredths of a second that each is shown; 0 for one picture.
    loop : int
        How often it is played; 0 for ever.
    """
    height, width = canvases[0].labels.shape
    palette = canvases[0].palette
    shared = all(np.array_equal(each.palette, palette) for each in canvases)
    clear = any((each.labels < 0).any() for each in canvases)
    flags, table = _stored_table(palette, clear=clear) if shared else (0, b"")
    parts = [struct.pack("<6sHHBBB", b"GIF89a", width, height, flags, 0, 0), table]
    if loop != 1:  # a file that does not say so is played once
        repeats = min(loop - 1, 65535) if loop else 0
        parts.append(struct.pack("<BBB11sBBHB", _EXTENSION, _APPLICATION, 11, b"NETSCAPE2.0", 3, 1, repeats, 0))
    shown: NDArray[np.uint8] | None = None
    for canvas, delay in zip(canvases, delays, strict=True):
        left, top, right, bottom = 0, 0, width, height
        if not clear:  # frames stay, and the next one is what differs; else each has the canvas to itself
            colors = canvas.palette[canvas.labels]
            if shown is not None:
                changed = np.any(colors != shown, axis=2)
                (top, bottom), (left, right) = _extent(changed, axis=1), _extent(changed, axis=0)
            shown = colors
        index = canvas.labels[top:bottom, left:right]
        none = len(canvas.palette) if clear and len(canvas.palette) < 256 else -1
        how = (_CLEAR if clear else 1) << 2 | (none >= 0)
        if len(canvases) > 1 or none >= 0:
            delay = min(int(delay), _MOST_DELAY)  # noqa: PLW2901
            parts.append(struct.pack("<BBBBHBB", _EXTENSION, _CONTROL, 4, how, delay, max(none, 0), 0))
        flags, table = (0, b"") if shared else _stored_table(canvas.palette, clear=none >= 0)
        parts.append(struct.pack("<BHHHHB", _IMAGE, left, top, right - left, bottom - top, flags))
        parts += [table, _packed(np.where(index < 0, max(none, 0), index).astype(np.uint8))]
    return b"".join([*parts, bytes([_END])])


def _stored_table(palette: NDArray[np.uint8], *, clear: bool) -> tuple[int, bytes]:
    """The flags that tell the table's size, and the table, of a power of two."""
    bits = min(8, max(1, (len(palette) + clear - 1).bit_length()))
    return _HAS_TABLE | (bits - 1), palette.tobytes().ljust(3 * 2**bits, b"\0")


def _extent(changed: NDArray[np.bool_], axis: int) -> tuple[int, int]:
    """The first of the lines in which something changed, and that after the last; one where nothing did."""
    where = np.flatnonzero(changed.any(axis=axis))
    return (int(where[0]), int(where[-1]) + 1) if len(where) else (0, 1)


def _packed(index: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(index).save(file, "GIF", interlace=False, optimize=False)
    return parse(file.getvalue()).frames[0].packed
