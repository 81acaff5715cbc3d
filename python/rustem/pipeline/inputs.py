"""The road's front end: from what the caller hands over to pictures and the pixels of them that take part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import numpy as np

from rustem.arguments import ChannelAxis, as_supported
from rustem.exceptions import InvalidInputError
from rustem.images.choice import Choice
from rustem.images.picture import Picture, white_level

if TYPE_CHECKING:
    from pathlib import Path

    import PIL.Image
    from numpy.typing import ArrayLike, NDArray

    Image: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes] | PIL.Image.Image | Picture | ArrayLike
    Images: TypeAlias = (
        list[str]
        | list[Path]
        | list[bytes]
        | list[PIL.Image.Image]
        | list[Picture]
        | list[NDArray[Any]]
        | tuple[NDArray[Any], ...]
    )

AlphaRole: TypeAlias = Literal["mask", "channel"]
_Result = TypeVar("_Result")
# By how much floats may leave [0, 1] and still count as rounded.
_OVERSHOOT = 1e-3


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

    def within_unit(self, *, colors: bool) -> Inputs:
        """The same with alpha, and colours where asked, that leave [0, 1] by rounding alone clipped to it."""
        return replace(self, pictures=tuple(_within_unit(each, colors=colors) for each in self.pictures))

    def hand_back(self, results: list[_Result]) -> _Result | list[_Result]:
        """The one result, or for a list of pictures the list of them."""
        return results if self.several else results[0]


def open_inputs(image: Any, mask: Any, channel_axis: ChannelAxis, *, alpha: AlphaRole = "mask") -> Inputs:
    """Open what the caller hands over, and check it.

    Parameters
    ----------
    image : path, bytes, open file, PIL image, Picture or array; or a list of them
        Pictures of a list must have one type and number of channels. Masked values of arrays take no part.
    mask : array-like of bool or None; for a list of pictures a list of them, or None
        Which pixels take part.
    channel_axis : int, None or "auto"
        The axis of arrays that holds the channels. "auto": the last of three or four, except where the shape is that
        of a volume or of channels that come first, which is refused.
    alpha : {"mask", "channel"}, default "mask"
        "mask": fully transparent pixels take no part. "channel": alpha is the last channel, where any picture has it;
        the last of 2 or 4 channels of an array is alpha. Whole floats from 0 to 255 become uint8 then.

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
    pictures = [as_picture(each, channel_axis, alpha=alpha) for each in images]
    insides = [_inside(picture, each) for picture, each in zip(pictures, masks, strict=True)]
    if alpha == "channel":
        pictures = _with_alpha_alike(_in_eight_bits(pictures, insides))
    inputs = [_masked(picture, each, alpha) for picture, each in zip(pictures, insides, strict=True)]
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
    if _is_file(first) or hasattr(first, "getbands") or hasattr(first, "pixels"):
        return True
    return hasattr(first, "__array__") and np.ndim(first) > 1  # tensors and their like, as arrays


def as_picture(image: Any, channel_axis: ChannelAxis, *, alpha: AlphaRole = "mask") -> Picture:
    """Whatever holds a picture, as one; with ``alpha="channel"``, the last of 2 or 4 channels of an array is alpha."""
    from rustem import images

    if isinstance(image, images.Picture):
        return image
    if _is_file(image):
        from rustem.images.reading import read_any

        found, name = read_any(image, Choice(channel_axis=channel_axis))
        if isinstance(found, images.Picture):
            return found
        return _as_read(found, channel_axis, name, alpha)
    if hasattr(image, "getbands"):  # a PIL image, without importing PIL to ask
        return images.from_pil(image)
    if has_named_axes(image):
        from rustem.images.named_axes import picture_of_named_axes

        return picture_of_named_axes(image, channel_axis, "the image")
    return _as_read(image, channel_axis, "the image", alpha)


def has_named_axes(image: Any) -> bool:
    """Whether this is an array whose axes have names, as xarray's; without importing xarray to ask."""
    dims = getattr(image, "dims", None)
    return hasattr(image, "__array__") and isinstance(dims, tuple) and hasattr(image, "attrs")


def _as_read(array: Any, channel_axis: ChannelAxis, name: str, alpha: AlphaRole) -> Picture:
    picture = _picture_of(array, channel_axis, name)
    return with_alpha_apart(picture) if alpha == "channel" else picture


def _is_file(image: Any) -> bool:
    """Whether this is a path, the bytes of a file or an open file."""
    return isinstance(image, str | os.PathLike | bytes | bytearray) or hasattr(image, "read")


def _picture_of(array: Any, channel_axis: ChannelAxis, name: str) -> Picture:
    """An array as a picture, its channels last."""
    from rustem.images.stored_arrays import channels_last

    masked = np.ma.is_masked(array)
    if hasattr(array, "detach"):  # a tensor that gradients or another device hold
        array = array.detach().cpu()
    pixels, named = channels_last(np.asarray(array), channel_axis, name)
    inside = None
    if masked:
        inside = ~np.ma.getmaskarray(array)
        if named:
            inside = np.asarray(channels_last(inside, channel_axis, name)[0].all(axis=-1), bool)
    kind = Picture if named or pixels.ndim == 2 else _Planes
    return kind(as_supported(pixels, name), None, None, name, inside)


