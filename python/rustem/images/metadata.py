"""What files say beside their pixels: resolution, georeference, the value of no data."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.images.picture import Metadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from PIL import Image

# ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams, GeoAsciiParams: GeoTIFF 1.1,
# OGC 19-008r4.
_GEOREFERENCE = (33550, 33922, 34264, 34735, 34736, 34737)
_GDAL_NODATA = 42113
_ASCII = 2
_INCHES = {2: 1.0, 3: 2.54}


def metadata_of_pillow(image: Image.Image) -> Metadata:
    """What Pillow knows of a file that it has opened; to be asked before the pixels are loaded."""
    dpi = _checked_dpi(image.info.get("dpi"))
    directory = getattr(image, "tag_v2", None)
    if directory is None or getattr(image, "format", None) != "TIFF":
        return Metadata(dpi)
    found = [(code, directory.tagtype[code], directory[code]) for code in _codes(directory)]
    metadata = _with_tags(dpi, found)
    return upright_metadata(metadata, int(directory.get(274, 1)))  # Pillow turns the pixels itself


def metadata_of_page(page: Any) -> Metadata:
    """What a page of tifffile's says."""
    unit = _INCHES.get(int(page.tags.valueof(296, 2)))
    dpi = None
    if unit is not None:
        with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
            across, down = (page.tags.valueof(code) for code in (282, 283))
            dpi = _checked_dpi((unit * across[0] / across[1], unit * down[0] / down[1]))
    return _with_tags(dpi, [(code, int(page.tags[code].dtype), page.tags[code].value) for code in _codes(page.tags)])


def upright_metadata(metadata: Metadata, orientation: int) -> Metadata:
    """What is true of the picture when it is turned: a georeference is one of the pixels as they were stored."""
    if orientation == 1:
        return metadata
    turned = metadata.dpi[::-1] if metadata.dpi is not None and orientation >= 5 else metadata.dpi
    return replace(metadata, dpi=turned, tags=())


def data_mask(stored: NDArray[Any], nodata: float | None, *, channels: bool) -> NDArray[np.bool_] | None:
    """Which pixels of an array as it is stored hold data; None for all.

    Of whole colours, only those are no data that have its value in every channel, as black is where it is that value;
    one measured band without data leaves the pixel unknown.
    """
    if nodata is None or stored.dtype.kind not in "uif":
        return None
    if math.isnan(nodata):
        if stored.dtype.kind != "f":
            return None
        missing = np.isnan(stored)
    else:
        if stored.dtype.kind == "f":
            with np.errstate(over="ignore"):
                value = np.asarray(nodata).astype(stored.dtype)
        else:
            limits = np.iinfo(stored.dtype)
            if nodata != math.floor(nodata) or not limits.min <= nodata <= limits.max:
                return None
            value = np.asarray(int(nodata), stored.dtype)
        missing = stored == value
    if channels:
        missing = missing.all(axis=-1) if stored.dtype.kind == "u" else missing.any(axis=-1)
    return ~missing if missing.any() else None


def representable(nodata: float | None, dtype: np.dtype[Any]) -> bool:
    """Whether pixels of the type can have this value."""
    if nodata is None or dtype.kind == "f":
        return nodata is not None
    return math.isfinite(nodata) and nodata == math.floor(nodata) and 0 <= nodata <= np.iinfo(dtype).max


def tags_to_write(metadata: Metadata) -> list[tuple[int, int, int, Any, bool]]:
    """Tags as tifffile writes them."""
    tags = [(*tag, True) for tag in metadata.tags]
    if metadata.nodata is not None:
        text = str(int(metadata.nodata)) if float(metadata.nodata).is_integer() else repr(float(metadata.nodata))
        tags.append((_GDAL_NODATA, _ASCII, 0, text, True))
    return tags


def _codes(directory: Any) -> Iterable[int]:
    return [code for code in (*_GEOREFERENCE, _GDAL_NODATA) if code in directory]


def _with_tags(dpi: tuple[float, float] | None, found: list[tuple[int, int, Any]]) -> Metadata:
    tags: list[tuple[int, int, int, Any]] = []
    nodata = None
    for code, kind, value in found:
        if isinstance(value, bytes):
            value = value.decode("ascii", "replace")  # noqa: PLW2901
        if code == _GDAL_NODATA:
            nodata = _number(str(value))
        elif isinstance(value, str):
            tags.append((code, _ASCII, 0, value))
        else:
            values = value if isinstance(value, tuple) else (value,)
            tags.append((code, kind, len(values), values if len(values) > 1 else values[0]))
    return Metadata(dpi, tuple(tags), nodata)


def _number(text: str) -> float | None:
    text = text.strip("\0 \t\r\n").replace(",", ".")
    if "nan" in text.lower() or "#ind" in text.lower():
        return math.nan
    try:
        return float(text)
    except ValueError:
        return None


def _checked_dpi(dpi: Any) -> tuple[float, float] | None:
    """Two numbers that a resolution can have; None for what else files say."""
    try:
        across, down = (float(each) for each in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 0 < across < 1e7 and 0 < down < 1e7 else None
