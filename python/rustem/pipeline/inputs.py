"""The road's front end: from what the caller hands over to pictures and the pixels of them that take part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np

from rustem.arguments import as_supported
from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    import PIL.Image
    from numpy.typing import ArrayLike, NDArray

    from rustem.images import Picture

    Image: TypeAlias = str | os.PathLike[str] | PIL.Image.Image | Picture | ArrayLike
    Images: TypeAlias = (
        list[str] | list[Path] | list[PIL.Image.Image] | list[Picture] | list[NDArray[Any]] | tuple[NDArray[Any], ...]
    )

AlphaRole: TypeAlias = Literal["mask", "channel"]
_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class MaskedPicture:
    """A picture, and which of its pixels take part.

    Parameters
    ----------
    picture : Picture
        The picture as it was handed over, its alpha apart.
    pixels : ndarray of shape (H, W, C) or (D, H, W, C)
        What is looked at: its channels, and alpha as the last one where that is asked for.
    mask : ndarray of bool, shape (H, W) or (D, H, W), or None
        Which pixels take part; None for all.
    """

    picture: Picture
    pixels: NDArray[Any]
    mask: NDArray[np.bool_] | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (H, W) or (D, H, W) of the pixels."""
        return self.pixels.shape[:-1]

    @property
    def n_inside(self) -> int:
        """Number of pixels that take part."""
        return int(np.prod(self.shape) if self.mask is None else np.count_nonzero(self.mask))

    def rows(self) -> NDArray[Any]:
        """The pixels (n, C) that take part."""
        return self.pixels.reshape(-1, self.pixels.shape[-1]) if self.mask is None else self.pixels[self.mask]

    def lay_out(self, values: NDArray[Any], outside: float) -> NDArray[Any]:
        """One value (n, …) per pixel that takes part, put into the picture's shape."""
        if self.mask is None:
            return values.reshape(*self.shape, *values.shape[1:])
        laid_out = np.full(self.shape + values.shape[1:], outside, dtype=values.dtype)
        laid_out[self.mask] = values
        return laid_out

    def every(self, step: int) -> MaskedPicture:
        """Every ``step``-th pixel along each axis."""
        grid = (slice(None, None, step),) * len(self.shape)
        return replace(self, pixels=self.pixels[grid], mask=None if self.mask is None else self.mask[grid])


@dataclass(frozen=True, eq=False)
class Inputs:
    """The pictures of one call, all of one kind."""

    pictures: tuple[MaskedPicture, ...]
    several: bool

    @property
    def name(self) -> str:
        """What messages call the first picture."""
        return self.pictures[0].picture.name

    def hand_back(self, results: list[_Result]) -> _Result | list[_Result]:
        """The one result, or for a list of pictures the list of them."""
        return results if self.several else results[0]


def open_inputs(image: Any, mask: Any, channel_axis: int | None, *, alpha: AlphaRole = "mask") -> Inputs:
    """Open what the caller hands over, and check it.

    Parameters
    ----------
    image : path, PIL image, Picture or array; or a list of them
        Pictures of a list must have one type and number of channels.
    mask : array-like of bool or None; for a list of pictures a list of them, or None
        Which pixels take part.
    channel_axis : int or None
        The axis of arrays that holds the channels.
    alpha : {"mask", "channel"}, default "mask"
        "mask": fully transparent pixels take no part. "channel": alpha is the last channel, where any picture has it;
        the last of 2 or 4 channels of an array is alpha.

    Raises
    ------
    ImageError
        A file cannot be read.
    InvalidInputError
        No pixel takes part; shapes do not fit; NaN or infinite pixels; pictures of different kinds.
    """
    several = is_several(image)
    images, masks = (image, mask) if several else ([image], [mask])
    masks = [None] * len(images) if masks is None else masks
    if not isinstance(masks, list | tuple) or len(masks) != len(images):
        raise InvalidInputError(f"for {len(images)} pictures, give mask as a list of {len(images)} masks or None")
    pictures = [as_picture(each, channel_axis) for each in images]
    if alpha == "channel":
        pictures = _with_alpha_alike([_with_alpha_apart(picture) for picture in pictures])
    inputs = [_masked(picture, each, channel_axis, alpha) for picture, each in zip(pictures, masks, strict=True)]
    _check_one_kind(inputs)
    return Inputs(tuple(inputs), several)


