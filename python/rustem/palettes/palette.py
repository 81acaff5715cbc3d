"""Colours in their order, with what is known of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.palettes.color_names import parse_hex
from rustem.palettes.entries import MOST_COLORS, plain_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_MOST_SHOWN = 8


@dataclass(frozen=True, eq=False, repr=False)
class Palette:
    """Colours in their order, with what is known of them.

    Parameters
    ----------
    colors : ndarray of uint8, shape (k, 3)
        sRGB colours, 1 to 65536 of them.
    names : tuple of str
        A name for each colour; empty where there is none. Control characters, line ends and lone surrogates are taken
        out of names and title.
    shares : ndarray of shape (k,) or None
        The part of a picture that has each colour, from 0 to 1.
    title : str
        The palette's own name; may be empty.
    """

    colors: NDArray[np.uint8]
    names: tuple[str, ...]
    shares: NDArray[np.float64] | None = None
    title: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(map(plain_text, self.names)))
        object.__setattr__(self, "title", plain_text(self.title))

    @property
    def hex(self) -> list[str]:
        """The colours as ``#rrggbb``."""
        return ["#" + bytes(color).hex() for color in self.colors]

    def save(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,  # noqa: A002  (the word that everybody looks for)
        *,
        overwrite: bool = True,
    ) -> None:
        """Write the palette as a file.

        Parameters
        ----------
        path : str or path-like
            The file. It appears complete or not at all.
        format : {"gpl", "ase", "aco", "act", "pal", "riff", "json", "css", "hex", "svg", "png"}, optional
            Default: what the extension of ``path`` says.
        overwrite : bool, default True
            Whether an existing file may be replaced.

        Raises
        ------
        ImageError
            The file cannot be written, or its format cannot hold so many colours.
        InvalidInputError
            The format is unknown.
        """
        from rustem.atomic_write import write_atomically
        from rustem.palettes.writers import contents

        data = contents(self, os.fsdecode(path), format)
        write_atomically(path, lambda file: file.write(data), overwrite)

    def __len__(self) -> int:
        return len(self.colors)

    def __repr__(self) -> str:
        if len(self) > _MOST_SHOWN:
            return f"Palette({self.hex[:_MOST_SHOWN]}"[:-1] + f", …], {len(self)} colours)"
        return f"Palette({self.hex}, names={list(self.names)})" if any(self.names) else f"Palette({self.hex})"

    def _repr_html_(self) -> str:
        """Swatches with their numbers, shares and names, as notebooks show them."""
        from rustem.palettes.swatches import html

        return html(self)


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
    elif isinstance(colors, str | bytes | os.PathLike):
        raise InvalidInputError(f"the palette is {colors!r}: give a list of colours, or palettes.read() of a file")
    elif isinstance(colors, Sequence) and colors and isinstance(colors[0], str):
        colors = [parse_hex(str(color)) for color in colors]
    values = np.asarray(colors)
    if values.ndim == 2 and values.shape[1] == 1:
        values = np.repeat(values, 3, axis=1)
    if (
        values.ndim != 2
        or values.shape[1] != 3
        or not 1 <= len(values) <= MOST_COLORS
        or values.dtype.kind not in "uif"
    ):
        raise InvalidInputError(
            f"the palette is {values.dtype} of shape {values.shape}: give (k, 3), k from 1 to {MOST_COLORS}"
        )
    unit = {"u": 255 if values.dtype.itemsize == 1 else 65535, "i": 255, "f": 1}[values.dtype.kind]
    if not ((values >= 0) & (values <= unit)).all():
        raise InvalidInputError(f"the palette runs from {values.min()} to {values.max()}: give values from 0 to {unit}")
    names = ("",) * len(values) if names is None else tuple(names)
    parts = None if shares is None else np.asarray(shares, np.float64)
    if len(names) != len(values) or (parts is not None and parts.shape != (len(values),)):
        raise InvalidInputError(f"there are {len(values)} colours: give as many names and shares")
    return Palette(np.rint(values * (255 / unit)).astype(np.uint8), names, parts, title)
