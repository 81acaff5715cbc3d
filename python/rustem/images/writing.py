"""Pictures written to files: depth, alpha, profiles, indexed where the format allows."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rustem.arguments import check_choice, check_path_first, warn_caller
from rustem.atomic_write import write_atomically
from rustem.exceptions import ImageError, InvalidInputError
from rustem.images.display import holds_bytes
from rustem.images.metadata import representable
from rustem.images.picture import NO_METADATA, Metadata, Picture, describes, in_plain_type, white_level

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".gif": "GIF",
}
# Opacity from which GIF, which knows no other, takes a pixel for opaque.
_HALF = 128
_TAKE_DPI = ("PNG", "JPEG", "BMP")
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    # `exact` keeps the colours below transparent pixels.
    "WEBP": {"lossless": True, "exact": True},
}


def write(
    path: str | os.PathLike[str],
    pixels: ArrayLike,
    *,
    alpha: ArrayLike | None = None,
    icc_profile: bytes | None = None,
    metadata: Metadata = NO_METADATA,
    overwrite: bool = True,
) -> None:
    """Write a picture; the extension of `path` names the format.

    Parameters
    ----------
    path : str or path-like
        The file. It appears complete or not at all.
    pixels : (H, W), (H, W, C), in TIFF (D, H, W, C) array_like of uint8, uint16 or float
        Grey levels or colours without alpha; one or three channels, in TIFF any number. TIFF keeps every type. PNG
        keeps integers, and takes floats in [0, 1] as 16 bits. The others hold 8 bits, to which values are rounded.
    alpha : (H, W) array_like, optional
        Opacity. JPEG and BMP have none: there, the picture is laid over white. In GIF, pixels are opaque from one half,
        else clear.
    icc_profile : bytes, optional
        Colour profile of `pixels`; left out where it is not one of their colour model, or the format takes none.
    metadata : Metadata, optional
        Resolution, which PNG, JPEG, TIFF and BMP take; the rest goes into TIFF. Volumes, and pictures whose pixels have
        a size in micrometers, become stacks as ImageJ reads them, ``.ome.tif`` becomes OME-TIFF.
    overwrite : bool, default=True
        Whether an existing file may be replaced.

    Raises
    ------
    ImageError
        If the file cannot be written.
    InvalidInputError
        If the arrays do not make a picture, or the path is not the first argument.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write(Path(folder, "red.webp"), np.full((2, 3, 3), (255, 0, 0), np.uint8))
    """
    check_path_first(path, pixels, "write(path, pixels)")
    name, kind = os.fsdecode(path), _format_of(path)
    colors, opacity = _checked(name, pixels, alpha, volumes=kind == "TIFF")
    if kind == "TIFF":
        from rustem.images.tiff_writing import write_tiff

        kept = metadata if representable(metadata.nodata, colors.dtype) else replace(metadata, nodata=None)
        ome = _is_ome(name)
        write_atomically(
            path, lambda file: write_tiff(file, colors, opacity, icc_profile, kept, name=name, ome=ome), overwrite
        )
        return
    if colors.ndim == 3 and colors.shape[2] != 3:
        raise InvalidInputError(f"{name}: {kind} holds 1 or 3 channels, not {colors.shape[2]}; write a .tif file")
    depth = np.uint16 if kind == "PNG" and colors.dtype != np.uint8 else np.uint8
    colors = _to_depth(name, colors, depth)
    if opacity is not None:
        opacity = _to_depth(name, opacity, depth)
        if kind in ("JPEG", "BMP"):
            colors, opacity = _over_white(colors, opacity), None
    profile = icc_profile if describes(icc_profile, colors) else None
    joined = colors if opacity is None else np.dstack([colors, opacity])
    if depth is np.uint16:
        from rustem.images import png16

        write_atomically(path, lambda file: file.write(png16.encode(joined, profile, metadata.dpi)), overwrite)
        return
    if kind == "GIF":
        from rustem.images import gif

        frame = _as_gif(name, colors, opacity)
        write_atomically(path, lambda file: gif.write_gif(file, [frame], [0], 1), overwrite)
        return
    image, options = Image.fromarray(joined), dict(_SAVE_OPTIONS.get(kind, {}))
    if metadata.dpi is not None and kind in _TAKE_DPI:
        options["dpi"] = _as_written(kind, metadata.dpi)
    if profile is not None:
        options["icc_profile"] = profile
    write_atomically(path, lambda file: image.save(file, **options), overwrite)


def refusal(path: str | os.PathLike[str], picture: Picture, mask: NDArray[np.bool_] | None = None) -> str | None:
    """Why a file of this name could not hold a picture in its colours; None if it can."""
    name, kind = os.fsdecode(path), _format_of(path)
    pixels = picture.pixels if picture.pixels.ndim > 2 else picture.pixels[..., np.newaxis]
    if kind == "TIFF":
        return None
    if pixels.ndim == 4:
        return f"{name}: {kind} holds no volume; write a .tif file"
    if pixels.shape[2] not in (1, 3):
        return f"{name}: {kind} holds 1 or 3 channels, not {pixels.shape[2]}; write a .tif file"
    if pixels.dtype.kind == "f":
        inside = np.isfinite(pixels).all(axis=-1)
        for each in (mask, picture.mask):
            inside &= True if each is None else each
        values = pixels[inside]
        if values.size and not holds_bytes(values) and not (values.min() >= -1e-3 and values.max() <= 1 + 1e-3):
            return (
                f"{name}: values run from {values.min():g} to {values.max():g}, which {kind} does not hold; "
                "write a .tif file"
            )
    return None


def write_indexed(
    path: str | os.PathLike[str],
    labels: ArrayLike,
    palette: ArrayLike,
    *,
    alpha: ArrayLike | None = None,
    icc_profile: bytes | None = None,
    metadata: Metadata = NO_METADATA,
    compression: int = 9,
    overwrite: bool = True,
) -> None:
    """Write a picture of k colours: as an indexed file where the format allows, else painted.

    An 8-bit palette of up to 256 colours makes an indexed PNG of 1, 2, 4 or 8 bits per pixel, or an indexed GIF.
    Pixels that are fully transparent take one more entry. Colours may be partly transparent in PNG, each everywhere
    alike. Where 256 entries are not enough, or the format is another, the picture is painted.

    Parameters
    ----------
    path : str or path-like
        The file; its extension names the format.
    labels : (H, W) array_like of int, in TIFF also (D, H, W)
        The palette's row for each pixel, from 0 to k - 1; -1 for none, which is drawn transparent.
    palette : (k,), (k, 1) or (k, 3) array_like of uint8, uint16 or float
        The colours, or grey levels.
    alpha, icc_profile, metadata, overwrite
        As in `write`; in TIFF, pixels of no entry get the value that `metadata` has for no data.
    compression : int, default 9
        How hard an indexed PNG is packed, from 1 to 9: 9 takes several times as long as 7 for little.

    Raises
    ------
    ImageError
        If the file cannot be written.
    InvalidInputError
        If the arrays do not make a picture, or the path is not the first argument.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from rustem.images import read
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "two.png")
    ...     write_indexed(path, [[0, 1, -1]], np.array([[9, 9, 9], [255, 0, 0]], np.uint8))
    ...     read(path).alpha
    array([[255, 255,   0]], dtype=uint8)
    """
    check_path_first(path, labels, "write_indexed(path, labels, palette)")
    name, kind = os.fsdecode(path), _format_of(path)
    colors = _native(palette)
    if colors.ndim not in (1, 2) or colors.size == 0:
        raise InvalidInputError(f"{name}: a palette has shape (k,) or (k, C), not {colors.shape}; reshape it")
    index = _checked_labels(name, labels, len(colors))
    if alpha is not None and np.shape(alpha) != index.shape:
        raise InvalidInputError(f"{name}: alpha has shape {np.shape(alpha)}, the labels {index.shape}; make them equal")
    opacity = None if alpha is None else np.asarray(alpha)
    hidden = index < 0 if opacity is None else (index < 0) | (opacity == 0)
    grey_profile = icc_profile is not None and icc_profile[16:20] == b"GRAY"  # has no meaning for a palette
    plain = colors.dtype == np.uint8 and colors[0].size in (1, 3) and not grey_profile and len(colors) <= 256
    entries = _entries(index, colors.reshape(len(colors), -1), opacity, hidden) if plain else None
    if entries is None or kind not in ("PNG", "GIF"):
        if hidden.any():
            shown = np.array(white_level(colors.dtype), colors.dtype) if opacity is None else opacity
            opacity = np.where(hidden, 0, shown).astype(shown.dtype)
        painted = colors[np.maximum(index, 0)]
        if kind == "TIFF" and hidden.any() and representable(metadata.nodata, colors.dtype):
            painted[hidden] = metadata.nodata
            opacity = alpha if alpha is None else opacity
        if painted.ndim == 3 and index.ndim == 3:  # grey planes
            painted = painted[..., np.newaxis]
        write(path, painted, alpha=opacity, icc_profile=icc_profile, metadata=metadata, overwrite=overwrite)
        return
    numbers, table, levels = entries
    if kind == "PNG":
        from rustem.images import indexed_png

        profile = icc_profile if describes(icc_profile, table[None]) else None
        packed = indexed_png.encode(numbers, table, levels, profile, compression, metadata.dpi)
        write_atomically(path, lambda file: file.write(packed), overwrite)
        return
    from rustem.images import gif

    colored = np.zeros((len(table), 4), np.uint8)
    colored[:, :3], colored[:, 3] = table, np.where(levels < _HALF, 0, 255)
    clear = np.flatnonzero(levels < _HALF)
    if len(clear):  # GIF has one entry for what is clear
        numbers = np.where(levels[numbers] < _HALF, clear[0], numbers).astype(np.uint8)
    write_atomically(path, lambda file: gif.write_gif(file, [(numbers, colored)], [0], 1), overwrite)


def _as_gif(
    name: str, colors: NDArray[np.uint8], opacity: NDArray[np.uint8] | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Indices (H, W) and colors with alpha (k, 4): exact where 256 entries are enough, else as Pillow chooses them."""
    seen = np.ones(colors.shape[:2], bool) if opacity is None else opacity >= _HALF
    shown = np.broadcast_to(np.atleast_3d(colors), (*seen.shape, 3))[seen]
    most = 256 - int(not seen.all())
    palette, labels = np.unique(shown, axis=0, return_inverse=True)
    if len(palette) > most:
        warn_caller(f"{name}: GIF holds {most} of its {len(palette)} colors; write a .png or .webp file", UserWarning)
        image = Image.fromarray(shown[np.newaxis]).quantize(most)
        labels, palette = np.asarray(image), np.reshape(image.getpalette() or [], (-1, 3)).astype(np.uint8)[:most]
    table = np.zeros((len(palette) + int(not seen.all()), 4), np.uint8)
    table[: len(palette), :3], table[: len(palette), 3] = palette, 255
    index = np.full(seen.shape, len(palette), np.uint16)
    index[seen] = labels.ravel()
    return index.astype(np.uint8), table


