"""A picture as arrays, in plain types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its pixels, and what results keep.

    Attributes
    ----------
    dpi : tuple of two float or None
        Pixels per inch, across and down.
    tags : tuple of (int, int, int, object)
        Where a TIFF lies on Earth: code, type, count and value of its tags, as tifffile writes them.
    nodata : float or None
        The value of pixels that hold no data, as GDAL writes it.
    spacing : tuple of three float or None
        Micrometers from pixel to pixel along depth, height and width, as microscopes tell; the first is 0 where it is
        not known.
    bands : tuple of str
        Names of the channels, all different; empty where the file does not tell.
    """

    dpi: tuple[float, float] | None = None
    tags: tuple[tuple[int, int, int, Any], ...] = ()
    nodata: float | None = None
    spacing: tuple[float, float, float] | None = None
    bands: tuple[str, ...] = ()


NO_METADATA = Metadata()


@dataclass(frozen=True)
class Picture:
    """A picture as arrays, upright, with its transparency kept apart from its colours.

    Attributes
    ----------
    pixels : (H, W), (H, W, C) or (D, H, W, C) ndarray of uint8, uint16, float32 or float64
        Grey levels, or C colours without alpha, C-contiguous; of a volume D planes. Integers span the whole range of
        their type; floats are as the file has them, NaN included.
    alpha : (H, W) or (D, H, W) ndarray or None
        Opacity, in the dtype of `pixels`; None where every pixel is opaque.
    icc_profile : bytes or None
        Color profile of `pixels` as they stand. Of pictures that were read it is one of sRGB, or None, which stands
        for sRGB too: those of other spaces are converted.
    name : str
        What messages call the picture: its path as given.
    mask : (H, W) or (D, H, W) ndarray of bool or None
        Which pixels hold data, where the picture tells; None where all do.
    metadata : Metadata
        Resolution, georeference and the value of no data.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None
    icc_profile: bytes | None
    name: str
    mask: NDArray[np.bool_] | None = None
    metadata: Metadata = NO_METADATA


def in_plain_type(values: NDArray[Any]) -> NDArray[Any]:
    """In the native byte order, as uint8, uint16, float32 or float64."""
    match values.dtype.kind, values.dtype.itemsize:
        case "b", _:
            return values * np.uint8(255)
        case ("u", 1 | 2) | ("f", 4 | 8):
            return values.astype(values.dtype.newbyteorder("="), copy=False)
        case "f", 2:
            return values.astype(np.float32)
        case "i" | "u" | "f", _:
            return values.astype(np.float64)
    raise TypeError(f"values of type {values.dtype}")


def white_level(dtype: np.dtype[Any]) -> int:
    """Return the highest level of a type: that of white, and of opacity."""
    return int(np.iinfo(dtype).max) if dtype.kind in "iu" else 1


def describes(profile: bytes | None, pixels: NDArray[Any]) -> bool:
    """Whether the profile is one of the pixels' colour model."""
    model = b"GRAY" if pixels.ndim == 2 else b"RGB "
    return profile is not None and profile[16:20] == model and (pixels.ndim == 2 or pixels.shape[-1] == 3)


def max_pixels() -> int:
    """The most pixels that are decoded: Pillow's limit."""
    return 2**63 if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS
