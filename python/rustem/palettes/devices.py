"""Palettes of devices, by name."""

from __future__ import annotations

import os
from itertools import product
from typing import TypeAlias

from rustem.exceptions import ImageError, InvalidInputError
from rustem.palettes.files import read
from rustem.palettes.palette import Palette, as_palette

# Numbers in one text, levels, or numbers by their names.
_Colors: TypeAlias = str | list[tuple[int, int, int]] | dict[str, str]

_BLACK_WHITE = {"black": "#000000", "white": "#ffffff"}
# What drivers of the panels compare pictures with, so that a file in these colours is shown as it is, in their order:
# Waveshare, https://github.com/waveshareteam/e-Paper, epd7in3f.py (7 colours) and epd7in3e.py (Spectra 6).
_ACEP = _BLACK_WHITE | {
    "green": "#00ff00",
    "blue": "#0000ff",
    "red": "#ff0000",
    "yellow": "#ffff00",
    "orange": "#ff8000",
}
_SPECTRA = _BLACK_WHITE | {"yellow": "#ffff00", "red": "#ff0000", "blue": "#0000ff", "green": "#00ff00"}
# What the inks look like: Pimoroni, https://github.com/pimoroni/inky, SATURATED_PALETTE in inky_ac073tc1a.py and
# inky_e673.py; in the order of the above.
_ACEP_INKS = {
    "black": "#000000",
    "white": "#d9f2ff",
    "green": "#037c4c",
    "blue": "#1b2ec6",
    "red": "#f55022",
    "yellow": "#ffff44",
    "orange": "#ef792c",
}
_SPECTRA_INKS = {
    "black": "#000000",
    "white": "#a1a4a5",
    "yellow": "#d0be47",
    "red": "#9c484b",
    "blue": "#3d3b5e",
    "green": "#3a5b46",
}
# Nintendo published no colours: the greens that emulators and artists have agreed on for the first model; Wikipedia,
# "List of video game console palettes".
_GAME_BOY = "#0f380f #306230 #8bac0f #9bbc0f"
# Lexaloffle Games, "PICO-8 User Manual", https://www.lexaloffle.com/dl/docs/pico-8_manual.html, colours 0 to 15.
_PICO_8 = (
    "#000000 #1d2b53 #7e2553 #008751 #ab5236 #5f574f #c2c3c7 #fff1e8 "
    "#ff004d #ffa300 #ffec27 #00e436 #29adff #83769c #ff77a8 #ffccaa"
)
# IBM, "Color Graphics Adapter", 1984: red, green, blue and intensity; its monitor 5153 turns dark yellow into brown.
_CGA = (
    "#000000 #0000aa #00aa00 #00aaaa #aa0000 #aa00aa #aa5500 #aaaaaa "
    "#555555 #5555ff #55ff55 #55ffff #ff5555 #ff55ff #ffff55 #ffffff"
)
# P. Timmermann, "Commodore VIC-II Color Analysis", 2001, https://www.pepto.de/projects/colorvic/2001/, colours 0 to 15.
_COMMODORE_64 = (
    "#000000 #ffffff #68372b #70a4b2 #6f3d86 #588d43 #352879 #b8c76f "
    "#6f4f25 #433900 #9a6759 #444444 #6c6c6c #9ad284 #6c5eb5 #959595"
)


def _ega() -> _Colors:
    """IBM, "Enhanced Graphics Adapter", 1984: by its numbers, whose bits are a third of r, g, b and two of R, G, B."""
    return [
        (85 * (2 * red + dim_red), 85 * (2 * green + dim_green), 85 * (2 * blue + dim_blue))
        for dim_red, dim_green, dim_blue, red, green, blue in product((0, 1), repeat=6)
    ]


def _zx_spectrum() -> _Colors:
    """Sinclair, "ZX Spectrum BASIC programming", 1982, chapter 16, has the colours; of dim ones emulators' level."""
    dim, bright = ([(red, green, blue) for green, red, blue in product((0, level), repeat=3)] for level in (0xD7, 0xFF))
    return dim + bright[1:]


