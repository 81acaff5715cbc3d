"""Palettes and their files: read, written, named.

========================= ============================ =====================================
format                    extension                    holds
========================= ============================ =====================================
GIMP, Inkscape, Krita     .gpl                         names
Adobe Swatch Exchange     .ase                         names
Photoshop swatches        .aco                         names
Photoshop colour table    .act                         up to 256 colours
JASC, Microsoft RIFF      .pal (JASC is written)       RIFF: up to 65535 colours
JSON                      .json                        names, shares
CSS variables             .css                         names
list of hex numbers       .hex, .txt                   colours only
swatches to look at       .svg, .png                   SVG: names
========================= ============================ =====================================

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder, "flag.gpl")
...     write(path, ["#000000", "#dd0000", "#ffcc00"], names=["black", "red", "gold"])
...     read(path)
Palette(['#000000', '#dd0000', '#ffcc00'], names=['black', 'red', 'gold'])
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rustem.exceptions import ImageError, InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FORMATS", "Palette", "parse_hex", "read", "write"]

# Indexed pictures hold 256; what has more than a screen can show at once is no palette.
_MOST = 65536
_MOST_BYTES = 1 << 24


@dataclass(frozen=True, eq=False, repr=False)
class Palette:
    """Colours in their order, with what is known of them.

    Parameters
    ----------
    colors : ndarray of uint8, shape (k, 3)
        sRGB colours, 1 to 65536 of them.
    names : tuple of str
        A name for each colour; empty where there is none.
    shares : ndarray of shape (k,) or None
        The part of a picture that has each colour, from 0 to 1.
    title : str
        The palette's own name; may be empty.
    """

    colors: NDArray[np.uint8]
    names: tuple[str, ...]
    shares: NDArray[np.float64] | None = None
    title: str = ""

    @property
    def hex(self) -> list[str]:
        """The colours as ``#rrggbb``."""
        return ["#" + bytes(color).hex() for color in self.colors]

    def __len__(self) -> int:
        return len(self.colors)

    def __repr__(self) -> str:
        shown = f"{self.hex[:8]}"[:-1] + ", …]" if len(self) > 8 else f"{self.hex}"
        return f"Palette({shown}, names={list(self.names[:8])})" if any(self.names) else f"Palette({shown})"


