"""Palette files, read and written: which format, checked, whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.arguments import check_path_first
from rustem.exceptions import ImageError
from rustem.palettes.palette import MOST_COLORS, Palette, as_palette

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_MOST_BYTES = 1 << 24


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
    if len(colors) > MOST_COLORS:
        raise ImageError(f"{name}: the palette holds {len(colors)} colours; leave at most {MOST_COLORS}")
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
        Parts of the picture, from 0 to 1, kept by JSON.
    title : str, default ""
        The palette's own name.
    overwrite : bool, default True
        Whether an existing file may be replaced.

    Raises
    ------
    ImageError
        The file cannot be written, or its format cannot hold so many colours.
    InvalidInputError
        The colours are none, the format is unknown, or the path is not the first argument.
    """
    check_path_first(path, colors, "write(path, palette)")
    as_palette(colors, names=names, shares=shares, title=title).save(path, format, overwrite=overwrite)
