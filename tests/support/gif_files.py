"""GIF by the letter of its specification: files made by hand, and a decoder that forgives nothing."""

import struct
from dataclasses import dataclass

import numpy as np

COLORS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9))


def image_block(x, y, indices, control=b"", flags=0, palette=b""):
    """An image of indices below 4, stored without compression; a clear code before each second pixel."""
    codes = [code for number, index in enumerate(np.ravel(indices)) for code in ([4] * (number % 2 == 0) + [index])]
    bits = sum(int(code) << (3 * number) for number, code in enumerate([*codes, 5]))
    data = bits.to_bytes(-(-3 * (len(codes) + 1) // 8), "little")
    blocks = b"".join(bytes([len(part)]) + part for part in (data[at : at + 255] for at in range(0, len(data), 255)))
    height, width = np.shape(indices)
    return control + struct.pack("<BHHHHB", 0x2C, x, y, width, height, flags) + palette + b"\2" + blocks + b"\0"


def control_block(disposal=0, delay=10, clear=None):
    return struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | (clear is not None), delay, clear or 0, 0)


def loop_block(repetitions):
    return b"\x21\xff\x0bNETSCAPE2.0" + struct.pack("<BBHB", 3, 1, repetitions, 0)


def gif_file(width, height, *blocks, colors=COLORS, background=0):
    screen = struct.pack("<HHBBB", width, height, 0x81 if colors else 0, background, 0)
    return b"GIF89a" + screen + b"".join(map(bytes, colors or ())) + b"".join(blocks) + b"\x3b"


@dataclass
class Decoded:
    """Frames (n, H, W, 4) as they are shown, hundredths of a second, and the count of repetitions."""

    frames: np.ndarray
    delays: list
    repetitions: int | None
    n_transparent_flags: int = 0
    n_local_palettes: int = 0


def decode_strictly(data):
    """Decode, and fail at whatever the specification does not allow."""
    assert data[:6] == b"GIF89a"
    width, height, flags, _background, aspect = struct.unpack_from("<HHBBB", data, 6)
    assert min(width, height) > 0 == aspect
    table, at = _table(data, 13, flags)
    canvas, control = np.zeros((height, width, 4), np.uint8), None
    found = Decoded([], [], None)
    while data[at] != 0x3B:
        if data[at] == 0x21:
            label = data[at + 1]
            blocks, at = _blocks(data, at + 2)
            if label == 0xF9:
                assert control is None, "two controls for one image"
                control = _control(blocks)
            else:
                assert label == 0xFF
                assert blocks[0] == b"NETSCAPE2.0"
                assert found.repetitions is None
                assert not found.frames
                found.repetitions = struct.unpack("<BH", blocks[1])[1]
            continue
        assert data[at] == 0x2C, f"{data[at : at + 6]} at {at} starts no block"
        x, y, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
        assert 0 < w <= width - x
        assert 0 < h <= height - y
        assert not flags & 0x40, "interlaced"
        local, at = _table(data, at + 10, flags)
        colors = table if local is None else local
        size = data[at]
        blocks, at = _blocks(data, at + 1)
        indices = np.array(_decompressed(b"".join(blocks), size, w * h)).reshape(h, w)
        assert indices.max() < len(colors)
        packed, delay, clear = (0, 0, 0) if control is None else control
        area = canvas[y : y + h, x : x + w]
        before, drawn = area.copy(), indices != (clear if packed & 1 else -1)
        area[drawn] = np.insert(colors, 3, 255, axis=1)[indices[drawn]]
        found.frames.append(canvas.copy())
        found.delays.append(delay)
        found.n_transparent_flags += packed & 1
        found.n_local_palettes += local is not None
        if packed >> 2 & 7 > 1:
            area[...] = 0 if packed >> 2 & 7 == 2 else before
        control = None
    assert control is None, "a control for no image"
    assert at == len(data) - 1, "bytes after the trailer"
    found.frames = np.array(found.frames)
    return found


def _control(blocks):
    assert [len(block) for block in blocks] == [4]
    packed, delay, clear = struct.unpack("<BHB", blocks[0])
    assert packed >> 5 == 0
    assert packed >> 2 & 7 in (0, 1, 2, 3)
    return packed, delay, clear


def _table(data, at, flags):
    if not flags & 0x80:
        return None, at
    n_colors = 2 << (flags & 7)
    return np.frombuffer(data[at : at + 3 * n_colors], np.uint8).reshape(n_colors, 3), at + 3 * n_colors


def _blocks(data, at):
    blocks = []
    while data[at]:
        assert at + data[at] < len(data)
        blocks.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    return blocks, at + 1


def _decompressed(data, size, n_pixels):
    """LZW with codes of growing length (T. A. Welch, Computer 17 (1984) 8-19), from a clear code to an end code."""
    assert 2 <= size <= 8
    bits, clear = int.from_bytes(data, "little"), 1 << size
    stream, position, length = [], 0, size + 1
    table, last = None, None
    n_bits = 8 * len(data)
    reach = 4096  # bits of large numbers, taken part by part
    window, start = bits & ((1 << reach) - 1), 0
    while True:
        assert position + length <= n_bits, "no end code"
        if position - start + length > reach:
            start = position
            window = bits >> start & ((1 << reach) - 1)
        code = window >> (position - start) & ((1 << length) - 1)
        position += length
        if code == clear:
            table = [(number,) for number in range(clear)] + [None, None]
            length, last = size + 1, None
            continue
        assert table is not None, "no clear code first"
        if code == clear + 1:
            break
        if last is None:
            assert code < clear
            entry = table[code]
        else:
            assert code <= len(table), "a code that is not there yet"
            entry = table[code] if code < len(table) else (*last, last[0])
            if len(table) < 4096:
                table.append((*last, entry[0]))
                if len(table) == 1 << length and length < 12:
                    length += 1
        stream.extend(entry)
        last = entry
    assert n_bits - position < 8, "bytes after the end code"
    assert len(stream) == n_pixels
    return stream
