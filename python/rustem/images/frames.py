"""The frames of animated files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from PIL import Image, ImageSequence

from rustem.images import apng, gif
from rustem.images.color_profiles import declared_profile
from rustem.images.decoding import from_pillow, reading
from rustem.images.formats import open_image
from rustem.images.picture import Picture, max_pixels


def read_frames(path: str | os.PathLike[str]) -> tuple[list[Picture], list[int], int]:
    """The frames of a file, each whole; how many milliseconds each is shown; and how often all are played.

    Raises
    ------
    ImageError
        The file cannot be read; or its frames together have more pixels than Pillow's limit, before any is decoded.
    """
    name = os.fsdecode(path)
    pictures: list[Picture] = []
    durations: list[int] = []
    with reading(name), open(path, "rb") as file, open_image(file) as image:
        profile = declared_profile(image, name)
        file.seek(0)
        moving: gif.GifAnimation | apng.PngAnimation | None = None
        if image.format in ("GIF", "PNG"):
            moving = gif.parse(file.read()) if image.format == "GIF" else apng.parse(file.read())
        frames: Iterator[Image.Image]
        if moving is None:
            loop, frames = int(image.info.get("loop", 1)), _by_pillow(image, durations)
        else:
            _check_size(moving.size, len(moving.frames))
            loop, durations = moving.loop, [round(frame.milliseconds) for frame in moving.frames]
            frames = map(Image.fromarray, moving.composed())
        for number, frame in enumerate(frames):
            if profile is not None:
                frame.info["icc_profile"] = profile
            pictures.append(replace(from_pillow(frame, name), name=f"{name}, frame {number}"))
    return pictures, durations, loop


def _by_pillow(image: Image.Image, durations: list[int]) -> Iterator[Image.Image]:
    """The frames as Pillow puts them together; ``durations`` grows with them."""
    _check_size(image.size, getattr(image, "n_frames", 1))
    for frame in ImageSequence.Iterator(image):
        whole = frame.convert("RGBA")
        whole.info.clear()
        durations.append(round(frame.info.get("duration", 0)))  # known when the frame is decoded
        yield whole


def _check_size(size: tuple[int, int], n_frames: int) -> None:
    """Refuse what is too large, before memory is taken."""
    if size[0] * size[1] * n_frames > max_pixels():
        raise Image.DecompressionBombError(f"Image size ({size[0]} x {size[1]} pixels of {n_frames} frames) exceeds")
