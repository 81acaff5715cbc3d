"""Animations in few colours: GIF, WebP and APNG, with one palette for all frames or one each."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rustem.arguments import check_number
from rustem.atomic_write import write_atomically
from rustem.exceptions import ImageError, InvalidInputError
from rustem.images import gif
from rustem.images.frames import read_frames
from rustem.images.picture import Picture, white_level
from rustem.pipeline.inputs import as_picture
from rustem.quantization import Quantization, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Animation", "quantize_animation"]

_FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}
# APNG holds up to 65 seconds for a frame, GIF no less than a hundredth.
_LEAST_FPS, _MOST_FPS = 0.02, 100.0


@dataclass(frozen=True, eq=False)
class Animation:
    """The frames of an animation in few colours.

    Parameters
    ----------
    frames : list of Quantization
        Each frame whole, as it is shown.
    durations : list of int
        Milliseconds that each is shown.
    loop : int
        How often it is played; 0 for ever.
    """

    frames: list[Quantization]
    durations: list[int]
    loop: int

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the animation as ``.gif``, ``.webp`` (without loss) or ``.png``, ``.apng`` (animated PNG).

        GIF knows only full transparency: alpha below a half becomes that, the rest opaque. Its times are in hundredths
        of a second, rounded so that their sum stays; browsers show 0 and 1 of them as 10.

        Raises
        ------
        ImageError
            The extension is another, the file cannot be written, or ``overwrite`` is False and it exists.
        """
        suffix = os.path.splitext(os.fsdecode(path))[1].lower()
        if suffix not in _FORMATS:
            raise ImageError(
                f"{os.fsdecode(path)}: animations are written as {', '.join(_FORMATS)}; choose one of them"
            )
        if suffix == ".gif":
            data = gif.encode([_indexed(frame) for frame in self.frames], _centiseconds(self.durations), self.loop)
            write_atomically(path, lambda file: file.write(data), overwrite)
            return
        pictures = [Image.fromarray(_eight_bit(frame.image)) for frame in self.frames]
        options: dict[str, Any] = {"save_all": True, "append_images": pictures[1:], "duration": self.durations}
        if suffix == ".webp":
            options |= {"lossless": True, "exact": True}
        kind = _FORMATS[suffix]
        write_atomically(path, lambda file: pictures[0].save(file, kind, loop=self.loop, **options), overwrite)


def quantize_animation(
    path: str | os.PathLike[str] | Sequence[Any],
    n_colors: int = 256,
    *,
    shared: bool = True,
    fps: float | None = None,
    **options: Any,
) -> Animation:
    """Reduce the frames of an animated GIF, WebP or PNG, or pictures that are to be frames, to few colours.

    Parameters
    ----------
    path : str or path-like; or list of paths, PIL images or arrays
        The file; of one with a single frame, that is taken. Or the frames in their order, all of one size, which
        become 8-bit RGB, with alpha where any has it.
    n_colors : int, default 256
        Number of colours of each palette.
    shared : bool, default True
        Whether all frames have one palette, which does not flicker; else each frame has its own.
    fps : float, optional
        Frames a second, from 0.02 to 100, for a list of frames, where it is needed; these are played for ever. A file
        says itself how long it shows each.
    **options
        As `quantize` takes them. With ``dither``, "blue-noise" does not flicker.

    Returns
    -------
    Animation
        The frames, and how to show them.

    Raises
    ------
    ImageError
        The file cannot be read.
    InvalidInputError
        Wrong arguments; frames of several sizes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> frames = [Image.fromarray(np.full((4, 4, 3), level, np.uint8)) for level in (0, 90, 100, 255)]
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "fade.png")
    ...     frames[0].save(path, save_all=True, append_images=frames[1:], duration=40)
    ...     animation = quantize_animation(path, 3)
    >>> [frame.image[0, 0].tolist() for frame in animation.frames]
    [[0, 0, 0], [95, 95, 95], [95, 95, 95], [255, 255, 255]]
    """
    if isinstance(path, str | os.PathLike):
        if fps is not None:
            raise InvalidInputError("fps is for a list of frames: leave it out, as the file has its own speed")
        pictures, durations, loop = read_frames(path)
    else:
        pictures, loop = _frames_of(path), 0
        durations = _durations(len(pictures), fps)
    frames = quantize(pictures, n_colors, **options) if shared else [quantize(p, n_colors, **options) for p in pictures]
    return Animation(frames, durations, loop)