class _Planes(Picture):
    """A volume (D, H, W) whose array has no axis of channels."""


def has_channel_axis(picture: Picture) -> bool:
    """Whether the last axis of the picture's pixels is one of channels."""
    return picture.pixels.ndim > 2 and not isinstance(picture, _Planes)


def _inside(picture: Picture, mask: ArrayLike | None) -> NDArray[np.bool_] | None:
    """Which pixels take part by the mask, and by what the picture says of itself; None for all."""
    shape = picture.pixels.shape[:-1] if has_channel_axis(picture) else picture.pixels.shape
    inside: NDArray[np.bool_] | None = None
    if mask is not None:
        given = np.asarray(mask, dtype=bool)
        if given.shape != shape:
            raise InvalidInputError(f"mask has shape {given.shape}: give {shape}, one value per pixel")
        inside = given
    if picture.mask is not None:
        own = picture.mask.reshape(picture.mask.shape + (1,) * (len(shape) - picture.mask.ndim))
        inside = np.logical_and(own, True if inside is None else inside, out=np.empty(shape, bool))
    return inside


def _masked(picture: Picture, inside: NDArray[np.bool_] | None, alpha: AlphaRole) -> MaskedPicture:
    pixels = picture.pixels if has_channel_axis(picture) else picture.pixels[..., np.newaxis]
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


def _in_eight_bits(pictures: list[Picture], insides: list[NDArray[np.bool_] | None]) -> list[Picture]:
    """Floats that hold the values of uint8, as arithmetic and lists leave them, as uint8; all of them or none."""
    floats = [each for each in zip(pictures, insides, strict=True) if each[0].pixels.dtype.kind == "f"]
    highest = 0.0
    for picture, inside in floats:
        values = picture.pixels if inside is None else picture.pixels[inside]
        if values.size and not (values.min() >= 0 and values.max() <= 255 and (values == np.rint(values)).all()):
            return pictures
        highest = max(highest, float(values.max(initial=0)))
    if highest <= 1:
        return pictures
    return [
        _as_bytes(picture, inside) if picture.pixels.dtype.kind == "f" else picture
        for picture, inside in zip(pictures, insides, strict=True)
    ]


def _as_bytes(picture: Picture, inside: NDArray[np.bool_] | None) -> Picture:
    pixels, alpha = picture.pixels, picture.alpha
    if inside is not None:  # what takes no part may be NaN
        pixels = np.where(inside.reshape(inside.shape + (1,) * (pixels.ndim - inside.ndim)), pixels, 0)
    if alpha is not None:
        alpha = np.rint(np.nan_to_num(alpha) * (1 if np.nanmax(alpha) > 1 else 255))
        alpha = np.clip(alpha, 0, 255).astype(np.uint8)
    return replace(picture, pixels=pixels.astype(np.uint8), alpha=alpha)


def _within_unit(picture: MaskedPicture, *, colors: bool) -> MaskedPicture:
    pixels, n_alpha = picture.pixels, int(picture.picture.alpha is not None)
    if pixels.dtype.kind != "f":
        return picture
    first = 0 if colors and pixels.shape[-1] - n_alpha in (1, 3) else pixels.shape[-1] - n_alpha
    bounded = picture.rows()[:, first:]
    if not bounded.size:
        return picture
    low, high = bounded.min(), bounded.max()
    if (low >= 0 and high <= 1) or low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        return picture
    pixels = pixels.copy()
    np.clip(pixels[..., first:], 0, 1, out=pixels[..., first:])
    return replace(picture, pixels=pixels)


def with_alpha_apart(picture: Picture) -> Picture:
    """The last of 2 or 4 channels is alpha."""
    if (
        picture.alpha is None
        and picture.pixels.ndim == 3
        and has_channel_axis(picture)
        and picture.pixels.shape[2] in (2, 4)
    ):
        pixels, alpha = picture.pixels[..., :-1], picture.pixels[..., -1]
        return replace(picture, pixels=np.ascontiguousarray(pixels), alpha=np.ascontiguousarray(alpha))
    return picture


def _with_alpha_alike(pictures: Sequence[Picture]) -> list[Picture]:
    """If one picture has alpha, all get it."""
    if not any(picture.alpha is not None for picture in pictures):
        return list(pictures)
    return [picture if picture.alpha is not None else replace(picture, alpha=_opaque(picture)) for picture in pictures]


def _opaque(picture: Picture) -> NDArray[Any]:
    pixels = picture.pixels[..., 0] if has_channel_axis(picture) else picture.pixels
    return np.full_like(pixels, white_level(pixels.dtype))
