"""What profiles and PNG's chunks say of colors: pictures of other spaces become sRGB, as hex numbers and palettes are.

Hex numbers, palette files, GIF, BMP, panels of e-ink and pictures side by side know no profiles; in sRGB all of them
mean the same. Colors beyond sRGB are clipped; white stays white ("relative colorimetric").

References
----------
.. [1] ICC.1:2022, "Image technology colour management: architecture, profile format, and data structure".
.. [2] W3C, "Portable Network Graphics (PNG) Specification, Third Edition", 2025, sections 11.3.2 and 12.1.
.. [3] ITU-T H.273, "Coding-independent code points for video signal type identification", 2021, tables 2 and 3.
.. [4] W3C, "CSS Color Module Level 4", 2022, section 10, "Predefined color spaces".
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import numpy as np

from rustem.arguments import warn_caller
from rustem.images.picture import Picture, describes, white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_Floats: TypeAlias = "NDArray[np.floating[Any]]"
_Conversion: TypeAlias = Callable[[_Floats], _Floats]


class Curve(NamedTuple):
    """From stored values x to light: (a x + b)**gamma from d on, c x below."""

    gamma: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0

    def light(self, values: _Floats) -> _Floats:
        """The light of stored values; of negative ones the negative."""
        x = np.abs(values)
        curved = np.maximum(self.a * x + self.b, 0) ** self.gamma
        return np.copysign(np.where(x >= self.d, curved, self.c * x), values)


_SRGB = Curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT709 = Curve(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
# H.273's numbers for transfer characteristics and primaries: x and y of red, green, blue and white.
_CURVES = {
    **dict.fromkeys((1, 6, 14, 15), _BT709),
    4: Curve(2.2),
    5: Curve(2.8),
    8: Curve(1.0),
    13: _SRGB,
}
_HDR = {16: "PQ", 18: "HLG"}
_D65_XY = (0.3127, 0.3290)
_BT709_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65_XY)
_P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
_BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65_XY)
_PRIMARIES: dict[int, tuple[float, ...]] = {
    1: _BT709_PRIMARIES,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65_XY),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65_XY),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65_XY),
    9: _BT2020,
    11: (*_P3, 0.314, 0.351),
    12: (*_P3, *_D65_XY),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65_XY),
}
# PNG holds gamma and chromaticities in 1/100000. libpng takes what is within 5 % of a gamma for equal to it.
_SAME_GAMMA = 0.05
_SAME_CHROMATICITY = 0.002
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# What differs from sRGB by no more levels of 255 is sRGB: profiles round their numbers.
_SAME_LEVEL = 1.5


def in_srgb(picture: Picture) -> Picture:
    """The picture in sRGB, by its profile: one that is sRGB's stays, others go; a damaged one goes with a warning."""
    profile, pixels = picture.icc_profile, picture.pixels
    if profile is None:
        return picture
    try:
        if profile[36:40] != b"acsp":
            raise ValueError("it has no signature")
        if not describes(profile, pixels):  # as of a grey picture that was made of one in color
            return replace(picture, icc_profile=None)
        with np.errstate(all="ignore"):
            conversion = _conversion(profile)
            if conversion is None or (pixels.dtype.kind == "f" and not ((pixels >= 0) & (pixels <= 1)).all()):
                return picture
            return replace(picture, pixels=conversion(pixels), icc_profile=None)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged one leads to
        warn_of_profile(picture.name, error)
        return replace(picture, icc_profile=None)


def warn_of_profile(name: str, error: Exception) -> None:
    """Say in one line that a picture's profile cannot be used."""
    reason = " ".join(str(error).split()) or type(error).__name__
    warn_caller(f"{name}: its color profile is damaged ({reason}) and left out", UserWarning)


def declared_profile(image: Image.Image, name: str) -> bytes | None:
    """The profile of an image, or one made of what a PNG says in chunks: cICP, then iCCP, then sRGB, gAMA and cHRM."""
    profile, info = image.info.get("icc_profile"), image.info
    file = getattr(image, "fp", None) if image.format == "PNG" else None
    code = None if file is None else _code_points(file)
    grey = image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")
    if code is not None:
        primaries, curve = _PRIMARIES.get(code[0]), _CURVES.get(code[1])
        if primaries is not None and curve is not None and code[2] == 0 and code[3] == 1:
            return _made_profile(primaries, curve, grey)
        what = _HDR.get(code[1], f"cICP {code}")
        warn_caller(f"{name}: its colors are coded as {what}, which is not read; they can look wrong", UserWarning)
    if profile is not None or "srgb" in info:
        return profile
    gamma, white_first = info.get("gamma"), info.get("chromaticity")
    if gamma is None and white_first is None:
        return None
    primaries = _BT709_PRIMARIES if white_first is None else (*white_first[2:8], *white_first[:2])
    plain = np.allclose(primaries, _BT709_PRIMARIES, rtol=0, atol=_SAME_CHROMATICITY)
    if plain and (gamma is None or abs(2.2 * gamma - 1) < _SAME_GAMMA):
        return None
    try:
        if gamma is not None and not 0.1 <= gamma <= 10:
            raise ValueError(f"gamma is {gamma:g}")
        return _made_profile(primaries, _SRGB if gamma is None else Curve(1 / gamma), grey)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError, struct.error) as error:
        warn_of_profile(name, error)
        return None


