"""Colour spaces in which distances follow the eye better than in sRGB [1]_: CIELAB [2]_ and OKLab [3]_.

Every function takes and gives arrays of shape (..., 3), float32 or float64, and keeps the dtype. All spaces are scaled
alike: black has lightness 0 and white has lightness 1, so that one tolerance and one covariance floor suit them all.

========== =================================== =========================================================================
space      channels                            good for
========== =================================== =========================================================================
"srgb"     red, green, blue in [0, 1]          fidelity in the stored values, PSNR
"linear"   red, green, blue in [0, 1]          light itself: blends, shadows, physics
"lab"      L in [0, 1], a and b in about ±1    CIELAB divided by 100: 0.01 is one ΔE*ab, about what the eye can tell
"oklab"    L in [0, 1], a and b in about ±0.4  like CIELAB, with truer blues
========== =================================== =========================================================================

References
----------
.. [1] IEC 61966-2-1:1999, "Default RGB colour space: sRGB".
.. [2] CIE 15:2018, "Colorimetry", 4th edition. doi:10.25039/TR.015.2018
.. [3] B. Ottosson, "A perceptual color space for image processing", 2020. https://bottosson.github.io/posts/oklab/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from rustem import _core
from rustem.exceptions import InvalidInputError

__all__ = ["COLOR_SPACES", "from_space", "to_space"]

ColorSpace: TypeAlias = Literal["srgb", "linear", "lab", "oklab"]
COLOR_SPACES: tuple[ColorSpace, ...] = get_args(ColorSpace)
"""The names that `to_space` and `from_space` know."""

_Floats: TypeAlias = NDArray[np.floating]

_XYZ_FROM_LINEAR = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
# Each row divided by its sum, which is the white point D65: white becomes (1, 1, 1), and greys have no hue at all.
_RELATIVE_XYZ_FROM_LINEAR = _XYZ_FROM_LINEAR / _XYZ_FROM_LINEAR.sum(axis=1, keepdims=True)
_LAB_FROM_ROOTS = np.array([[0.0, 1.16, 0.0], [5.0, -5.0, 0.0], [0.0, 2.0, -2.0]])
_LAB_ORIGIN = np.array([-0.16, 0.0, 0.0])
_LAB_KNEE = 6 / 29
# CIELAB without its cube roots: luminance and two opponent colours, in which light adds up.
OPPONENT_FROM_LINEAR = (_LAB_FROM_ROOTS / 1.16) @ _RELATIVE_XYZ_FROM_LINEAR

_LMS_FROM_LINEAR = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB_FROM_ROOTS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def to_space(rgb: _Floats, space: ColorSpace) -> _Floats:
    """Convert sRGB colours to another colour space.

    Parameters
    ----------
    rgb : (..., 3) ndarray of float32 or float64
        Colours in sRGB, from 0 to 1.
    space : {"srgb", "linear", "lab", "oklab"}
        The space to go to; the table at the head of this module says what each is good for.

    Returns
    -------
    (..., 3) ndarray
        The colours in `space`, in the dtype of `rgb`.

    Raises
    ------
    InvalidInputError
        If the space is unknown, or the array is not one of float colours with three channels.

    Examples
    --------
    >>> import numpy as np
    >>> to_space(np.array([1.0, 0.0, 0.0]), "lab").round(3)
    array([0.532, 0.801, 0.672])
    >>> to_space(np.array([1.0, 0.0, 0.0]), "oklab").round(3)
    array([0.628, 0.225, 0.126])
    """
    forward, _ = _conversions(space)
    return forward(_checked(rgb, space))


def from_space(values: _Floats, space: ColorSpace) -> _Floats:
    """Convert colours back to sRGB.

    Parameters
    ----------
    values : (..., 3) ndarray of float32 or float64
        Colours in `space`, as `to_space` gives them.
    space : {"srgb", "linear", "lab", "oklab"}
        The space to come from.

    Returns
    -------
    (..., 3) ndarray
        Colours in sRGB, in the dtype of `values`. What no screen can show is clipped to [0, 1].

    Raises
    ------
    InvalidInputError
        If the space is unknown, or the array is not one of float colours with three channels.

    Examples
    --------
    >>> import numpy as np
    >>> from_space(np.array([0.5, 0.0, 0.0]), "lab").round(3)
    array([0.466, 0.466, 0.466])
    """
    _, backward = _conversions(space)
    return np.clip(backward(_checked(values, space)), 0, 1)


def lightness_slope(luminance: _Floats) -> _Floats:
    """Derivative of CIELAB's lightness (from 0 to 1) by luminance, up to its factor of 1.16."""
    knee = np.asarray(_LAB_KNEE, luminance.dtype)
    return 1 / (3 * np.cbrt(np.maximum(luminance, knee**3)) ** 2)