def _entries(
    index: NDArray[Any], colors: NDArray[np.uint8], opacity: NDArray[Any] | None, hidden: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]] | None:
    """The entry of each pixel, colours (k, 3) and opacities (k,) of the entries; None where 256 are not enough.

    The palette keeps its order, unless some entries are transparent: these come first.
    """
    k, n_hidden = len(colors), int(hidden.any())
    levels = np.full(k + n_hidden, 255, np.uint8)
    levels[k:] = 0
    if opacity is not None:
        if opacity.dtype != np.uint8:
            return None
        levels[index[~hidden]] = opacity[~hidden]
        if (levels[index] != opacity)[~hidden].any():  # one colour, several opacities
            return None
    if len(levels) > 256:
        return None
    order = np.argsort(levels == 255, kind="stable")
    rank = np.empty(len(order), np.uint8)
    rank[order] = np.arange(len(order))
    table = np.zeros((k + n_hidden, 3), np.uint8)
    table[:k] = colors
    return rank[np.where(hidden, k, index)], table[order], levels[order]


def write_labels(
    path: str | os.PathLike[str],
    labels: ArrayLike,
    *,
    labels_from: int = 0,
    colors: ArrayLike | None = None,
    metadata: Metadata = NO_METADATA,
    overwrite: bool = True,
) -> None:
    """Write a label map.

    Parameters
    ----------
    path : str or path-like
        ``.npy`` keeps whole numbers. ``.png``, ``.tif`` and ``.tiff`` hold the labels as grey levels, of 8 bits where
        they suffice, else of 16; ``.ome.tif`` and volumes as in `write`.
    labels : (H, W) array_like of int, in TIFF and ``.npy`` also (D, H, W)
        The labels, from 0; -1 for none.
    labels_from : {0, 1}, default 0
        The number that the first label gets in the file. From 0, pixels without label get the highest level, 255 or
        65535 (-1 in ``.npy``). From 1, they get 0, which other programs take for background.
    colors : (k, 3) array_like of uint8, optional
        A colour for each label, as a colour table: values stay what they are, and viewers show colours. Files of 8
        bits alone hold one.
    metadata : Metadata, optional
        As in `write`; if it has a value of no data, the file gets that of pixels without label.
    overwrite : bool, default=True
        Whether an existing file may be replaced.

    Raises
    ------
    ImageError
        If the file cannot be written.
    InvalidInputError
        If the labels are no labels, or too many for the format, or the path is not the first argument.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from rustem.images import read
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels.png")
    ...     write_labels(path, [[0, 1, -1]])
    ...     from_0 = read(path).pixels
    ...     write_labels(path, [[0, 1, -1]], labels_from=1)
    ...     from_0, read(path).pixels
    (array([[  0,   1, 255]], dtype=uint8), array([[1, 2, 0]], dtype=uint8))
    """
    check_path_first(path, labels, "write_labels(path, labels)")
    check_choice("labels_from", labels_from, (0, 1))
    name, suffix = os.fsdecode(path), _suffix(path)
    if suffix == ".npy":
        numbers = np.asarray(labels)
        write_atomically(path, lambda file: np.save(file, numbers + labels_from if labels_from else numbers), overwrite)
        return
    kind = FORMATS.get(suffix)
    if kind not in ("PNG", "TIFF"):
        raise ImageError(f"{name}: label maps are written as .npy, .png or .tif; choose one of these extensions")
    index = _checked_labels(name, labels, 65535)
    highest = int(index.max()) + labels_from
    depth = np.uint8 if highest < (256 if labels_from else 255) else np.uint16
    none = 0 if labels_from else np.iinfo(depth).max
    levels: NDArray[Any] = np.where(index < 0, none, index.astype(np.int64) + labels_from).astype(depth)
    if metadata.nodata is not None:
        metadata = replace(metadata, nodata=none)
    if colors is None:
        write(path, levels[..., np.newaxis] if levels.ndim == 3 else levels, metadata=metadata, overwrite=overwrite)
        return
    table = _label_colors(name, colors, highest, labels_from, depth)
    if kind == "TIFF":
        from rustem.images.tiff_writing import write_tiff

        stored, ome = levels[..., np.newaxis] if levels.ndim == 3 else levels, _is_ome(name)
        write_atomically(
            path,
            lambda file: write_tiff(file, stored, None, None, metadata, name=name, ome=ome, color_table=table),
            overwrite,
        )
        return
    from rustem.images import indexed_png

    shown = np.full(len(table), 255, np.uint8)
    shown[none:][:1] = 0
    packed = indexed_png.encode(levels, table, shown, None, dpi=metadata.dpi)
    write_atomically(path, lambda file: file.write(packed), overwrite)


