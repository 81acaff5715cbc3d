"""From what the caller hands over to checked pixels: files, PIL images, arrays, lists of them, masks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from rustem.arguments import as_supported
from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import PIL.Image
    from numpy.typing import ArrayLike, NDArray

    from rustem.images import Picture

    Image: TypeAlias = str | os.PathLike[str] | PIL.Image.Image | Picture | ArrayLike
    Pictures: TypeAlias = (
        list[str] | list[Path] | list[PIL.Image.Image] | list[Picture] | list[NDArray[Any]] | tuple[NDArray[Any], ...]
    )


class Part(NamedTuple):
    """One picture, and its pixels (n, C): of several pictures, only those that take part."""

    picture: Picture
    shape: tuple[int, ...]
    inside: NDArray[np.bool_] | None
    pixels: NDArray[Any]


def prepare(image: Any, mask: ArrayLike | None, channel_axis: int | None) -> Part:
    """The picture and its pixels, checked."""
    picture = as_picture(image, channel_axis)
    shape = picture.pixels.shape if picture.pixels.ndim == 2 or channel_axis is None else picture.pixels.shape[:-1]
    inside = pixels_inside(picture, shape, mask)
    if picture.pixels.size == 0 or (inside is not None and not inside.any()):
        raise InvalidInputError(f"{picture.name} has no pixel to segment: it is empty, masked out or fully transparent")
    pixels = picture.pixels.reshape(int(np.prod(shape)), -1)
    check_finite(pixels, picture.name, shape, inside)
    return Part(picture, shape, inside, pixels)


def is_several(image: Any) -> bool:
    """Whether this is a list of pictures; nested lists of numbers are an array."""
    if not isinstance(image, list | tuple) or not image:
        return False
    first = image[0]
    if isinstance(first, np.ndarray):
        return first.ndim > 1
    return isinstance(first, str | os.PathLike) or hasattr(first, "getbands") or hasattr(first, "pixels")


def prepare_all(images: Sequence[Any], masks: Any, channel_axis: int | None) -> list[Part]:
    """All pictures of a list, which must be of one kind."""
    masks = [None] * len(images) if masks is None else masks
    if not isinstance(masks, list | tuple) or len(masks) != len(images):
        raise InvalidInputError(f"for {len(images)} pictures, give mask as a list of {len(images)} masks or None")
    parts = [prepare(image, mask, channel_axis) for image, mask in zip(images, masks, strict=True)]
    parts = [part if part.inside is None else part._replace(pixels=part.pixels[part.inside.ravel()]) for part in parts]
    kinds = [f"{part.pixels.shape[1]} channels of {part.pixels.dtype}" for part in parts]
    for part, kind in zip(parts, kinds, strict=True):
        if kind != kinds[0]:
            first = parts[0].picture.name
            raise InvalidInputError(f"{part.picture.name} has {kind}, but {first} has {kinds[0]}: convert one of them")
    return parts


def as_picture(image: Any, channel_axis: int | None) -> Picture:
    """Whatever holds a picture, as one."""
    from rustem import images

    if isinstance(image, images.Picture):
        return image
    if isinstance(image, str | os.PathLike):
        return images.read(image)
    if hasattr(image, "getbands"):  # a PIL image, without importing PIL to ask
        return images.from_pil(image)
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3, 4):
        raise InvalidInputError(f"the image has shape {pixels.shape}: give (H, W[, C]) or (D, H, W[, C])")
    if pixels.ndim > 2 and channel_axis is not None:
        if not -pixels.ndim <= channel_axis < pixels.ndim:
            raise InvalidInputError(f"channel_axis is {channel_axis}, but the image has {pixels.ndim} axes")
        pixels = np.moveaxis(pixels, channel_axis, -1)
    return images.Picture(as_supported(pixels, "the image"), None, None, "the image")


def pixels_inside(picture: Picture, shape: tuple[int, ...], mask: ArrayLike | None) -> NDArray[np.bool_] | None:
    """Which pixels take part; None for all."""
    inside = None
    if mask is not None:
        inside = np.asarray(mask, dtype=bool)
        if inside.shape != shape:
            raise InvalidInputError(f"mask has shape {inside.shape}: give {shape}, one value per pixel")
    if picture.alpha is not None:
        visible = picture.alpha > 0
        inside = visible if inside is None else inside & visible
    return None if inside is None or inside.all() else inside


def check_finite(pixels: NDArray[Any], name: str, shape: tuple[int, ...], inside: NDArray[np.bool_] | None) -> None:
    """Refuse NaN and infinity among the pixels that take part."""
    if pixels.dtype.kind != "f":
        return
    finite_values = np.isfinite(pixels)
    if finite_values.all():
        return
    finite = finite_values.all(axis=1)
    if inside is not None:
        finite |= ~inside.ravel()
        if finite.all():
            return
    where = np.unravel_index(int(np.argmin(finite)), shape)
    place = ", ".join(str(int(coordinate)) for coordinate in where)
    raise InvalidInputError(f"{name} is NaN or infinite at ({place}): leave such pixels out with mask=")


def lay_out(
    values: NDArray[Any], shape: tuple[int, ...], inside: NDArray[np.bool_] | None, outside: float
) -> NDArray[Any]:
    """One value per pixel that takes part, put into the picture's shape."""
    if inside is None:
        return values.reshape(*shape, *values.shape[1:])
    laid_out = np.full(shape + values.shape[1:], outside, dtype=values.dtype)
    laid_out[inside] = values
    return laid_out
