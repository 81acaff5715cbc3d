"""How picture files and Pillow images become arrays."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from rustem.exceptions import ImageError, RustemError
from rustem.images.picture import Picture, describes, in_plain_type, white_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COMMON_MAGIC = {b"\xff\xd8\xff": (".jpg", ".jpeg"), b"\x89PNG\r\n\x1a\n": (".png",)}
# Only where one of these occurs can a PNG file tell its orientation.
_PNG_ORIENTATION = re.compile(rb"eXIf|Raw profile type exif|XML:com.adobe.xmp")
_EXIF_KEYS = frozenset(("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"))
# NumPy views that undo the EXIF orientations 2 to 8.
_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
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
_NEAREST_PLAIN_MODE = {"1": "L", "La": "LA", "P": "RGBA", "PA": "RGBA", "RGBa": "RGBA"}
_WARNING_FILTERS = threading.Lock()


def decode(file: BinaryIO, name: str) -> Picture:
    """Read the picture in a file with whichever reader loses nothing."""
    head = file.read(26)
    if not head:
        raise ImageError(f"{name}: the file is empty; get a complete copy of it")
    try:
        image = _open(file, head, name)
    except UnidentifiedImageError:
        if not head.startswith(_TIFF_MAGIC):
            raise
        return _read_tiff(file, name)  # several channels, floats in RGB, …
    with image:
        if image.format == "TIFF" and _is_more_than_pillow_keeps(image):
            return _read_tiff(file, name)
        if image.format == "PNG" and head[24] == 16:
            return _read_png16(file, image, name)
        if image.format == "PNG" and image.mode in ("1", "L") and isinstance(image.info.get("transparency"), int):
            # Pillow spreads grey levels of 1, 2 and 4 bits over 8, but leaves the transparent level as it is stored.
            highest = 2 ** head[24] - 1
            image.info["transparency"] = (image.info["transparency"] & highest) * (255 // highest)
        return from_pillow(image, name)


def _open(file: BinaryIO, head: bytes, name: str) -> Image.Image:
    file.seek(0)
    with _no_warnings():
        try:
            return Image.open(_by_name(file, head))
        except UnidentifiedImageError:
            if head[4:8] != b"ftyp" or head[8:12] not in _HEIF_BRANDS:
                raise
            try:
                importlib.import_module("pillow_heif").register_heif_opener()
            except ImportError:
                raise ImageError(f"{name}: reading HEIC needs one more package; pip install pillow-heif") from None
            file.seek(0)
            return Image.open(file)


def _by_name(file: BinaryIO, head: bytes) -> BinaryIO | str:
    """The name of a file that is what its name says: for that, Pillow imports one reader instead of all common ones."""
    name = getattr(file, "name", None)
    if isinstance(name, str):
        for magic, endings in _COMMON_MAGIC.items():
            if head.startswith(magic) and name.lower().endswith(endings):
                return name
    return file


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    # Oddities of the metadata leave the pixels alone, and sizes up to the limit are welcome. The filters belong to the
    # whole process, hence the lock.
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into one line about the picture `name`."""
    # Decoders raise whatever a damaged file makes them stumble over: struct.error, SyntaxError, IndexError, …
    try:
        yield
    except RustemError:
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


def from_pillow(image: Image.Image, name: str) -> Picture:
    """Turn an image of any mode into a picture."""
    image.load()
    if 0 in image.size:
        raise ImageError(f"{name}: the picture has no pixels; it is {image.width} x {image.height}")
    orientation, profile, key = _orientation(image), image.info.get("icc_profile"), image.info.get("transparency")
    image = _in_plain_mode(image, profile)
    if image.mode in ("LA", "RGBA"):
        opacity = np.asarray(image.getchannel("A"))
        return _picture(np.asarray(image.convert(image.mode[:-1])), opacity, profile, orientation, name)
    pixels, alpha = np.asarray(image), None
    if image.mode == "I" and pixels.min() >= 0 and pixels.max() <= white_level(np.dtype(np.uint16)):
        pixels = pixels.astype(np.uint16)  # what Pillow's mode of 32 bits mostly stands for
    pixels = in_plain_type(pixels)
    if isinstance(key, int | tuple):
        hidden = np.atleast_3d(pixels == np.asarray(key)).all(axis=2)
        alpha = np.where(hidden, 0, white_level(pixels.dtype)).astype(pixels.dtype)
    return _picture(pixels, alpha, profile, orientation, name)