def _frames_of(images: Sequence[Any]) -> list[Picture]:
    """Pictures as frames: of one size, 8-bit RGB."""
    if len(images) == 0:
        raise InvalidInputError("there are no frames: give at least one picture")
    frames: list[Picture] = []
    for number, image in enumerate(images):
        given = as_picture(image, -1)
        name = given.name if isinstance(image, str | os.PathLike) else f"frame {number}"
        pixels, alpha = given.pixels, given.alpha
        if pixels.ndim == 3 and alpha is None and pixels.shape[2] in (2, 4):
            pixels, alpha = pixels[..., :-1], pixels[..., -1]
        if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (1,), (3,)):
            raise InvalidInputError(f"{name} has shape {pixels.shape}: frames are grey or RGB, with or without alpha")
        if pixels.dtype.kind == "f" and not ((pixels >= 0) & (pixels <= 1)).all():
            raise InvalidInputError(f"{name} holds values beyond 0 to 1: scale the frames to that, or to 8 bits")
        if frames and pixels.shape[:2] != frames[0].pixels.shape[:2]:
            sizes = [f"{each.shape[1]}\N{MULTIPLICATION SIGN}{each.shape[0]}" for each in (pixels, frames[0].pixels)]
            raise InvalidInputError(
                f"{name} is {sizes[0]}, but {frames[0].name} is {sizes[1]}: make all frames of one size"
            )
        colors = np.broadcast_to(_eight_bit(np.atleast_3d(pixels)), (*pixels.shape[:2], 3))
        opacity = None if alpha is None else _eight_bit(alpha)
        frames.append(Picture(np.ascontiguousarray(colors), opacity, None, name))
    return frames


def _durations(n_frames: int, fps: float | None) -> list[int]:
    """Milliseconds of each frame, so that their sum is never off by more than one."""
    if fps is None:
        raise InvalidInputError("fps is missing: say how many frames of the list a second shows, as in fps=12")
    if not _LEAST_FPS <= check_number("fps", fps) <= _MOST_FPS:
        raise InvalidInputError(f"fps is {fps:g}: give a number from {_LEAST_FPS:g} to {_MOST_FPS:g}")
    return _steps([1000 * (number + 1) / fps for number in range(n_frames)], 1)


def _centiseconds(durations: list[int]) -> list[int]:
    """Milliseconds as GIF holds them, in hundredths of a second, without their sum running off."""
    return [step // 10 for step in _steps(np.cumsum(durations).tolist(), 10)]


def _steps(times: list[float], unit: int) -> list[int]:
    ends = [0, *(unit * math.floor(time / unit + 0.5) for time in times)]
    return [end - start for start, end in itertools.pairwise(ends)]


def _indexed(frame: Quantization) -> gif.GifCanvas:
    palette = _eight_bit(frame.palette)
    has_alpha = palette.shape[1] in (2, 4)
    seen = palette[:, -1] >= 128 if has_alpha else np.ones(len(palette), bool)
    colors = palette[seen, :-1] if has_alpha else palette
    rank = np.append(np.where(seen, np.cumsum(seen) - 1, -1), -1)  # the label -1 finds the last one
    index = rank[frame.labels]
    needed = len(colors) + bool((index < 0).any())
    if needed > 256:
        raise ImageError(f"GIF holds 256 colors, not {needed}: lower n_colors, or write .webp or .png")
    return gif.GifCanvas(index, np.ascontiguousarray(np.broadcast_to(colors, (len(colors), 3))))


def _eight_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    return values if values.dtype == np.uint8 else np.rint(values / white_level(values.dtype) * 255).astype(np.uint8)