def _label_colors(name: str, colors: ArrayLike, highest: int, labels_from: int, depth: type) -> NDArray[np.uint8]:
    """A colour for each value of a label map, black for none."""
    if depth is not np.uint8:
        raise InvalidInputError(f"{name}: a colour table holds up to 255 labels, not {highest + 1 - labels_from}")
    given = np.asarray(colors)
    if given.dtype != np.uint8 or given.ndim != 2 or given.shape[1] != 3 or len(given) + labels_from <= highest:
        raise InvalidInputError(f"{name}: colors are {given.dtype} of shape {given.shape}; give uint8 of (k, 3)")
    table = np.zeros((256, 3), np.uint8)
    table[labels_from : len(given) + labels_from] = given[: 256 - labels_from]
    return table


def _as_written(kind: str, dpi: tuple[float, float]) -> tuple[float, float]:
    """As Pillow takes it: JPEG has whole numbers."""
    return (max(1, round(dpi[0])), max(1, round(dpi[1]))) if kind == "JPEG" else dpi


def _native(values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _suffix(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(os.fsdecode(path))[1].lower()


def _is_ome(name: str) -> bool:
    return name.lower().endswith((".ome.tif", ".ome.tiff"))


def _format_of(path: str | os.PathLike[str]) -> str:
    try:
        return FORMATS[_suffix(path)]
    except KeyError:
        usual = ", ".join(FORMATS)
        raise ImageError(f"{os.fsdecode(path)}: the extension names no format; choose one of {usual}") from None


def _checked(
    name: str, pixels: ArrayLike, alpha: ArrayLike | None, *, volumes: bool = False
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    colors = _native(pixels)
    if colors.ndim == 4 and not volumes:
        raise InvalidInputError(f"{name}: this format holds no volume of shape {colors.shape}; write a .tif file")
    if colors.ndim not in (2, 3, 4) or colors.size == 0:
        raise InvalidInputError(f"{name}: a picture has shape (H, W) or (H, W, C), not {colors.shape}; reshape it")
    if colors.dtype.kind != "f" and colors.dtype not in (np.uint8, np.uint16):
        raise InvalidInputError(f"{name}: pixels are uint8, uint16 or float, not {colors.dtype}; convert them")
    colors = in_plain_type(colors[..., 0] if colors.shape[2:] == (1,) else colors)
    shape = colors.shape[:3] if colors.ndim == 4 else colors.shape[:2]
    if alpha is None:
        return colors, None
    opacity = np.asarray(alpha)
    if opacity.shape != shape or opacity.dtype.kind not in "buf":
        raise InvalidInputError(
            f"{name}: alpha is {opacity.dtype} of shape {opacity.shape}; make it {colors.dtype} of {shape}"
        )
    return colors, _to_depth(name, in_plain_type(opacity), colors.dtype)


def _checked_labels(name: str, labels: ArrayLike, k: int) -> NDArray[Any]:
    index = np.asarray(labels)
    flat = FORMATS.get(_suffix(name)) != "TIFF"
    if index.ndim not in ((2,) if flat else (2, 3)) or index.size == 0 or index.dtype.kind not in "iu":
        raise InvalidInputError(f"{name}: labels are integers of shape (H, W), not {index.dtype} of {index.shape}")
    low, high = int(index.min()), int(index.max())
    if low < -1 or high >= k:
        raise InvalidInputError(f"{name}: labels run from {low} to {high}; here they may run from -1 to {k - 1}")
    return index


def _to_depth(name: str, values: NDArray[Any], depth: type | np.dtype[Any]) -> NDArray[Any]:
    """Spread over the range of another type: integers over all of it, floats over [0, 1]."""
    depth = np.dtype(depth)
    if values.dtype == depth:
        return values
    if values.dtype.kind == "f":
        low, high = values.min(), values.max()
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            raise InvalidInputError(
                f"{name}: values run from {low:g} to {high:g}; scale to [0, 1], or write a .tif file"
            )
        values = np.clip(values, 0, 1)
    scaled = values * np.float32(white_level(depth) / white_level(values.dtype))
    return (scaled if depth.kind == "f" else np.rint(scaled)).astype(depth)


def _over_white(colors: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    weight = opacity.astype(np.uint16) if colors.ndim == 2 else opacity.astype(np.uint16)[..., None]
    return ((colors * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)