def read(path: str | os.PathLike[str]) -> Palette:
    """Read a palette file, or the colours of a picture.

    Parameters
    ----------
    path : str or path-like
        A file of any of the formats above, told by its content where it tells. CMYK, Lab, HSB and grey swatches become
        sRGB by the usual formulas, without colour profiles. Of an indexed PNG the palette is taken, of other pictures
        each distinct colour.

    Returns
    -------
    Palette
        1 to 65536 colours.

    Raises
    ------
    ImageError
        The file is missing, damaged, of an unknown kind, or holds no colours or too many.
    """
    from rustem.palettes import binary_formats, text_formats

    name = os.fsdecode(path)
    if os.path.splitext(name)[1].lower() in (".png", ".gif", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"):
        from rustem.palettes.swatches import read_picture

        return _checked(name, *read_picture(name))
    data = _contents(name)
    extension = os.path.splitext(name)[1].lower()
    try:
        parse = binary_formats.parser(data, extension) or text_formats.parser(data, extension)
        colors, names, title = parse(data)
    except (ValueError, IndexError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: this is no palette that can be read ({reason}); save it as .gpl") from error
    return _checked(name, colors, names, title)


def _contents(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ImageError(f"{name}: {error.strerror or error}; check the path") from error
    if not data.strip():
        raise ImageError(f"{name}: the file is empty; get a complete copy of it")
    if len(data) > _MOST_BYTES:
        raise ImageError(f"{name}: the file is larger than {_MOST_BYTES >> 20} MB; this is no palette")
    return data


def _checked(name: str, colors: Any, names: Sequence[str], title: str) -> Palette:
    if len(colors) == 0:
        raise ImageError(f"{name}: the palette holds no colours; save it with at least one")
    if len(colors) > _MOST:
        raise ImageError(f"{name}: the palette holds {len(colors)} colours; leave at most {_MOST}")
    return Palette(np.asarray(colors, np.uint8).reshape(-1, 3), tuple(names) or ("",) * len(colors), None, title)


def write(
    path: str | os.PathLike[str],
    colors: ArrayLike | Palette,
    *,
    format: str | None = None,  # noqa: A002  (the word that everybody looks for)
    names: Sequence[str] | None = None,
    shares: ArrayLike | None = None,
    title: str = "",
    overwrite: bool = True,
) -> None:
    """Write a palette file.

    Parameters
    ----------
    path : str or path-like
        The file. It appears complete or not at all.
    colors : Palette, (k, 3) array-like, or sequence of str
        A palette, whose names and shares are kept; colours as uint8, as floats in [0, 1], or as ``"#rrggbb"``.
    format : {"gpl", "ase", "aco", "act", "pal", "riff", "json", "css", "hex", "svg", "png"}, optional
        Default: what the extension of ``path`` says.
    names : sequence of str, optional
        A name for each colour. Formats with names that get none use the hex number.
    shares : (k,) array-like, optional
        Parts of the picture, kept by JSON; SVG and PNG draw swatches as wide.
    title : str, default ""
        The palette's own name.
    overwrite : bool, default True
        Whether an existing file may be replaced.

    Raises
    ------
    ImageError
        The file cannot be written, or its format cannot hold so many colours.
    InvalidInputError
        The colours are none, or the format is unknown.
    """
    from rustem.atomic_write import write_atomically

    palette = as_palette(colors, names=names, shares=shares, title=title)
    render = _writer(os.fsdecode(path), format)
    try:
        data = render(palette)
    except ValueError as error:
        raise ImageError(f"{os.fsdecode(path)}: {error}") from error
    write_atomically(path, lambda file: file.write(data), overwrite)


_Writer: TypeAlias = Callable[[Palette], bytes]
FORMATS = ("gpl", "ase", "aco", "act", "pal", "riff", "json", "css", "hex", "svg", "png")
"""The names of the formats that `write` knows."""


def _writer(name: str, chosen: str | None) -> _Writer:
    from rustem.palettes import binary_formats, swatches, text_formats

    writers: dict[str, _Writer] = {
        **binary_formats.WRITERS,
        **text_formats.WRITERS,
        "svg": swatches.svg_bytes,
        "png": swatches.png_bytes,
    }
    extension = os.path.splitext(name)[1].lower().removeprefix(".")
    kind = chosen or {"txt": "hex"}.get(extension, extension)
    if kind not in writers:
        raise InvalidInputError(f"{name}: {kind!r} is no palette format; choose one of {', '.join(FORMATS)}")
    return writers[kind]


def as_palette(
    colors: ArrayLike | Palette,
    *,
    names: Sequence[str] | None = None,
    shares: ArrayLike | None = None,
    title: str = "",
) -> Palette:
    """Make a palette of colours in any of the ways that `write` takes."""
    if isinstance(colors, Palette):
        names = colors.names if names is None else names
        shares = colors.shares if shares is None else shares
        title = title or colors.title
        colors = colors.colors
    elif isinstance(colors, Sequence) and colors and isinstance(colors[0], str):
        colors = [parse_hex(str(color)) for color in colors]
    values = np.asarray(colors)
    if values.ndim == 2 and values.shape[1] == 1:
        values = np.repeat(values, 3, axis=1)
    if values.ndim != 2 or values.shape[1] != 3 or not 1 <= len(values) <= _MOST or values.dtype.kind not in "uif":
        raise InvalidInputError(
            f"the palette is {values.dtype} of shape {values.shape}: give (k, 3), k from 1 to {_MOST}"
        )
    unit = {"u": 255 if values.dtype.itemsize == 1 else 65535, "i": 255, "f": 1}[values.dtype.kind]
    if not ((values >= 0) & (values <= unit)).all():
        raise InvalidInputError(f"the palette runs from {values.min()} to {values.max()}: give values from 0 to {unit}")
    names = ("",) * len(values) if names is None else tuple(names)
    parts = None if shares is None else np.asarray(shares, np.float64)
    if len(names) != len(values) or (parts is not None and parts.shape != (len(values),)):
        raise InvalidInputError(f"there are {len(values)} colours: give as many names and shares")
    return Palette(np.rint(values * (255 / unit)).astype(np.uint8), names, parts, title)


def parse_hex(text: str) -> tuple[int, int, int]:
    """Red, green and blue of ``#rgb`` or ``#rrggbb``, the ``#`` optional, or of a name from the CSS list.

    Parameters
    ----------
    text : str
        The colour. A fourth, alpha, is read over.

    Returns
    -------
    tuple of int
        Levels from 0 to 255.

    Raises
    ------
    InvalidInputError
        The text is no colour.

    Examples
    --------
    >>> parse_hex("#e4002b"), parse_hex("fff"), parse_hex("rebeccapurple")
    ((228, 0, 43), (255, 255, 255), (102, 51, 153))
    """
    digits = text.strip().removeprefix("#").lower()
    if digits and len(digits) in (3, 4, 6, 8) and all(digit in "0123456789abcdef" for digit in digits):
        if len(digits) < 6:
            digits = "".join(2 * digit for digit in digits)
        red, green, blue = bytes.fromhex(digits[:6])
        return red, green, blue
    from rustem.palettes.color_names import css_colors

    found = css_colors().get(text.strip().lower())
    if found is None:
        raise InvalidInputError(f"{text!r} is no colour: write it as #rrggbb, or a name that CSS knows")
    return found
