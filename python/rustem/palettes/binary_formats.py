"""Palette files of bytes.

References
----------
.. [1] Adobe, "Photoshop File Formats Specification", chapters "Color swatches" (ACO) and "Color table" (ACT), 2019.
.. [2] O. Berten, "Color palette file formats": Adobe Swatch Exchange (ASE), which Adobe did not publish.
.. [3] IBM and Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", 1991, "RIFF palette".
"""

from __future__ import annotations

import colorsys
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.palettes.entries import MOST_COLORS, Color, Parsed

if TYPE_CHECKING:
    from rustem.palettes.entries import Entries

_ASE_COLOR, _ASE_GROUP = 0x0001, 0xC001
# Of Photoshop's color spaces those that say which swatch of a printed book is meant, not what it looks like.
_BOOKS = {3: "Pantone", 4: "Focoltone", 5: "Trumatch", 6: "Toyo", 10: "HKS"}
# Bytes of a .pal file that is nothing but colors: of 16, of the NES (64, or with emphasis 512), of VGA (256).
_RAW_SIZES = (48, 192, 768, 1536)
_TRUNCATED = "truncated"


def parser(data: bytes, extension: str) -> Callable[[bytes], Parsed] | None:
    """The function that reads such a file, or None for what is text."""
    if data.startswith(b"ASEF"):
        return _read_ase
    if data.startswith(b"RIFF"):
        return _read_riff
    if extension == ".pal" and len(data) in _RAW_SIZES and not data.startswith(b"JASC-PAL"):
        return lambda data: Parsed(_triples(data, 3))
    return {".ase": _read_ase, ".aco": _read_aco, ".act": _read_act}.get(extension)


