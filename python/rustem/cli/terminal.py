"""Swatches in a terminal, in as many colours as it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TextIO, TypeAlias

Depth: TypeAlias = Literal["none", "256", "true"]
_RESET = "\x1b[0m"
# Levels of the 6 × 6 × 6 colour cube of xterm's 256 colours, which follows its 16 named ones; then 24 greys.
_CUBE = (0, 95, 135, 175, 215, 255)
_GREYS = tuple(range(8, 248, 10))


def color_depth(stream: TextIO, environ: Mapping[str, str]) -> Depth:
    """What a stream shows.

    Parameters
    ----------
    stream : text file
        Where the swatches go.
    environ : mapping
        The environment: ``NO_COLOR``, ``TERM``, ``COLORTERM`` and ``WT_SESSION`` count.

    Returns
    -------
    {"none", "256", "true"}
        "none" for what is no terminal, too.
    """
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR") or not stream.isatty() or term == "dumb":
        return "none"
    if environ.get("COLORTERM") in ("truecolor", "24bit") or "WT_SESSION" in environ or term.endswith("-direct"):
        return "true"
    return "256" if "256" in term else "none"


def swatch(color: tuple[int, int, int], depth: Depth, width: int = 6) -> str:
    r"""Spaces on a ground of some colour; nothing for "none".

    Examples
    --------
    >>> swatch((228, 0, 43), "true", 2)
    '\x1b[48;2;228;0;43m  \x1b[0m'
    >>> swatch((255, 0, 0), "256", 2)
    '\x1b[48;5;196m  \x1b[0m'
    """
    if depth == "none":
        return ""
    ground = "2;{};{};{}".format(*color) if depth == "true" else f"5;{nearest_of_256(color)}"
    return f"\x1b[48;{ground}m{' ' * width}{_RESET}"


def nearest_of_256(color: tuple[int, int, int]) -> int:
    """The number of xterm's nearest colour, its 16 named ones aside, which anybody can have changed."""
    steps = [min(range(6), key=lambda step: abs(_CUBE[step] - level)) for level in color]
    grey = min(range(24), key=lambda step: sum((_GREYS[step] - level) ** 2 for level in color))
    from_cube = sum((_CUBE[step] - level) ** 2 for step, level in zip(steps, color, strict=True))
    from_greys = sum((_GREYS[grey] - level) ** 2 for level in color)
    return 232 + grey if from_greys < from_cube else 16 + 36 * steps[0] + 6 * steps[1] + steps[2]
