"""What writers of files and displays need to know of a palette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
