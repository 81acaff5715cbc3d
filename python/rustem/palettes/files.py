"""Palette files, read and written: which format, checked, whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rustem.arguments import check_path_first, warn_caller
from rustem.exceptions import ImageError
from rustem.palettes.entries import MOST_COLORS, Parsed
from rustem.palettes.palette import Palette, as_palette

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_MOST_MEGABYTES = 16
# A parser in Python takes a second for one. 65536 colors take less than two.
_MOST_MEGABYTES_OF = {".css": 2, ".scss": 2}


def read(path: str | os.PathLike[str]) -> Palette:
    """Read a palette file, or the colours of a picture.

    Parameters
    ----------
    path : str or path-like
        A file of any of the formats above, told by its content where it tells. CMYK, Lab, HSB and grey swatches become
        sRGB by the usual formulas, without colour profiles; what lies beyond sRGB is clipped. Alpha is read over. Of an
        indexed PNG the palette is taken, of other pictures each distinct colour; fully transparent ones are none.
        CSS needs the package tinycss2.

    Returns
    -------
    Palette
        1 to 65536 colours.

    Raises
    ------
    ImageError
        The file is missing, damaged, of an unknown kind or too large, or holds no colours or too many; a package is
        missing.

    Warns
    -----
    UserWarning
        Some entries are left out, as there is no formula for them: colours of books, as Pantone's, or unknown models.
    """
    from rustem.palettes import binary_formats, text_formats

    name = os.fsdecode(path)
    if os.path.splitext(name)[1].lower() in (".png", ".gif", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"):
        from rustem.palettes.swatches import read_picture

        return _checked(name, read_picture(name))
    extension = os.path.splitext(name)[1].lower()
    data = _contents(name, _MOST_MEGABYTES_OF.get(extension, _MOST_MEGABYTES))
    try:
        parse = binary_formats.parser(data, extension) or text_formats.parser(data, extension)
        parsed = parse(data)
    except ImportError as error:
        raise ImageError(f"{name}: {error}") from error
    except Exception as error:  # parsers raise whatever a damaged file makes them stumble over
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(f"{name}: this is no palette that can be read ({reason}); save it as .gpl") from error
    return _checked(name, parsed)


def _contents(name: str, megabytes: int) -> bytes:
    try:
        with open(name, "rb") as file:
            data = file.read((megabytes << 20) + 1)
    except OSError as error:
        raise ImageError(f"{name}: {error.strerror or error}; check the path") from error
    if not data.strip():
        raise ImageError(f"{name}: the file is empty; get a complete copy of it")
    if len(data) > megabytes << 20:
        raise ImageError(f"{name}: the file is larger than {megabytes} MB; leave only the colours in it")
    return data


def _checked(name: str, parsed: Parsed) -> Palette:
    n, left_out = len(parsed.colors), parsed.left_out
    reasons = ", ".join(sorted(set(left_out))[:4])
    if n == 0:
        reason = f" but such as have no formula ({reasons})" if left_out else ""
        raise ImageError(f"{name}: the palette holds no colours{reason}; save it with at least one")
    if n > MOST_COLORS:
        raise ImageError(f"{name}: the palette holds {n} colours; leave at most {MOST_COLORS}")
    if left_out:
        of_all = f"{len(left_out)} of {n + len(left_out)} entries"
        warn_caller(f"{name}: {of_all} are left out, as there is no formula for them: {reasons}", UserWarning)
    colors = np.asarray(parsed.colors, np.uint8).reshape(-1, 3)
    return Palette(colors, tuple(parsed.names) or ("",) * n, None, parsed.title)


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