def _code_points(file: BinaryIO) -> tuple[int, ...] | None:
    """What a PNG's chunk cICP holds, of which Pillow does not know: before the pixels, the place stays."""
    place = file.tell()
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"cICP" and length == 4:
                return tuple(file.read(4))
            if kind in (b"IDAT", b"IEND", b"PLTE"):
                break
            file.seek(length + 4, io.SEEK_CUR)
    finally:
        file.seek(place)
    return None


@lru_cache(8)
def _conversion(profile: bytes) -> Callable[[NDArray[Any]], NDArray[Any]] | None:
    """How pixels (H, W[, 3]) of uint8, uint16 or floats in [0, 1] become sRGB; None for those of sRGB itself."""
    grey = profile[16:20] == b"GRAY"
    by_formula = _formula(profile)
    if grey:
        if by_formula is None:
            raise ValueError("it has no curve")
        ramp = np.linspace(0, 1, 256)
        return None if _is_same(by_formula(ramp) * 255, ramp * 255) else partial(_through_table, by_formula)
    probe = np.stack(np.meshgrid(*[np.arange(0, 256, step) for step in (51, 51, 5)]), axis=-1).reshape(1, -1, 3)
    converted = _by_littlecms(profile, probe.astype(np.uint8)) if by_formula is None else by_formula(probe / 255) * 255
    return None if _is_same(np.asarray(converted), probe) else partial(_convert, profile, by_formula)


def _is_same(converted: NDArray[Any], levels: NDArray[Any]) -> bool:
    if not np.isfinite(converted).all():
        raise ValueError("a curve ends nowhere")
    return bool(np.abs(converted - levels).max() <= _SAME_LEVEL)


def _through_table(formula: _Conversion, pixels: NDArray[Any]) -> NDArray[Any]:
    """Grey levels, integers by a table of all that there are."""
    if pixels.dtype.kind == "f":
        return formula(pixels).astype(pixels.dtype)
    white = white_level(pixels.dtype)
    table = np.rint(formula(np.arange(white + 1) / white) * white).astype(pixels.dtype)
    converted: NDArray[Any] = table[pixels]
    return converted


def _convert(profile: bytes, formula: _Conversion | None, pixels: NDArray[Any]) -> NDArray[Any]:
    white = white_level(pixels.dtype)
    if pixels.dtype == np.uint8:
        return _by_littlecms(profile, pixels)
    if formula is None:  # Pillow hands colors to LittleCMS in 8 bits
        levels = _by_littlecms(profile, np.rint(pixels * (255 / white)).astype(np.uint8)) / 255
        return (np.rint(levels * white) if pixels.dtype.kind == "u" else levels).astype(pixels.dtype)
    converted = np.empty_like(pixels)
    for row, stored in zip(converted, pixels, strict=True):  # not all in 64 bits at once
        values = formula(stored.astype(np.float64) / white)
        row[:] = np.rint(values * white) if pixels.dtype.kind == "u" else values
    return converted