def _greys(levels: int) -> _Colors:
    return [(level, level, level) for level in range(0, 256, 255 // (levels - 1))]


_DEVICES: dict[str, tuple[str, _Colors]] = {
    "black-white": ("black and white", _BLACK_WHITE),
    "grey-4": ("e-ink in 4 greys", _greys(4)),
    "grey-16": ("e-ink in 16 greys", _greys(16)),
    "eink-red": ("e-ink in black, white and red", _BLACK_WHITE | {"red": "#ff0000"}),
    "eink-yellow": ("e-ink in black, white and yellow", _BLACK_WHITE | {"yellow": "#ffff00"}),
    "eink-7color": ("e-ink ACeP, Gallery Palette: what drivers take", _ACEP),
    "eink-7color-inks": ("e-ink ACeP, Gallery Palette: what it looks like", _ACEP_INKS),
    "eink-spectra6": ("e-ink Spectra 6: what drivers take", _SPECTRA),
    "eink-spectra6-inks": ("e-ink Spectra 6: what it looks like", _SPECTRA_INKS),
    "game-boy": ("Nintendo Game Boy", _GAME_BOY),
    "pico-8": ("PICO-8", _PICO_8),
    "cga-16": ("IBM CGA", _CGA),
    "ega-64": ("IBM EGA", _ega()),
    "zx-spectrum": ("Sinclair ZX Spectrum", _zx_spectrum()),
    "commodore-64": ("Commodore 64", _COMMODORE_64),
    # L. Weinman, "Designing Web Graphics", 1996: what all browsers could show on screens of 256 colours.
    "web-safe": ("web-safe colours", [(red, green, blue) for red, green, blue in product(range(0, 256, 51), repeat=3)]),
}
NAMED = tuple(_DEVICES)
"""The names that `named` knows."""


def named(name: str) -> Palette:
    """The palette of a device.

    Parameters
    ----------
    name : str
        One of `NAMED`: "black-white"; "grey-4" and "grey-16", "eink-red", "eink-yellow", "eink-7color",
        "eink-spectra6" for e-ink; "game-boy", "pico-8", "cga-16", "ega-64", "zx-spectrum", "commodore-64", "web-safe".
        "eink-7color" and "eink-spectra6" are what drivers of such panels take, "eink-7color-inks" and
        "eink-spectra6-inks", in the same order, what the panels look like.

    Returns
    -------
    Palette
        2 to 216 colours, in the device's own order; of e-ink with their names.

    Raises
    ------
    InvalidInputError
        No palette has this name.

    Examples
    --------
    >>> named("eink-red")
    Palette(['#000000', '#ffffff', '#ff0000'], names=['black', 'white', 'red'])
    """
    if name not in _DEVICES:
        raise InvalidInputError(f"no palette is named {name!r}; choose one of {', '.join(NAMED)}")
    title, colors = _DEVICES[name]
    if isinstance(colors, dict):
        return as_palette(list(colors.values()), names=list(colors), title=title)
    return as_palette(colors.split() if isinstance(colors, str) else colors, title=title)


def read_or_named(source: str | os.PathLike[str]) -> Palette:
    """The palette of a file, or, where there is no such file, of a device.

    Parameters
    ----------
    source : str or path-like
        A file; or one of `NAMED`. A path object, a text with a separator or an extension is always a file.

    Raises
    ------
    ImageError
        The file cannot be read, or there is neither such a file nor such a name.
    """
    name = os.fsdecode(source)
    separators = [os.sep, os.altsep or os.sep]
    plain = isinstance(source, str) and not os.path.splitext(name)[1] and not any(sep in name for sep in separators)
    if not plain or os.path.isfile(name):
        return read(source)
    if name not in _DEVICES:
        raise ImageError(f"{name}: there is no such file, and no palette of this name; names are {', '.join(NAMED)}")
    return named(name)
