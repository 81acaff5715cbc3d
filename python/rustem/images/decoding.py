"""How picture files and Pillow images become arrays."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from rustem.exceptions import ImageError, RustemError
from rustem.images.choice import EVERYTHING, Choice
from rustem.images.color_models import from_cmyk, lab_in_srgb
from rustem.images.color_profiles import declared_profile
from rustem.images.formats import open_image
from rustem.images.metadata import metadata_of_pillow, without_data
from rustem.images.orientation import exif_orientation, upright_picture, without_warnings
from rustem.images.picture import Picture, in_plain_type, white_level
from rustem.images.png16 import read_png16
from rustem.images.stored_arrays import ARRAY_MAGIC, read_array
from rustem.images.tiff import TIFF_MAGIC, read_tiff

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_COMMON_MAGIC = {b"\xff\xd8\xff": ("JPEG", (".jpg", ".jpeg")), b"\x89PNG\r\n\x1a\n": ("PNG", (".png",))}
_TRUNCATED = "the file is truncated; get a complete copy of it"
_REASONS: dict[type[Exception] | tuple[type[Exception], ...], str] = {
    (FileNotFoundError, NotADirectoryError): "there is no such file; check the path",
    IsADirectoryError: "this is a folder; name a picture in it",
    PermissionError: "no permission to read the file; change its mode or its owner",
    MemoryError: "there is not enough memory to decode it; make it smaller first",
    UnidentifiedImageError: "this is no picture that can be read here; convert it to PNG, JPEG or TIFF",
    EOFError: _TRUNCATED,
}
_PLAIN_MODES = ("L", "LA", "RGB", "RGBA", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")
# Modes whose numbers are those of the file: indices of palettes too.
_STORED_MODES = ("L", "P", "RGB", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")
_NEAREST_PLAIN_MODE = {"1": "L", "La": "LA", "P": "RGBA", "PA": "RGBA", "RGBa": "RGBA"}


def decode(file: BinaryIO, name: str, choice: Choice = EVERYTHING) -> Picture | NDArray[Any]:
    """Read the picture in a file with whichever reader loses nothing; NumPy's files as the arrays they hold."""
    head = file.read(26)
    if not head:
        raise ImageError(f"{name}: the file is empty; get a complete copy of it")
    if head.startswith(ARRAY_MAGIC):
        return read_array(file, name)
    try:
        image = _open(file, head, name)
    except UnidentifiedImageError:
        if not head.startswith(TIFF_MAGIC):
            raise
        return _decode_tiff(file, None, name, choice)  # several channels, floats in RGB, …
    with image:
        if image.format == "TIFF":
            return _decode_tiff(file, image, name, choice)
        if choice.names_a_part and choice.page != 1:
            return _frames(image, name, choice)
        if image.format == "PNG" and head[24] == 16:
            picture = read_png16(file, image, name)
            if choice.nodata:
                pixels = picture.pixels
                metadata, mask = without_data(pixels, picture.metadata, choice.nodata, channels=pixels.ndim > 2)
                picture = replace(picture, metadata=metadata, mask=mask)
            return picture
        if image.format == "PNG" and image.mode in ("1", "L") and isinstance(image.info.get("transparency"), int):
            # Pillow spreads grey levels of 1, 2 and 4 bits over 8, but leaves the transparent level as it is stored.
            highest = 2 ** head[24] - 1
            image.info["transparency"] = (image.info["transparency"] & highest) * (255 // highest)
        return from_pillow(image, name, choice.nodata)


def _frames(image: Image.Image, name: str, choice: Choice) -> Picture:
    """The frame of an animation, or several as the planes of a volume."""
    if choice.page is None:
        raise ImageError(f"{name}: series and time points are parts of TIFF files; choose a frame by page")
    n_frames = int(getattr(image, "n_frames", 1))
    frames = []
    for number in choice.page_numbers(n_frames, name):
        image.seek(number)
        frames.append(from_pillow(image.copy(), name, choice.nodata))
    if isinstance(choice.page, int):
        return frames[0]
    if len({(frame.pixels.shape, frame.pixels.dtype) for frame in frames}) > 1:
        raise ImageError(f"{name}: these pages differ in size or type, and make no volume; read them one by one")
    return _stacked(frames)


def _stacked(frames: list[Picture]) -> Picture:
    first, alpha, mask = frames[0], None, None
    if any(frame.alpha is not None for frame in frames):
        opaque = np.full(first.pixels.shape[:2], white_level(first.pixels.dtype), first.pixels.dtype)
        alpha = np.stack([opaque if frame.alpha is None else frame.alpha for frame in frames])
    if any(frame.mask is not None for frame in frames):
        whole = np.ones(first.pixels.shape[:2], bool)
        mask = np.stack([whole if frame.mask is None else frame.mask for frame in frames])
    return replace(first, pixels=np.stack([np.atleast_3d(frame.pixels) for frame in frames]), alpha=alpha, mask=mask)


def _decode_tiff(file: BinaryIO, image: Image.Image | None, name: str, choice: Choice) -> Picture:
    picture, mask = read_tiff(file, image, name, choice)
    if picture is None:
        assert image is not None
        picture = from_pillow(image, name, choice.nodata)
    if mask is not None and mask.shape == picture.pixels.shape[:2]:
        picture = replace(picture, mask=mask if picture.mask is None else mask & picture.mask)
    return picture


def _open(file: BinaryIO, head: bytes, name: str) -> Image.Image:
    file.seek(0)
    with without_warnings():
        try:
            return _open_named(file, head) or open_image(file)
        except UnidentifiedImageError:
            if head[4:8] != b"ftyp" or head[8:12] not in _HEIF_BRANDS:
                raise
            try:
                importlib.import_module("pillow_heif").register_heif_opener()
            except ImportError:
                raise ImageError(f"{name}: reading HEIC needs one more package; pip install pillow-heif") from None
            return open_image(file)


def _open_named(file: BinaryIO, head: bytes) -> Image.Image | None:
    """A file that is what its name says: for that, Pillow imports one reader instead of all common ones."""
    name = getattr(file, "name", None)
    if isinstance(name, str):
        for magic, (kind, endings) in _COMMON_MAGIC.items():
            if head.startswith(magic) and name.lower().endswith(endings):
                return Image.open(name, formats=[kind])
    return None


@contextlib.contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into one line about the picture `name`."""
    # Decoders raise whatever a damaged file makes them stumble over: struct.error, SyntaxError, IndexError, …
    try:
        yield
    except (RustemError, Warning):
        raise
    except Exception as error:
        raise ImageError(f"{name}: {_why_unreadable(error)}") from error


def _why_unreadable(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    for kinds, reason in _REASONS.items():
        if isinstance(error, kinds):
            return reason
    if isinstance(error, Image.DecompressionBombError):
        size = text.split(" exceeds")[0].lower()
        return f"refused before decoding: {size} is too large; if you trust the file, raise PIL.Image.MAX_IMAGE_PIXELS"
    if "imagecodecs" in text:
        return 'its compression needs one more package; pip install "rustem[tiff]"'
    if "truncated" in text.lower() or "failed to read" in text:
        return _TRUNCATED
    return f"the file is damaged or of an unknown kind ({text}); get another copy, or save it anew as PNG"


def from_pillow(image: Image.Image, name: str, nodata: tuple[float, ...] = ()) -> Picture:
    """Turn an image of any mode into a picture."""
    profile, metadata = declared_profile(image, name), metadata_of_pillow(image)
    image.load()
    if 0 in image.size:
        raise ImageError(f"{name}: the picture has no pixels; it is {image.width} x {image.height}")
    orientation, key = exif_orientation(image), image.info.get("transparency")
    mask = None
    if (nodata or metadata.nodata is not None) and image.mode in (*_STORED_MODES, "LA", "RGBA"):
        stored = np.asarray(image.convert(image.mode[:-1]) if image.mode in ("LA", "RGBA") else image)
        metadata, mask = without_data(stored, metadata, nodata, channels=stored.ndim > 2)
    if image.mode == "CMYK":
        image, profile = from_cmyk(image, profile, name), None
    image = _in_plain_mode(image)
    if image.mode in ("LA", "RGBA"):
        opacity = np.asarray(image.getchannel("A"))
        colors = np.asarray(image.convert(image.mode[:-1]))
        return upright_picture(colors, opacity, profile, orientation, name, mask, metadata)
    pixels, alpha = np.asarray(image), None
    if image.mode == "I" and pixels.min() >= 0 and pixels.max() <= white_level(np.dtype(np.uint16)):
        pixels = pixels.astype(np.uint16)  # what Pillow's mode of 32 bits mostly stands for
    pixels = in_plain_type(pixels)
    if isinstance(key, int | tuple):
        hidden = np.atleast_3d(pixels == np.asarray(key)).all(axis=2)
        alpha = np.where(hidden, 0, white_level(pixels.dtype)).astype(pixels.dtype)
    return upright_picture(pixels, alpha, profile, orientation, name, mask, metadata)


def _in_plain_mode(image: Image.Image) -> Image.Image:
    if image.mode in _PLAIN_MODES:
        return image
    if image.mode == "LAB":
        return lab_in_srgb(image)
    return image.convert(_NEAREST_PLAIN_MODE.get(image.mode, "RGB"))
