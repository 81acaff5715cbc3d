"""Which function writes which format of palette files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from rustem.exceptions import ImageError, InvalidInputError
from rustem.palettes.entries import Entries

_Writer: TypeAlias = Callable[[Entries], bytes]
FORMATS = ("gpl", "ase", "aco", "act", "pal", "riff", "json", "css", "hex", "svg", "png")
"""The names of the formats that `write` knows."""
TEXT_FORMATS = ("gpl", "pal", "json", "css", "hex", "svg")
"""Those whose files are text."""


def contents(palette: Entries, name: str, format: str | None) -> bytes:  # noqa: A002  (as in `write`)
    """What a file has in it that holds the palette: ``name`` is the file's, and names the format where none is given.

    Raises
    ------
    ImageError
        The format cannot hold so many colours.
    InvalidInputError
        The format is unknown.
    """
    render = _writer(name, format)
    try:
        return render(palette)
    except ValueError as error:
        raise ImageError(f"{name}: {error}") from error


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
