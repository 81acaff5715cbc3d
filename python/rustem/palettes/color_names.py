"""Names for colours: the nearest of the CSS list by CIEDE2000, black, white and greys within limits.

References
----------
.. [1] W3C, "CSS Color Module Level 4", section "Named colors", 2022.
.. [2] G. Sharma, W. Wu and E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary
   test data, and mathematical observations", Color Research and Application 30 (2005) 21-30. doi:10.1002/col.20070
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


# In CIELAB, L from 0 to 100; set by eye, on a grid of colours of all hues beside their names.
_BLACK = 15.0  # what is no farther from black is black: #222222 is, #2b2b2b and #40382d are not
_WHITE = 5.0  # as far from white may be white: #f9f9f9 may
_NEUTRAL = 8.0  # chroma up to which a colour passes for a grey
_NEAR = 5.0  # CIEDE2000: a tint that a near-neutral colour is taken for
_HUE = 45.0  # degrees: a dark brown is not slate grey, though that is the nearest dark name


@cache
def css_colors() -> dict[str, tuple[int, int, int]]:
    """The colours that CSS has names for."""
    from PIL.ImageColor import colormap

    triples = {}
    for name, value in colormap.items():
        red, green, blue = bytes.fromhex(value[1:7]) if isinstance(value, str) else value[:3]
        triples[name] = (red, green, blue)
    return triples


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
    found = css_colors().get(text.strip().lower())
    if found is None:
        raise InvalidInputError(f"{text!r} is no colour: write it as #rrggbb, or a name that CSS knows")
    return found


def names(colors: ArrayLike) -> list[str]:
    """Name colours by the nearest of the CSS list, where a person would use its name.

    The list has few dark colours, so that the nearest name alone can mislead: a dark brown is nearer to black than to
    any brown. Hence, in CIELAB, with lightness L from 0 to 100 and chroma C:

    - "black" is what is within 15 of black, and nothing else; "white" only what is within 5 of white.
    - Up to a chroma of 8, a colour is a grey, by the nearest name of a grey (or white), unless the name of a tint, as
      "ivory" or "ghostwhite", is nearer and within 5 by CIEDE2000.
    - Above, it has the nearest name by CIEDE2000 of those that are no greys and whose hue is within 45 degrees.

    Parameters
    ----------
    colors : (k, 3) array-like of uint8
        sRGB colours.

    Returns
    -------
    list of str
        A name for each; several colours may get the same.

    Examples
    --------
    >>> names([[228, 0, 43], [250, 250, 250], [64, 56, 45], [26, 26, 26]])
    ['crimson', 'white', 'saddlebrown', 'black']
    """
    from rustem.colorspaces import to_space

    known = css_colors()
    table = to_space(np.array(list(known.values()), np.float64) / 255, "lab") * 100
    lab = to_space(np.asarray(colors, np.float64) / 255, "lab") * 100
    return [list(known)[_nearest(color, table)] for color in lab]


def _nearest(color: NDArray[Any], table: NDArray[Any]) -> int:
    """The row of ``table`` whose name a colour gets, both in CIELAB."""
    chroma, hue = np.hypot(table[:, 1], table[:, 2]), np.arctan2(table[:, 2], table[:, 1])
    own_chroma, own_hue = np.hypot(color[1], color[2]), np.arctan2(color[2], color[1])
    grey, black, white = chroma < 1, table[:, 0] < 1, table[:, 0] > 99.99
    if np.hypot(color[0], own_chroma) <= _BLACK:
        return int(np.argmax(black))
    distance = ciede2000(color, table)
    if own_chroma <= _NEUTRAL:
        allowed = np.where(grey, ~white | (np.hypot(100 - color[0], own_chroma) <= _WHITE), distance <= _NEAR)
    else:
        allowed = ~grey & (np.cos(hue - own_hue) >= np.cos(np.radians(_HUE)))
    return int(np.argmin(np.where(allowed & ~black, distance, np.inf)))


def ciede2000(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Colour difference of CIELAB colours, L from 0 to 100.

    Parameters
    ----------
    one, other : (..., 3) array-like
        Colours; the shapes are broadcast.

    Returns
    -------
    (...) ndarray
        Differences; 1 is about what the eye can tell.

    Examples
    --------
    >>> round(float(ciede2000([50, 2.6772, -79.7751], [50, 0, -82.7485])), 4)
    2.0425
    """
    l1, a1, b1 = np.moveaxis(np.asarray(one, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(other, np.float64), -1, 0)
    mean_chroma7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - np.sqrt(mean_chroma7 / (mean_chroma7 + 25.0**7)))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1 = np.degrees(np.arctan2(b1, stretch * a1)) % 360
    h2 = np.degrees(np.arctan2(b2, stretch * a2)) % 360
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    # Half a turn apart, both ways are as long; the paper goes from the first hue to the second.
    turn = np.where(~grey & (turn == -180) & (h2 > h1), 180, turn)
    hue_step = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_hue = np.where(grey, h1 + h2, _mean_hue(h1, h2))
    mean_light, mean_chroma = (l1 + l2) / 2, (c1 + c2) / 2
    swing = (
        1
        - 0.17 * np.cos(np.radians(mean_hue - 30))
        + 0.24 * np.cos(np.radians(2 * mean_hue))
        + 0.32 * np.cos(np.radians(3 * mean_hue + 6))
        - 0.20 * np.cos(np.radians(4 * mean_hue - 63))
    )
    off = (mean_light - 50) ** 2
    light_part = (l2 - l1) / (1 + 0.015 * off / np.sqrt(20 + off))
    chroma_part = (c2 - c1) / (1 + 0.045 * mean_chroma)
    hue_part = hue_step / (1 + 0.015 * mean_chroma * swing)
    twist = np.radians(60 * np.exp(-(((mean_hue - 275) / 25) ** 2)))
    rotation = -2 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7)) * np.sin(twist)
    total = light_part**2 + chroma_part**2 + hue_part**2 + rotation * chroma_part * hue_part
    difference: NDArray[np.float64] = np.sqrt(np.maximum(total, 0))
    return difference


def _mean_hue(h1: Any, h2: Any) -> Any:
    total = h1 + h2
    far = np.abs(h1 - h2) > 180
    return np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2
