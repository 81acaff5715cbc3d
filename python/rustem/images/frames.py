"""The frames of animated files."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction

from PIL import Image, ImageSequence, UnidentifiedImageError

from rustem.exceptions import ImageError
from rustem.images.apng import PNG_MAGIC, Apng, parse_apng
from rustem.images.color_profiles import declared_profile
from rustem.images.compositing import composed
from rustem.images.decoding import from_pillow, reading
from rustem.images.formats import open_image
from rustem.images.gif import GIF_MAGIC, Gif, parse_gif
from rustem.images.orientation import upright_picture, without_warnings
from rustem.images.picture import Picture, max_pixels
from rustem.images.reading import read

# Browsers show for so long what is to be shown for no time.
_UNTIMED = 100


def read_frames(path: str | os.PathLike[str]) -> tuple[list[Picture], list[int], int]:
    """The frames of a file, each whole; how many milliseconds each is shown; and how often all are played, 0 for ever.

    Frames without a time, or with one of 0, have 100 ms, as browsers show them. Of a file without frames, the picture
    is the one that :func:`rustem.images.read` gives.
    """
    name = os.fsdecode(path)
    with reading(name):
        animation = _parsed(path, name)
        if animation is not None:
            size = (animation.width, animation.height)
            _check_size(animation.n_pixels, len(animation.frames), size, name)
            with _opened(path) as image:  # frames of an APNG bring their own
                profile = declared_profile(image, name) if isinstance(animation, Gif) else None
            return _composed(animation, profile, name), _whole(animation.durations), animation.n_plays
        with contextlib.suppress(UnidentifiedImageError), _opened(path) as image:
            n_frames = _n_frames(image)
            if n_frames > 1:
                _check_size(n_frames * image.width * image.height, n_frames, image.size, name)
                pictures, durations = _decoded(image, name)
                return pictures, _whole(durations), int(image.info.get("loop", 1))
    return [read(path)], [_UNTIMED], 1


def count_frames(path: str | os.PathLike[str]) -> int:
    """How many frames `read_frames` finds, without decoding any; 1 where a file is left to the reader of pictures."""
    name = os.fsdecode(path)
    with reading(name):
        animation = _parsed(path, name)
        if animation is not None:
            return len(animation.frames)
        with contextlib.suppress(UnidentifiedImageError), _opened(path) as image:
            return _n_frames(image)
    return 1


def whole_steps(ends: Iterable[float | Fraction], unit: int) -> list[int]:
    """Times between moments, in whole units; moments are rounded, not times, so that their sum does not run off."""
    moments = [0, *(unit * math.floor(end / unit + Fraction(1, 2)) for end in ends)]
    return [end - start for start, end in itertools.pairwise(moments)]


def _parsed(path: str | os.PathLike[str], name: str) -> Gif | Apng | None:
    with open(path, "rb") as file:
        head = file.read(len(PNG_MAGIC))
        if head.startswith(GIF_MAGIC):
            return parse_gif(head + file.read(), name)
        return parse_apng(head + file.read(), name) if head == PNG_MAGIC else None


def _n_frames(image: Image.Image) -> int:
    return 1 if image.format == "PNG" else int(getattr(image, "n_frames", 1))  # APNG is parsed


def _whole(durations: Iterable[float | Fraction]) -> list[int]:
    return whole_steps(itertools.accumulate(each or _UNTIMED for each in durations), 1)


def _check_size(n_pixels: int, n_frames: int, size: tuple[int, int], name: str) -> None:
    """Refuse before anything is decoded, as compression makes small files of large animations."""
    if n_pixels > max_pixels():
        raise ImageError(
            f"{name}: refused before decoding: {n_frames} frames of {size[0]} x {size[1]} are {n_pixels} pixels, more "
            f"than {max_pixels()}; if you trust the file, raise PIL.Image.MAX_IMAGE_PIXELS"
        )


def _composed(animation: Gif | Apng, profile: bytes | None, name: str) -> list[Picture]:
    height, width = animation.height, animation.width
    return [
        upright_picture(
            canvas[..., :3].copy(),
            canvas[..., 3].copy(),
            profile,
            animation.orientation,
            f"{name}, frame {number}",
        )
        for number, canvas in enumerate(composed(height, width, animation.patches()))
    ]


def _decoded(image: Image.Image, name: str) -> tuple[list[Picture], list[float]]:
    """What Pillow makes of each frame, and milliseconds."""
    size, profile, pictures, durations = image.size, declared_profile(image, name), [], []
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if frame.size != size:
            raise ImageError(
                f"{name}: frame {number} is {frame.width} x {frame.height}, but frame 0 is {size[0]} x {size[1]}: this "
                f"is no animation; save its pictures as files of their own"
            )
        whole = frame.convert("RGBA")
        if profile is not None:
            whole.info["icc_profile"] = profile
        pictures.append(from_pillow(whole, f"{name}, frame {number}"))
        durations.append(float(frame.info.get("duration", 0)))  # known when the frame is decoded
    return pictures, durations


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    with open(path, "rb") as file:
        with without_warnings():
            image = open_image(file)
        with image:
            yield image
