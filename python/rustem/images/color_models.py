"""Other color models than grey and RGB: CMYK, CIELAB."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rustem.images.color_profiles import srgb_from_xyz, warn_of_profile
from rustem.images.picture import white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What TIFF's CIELAB is under: D50 (ICC.1).
_WHITE = np.array([0.96422, 1.0, 0.82521])
_KNEE = 6 / 29


def from_cmyk(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """An image of Pillow's in CMYK in sRGB, by its profile; roughly without one, or with a damaged one."""
    if profile is not None:
        try:
            return _in_srgb(image, profile)
        except OSError as error:
            warn_of_profile(name, error)
    return image.convert("RGB")


def cmyk_to_rgb(inks: NDArray[Any], profile: bytes | None, name: str) -> NDArray[Any]:
    """Inks (H, W, 4) of uint8 or uint16 in sRGB; with a profile in 8 bits, which is what Pillow converts."""
    if profile is not None:
        eight = inks if inks.dtype == np.uint8 else np.rint(inks / 257.0).astype(np.uint8)
        image = Image.frombytes("CMYK", (inks.shape[1], inks.shape[0]), np.ascontiguousarray(eight).tobytes())
        return np.asarray(from_cmyk(image, profile, name))
    white = white_level(inks.dtype)
    light = 1 - inks.astype(np.float32) / np.float32(white)
    rgb: NDArray[Any] = np.rint(light[..., :3] * light[..., 3:] * white).astype(inks.dtype)
    return rgb


def lab_in_srgb(image: Image.Image) -> Image.Image:
    """An image of Pillow's in CIELAB in sRGB."""
    return _in_srgb(image, None)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    from PIL import ImageCms

    try:
        source = ImageCms.createProfile("LAB") if profile is None else ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError as error:
        raise OSError(str(error)) from error
    return converted  # type: ignore[return-value]  # None only where it converts in place


def lab_to_rgb(stored: NDArray[Any], *, offset: bool) -> NDArray[Any]:
    """CIELAB (..., 3) of uint8 or uint16 as TIFF stores it, in sRGB; with ``offset`` as ICC profiles store it."""
    wide = stored.dtype == np.uint16
    unit = 256.0 if wide else 1.0
    if offset:
        lightness = stored[..., 0] * (100 / (0xFF00 if wide else 255))
        opponents = stored[..., 1:] / unit - 128
    else:
        lightness = stored[..., 0] * (100 / white_level(stored.dtype))
        signed: NDArray[Any] = stored[..., 1:].astype(np.int16 if wide else np.int8, casting="unsafe")
        opponents = signed / unit
    middle = (lightness + 16) / 116
    roots = np.stack([middle + opponents[..., 0] / 500, middle, middle - opponents[..., 1] / 200], axis=-1)
    xyz = np.where(roots > _KNEE, roots**3, 3 * _KNEE**2 * (roots - 4 / 29)) * _WHITE
    rgb = srgb_from_xyz(xyz)
    return np.rint(rgb * white_level(stored.dtype)).astype(stored.dtype)
