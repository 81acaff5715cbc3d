"""What readers of palette files give, and what writers and displays need to know of a palette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Indexed pictures hold 256; what has more than a screen can show at once is no palette.
MOST_COLORS = 65536
Color: TypeAlias = tuple[int, int, int]


class Parsed(NamedTuple):
    """What a file says: sRGB colors, a name for each or none at all, its title, and what had to be left out."""

    colors: Sequence[Color] | NDArray[np.uint8]
    names: Sequence[str] = ()
    title: str = ""
    left_out: Sequence[str] = ()


def plain_text(text: str) -> str:
    r"""A name in one line, without what terminals obey and files cannot hold: control characters, lone surrogates.

    Examples
    --------
    >>> plain_text("dark\x1b[31m \ud800red\n")
    'dark[31m red'
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join("".join(sign for sign in text if sign.isprintable() or sign.isspace()).split())


class Entries(Protocol):
    """The entries of a palette, as `Palette` has them: it knows its writers, so they cannot know it."""

    @property
    def colors(self) -> NDArray[np.uint8]:
        """SRGB colours (k, 3)."""

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each; may be empty."""

    @property
    def shares(self) -> NDArray[np.float64] | None:
        """The part of a picture that each has."""

    @property
    def title(self) -> str:
        """The palette's own name; may be empty."""

    @property
    def hex(self) -> list[str]:
        """The colours as ``#rrggbb``."""

    def __len__(self) -> int: ...
