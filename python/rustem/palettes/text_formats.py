"""Palette files of text.

References
----------
.. [1] GIMP, "GIMP palette file format", https://developer.gimp.org/core/standards/gpl/
.. [2] Jasc Software, "Paint Shop Pro palette file": a line each for the kind, the version, the count and each colour.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rustem.palettes.color_names import css_colors, parse_hex
from rustem.palettes.css import css_bytes, read_css
from rustem.palettes.entries import MOST_COLORS, Color, Parsed, plain_text

if TYPE_CHECKING:
    from rustem.palettes.entries import Entries

_HEX = re.compile(r"(?:#|0x)?([0-9a-fA-F]{6}|[0-9a-fA-F]{8}|[0-9a-fA-F]{3})")
# As some colours have lines for comments too.
_MOST_LINES = 4 * MOST_COLORS


def parser(data: bytes, extension: str) -> Callable[[bytes], Parsed]:
    """The function that reads such a file."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, read in ((b"GIMP Palette", _read_gpl), (b"JASC-PAL", _read_jasc)):
        if start.startswith(magic):
            return _decoded(read)
    by_extension: dict[str, Callable[[str], Parsed]] = {
        ".gpl": _read_gpl,
        ".pal": _read_jasc,
        ".json": _read_json,
        ".css": read_css,
        ".scss": read_css,
        ".hex": _read_hex,
        ".txt": _read_hex,
        ".svg": _read_svg,
    }
    if extension not in by_extension:
        raise ValueError(f"{extension or 'no extension'} names no palette format; choose .gpl, .ase or .json")
    return _decoded(by_extension[extension])


def _decoded(read: Callable[[str], Parsed]) -> Callable[[bytes], Parsed]:
    # Old palettes are in one of many 8-bit codes; only their names can come out wrong.
    return lambda data: read(data.decode("utf-8-sig", "replace"))


def _lines_of(text: str) -> list[str]:
    if text.count("\n") > _MOST_LINES:
        raise ValueError(f"it has more than {_MOST_LINES} lines")
    return text.splitlines()


def _read_gpl(text: str) -> Parsed:
    lines = _lines_of(text)
    if not lines or not lines[0].strip().startswith("GIMP Palette"):
        raise ValueError("its first line is not 'GIMP Palette'")
    colors: list[Color] = []
    names, title, channels = [], "", 3
    for number, line in enumerate(lines[1:], 2):
        key, _, rest = line.strip().partition(":")
        if not line.strip() or line.lstrip().startswith("#") or (not colors and key == "Columns"):
            continue
        if not colors and key == "Channels":  # Aseprite's
            channels = 4 if rest.strip().upper() == "RGBA" else 3
            continue
        if not colors and key == "Name":
            title = rest
            continue
        parts = line.split(None, channels)
        colors.append(_levels(parts[:channels], number, channels))
        names.append(parts[channels] if len(parts) > channels else "")
    return Parsed(colors, names, title)


def _read_jasc(text: str) -> Parsed:
    lines = _lines_of(text)
    if len(lines) < 3 or lines[0].strip() != "JASC-PAL":
        raise ValueError("its first line is not 'JASC-PAL'")
    if not lines[2].strip().isdecimal() or len(lines[2]) > 9:
        raise ValueError("line 3 is no number of colours")
    count = int(lines[2])
    rows = [(number, line.split(None, 4)) for number, line in enumerate(lines[3:], 4) if line.strip()]
    if len(rows) < count:
        raise ValueError(f"{len(rows)} colours instead of {count}; truncated")
    return Parsed([_levels(parts[:3], number) for number, parts in rows[:count]])


def _levels(parts: Sequence[Any], number: int, channels: int = 3) -> Color:
    words = [str(part) for part in parts]
    if len(words) != channels or not all(word.isascii() and word.isdecimal() and len(word) < 9 for word in words):
        raise ValueError(f"line {number} is no colour of {channels} numbers")
    levels = [int(word) for word in words]
    if max(levels) > 255:
        raise ValueError(f"line {number} goes beyond 255")
    return levels[0], levels[1], levels[2]