def oklab_of_stored(colors: NDArray[np.unsignedinteger], chroma: float = 1) -> NDArray[np.float32]:
    """OKLab (n, 3) of uint8 or uint16 sRGB colours (n, 3), a and b multiplied by ``chroma``; much sooner by table."""
    scale = np.array([[1.0], [chroma], [chroma]])
    return _core.oklab(
        colors, _stored_light(colors.dtype), _LMS_FROM_LINEAR.tolist(), (scale * _OKLAB_FROM_ROOTS).tolist()
    )


@cache
def _stored_light(dtype: np.dtype[np.unsignedinteger]) -> NDArray[np.float32]:
    """The light of each value that the type can hold."""
    highest = np.iinfo(dtype).max
    return _linear_from_srgb(np.arange(highest + 1) / highest).astype(np.float32)


def _linear_from_srgb(rgb: _Floats) -> _Floats:
    light = np.abs(rgb)
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    return np.copysign(light, rgb)


def _srgb_from_linear(linear: _Floats) -> _Floats:
    light = np.abs(linear)
    light = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.copysign(light, linear)


def _lab_from_srgb(rgb: _Floats) -> _Floats:
    xyz = _mix(_RELATIVE_XYZ_FROM_LINEAR, _linear_from_srgb(rgb))
    roots = np.where(xyz > _LAB_KNEE**3, np.cbrt(xyz), xyz / (3 * _LAB_KNEE**2) + 4 / 29)
    return _mix(_LAB_FROM_ROOTS, roots) + _LAB_ORIGIN.astype(rgb.dtype)


def _srgb_from_lab(lab: _Floats) -> _Floats:
    roots = _mix(np.linalg.inv(_LAB_FROM_ROOTS), lab - _LAB_ORIGIN.astype(lab.dtype))
    xyz = np.where(roots > _LAB_KNEE, roots**3, 3 * _LAB_KNEE**2 * (roots - 4 / 29))
    return _srgb_from_linear(_mix(np.linalg.inv(_RELATIVE_XYZ_FROM_LINEAR), xyz))


def _oklab_from_srgb(rgb: _Floats) -> _Floats:
    return _mix(_OKLAB_FROM_ROOTS, np.cbrt(_mix(_LMS_FROM_LINEAR, _linear_from_srgb(rgb))))


def _srgb_from_oklab(oklab: _Floats) -> _Floats:
    lms = _mix(np.linalg.inv(_OKLAB_FROM_ROOTS), oklab) ** 3
    return _srgb_from_linear(_mix(np.linalg.inv(_LMS_FROM_LINEAR), lms))


def _mix(matrix: NDArray[np.float64], colors: _Floats) -> _Floats:
    """Apply a matrix to every colour, in the dtype of the colours."""
    # Not by the linear algebra library, whose threads cost more than they bring for three columns.
    mixed: _Floats = np.einsum("...j,ij->...i", colors, matrix.astype(colors.dtype))
    return mixed


def _conversions(space: ColorSpace) -> tuple[Callable[[_Floats], _Floats], Callable[[_Floats], _Floats]]:
    if space not in _CONVERSIONS:
        raise InvalidInputError(f"color_space is {space!r}; choose one of {', '.join(map(repr, COLOR_SPACES))}")
    return _CONVERSIONS[space]


def _checked(colors: _Floats, space: ColorSpace) -> _Floats:
    colors = np.asarray(colors)
    if colors.dtype not in (np.float32, np.float64):
        raise InvalidInputError(f"colours are {colors.dtype}; give float32 or float64 from 0 to 1")
    if colors.shape[-1:] != (3,) and space != "srgb":
        raise InvalidInputError(
            f"color_space {space!r} needs red, green and blue in the last axis, but the shape is {colors.shape}; "
            'use color_space="srgb" for other channels'
        )
    return colors


_CONVERSIONS: dict[ColorSpace, tuple[Callable[[_Floats], _Floats], Callable[[_Floats], _Floats]]] = {
    "srgb": (np.copy, np.copy),
    "linear": (_linear_from_srgb, _srgb_from_linear),
    "lab": (_lab_from_srgb, _srgb_from_lab),
    "oklab": (_oklab_from_srgb, _srgb_from_oklab),
}
