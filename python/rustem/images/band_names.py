"""What channels are called, as files say it: GDAL's descriptions, OME-XML's channels, ImageJ's labels."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

GDAL_METADATA = 42112  # the number of its tag


def names_of_gdal(text: object) -> tuple[str, ...]:
    """The descriptions of bands in what GDAL's tag holds; empty where not all have one."""
    if not text:
        return ()
    from xml.etree import ElementTree

    names: dict[int, str] = {}
    with contextlib.suppress(ElementTree.ParseError, ValueError):
        for item in ElementTree.fromstring(str(text).strip("\0")).iter("Item"):
            if item.get("role") == "description":
                names[int(item.get("sample", 0))] = item.text or ""
    return _checked(names[number] for number in sorted(names)) if sorted(names) == list(range(len(names))) else ()


def gdal_of_names(names: Iterable[str]) -> str:
    """What GDAL's tag holds for bands of these names."""
    from xml.etree import ElementTree

    root = ElementTree.Element("GDALMetadata")
    for number, name in enumerate(names):
        item = ElementTree.SubElement(root, "Item", name="DESCRIPTION", sample=str(number), role="description")
        item.text = name
    return ElementTree.tostring(root, encoding="unicode").encode("ascii", "xmlcharrefreplace").decode()


def names_of_stack(tiff: Any, series: int) -> tuple[str, ...]:
    """The names of a series' channels in an OME or ImageJ file; ``series`` counts from 0."""
    with contextlib.suppress(Exception):  # broken metadata leaves the pixels
        if tiff.is_ome:
            from xml.etree import ElementTree

            elements = ElementTree.fromstring(tiff.ome_metadata).iter()
            pixels = [each for each in elements if each.tag.rpartition("}")[2] == "Pixels"][series]
            channels = [each for each in pixels if each.tag.rpartition("}")[2] == "Channel"]
            return _checked(each.get("Name", "") for each in channels)
        if tiff.is_imagej and "C" in tiff.series[series].axes:
            n_channels = tiff.series[series].shape[tiff.series[series].axes.index("C")]
            labels = list(tiff.imagej_metadata.get("Labels", ()))[:n_channels]
            return _checked(labels) if len(labels) == n_channels else ()
    return ()


def _checked(names: Iterable[object]) -> tuple[str, ...]:
    """The names, if they tell the channels apart."""
    found = tuple(str(name).strip() for name in names)
    return found if all(found) and len(set(found)) == len(found) > 1 else ()
