"""Arrays whose axes have names, as xarray's: which axis is what, and which values are no data."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.images.metadata import without_data
from rustem.images.picture import NO_METADATA, Metadata, Picture, in_plain_type

if TYPE_CHECKING:
    from rustem.arguments import ChannelAxis

# What the axes are called in CF conventions, rioxarray, and readers of microscopes' files; in lower case.
_NAMES = {
    "y": ("y", "lat", "latitude", "row", "rows", "height", "northing", "projection_y_coordinate"),
    "x": ("x", "lon", "longitude", "col", "cols", "column", "columns", "width", "easting", "projection_x_coordinate"),
    "channel": (
        "c",
        "channel",
        "channels",
        "band",
        "bands",
        "wavelength",
        "wavelengths",
        "s",
        "rgb",
        "rgba",
        "variable",
    ),
    "depth": ("z", "depth", "plane", "planes", "slice", "level", "altitude"),
    "time": ("t", "time", "date", "frame", "frames"),
}
# Attributes and encodings that hold the value of no data, one or one for each band.
_NODATA = ("_FillValue", "missing_value", "nodata", "nodatavals")


def picture_of_named_axes(array: Any, channel_axis: ChannelAxis, name: str) -> Picture:
    """An array with ``dims`` and ``attrs`` as a picture (H, W), (H, W, C) or (D, H, W, C), its channels last.

    NaN is no data, as xarray has it, and so are the values that its attributes name.

    Raises
    ------
    InvalidInputError
        There is an axis too many, or none of height or width.
    """
    dims = [str(dim) for dim in array.dims]
    values = np.asarray(array)
    places = _places(dims, values.shape, name)
    if isinstance(channel_axis, int) and "channel" not in places:
        places = {what: place for what, place in places.items() if place != channel_axis % len(dims)}
        places["channel"] = channel_axis % len(dims)
    if "y" not in places or "x" not in places:
        rest = [place for place in range(len(dims)) if place not in places.values()]
        if len(rest) < 2 or "y" in places or "x" in places:
            raise InvalidInputError(f"{name} has axes {tuple(dims)}: name those of height and width y and x")
        places["y"], places["x"] = rest[-2:]
    if "depth" not in places and "time" in places:
        places["depth"] = places.pop("time")
    extra = [place for place in range(len(dims)) if place not in places.values() or place == places.get("time")]
    long = [dims[place] for place in extra if values.shape[place] > 1]
    if long:
        raise InvalidInputError(f"{name} has axes {tuple(dims)}: choose one of {long[0]}, as by .isel({long[0]}=0)")
    order = [places[what] for what in ("depth", "y", "x", "channel") if what in places]
    values = values.transpose(*extra, *order).reshape([values.shape[place] for place in order])
    if "depth" in places and "channel" not in places:
        values = values[..., np.newaxis]
    nodata = (np.nan, *_nodata(array))
    metadata, mask = without_data(values, NO_METADATA, nodata, channels="channel" in places or "depth" in places)
    metadata = Metadata(
        nodata=nodata[1] if len(nodata) > 1 else np.nan if mask is not None else None,
        bands=_bands(array, dims[places["channel"]]) if "channel" in places else (),
    )
    return Picture(np.ascontiguousarray(in_plain_type(values)), None, None, name, mask, metadata)


def _places(dims: list[str], shape: tuple[int, ...], name: str) -> dict[str, int]:
    """The axis of each kind; those of one entry only where there is no other of their kind."""
    places: dict[str, int] = {}
    for what, known in _NAMES.items():
        found = [place for place, dim in enumerate(dims) if dim.lower() in known]
        found = [place for place in found if shape[place] > 1] or found[:1]
        if len(found) > 1:
            both = " and ".join(dims[place] for place in found)
            raise InvalidInputError(
                f"{name} has axes {tuple(dims)}: {both} are of one kind; choose one of {dims[found[0]]}"
            )
        if found:
            places[what] = found[0]
    # A single time point or plane is none.
    return {what: place for what, place in places.items() if what not in ("depth", "time") or shape[place] > 1}


def _bands(array: Any, dim: str) -> tuple[str, ...]:
    """What the channels are called, if they have names rather than numbers."""
    labels = np.asarray(getattr(array, "coords", {}).get(dim, ()))
    return tuple(map(str, labels)) if labels.dtype.kind in "US" and len(set(labels.tolist())) == labels.size else ()


def _nodata(array: Any) -> Iterator[float]:
    seen = set()
    for source in (array.attrs, getattr(array, "encoding", {})):
        for key in _NODATA:
            values = source.get(key, ())
            for value in (values,) if isinstance(values, numbers.Real) else np.ravel(values):
                if isinstance(value, numbers.Real) and float(value) not in seen and not np.isnan(float(value)):
                    seen.add(float(value))
                    yield float(value)
