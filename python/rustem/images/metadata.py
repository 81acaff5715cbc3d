"""What files say beside their pixels: resolution, georeference, the value of no data."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.images.band_names import GDAL_METADATA, names_of_gdal, names_of_stack
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
# Floats beyond this are the ends of their type, as "-3.4e+38" is; what texts leave of their digits.
_EXTREME = 1e30
_ROUNDED = 1e-3
_MICROMETERS_PER_INCH = 25400.0
_MICROMETERS = {
    "pm": 1e-6, "å": 1e-4, "nm": 1e-3, "nanometer": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0,
    "microns": 1.0, "micrometer": 1.0, "mm": 1e3, "millimeter": 1e3, "cm": 1e4, "centimeter": 1e4, "m": 1e6,
    "meter": 1e6, "inch": _MICROMETERS_PER_INCH, "in": _MICROMETERS_PER_INCH,
}  # fmt: skip


def metadata_of_pillow(image: Image.Image) -> Metadata:
    """What Pillow knows of a file that it has opened; to be asked before the pixels are loaded."""
    dpi = _checked_dpi(image.info.get("dpi"))
    directory = getattr(image, "tag_v2", None)
    if directory is None or getattr(image, "format", None) != "TIFF":
        return Metadata(dpi)
    found = [(code, directory.tagtype[code], directory[code]) for code in _codes(directory)]
    metadata = replace(_with_tags(dpi, found), bands=names_of_gdal(directory.get(GDAL_METADATA, "")))
    return upright_metadata(metadata, int(directory.get(274, 1)))  # Pillow turns the pixels itself


def metadata_of_page(page: Any) -> Metadata:
    """What a page of tifffile's says."""
    unit = _INCHES.get(int(page.tags.valueof(296, 2)))
    dpi = None
    if unit is not None:
        with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):
            across, down = (page.tags.valueof(code) for code in (282, 283))
            dpi = _checked_dpi((unit * across[0] / across[1], unit * down[0] / down[1]))
    found = [(code, int(page.tags[code].dtype), page.tags[code].value) for code in _codes(page.tags)]
    return replace(_with_tags(dpi, found), bands=names_of_gdal(page.tags.valueof(GDAL_METADATA, "")))


def calibrated(metadata: Metadata, tiff: Any, page: Any, series: int) -> Metadata:
    """With the size of pixels and names of channels that microscopes' files describe, in OME-XML or as ImageJ does.

    ``series`` counts from 0.
    """
    metadata = replace(metadata, bands=names_of_stack(tiff, series) or metadata.bands)
    with contextlib.suppress(Exception):  # broken metadata leaves the pixels
        if tiff.is_ome:
            spacing = _spacing_of_ome(tiff.ome_metadata, series)
        elif tiff.is_imagej:
            spacing = _spacing_of_imagej(tiff.imagej_metadata, page)
        elif tiff.is_shaped and tiff.shaped_metadata[series].get("unit") == "micron":
            spacing = _checked_spacing(*tiff.shaped_metadata[series]["spacing"])
        else:
            return metadata
        if spacing is not None:
            dpi = _checked_dpi((_MICROMETERS_PER_INCH / spacing[2], _MICROMETERS_PER_INCH / spacing[1]))
            return replace(metadata, spacing=spacing, dpi=dpi or metadata.dpi)
    return metadata


def _spacing_of_ome(text: str, series: int) -> tuple[float, float, float] | None:
    from xml.etree import ElementTree

    pixels = [each for each in ElementTree.fromstring(text).iter() if each.tag.rpartition("}")[2] == "Pixels"][series]
    sizes = []
    for axis in "ZYX":
        unit = _MICROMETERS.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").lower())
        sizes.append(0.0 if unit is None else unit * float(pixels.get(f"PhysicalSize{axis}", 0)))
    return _checked_spacing(*sizes)


def _spacing_of_imagej(described: dict[str, Any], page: Any) -> tuple[float, float, float] | None:
    name = str(described.get("unit", "")).lower().replace("\\u00b5", "µ")
    unit = _MICROMETERS.get(name)
    if unit is None:
        return None
    across, down = (page.tags.valueof(code) for code in (282, 283))
    depth = abs(float(described.get("spacing", 0)))
    return _checked_spacing(unit * depth, unit * down[1] / down[0], unit * across[1] / across[0])


def _checked_spacing(depth: float, down: float, across: float) -> tuple[float, float, float] | None:
    usable = all(math.isfinite(each) for each in (depth, down, across)) and down > 0 and across > 0
    return (max(0.0, depth), down, across) if usable else None


def upright_metadata(metadata: Metadata, orientation: int) -> Metadata:
    """What is true of the picture when it is turned: a georeference is one of the pixels as they were stored."""
    if orientation == 1:
        return metadata
    dpi, spacing = metadata.dpi, metadata.spacing
    if orientation >= 5:
        dpi = dpi and dpi[::-1]
        spacing = spacing and (spacing[0], spacing[2], spacing[1])
    return replace(metadata, dpi=dpi, tags=(), spacing=spacing)


def data_mask(stored: NDArray[Any], nodata: Iterable[float], *, channels: bool) -> NDArray[np.bool_] | None:
    """Which pixels of an array as it is stored hold data, by the values that stand for none; None for all.

    Of whole colours, only those are no data that have its value in every channel, as black is where it is that value;
    one measured band without data leaves the pixel unknown.
    """
    absent: NDArray[np.bool_] | None = None
    for value in nodata:
        missing = _equal(stored, value)
        if missing is None:
            continue
        if channels:
            missing = np.asarray(missing.all(axis=-1) if stored.dtype.kind == "u" else missing.any(axis=-1))
        absent = missing if absent is None else np.logical_or(absent, missing)
    return ~absent if absent is not None and absent.any() else None


def without_data(
    stored: NDArray[Any], metadata: Metadata, nodata: tuple[float, ...], *, channels: bool
) -> tuple[Metadata, NDArray[np.bool_] | None]:
    """:func:`data_mask` by the value that a file tells and those that a caller gives, and metadata with one of them."""
    if metadata.nodata is not None:
        nodata = (metadata.nodata, *nodata)
    elif nodata:
        metadata = replace(metadata, nodata=nodata[0])
    return metadata, data_mask(stored, nodata, channels=channels)


def _equal(stored: NDArray[Any], nodata: float) -> NDArray[np.bool_] | None:
    """Where values are the one that stands for no data; None where their type cannot hold it."""
    if stored.dtype.kind not in "uif":
        return None
    if math.isnan(nodata):
        return np.isnan(stored) if stored.dtype.kind == "f" else None
    if stored.dtype.kind == "f":
        if abs(nodata) > _EXTREME:  # the least float, which texts round, beyond its type too
            least = min(abs(nodata), float(np.finfo(stored.dtype).max)) * (1 - _ROUNDED)
            return np.asarray(stored >= least if nodata > 0 else stored <= -least)
        return np.asarray(stored == np.asarray(nodata).astype(stored.dtype))
    limits = np.iinfo(stored.dtype)
    if nodata != math.floor(nodata) or not limits.min <= nodata <= limits.max:
        return None
    return np.asarray(stored == np.asarray(int(nodata), stored.dtype))


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
