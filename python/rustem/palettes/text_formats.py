"""Palette files of text.

References
----------
.. [1] GIMP, "GIMP palette file format", https://developer.gimp.org/core/standards/gpl/
.. [2] Jasc Software, "Paint Shop Pro palette file": a line each for the kind, the version, the count and each colour.
.. [3] W3C, "CSS Custom Properties for Cascading Variables Module Level 1", 2022.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from rustem.palettes.entries import Entries

Color: TypeAlias = tuple[int, int, int]
Parsed: TypeAlias = tuple[list[Color], Sequence[str], str]

_HEX = re.compile(r"(?:#|0x)?([0-9a-fA-F]{6}|[0-9a-fA-F]{8}|[0-9a-fA-F]{3})")
_VARIABLE = re.compile(
    r"(?:--|\$)([\w-]+)\s*:\s*(#[0-9a-fA-F]{3,8}|rgba?\([^)]*\)|[a-zA-Z]+)\s*(?=[;}\n!]|$)",
)
_SVG_FILL = re.compile(
    r"""<rect\b[^<>]*?\bfill\s*(?:=\s*["']|:)\s*(#[0-9a-fA-F]{3,6})\b[^<>]*>(?:\s*<title>([^<]*)</title>)?"""
)


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
        ".css": _read_css,
        ".scss": _read_css,
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


def _read_gpl(text: str) -> Parsed:
    lines = text.splitlines()
    if not lines or not lines[0].strip().startswith("GIMP Palette"):
        raise ValueError("its first line is not 'GIMP Palette'")
    colors: list[Color] = []
    names, title = [], ""
    for number, line in enumerate(lines[1:], 2):
        key, _, rest = line.strip().partition(":")
        if not line.strip() or line.lstrip().startswith("#") or (not colors and key in ("Columns", "Channels")):
            continue
        if not colors and key == "Name":
            title = rest.strip()
            continue
        parts = line.split(None, 3)
        colors.append(_levels(parts[:3], number))
        names.append(parts[3].strip() if len(parts) > 3 else "")
    return colors, names, title


def _read_jasc(text: str) -> Parsed:
    lines = text.splitlines()
    if len(lines) < 3 or lines[0].strip() != "JASC-PAL":
        raise ValueError("its first line is not 'JASC-PAL'")
    if not lines[2].strip().isdecimal() or len(lines[2]) > 9:
        raise ValueError("line 3 is no number of colours")
    count = int(lines[2])
    rows = [(number, line.split()) for number, line in enumerate(lines[3:], 4) if line.strip()]
    if len(rows) < count:
        raise ValueError(f"{len(rows)} colours instead of {count}; truncated")
    return [_levels(parts[:3], number) for number, parts in rows[:count]], (), ""


def _levels(parts: Sequence[Any], number: int) -> Color:
    if len(parts) != 3 or not all(
        str(part).isascii() and str(part).isdecimal() and len(str(part)) < 9 for part in parts
    ):
        raise ValueError(f"line {number} is no colour of three numbers")
    levels = [int(part) for part in parts]
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
    entries = [_json_color(entry, number) for number, entry in enumerate(content, 1)]
    return [color for color, _ in entries], [name for _, name in entries], title if isinstance(title, str) else ""


def _json_color(entry: Any, number: int) -> tuple[Color, str]:
    name = ""
    if isinstance(entry, dict):
        name = entry["name"] if isinstance(entry.get("name"), str) else ""
        entry = next((entry[key] for key in ("hex", "color", "colour", "value", "rgb") if key in entry), None)
    if isinstance(entry, str):
        return _hex_color(entry), name
    if isinstance(entry, list):
        return _levels(entry[:3], number), name
    raise ValueError(f"entry {number} is no colour")


def _read_css(text: str) -> Parsed:
    found = _VARIABLE.findall(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))
    colors, names = [], []
    for name, value in found:
        color = _css_color(value)
        if color is not None:
            colors.append(color)
            names.append(name)
    return colors, names, ""


def _css_color(value: str) -> Color | None:
    from rustem.palettes.color_names import css_colors

    if value.startswith("#"):
        return _hex_color(value)
    if value.startswith("rgb"):
        numbers = re.findall(r"[\d.]+%?", value)[:3]
        if len(numbers) < 3:
            raise ValueError(f"{value} is no colour")
        levels = [float(number.rstrip("%")) * (2.55 if number.endswith("%") else 1) for number in numbers]
        red, green, blue = (round(min(level, 255)) for level in levels)
        return red, green, blue
    return css_colors().get(value.lower())


def _read_hex(text: str) -> Parsed:
    colors = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip()
        if not word or word.startswith((";", "//", "# ")):
            continue
        match = _HEX.fullmatch(word.split()[0].rstrip(",;"))
        if match is None:
            raise ValueError(f"line {number} is no hex number of 3, 6 or 8 digits")
        # Paint.NET writes alpha first, CSS last.
        digits = match[1][2:] if len(match[1]) == 8 and not word.startswith("#") else match[1]
        colors.append(_hex_color(digits))
    return colors, (), ""


def _hex_color(text: str) -> Color:
    from rustem.palettes.color_names import parse_hex

    return parse_hex(text)


def _read_svg(text: str) -> Parsed:
    from html import unescape

    found = _SVG_FILL.findall(text)
    return [_hex_color(fill) for fill, _ in found], [unescape(name) for _, name in found], ""


def _gpl_bytes(palette: Entries) -> bytes:
    head = ["GIMP Palette", f"Name: {_plain(palette.title) or 'rustem'}", "Columns: 8", "#"]
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


def _css_bytes(palette: Entries) -> bytes:
    rows = [f"  --{name}: {value};" for name, value in zip(css_identifiers(palette.names), palette.hex, strict=True)]
    return _lines([":root {", *rows, "}"])


def css_identifiers(names: Sequence[str]) -> list[str]:
    """Names as CSS variables have them: each once, and the same at every run.

    Letters lose their accents, all but ASCII letters and digits become one hyphen; who has no name is called by the
    place in the palette. The first of several keeps the name, the others are numbered; numbers that make the name of
    another entry are passed over.

    Parameters
    ----------
    names : sequence of str
        Any names; may be empty, or equal.

    Returns
    -------
    list of str
        As many, without the leading ``--``.

    Examples
    --------
    >>> css_identifiers(["Dark red", "dark-red", "", "Grün", "dark red 2"])
    ['dark-red', 'dark-red-3', 'color-3', 'grun', 'dark-red-2']
    """
    stems = []
    for number, name in enumerate(names, 1):
        letters = (sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
        stems.append(re.sub(r"[^a-z0-9]+", "-", "".join(letters).lower()).strip("-") or f"color-{number}")
    taken, counts, found = set(stems), dict.fromkeys(stems, 0), []
    for stem in stems:
        counts[stem] += 1
        identifier = stem
        while counts[stem] > 1 and (identifier := f"{stem}-{counts[stem]}") in taken:
            counts[stem] += 1
        taken.add(identifier)
        found.append(identifier)
    return found


def _hex_bytes(palette: Entries) -> bytes:
    return _lines(hex_number[1:] for hex_number in palette.hex)


def _names(palette: Entries) -> list[str]:
    return [_plain(name) or hex_number for name, hex_number in zip(palette.names, palette.hex, strict=True)]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _lines(lines: Iterable[str], end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode("utf-8", "replace")


WRITERS = {"gpl": _gpl_bytes, "pal": _jasc_bytes, "json": _json_bytes, "css": _css_bytes, "hex": _hex_bytes}