class _Reader:
    """Big-endian values, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, length: int) -> bytes:
        taken = self.data[self.place : self.place + length]
        if len(taken) < length:
            raise ValueError(_TRUNCATED)
        self.place += length
        return taken

    def values(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(f">{layout}", self.take(struct.calcsize(f">{layout}")))

    def text(self, length: int) -> str:
        return self.take(2 * length).decode("utf-16-be", "replace").rstrip("\0")


def _read_ase(data: bytes) -> Parsed:
    reader = _Reader(data)
    if reader.take(4) != b"ASEF":
        raise ValueError("it is no Adobe Swatch Exchange file")
    _, _, n_blocks = reader.values("HHI")
    if n_blocks > 4 * MOST_COLORS:
        raise ValueError(f"it has {n_blocks} blocks")
    colors, names, title, left_out = [], [], "", []
    for _ in range(n_blocks):
        kind, length = reader.values("HI")
        block = _Reader(reader.take(length))
        if kind == _ASE_COLOR:
            name, model = block.text(*block.values("H")), block.take(4)
            color = _ase_color(model, block)
            if color is None:
                left_out.append(f"model {model!r}")
            else:
                colors.append(color)
                names.append(name)
        elif kind == _ASE_GROUP and not title:
            title = block.text(*block.values("H"))
    return Parsed(colors, names, title, left_out)


def _ase_color(model: bytes, block: _Reader) -> Color | None:
    match model.strip(b" \0").upper():
        case b"RGB":
            return _rgb(*block.values("fff"))
        case b"CMYK":
            return _from_cmyk(*block.values("ffff"))
        case b"LAB":
            lightness, a, b = block.values("fff")
            return _from_lab(lightness, a / 100, b / 100)
        case b"GRAY":
            return _rgb(*block.values("f") * 3)
    return None


def _read_aco(data: bytes) -> Parsed:
    reader = _Reader(data)
    version, count = reader.values("HH")
    if version == 1 and len(data) > 4 + 10 * count:  # the same colours follow once more, with names
        named = _Reader(data[4 + 10 * count :])
        if named.values("H") == (2,):
            reader, version = named, 2
            (count,) = reader.values("H")
    if version not in (1, 2):
        raise ValueError(f"version {version} of Photoshop's swatches is unknown")
    colors, names, left_out = [], [], []
    for _ in range(count):
        space, *values = reader.values("H4H")
        color = _aco_color(space, *values)
        name = reader.text(*reader.values("I")) if version == 2 else ""
        if color is None:
            left_out.append(_BOOKS.get(space, f"space {space}"))
        else:
            colors.append(color)
            names.append(name)
    return Parsed(colors, names, "", left_out)


def _aco_color(space: int, *values: int) -> Color | None:
    parts = [value / 65535 for value in values]
    match space:
        case 0:
            return _rgb(*parts[:3])
        case 1:
            return _rgb(*colorsys.hsv_to_rgb(*parts[:3]))
        case 2 | 9:  # 9 is "wide", in hundredths of a per cent
            paper = 65535 if space == 2 else 10000
            return _from_cmyk(*(1 - min(value, paper) / paper for value in values))
        case 7:
            a, b = (value - 65536 if value > 32767 else value for value in values[1:3])
            return _from_lab(values[0] / 10000, a / 10000, b / 10000)
        case 8:
            return _rgb(*[1 - values[0] / 10000] * 3)
    return None


def _read_act(data: bytes) -> Parsed:
    if len(data) not in (768, 772):
        raise ValueError(f"a colour table has 768 or 772 bytes, not {len(data)}")
    colors = _triples(data[:768], 3)
    if len(data) == 772:
        count, transparent = struct.unpack(">HH", data[768:])
        colors = colors[: count or 256]
        if transparent < len(colors) > 1:
            del colors[transparent]
    return Parsed(colors)


def _read_riff(data: bytes) -> Parsed:
    if data[8:12] != b"PAL ":
        raise ValueError("it is a RIFF file, but no palette")
    place = 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        if kind == b"data":
            version, count = struct.unpack_from("<HH", data[place + 8 :].ljust(4, b"\0"))
            entries = data[place + 12 : place + 12 + 4 * count]
            if version != 0x0300 or len(entries) < 4 * count or length < 4 + 4 * count:
                raise ValueError(_TRUNCATED)
            return Parsed(_triples(entries, 4))
        place += 8 + length + length % 2
    raise ValueError(_TRUNCATED)


def _triples(data: bytes, step: int) -> list[Color]:
    return [(data[place], data[place + 1], data[place + 2]) for place in range(0, len(data), step)]


def _rgb(red: float, green: float, blue: float) -> Color:
    levels = [round(255 * min(max(value, 0), 1)) for value in (red, green, blue)]
    return levels[0], levels[1], levels[2]


def _from_cmyk(cyan: float, magenta: float, yellow: float, black: float) -> Color:
    return _rgb(*((1 - ink) * (1 - black) for ink in (cyan, magenta, yellow)))


def _from_lab(lightness: float, a: float, b: float) -> Color:
    from rustem.colorspaces import from_space

    lab = np.array([lightness, a, b])
    if not np.isfinite(lab).all() or np.abs(lab).max() > 10:
        raise ValueError("a colour is no number")
    return _rgb(*from_space(lab, "lab").tolist())


def _ase_bytes(palette: Entries) -> bytes:
    blocks = []
    for color, hex_number, name in zip(palette.colors.tolist(), palette.hex, palette.names, strict=True):
        text = _utf16(name or hex_number, 65534)
        values = struct.pack(">4s3fH", b"RGB ", *(level / 255 for level in color), 0)
        blocks.append(_ase_block(_ASE_COLOR, struct.pack(">H", len(text) // 2) + text + values))
    return b"ASEF" + struct.pack(">HHI", 1, 0, len(blocks)) + b"".join(blocks)


def _ase_block(kind: int, content: bytes) -> bytes:
    return struct.pack(">HI", kind, len(content)) + content


def _aco_bytes(palette: Entries) -> bytes:
    count = _at_most(palette, 65535, "aco")
    plain, named = [struct.pack(">HH", 1, count)], [struct.pack(">HH", 2, count)]
    for color, hex_number, name in zip(palette.colors.tolist(), palette.hex, palette.names, strict=True):
        entry = struct.pack(">5H", 0, *(257 * level for level in color), 0)
        text = _utf16(name or hex_number, 65534)
        plain.append(entry)
        named.append(entry + struct.pack(">I", len(text) // 2) + text)
    return b"".join(plain + named)


def _act_bytes(palette: Entries) -> bytes:
    count = _at_most(palette, 256, "act")
    return palette.colors.tobytes().ljust(768, b"\0") + struct.pack(">HH", count, 0xFFFF)


def _riff_bytes(palette: Entries) -> bytes:
    count = _at_most(palette, 65535, "riff")
    entries = np.pad(palette.colors, ((0, 0), (0, 1))).tobytes()
    data = struct.pack("<HH", 0x0300, count) + entries
    return struct.pack("<4sI4s4sI", b"RIFF", 12 + len(data), b"PAL ", b"data", len(data)) + data


def _at_most(palette: Entries, most: int, kind: str) -> int:
    if len(palette) > most:
        raise ValueError(f"{kind} holds {most} colours, not {len(palette)}; write .gpl or .ase")
    return len(palette)


def _utf16(text: str, most: int) -> bytes:
    return text.encode("utf-16-be", "replace")[: 2 * most] + b"\0\0"


WRITERS = {"ase": _ase_bytes, "aco": _aco_bytes, "act": _act_bytes, "riff": _riff_bytes}