def _by_littlecms(profile: bytes, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image, ImageCms

    converted = ImageCms.profileToProfile(
        Image.fromarray(pixels),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return np.asarray(converted)


def _formula(profile: bytes) -> _Conversion | None:
    """From stored values in [0, 1] to sRGB, of profiles that are curves and at most a matrix; None for others."""
    tags = {}
    (count,) = struct.unpack_from(">I", profile, 128)
    for number in range(min(count, 256)):
        name, offset, length = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        tags[name] = profile[offset : offset + length]
    if profile[16:20] == b"GRAY":
        curve = _read_curve(tags[b"kTRC"]) if b"kTRC" in tags else None
        return None if curve is None else lambda values: _srgb_of_grey(curve(values))
    names = [color + kind for kind in (b"TRC", b"XYZ") for color in (b"r", b"g", b"b")]
    if b"A2B0" in tags or not all(name in tags for name in names) or profile[20:24] != b"XYZ ":
        return None
    curves = [_read_curve(tags[name]) for name in names[:3]]
    matrix = np.array([struct.unpack_from(">3i", tags[name], 8) for name in names[3:]]) / 65536
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise ValueError("its primaries span no space")
    return lambda values: srgb_from_xyz(
        np.stack([curve(values[..., channel]) for channel, curve in enumerate(curves)], axis=-1) @ matrix
    )


def _read_curve(tag: bytes) -> _Conversion:
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return np.asarray
        if count == 1:
            return Curve(struct.unpack_from(">H", tag, 12)[0] / 256).light
        if len(tag) < 12 + 2 * count:
            raise ValueError("a curve is truncated")
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        places = np.linspace(0, 1, count)
        return lambda values: np.interp(values, places, table)
    kind = struct.unpack_from(">H", tag, 8)[0]
    if tag[:4] != b"para" or kind > 4:
        raise ValueError("a curve is of an unknown kind")
    gamma, *rest = (value / 65536 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12))
    if kind == 0:
        return Curve(gamma).light
    a, b, *linear = rest
    if a == 0 and kind < 3:
        raise ValueError("a curve has no slope")
    offset = linear[0] if kind == 2 else linear[2] if kind == 4 else 0.0
    foot = linear[3] if kind == 4 else offset
    c, d = linear[:2] if kind > 2 else (0.0, -b / a)
    curve = Curve(gamma, a, b, c, d)
    return lambda values: np.where(values >= d, curve.light(values) + offset, c * values + foot)


def _srgb_of_grey(light: _Floats) -> _Floats:
    """SRGB values in [0, 1] of the light of greys."""
    from rustem.colorspaces import from_space

    triples = np.repeat(np.asarray(light, np.float64)[..., np.newaxis], 3, axis=-1)
    return from_space(triples, "linear")[..., 0]


def srgb_from_xyz(xyz: _Floats) -> _Floats:
    """SRGB values (..., 3) in [0, 1] of tristimulus values (..., 3) under D50, white being (0.9642, 1, 0.8249)."""
    from rustem.colorspaces import from_space

    return from_space(xyz @ np.linalg.inv(xyz_matrix(_BT709_PRIMARIES)).T, "linear")


@lru_cache(16)
def xyz_matrix(primaries: tuple[float, ...]) -> NDArray[np.float64]:
    """The matrix (3, 3) from linear light to tristimulus values under D50, adapted as Bradford's."""
    xy = np.reshape(primaries, (4, 2))
    if not np.isfinite(xy).all() or (np.abs(xy) > 2).any() or (np.abs(xy[:, 1]) < 1e-4).any():
        raise ValueError("its primaries are no colors")
    xyz = np.column_stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    matrix = xyz[:3].T * np.linalg.solve(xyz[:3].T, xyz[3])
    if abs(np.linalg.det(matrix)) < 1e-6:
        raise ValueError("its primaries span no space")
    adapted: NDArray[np.float64] = _adaptation(xyz[3]) @ matrix
    return adapted


def _adaptation(white: NDArray[np.float64]) -> NDArray[np.float64]:
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adaptation: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ (gains[:, np.newaxis] * _BRADFORD)
    return adaptation


def _made_profile(primaries: tuple[float, ...], curve: Curve, grey: bool) -> bytes:
    """A profile of version 4 that holds no more than it must."""
    numbers: NDArray[Any] = np.rint(65536 * np.column_stack([_D50, xyz_matrix(primaries)])).astype(">i4")
    white, *columns = (b"XYZ \0\0\0\0" + column.tobytes() for column in numbers.T)
    parameters = np.rint(65536 * np.array(curve)).astype(">i4").tobytes()
    response = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + parameters
    tags = {b"wtpt": white}
    for name, text in ((b"desc", "as the picture says"), (b"cprt", "CC0")):
        words = text.encode("utf-16-be")
        tags[name] = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(words), 28) + words
    if grey:
        tags[b"kTRC"] = response
    else:
        for color, column in zip((b"r", b"g", b"b"), columns, strict=True):
            tags |= {color + b"XYZ": column, color + b"TRC": response}
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    head = struct.pack(
        ">8xI4s4s4s12s4s28x", 0x04400000, b"mntr", b"GRAY" if grey else b"RGB ", b"XYZ ", bytes(12), b"acsp"
    )
    head += numbers[:, 0].tobytes() + bytes(48)
    body = head + struct.pack(">I", len(tags)) + table + data
    return struct.pack(">I", len(body)) + body[4:]


def _light_to_xyz(primaries: tuple[float, ...], curve: Curve, values: _Floats) -> _Floats:
    return curve.light(values) @ xyz_matrix(primaries).T


_D50_XY = (0.3457, 0.3585)
CSS_SPACES: dict[str, _Conversion] = {
    "srgb-linear": partial(_light_to_xyz, _BT709_PRIMARIES, Curve(1.0)),
    "display-p3": partial(_light_to_xyz, _PRIMARIES[12], _SRGB),
    "a98-rgb": partial(_light_to_xyz, (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65_XY), Curve(563 / 256)),
    "prophoto-rgb": partial(
        _light_to_xyz,
        (0.734699, 0.265301, 0.159597, 0.840403, 0.036598, 0.000105, *_D50_XY),
        Curve(1.8, c=1 / 16, d=16 / 512),
    ),
    "rec2020": partial(_light_to_xyz, _BT2020, _BT709),
    "xyz-d50": np.asarray,
    "xyz-d65": lambda values: values @ _adaptation(np.array([0.3127 / 0.3290, 1, 0.3583 / 0.3290])).T,
}
"""CSS's names of spaces, and how values (..., 3) of each become tristimulus values under D50."""
