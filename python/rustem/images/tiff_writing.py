"""TIFF as GIS programs, ImageJ and readers of OME-TIFF take it: axes, names of channels, where and how large it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rustem.images.band_names import GDAL_METADATA, gdal_of_names
from rustem.images.metadata import tags_to_write
from rustem.images.picture import NO_METADATA, Metadata
from rustem.images.tiff import tifffile_module

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Beyond it, offsets do not fit the 32 bits of the TIFF that ImageJ reads.
_MOST_BYTES_OF_IMAGEJ = 2**32 - 2**25
_NO_UUID = "urn:uuid:00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class _Layout:
    """How the samples of a picture lie in a file.

    Parameters
    ----------
    samples : ndarray
        The picture, its axes in the order of ``axes``.
    axes : str
        Letters as in OME: Z planes, C channels that are planes of their own, Y, X, S channels side by side.
    photometric : {"rgb", "minisblack"}
        What the samples stand for.
    extra : list of str
        What each of the channels side by side stands for that is no color.
    """

    samples: NDArray[Any]
    axes: str
    photometric: str
    extra: list[str]


def write_tiff(
    file: BinaryIO,
    colors: NDArray[Any],
    opacity: NDArray[Any] | None,
    profile: bytes | None,
    metadata: Metadata = NO_METADATA,
    *,
    name: str = "the file",
    ome: bool = False,
    color_table: NDArray[np.uint8] | None = None,
) -> None:
    """Write a picture (H, W[, C]) or a volume (D, H, W, C) of any plain type.

    Volumes, and pictures whose pixels have a size in micrometers, are written as ImageJ's stacks where their type can
    be, without compression as ImageJ asks; all else is packed by zlib. ``ome`` writes OME-TIFF. ``color_table``
    (k, 3), of pictures without channels, is one of up to 256 colours for their values. Channels keep the names that
    ``metadata`` has for them, if it has as many.
    """
    n_channels = colors.shape[-1] if colors.ndim > 2 else 1
    bands = metadata.bands if len(metadata.bands) == n_channels else ()
    imagej = not ome and opacity is None and _is_for_imagej(colors, metadata)
    layout = _laid_out(colors, opacity, ome=ome, imagej=imagej)
    described: dict[str, Any] = {}
    if ome or imagej or colors.ndim == 4:
        described = {"axes": layout.axes, **_calibration(metadata, ome=ome, imagej=imagej)}
    resolution, unit = metadata.dpi, None if metadata.dpi is None else "INCH"
    if imagej and metadata.spacing is not None:
        resolution, unit = (1 / metadata.spacing[2], 1 / metadata.spacing[1]), None
    tags = tags_to_write(metadata)
    if profile is not None:
        tags.append((34675, 7, len(profile), profile, True))
    if bands and "C" in layout.axes and ome:
        described["Channel"] = {"Name": list(bands)}
    elif bands and "C" in layout.axes and imagej:
        described["Labels"] = list(bands) * (len(colors) if colors.ndim == 4 else 1)
    elif bands and not ome:
        tags.append((GDAL_METADATA, 2, 0, gdal_of_names(bands), True))
    photometric, table = layout.photometric, None
    if color_table is not None and layout.samples.dtype == np.uint8 and set(layout.axes) <= set("ZYX"):
        photometric, table = "palette", np.zeros((3, 256), np.uint16)
        table[:, : len(color_table)] = color_table.T.astype(np.uint16) * 257
    tifffile_module(name).imwrite(
        file,
        layout.samples,
        photometric=photometric,
        planarconfig="contig" if "S" in layout.axes else None,
        extrasamples=layout.extra,
        colormap=table,
        compression=None if imagej else "zlib",
        resolution=resolution,
        resolutionunit=unit,
        extratags=tags,
        metadata=described or None,
        software=False,
        imagej=imagej,
        ome=ome,
    )


def _is_for_imagej(colors: NDArray[Any], metadata: Metadata) -> bool:
    """Whether ImageJ has a use for this, and a type."""
    if colors.ndim != 4 and (metadata.spacing is None or metadata.tags):
        return False
    return colors.dtype in (np.uint8, np.uint16, np.float32) and colors.nbytes < _MOST_BYTES_OF_IMAGEJ


def _laid_out(colors: NDArray[Any], opacity: NDArray[Any] | None, *, ome: bool, imagej: bool) -> _Layout:
    """Channels side by side where they are red, green and blue, or belong to no stack; else planes of their own."""
    planes = "Z" if colors.ndim == 4 else ""
    if colors.shape[2 + len(planes) :] == (1,):
        colors = colors[..., 0]
    n_channels = colors.shape[-1] if colors.ndim > 2 + len(planes) else 0
    rgb = n_channels == 3 and not (imagej and colors.dtype != np.uint8)  # ImageJ has RGB of 8 bits alone
    photometric = "rgb" if rgb else "minisblack"
    extra = [] if rgb else ["unspecified"] * (n_channels - 1)
    if opacity is not None:
        colors = colors if n_channels else colors[..., np.newaxis]
        samples = np.concatenate([colors, opacity[..., np.newaxis]], axis=-1)
        return _Layout(samples, planes + "YXS", photometric, [*extra, "unassalpha"])
    if n_channels == 0:
        return _Layout(colors, planes + "YX", photometric, [])
    if rgb or not (ome or imagej):
        return _Layout(colors, planes + "YXS", photometric, extra)
    return _Layout(np.moveaxis(colors, -1, len(planes)), planes + "CYX", photometric, [])


def _calibration(metadata: Metadata, *, ome: bool, imagej: bool) -> dict[str, Any]:
    """The size of pixels as the kind of file describes it."""
    described: dict[str, Any] = {}
    if ome:
        described["UUID"] = _NO_UUID  # the same picture makes the same file
    if metadata.spacing is None:
        return described
    if imagej:
        depth = metadata.spacing[0]
        return {"unit": "micron"} | ({"spacing": depth} if depth else {})
    if ome:
        sizes = {axis: size for axis, size in zip("ZYX", metadata.spacing, strict=True) if size}
        described |= {f"PhysicalSize{axis}": size for axis, size in sizes.items()}
        return described | {f"PhysicalSize{axis}Unit": "µm" for axis in sizes}
    return {"unit": "micron", "spacing": metadata.spacing}