def _read_json(text: str) -> Parsed:
    content = json.loads(text)
    title = ""
    if isinstance(content, dict):
        title = content.get("title") or content.get("name") or ""
        lists = [content[key] for key in ("colors", "colours", "palette", "swatches") if key in content]
        content = lists[0] if lists else [{"name": key, "hex": value} for key, value in content.items()]
    if not isinstance(content, list):
        raise ValueError("it holds no list of colours")
    if len(content) > MOST_COLORS:
        raise ValueError(f"it holds {len(content)} colours; leave at most {MOST_COLORS}")
    entries = [_json_color(entry, number) for number, entry in enumerate(content, 1)]
    return Parsed(
        [color for color, _ in entries], [name for _, name in entries], title if isinstance(title, str) else ""
    )


def _json_color(entry: Any, number: int) -> tuple[Color, str]:
    name = ""
    if isinstance(entry, dict):
        name = entry["name"] if isinstance(entry.get("name"), str) else ""
        entry = next((entry[key] for key in ("hex", "color", "colour", "value", "rgb") if key in entry), None)
    if isinstance(entry, str):
        return parse_hex(entry), name
    if isinstance(entry, list):
        return _levels(entry[:3], number), name
    raise ValueError(f"entry {number} is no colour")


def _read_hex(text: str) -> Parsed:
    colors = []
    for number, line in enumerate(_lines_of(text), 1):
        word = line.strip()
        if not word or word.startswith((";", "//", "# ")):
            continue
        match = _HEX.fullmatch(word.split()[0].rstrip(",;"))
        if match is None:
            raise ValueError(f"line {number} is no hex number of 3, 6 or 8 digits")
        # Paint.NET writes alpha first, CSS last.
        digits = match[1][2:] if len(match[1]) == 8 and not word.startswith("#") else match[1]
        colors.append(parse_hex(digits))
    return Parsed(colors)


def _read_svg(text: str) -> Parsed:
    from xml.etree import ElementTree as ET

    colors, names = [], []
    for element in ET.fromstring(text).iter():
        if _local_name(element.tag) != "rect":
            continue
        style = dict(rule.partition(":")[::2] for rule in element.get("style", "").replace(" ", "").split(";"))
        fill = (style.get("fill") or element.get("fill") or "").strip().lower()
        if fill.startswith("#") or fill in css_colors():
            colors.append(parse_hex(fill))
            names.append(next((child.text or "" for child in element if _local_name(child.tag) == "title"), ""))
    return Parsed(colors, names)


def _local_name(tag: Any) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""  # comments have a function


def _gpl_bytes(palette: Entries) -> bytes:
    head = ["GIMP Palette", f"Name: {plain_text(palette.title) or 'rustem'}", "Columns: 8", "#"]
    colors = zip(palette.colors.tolist(), _names(palette), strict=True)
    return _lines([*head, *(f"{red:3d} {green:3d} {blue:3d}\t{name}" for (red, green, blue), name in colors)])


def _jasc_bytes(palette: Entries) -> bytes:
    rows = ["JASC-PAL", "0100", str(len(palette)), *(" ".join(map(str, color)) for color in palette.colors.tolist())]
    return _lines(rows, "\r\n")


def _json_bytes(palette: Entries) -> bytes:
    colors: list[dict[str, Any]] = []
    for number, (hex_number, name) in enumerate(zip(palette.hex, palette.names, strict=True)):
        color: dict[str, Any] = {"hex": hex_number, "rgb": palette.colors[number].tolist()}
        if name:
            color["name"] = name
        if palette.shares is not None:
            color["share"] = round(float(palette.shares[number]), 6)
        colors.append(color)
    content = {"title": palette.title, "colors": colors} if palette.title else {"colors": colors}
    return json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


def _hex_bytes(palette: Entries) -> bytes:
    return _lines(hex_number[1:] for hex_number in palette.hex)


def _names(palette: Entries) -> list[str]:
    return [plain_text(name) or hex_number for name, hex_number in zip(palette.names, palette.hex, strict=True)]


def _lines(lines: Iterable[str], end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode("utf-8", "replace")


WRITERS = {"gpl": _gpl_bytes, "pal": _jasc_bytes, "json": _json_bytes, "css": css_bytes, "hex": _hex_bytes}
