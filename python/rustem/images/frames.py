"""The frames of animated files."""

from __future__ import annotations

import os

from PIL import ImageSequence

from rustem.images.color_profiles import declared_profile
from rustem.images.decoding import from_pillow, reading
from rustem.images.formats import open_image
from rustem.images.picture import Picture


def read_frames(path: str | os.PathLike[str]) -> tuple[list[Picture], list[int], int]:
    """The frames of a file, each whole; how many milliseconds each is shown; and how often all are played."""
    name = os.fsdecode(path)
    pictures, durations = [], []
    with reading(name), open(path, "rb") as file, open_image(file) as image:
        loop = int(image.info.get("loop", 1))
        profile = declared_profile(image, name)
        for number, frame in enumerate(ImageSequence.Iterator(image)):
            whole = frame.convert("RGBA")
            if profile is not None:
                whole.info["icc_profile"] = profile
            pictures.append(from_pillow(whole, f"{name}, frame {number}"))
            durations.append(int(frame.info.get("duration", 0)))  # known when the frame is decoded
    return pictures, durations, loop