def rows_of(pictures: Sequence[MaskedPicture]) -> NDArray[Any]:
    """The pixels (n, C) that take part, one picture after the other."""
    return pictures[0].rows() if len(pictures) == 1 else np.concatenate([picture.rows() for picture in pictures])


def is_several(image: Any) -> bool:
    """Whether this is a list of pictures; nested lists of numbers are an array."""
    if not isinstance(image, list | tuple) or not image:
        return False
    first = image[0]
    if isinstance(first, np.ndarray):
        return first.ndim > 1
    return isinstance(first, str | os.PathLike) or hasattr(first, "getbands") or hasattr(first, "pixels")


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


def _masked(picture: Picture, mask: ArrayLike | None, channel_axis: int | None, alpha: AlphaRole) -> MaskedPicture:
    flat = picture.pixels.ndim == 2 or channel_axis is None
    pixels = picture.pixels[..., np.newaxis] if flat else picture.pixels
    shape, inside = pixels.shape[:-1], None
    if mask is not None:
        inside = np.asarray(mask, dtype=bool)
        if inside.shape != shape:
            raise InvalidInputError(f"mask has shape {inside.shape}: give {shape}, one value per pixel")
    if picture.alpha is not None and alpha == "mask":
        visible = picture.alpha > 0
        inside = visible if inside is None else inside & visible
    if inside is not None and inside.all():
        inside = None
    if pixels.size == 0 or (inside is not None and not inside.any()):
        fate = "segment: it is empty, masked out or fully transparent"
        if alpha == "channel":
            fate = "reduce: it is empty or masked out"
        raise InvalidInputError(f"{picture.name} has no pixel to {fate}")
    if picture.alpha is not None and alpha == "channel":
        pixels = np.concatenate([pixels, picture.alpha[..., np.newaxis]], axis=-1)
    _check_finite(pixels, picture.name, inside)
    return MaskedPicture(picture, pixels, inside)


def _check_finite(pixels: NDArray[Any], name: str, mask: NDArray[np.bool_] | None) -> None:
    """Refuse NaN and infinity among the pixels that take part."""
    if pixels.dtype.kind != "f":
        return
    finite_values = np.isfinite(pixels)
    if finite_values.all():
        return
    finite = finite_values.all(axis=-1)
    if mask is not None:
        finite |= ~mask
        if finite.all():
            return
    where = np.unravel_index(int(np.argmin(finite)), finite.shape)
    place = ", ".join(str(int(coordinate)) for coordinate in where)
    raise InvalidInputError(f"{name} is NaN or infinite at ({place}): leave such pixels out with mask=")


def _check_one_kind(pictures: list[MaskedPicture]) -> None:
    kinds = [f"{each.pixels.shape[-1]} channels of {each.pixels.dtype}" for each in pictures]
    first = pictures[0].picture.name
    for each, kind in zip(pictures, kinds, strict=True):
        if kind != kinds[0]:
            raise InvalidInputError(f"{each.picture.name} has {kind}, but {first} has {kinds[0]}: convert one of them")


def _with_alpha_apart(picture: Picture) -> Picture:
    """The last of 2 or 4 channels is alpha."""
    if picture.alpha is None and picture.pixels.ndim == 3 and picture.pixels.shape[2] in (2, 4):
        pixels, alpha = picture.pixels[..., :-1], picture.pixels[..., -1]
        return replace(picture, pixels=np.ascontiguousarray(pixels), alpha=np.ascontiguousarray(alpha))
    return picture


def _with_alpha_alike(pictures: Sequence[Picture]) -> list[Picture]:
    """If one picture has alpha, all get it."""
    if not any(picture.alpha is not None for picture in pictures):
        return list(pictures)
    return [picture if picture.alpha is not None else replace(picture, alpha=_opaque(picture)) for picture in pictures]


def _opaque(picture: Picture) -> NDArray[Any]:
    from rustem.images.picture import white_level

    pixels = picture.pixels if picture.pixels.ndim == 2 else picture.pixels[..., 0]
    return np.full_like(pixels, white_level(pixels.dtype))
