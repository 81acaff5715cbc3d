"""Each pixel's entry of a palette: the nearest, or dithered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.quantization.result import Quantization

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.pipeline.color_table import ColorTable
    from rustem.quantization.palette_search import PaletteFit

Dither: TypeAlias = "bool | str | Mapping[str, Any]"


def label_picture(
    table: ColorTable, rows: NDArray[np.intp] | slice, found: PaletteFit, n_requested: int, dither: Dither
) -> Quantization:
    """One picture in the palette's colours; ``rows`` are its colours' rows among those that the palette is for."""
    k = len(found.entries)
    of_color = found.labels[rows].astype(np.int64)
    labels = table.label_pixels(np.where(of_color < k, of_color, -1), k)
    if dither:
        labels = _dithered(table, labels, found, dither)
        counts = np.bincount(labels[labels >= 0], minlength=k)
    else:
        counts = np.bincount(of_color, table.counts, k + 1)[:k]
    return Quantization(labels, found.entries, counts.astype(np.int64), n_requested, table, found.n_iter)


def _dithered(table: ColorTable, labels: NDArray[Any], found: PaletteFit, dither: Dither) -> NDArray[Any]:
    """Labels after dithering. Fully transparent pixels and entries take no part."""
    from rustem.quantization.dithering import dither_colors

    options: dict[str, Any] = {}
    if isinstance(dither, Mapping):
        options = dict(dither)
    elif isinstance(dither, str):
        options = {"method": dither}
    (picture,) = table.pictures
    if found.space.channels not in (1, 3):
        raise InvalidInputError(
            f"{picture.picture.name} has {found.space.channels} channels: only grey and RGB are dithered"
        )
    entries, seen = found.entries, picture.mask
    chosen = np.arange(len(entries))
    rows, values = table.rows_of_pixels(), table.values
    if found.space.has_alpha:
        chosen = np.flatnonzero(entries[:, -1] > 0)
        of_pixels = labels.ravel() if seen is None else labels[seen]
        shown = (values[rows, -1] > 0) & (of_pixels >= 0)
        if not shown.any() or not len(chosen):
            return labels
        seen, rows = picture.lay_out(shown, False), rows[shown]
        if (entries[:, -1] == found.space.unit).all():
            values = values.copy()
            values[:, -1] = values.dtype.type(found.space.unit)
    dithered = dither_colors(values, rows, seen, labels.shape, entries[chosen], table.n_threads, **options)
    result = labels.copy()
    took_part = np.ones(labels.shape, bool) if seen is None else seen
    result[took_part] = chosen[dithered[took_part]]
    return result