def _in_plain_mode(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode in _PLAIN_MODES:
        return image
    if image.mode == "LAB":
        return _to_srgb(image, None)
    if image.mode == "CMYK" and profile is not None:
        with contextlib.suppress(OSError):  # a broken profile: the rough conversion is better than none
            return _to_srgb(image, profile)
    return image.convert(_NEAREST_PLAIN_MODE.get(image.mode, "RGB"))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    from PIL import ImageCms

    try:
        source = ImageCms.createProfile("LAB") if profile is None else ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except ImageCms.PyCMSError as error:
        raise OSError(str(error)) from error
    return converted  # type: ignore[return-value]  # None only where it converts in place


def _orientation(image: Image.Image) -> int:
    with _no_warnings(), contextlib.suppress(Exception):  # broken metadata leaves the pixels alone
        image.load()  # a PNG may tell its orientation after the pixels
        # Else spare the import of Pillow's reader of EXIF.
        if any(_may_tell_orientation(key, image.info[key]) for key in _EXIF_KEYS.intersection(image.info)):
            return int(image.getexif().get(0x0112, 1))
    return 1


def _may_tell_orientation(key: str, value: bytes | str) -> bool:
    """Whether the tag's number, 0x0112, occurs in EXIF, or its name in XMP."""
    data = value.encode() if isinstance(value, str) else value
    if key == "exif":
        return b"\x01\x12" in data or b"\x12\x01" in data
    return b"Orientation" in data or "xmp" not in key


def _read_png16(file: BinaryIO, image: Image.Image, name: str) -> Picture:
    from rustem._core import decode_png16

    file.seek(0)
    data = file.read()
    pixels = decode_png16(data, _max_pixels())
    # Pillow finds it by decoding the pixels too.
    orientation = _orientation(Image.open(io.BytesIO(data))) if _PNG_ORIENTATION.search(data) else 1
    alpha = None
    if pixels.shape[2] in (2, 4):
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
    return _picture(pixels, alpha, image.info.get("icc_profile"), orientation, name)


def _is_more_than_pillow_keeps(image: Image.Image) -> bool:
    tags = image.tag_v2  # type: ignore[attr-defined]
    bits, photometric, extra = tags.get(258, (1,)), tags.get(262), tags.get(338, ())
    if photometric not in (0, 1, 2):
        return False
    if max(bits) <= 8:
        return 0 in extra
    return (bits, photometric, tags.get(339, (1,))) != ((16,), 1, (1,))


def _read_tiff(file: BinaryIO, name: str) -> Picture:
    import logging

    from tifffile import TiffFile

    log = logging.getLogger("tifffile")
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # else it prints each odd tag; what matters is raised
    file.seek(0)
    with TiffFile(file) as tiff:
        page = tiff.pages.first
        n_pixels = page.imagewidth * page.imagelength
        if n_pixels * max(1, page.samplesperpixel / 4) > _max_pixels():
            raise Image.DecompressionBombError(f"Image size ({n_pixels} pixels of {page.samplesperpixel} channels)")
        photometric, extra, bits = page.photometric, tuple(page.extrasamples), page.bitspersample
        if photometric not in (0, 1, 2) or page.axes not in ("YX", "YXS", "SYX"):
            raise ImageError(f"{name}: TIFF of this kind ({photometric!s}, {page.axes}) is not read; convert it to RGB")
        values = page.asarray()
        if page.axes == "SYX":
            values = np.moveaxis(values, 0, -1)
        profile, orientation = page.tags.valueof(34675), page.tags.valueof(274, 1)
    if values.dtype.kind == "u" and bits < 8 * values.dtype.itemsize <= 16:
        values = np.rint(values * (white_level(values.dtype) / (2**bits - 1))).astype(values.dtype)
    values = np.atleast_3d(in_plain_type(values))
    if photometric == 0 and values.dtype.kind == "u":
        values = white_level(values.dtype) - values
    alpha = None
    kind = next((kind for kind in extra if kind in (1, 2)), None)
    if kind is not None:
        channel = values.shape[2] - len(extra) + extra.index(kind)
        alpha, values = values[..., channel], np.delete(values, channel, axis=2)
        if kind == 1:
            values = _divided(values, alpha)
    return _picture(values, alpha, profile, orientation, name)


def _divided(values: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Colours (H, W, C) that were stored multiplied by `alpha`."""
    highest, weight = float(white_level(values.dtype)), alpha[..., None]
    divided = np.zeros(values.shape)
    np.divide(values * highest, weight, out=divided, where=weight > 0)
    return (np.rint(np.minimum(divided, highest)) if values.dtype.kind == "u" else divided).astype(values.dtype)


def _picture(
    pixels: NDArray[Any], alpha: NDArray[Any] | None, profile: bytes | None, orientation: int, name: str
) -> Picture:
    upright = _UPRIGHT.get(orientation, np.asarray)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    pixels = np.ascontiguousarray(upright(pixels))
    if alpha is not None:
        alpha = None if np.all(alpha == white_level(alpha.dtype)) else np.ascontiguousarray(upright(alpha))
    return Picture(pixels, alpha, profile if describes(profile, pixels) else None, name)


def _max_pixels() -> int:
    return 2**63 if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS
