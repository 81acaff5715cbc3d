"""Palettes as CSS variables: read with tinycss2, in linear time, whatever the file holds.

References
----------
.. [1] W3C, "CSS Custom Properties for Cascading Variables Module Level 1", 2022.
.. [2] W3C, "CSS Color Module Level 4", 2022.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rustem.palettes.entries import MOST_COLORS, Color, Parsed

if TYPE_CHECKING:
    from rustem.palettes.entries import Entries

_FUNCTIONS = ("rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color", "color-mix", "device-cmyk")


def read_css(text: str) -> Parsed:
    """The variables of a style sheet, in CSS or SCSS, whose values are colors; others are passed over."""
    try:
        import tinycss2
        import tinycss2.color4
    except ImportError:
        raise ImportError('reading CSS needs one more package; pip install "rustem[css]"') from None

    colors: list[Color] = []
    names: list[str] = []
    left_out: list[str] = []
    for name, token in _variables(tinycss2.parse_component_value_list(text, skip_comments=True)):
        if len(colors) + len(left_out) > MOST_COLORS:
            raise ValueError(f"it has more than {MOST_COLORS} colors")
        color = tinycss2.color4.parse_color(token)
        if isinstance(color, tinycss2.color4.Color):
            if token.type != "ident" or color.alpha > 0:  # "transparent" is none
                colors.append(_srgb(color))
                names.append(name)
        elif token.type == "function" and token.lower_name in _FUNCTIONS:
            left_out.append(f"{token.lower_name}() of --{name}")
        elif token.type == "hash":
            raise ValueError(f"line {token.source_line} has no hex number of 3, 4, 6 or 8 digits")
    return Parsed(colors, names, "", left_out)


def _variables(tokens: list[Any]) -> Iterator[tuple[str, Any]]:
    """Names and values of variables whose value is one token, at any depth of blocks, in their order.

    A declaration ends at a semicolon, "!", the end of its block or, as hand-written lists do without semicolons, of a
    line.
    """
    stack = [iter(tokens)]
    read: list[Any] = []  # the tokens of the current declaration
    while stack:
        token = next(stack[-1], None)
        if token is None or token.type == "{} block" or token in (";", "!"):
            yield from _variable(read)
            read = []
            if token is None:
                stack.pop()
            elif token.type == "{} block":
                stack.append(iter(token.content))
        elif token.type == "whitespace":
            if "\n" in token.value and (not read or read[-1] != ":"):
                yield from _variable(read)
                read = []
        elif len(read) < 5:  # longer ones are no colors
            read.append(token)


def _variable(read: list[Any]) -> Iterator[tuple[str, Any]]:
    if len(read) == 4 and read[0] == "$" and read[1].type == "ident" and read[2] == ":":
        yield read[1].value, read[3]
    elif len(read) == 3 and read[0].type == "ident" and read[0].value.startswith("--") and read[1] == ":":
        yield read[0].value[2:], read[2]


def _srgb(color: Any) -> Color:
    """Levels of a color of any space, clipped to what sRGB can show."""
    import numpy as np

    from rustem.colorspaces import from_space
    from rustem.images.color_profiles import CSS_SPACES, srgb_from_xyz

    values = np.array([value or 0 for value in color.coordinates])
    if not np.isfinite(values).all() or np.abs(values).max() > 1e6:
        raise ValueError("a color has a number beyond all bounds")
    match color.space:
        case "srgb" | "hsl" | "hwb":
            rgb = np.array(color.to("srgb").coordinates)
        case "lab" | "lch":
            rgb = srgb_from_xyz(np.array(color.to("xyz-d50").coordinates))
        case "oklab" | "oklch":
            lightness, a, b = values
            if color.space == "oklch":
                a, b = a * np.cos(np.radians(b)), a * np.sin(np.radians(b))
            rgb = from_space(np.array([lightness, a, b]), "oklab")
        case space:
            rgb = srgb_from_xyz(CSS_SPACES[space](values))
    red, green, blue = np.rint(np.clip(rgb, 0, 1) * 255).astype(int).tolist()
    return red, green, blue


def css_bytes(palette: Entries) -> bytes:
    """Variables of the root element."""
    rows = [f"  --{name}: {value};\n" for name, value in zip(css_identifiers(palette.names), palette.hex, strict=True)]
    return "".join([":root {\n", *rows, "}\n"]).encode()


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
