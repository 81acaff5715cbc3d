"""Animations in few colours: GIF, WebP and APNG, with one palette for all frames or one each."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from rustem.arguments import check_number
from rustem.atomic_write import write_atomically
from rustem.exceptions import ImageError, InvalidInputError
from rustem.images.frames import read_frames, whole_steps
from rustem.images.gif import write_gif
from rustem.images.picture import Picture, white_level
from rustem.pipeline.inputs import as_picture
from rustem.quantization import Quantization, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Animation", "quantize_animation"]

_FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}
_GIF_COLORS = 256
# Browsers take milliseconds up to these for a mistake.
_TOO_BRIEF = 10
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
        Milliseconds that each is shown; 100 where a file gives no time, or 0.
    loop : int
        How often it is played, in all formats; 0 for ever.
    """

    frames: list[Quantization]
    durations: list[int]
    loop: int

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the animation as ``.gif``, ``.webp`` (without loss) or ``.png``, ``.apng`` (animated PNG).

        GIF knows only full transparency: alpha below a half becomes that, the rest opaque. Its times are
        in hundredths of a second, rounded so that their sum stays. A run of frames that are alike becomes one in WebP
        and PNG, shown as long as all of them; a WebP of nothing else becomes a still picture.

        Raises
        ------
        ImageError
            The extension is another, the file cannot be written, or ``overwrite`` is False and it exists; more than
            256 colours in a GIF; a frame that is shown longer than the format can say: 655 seconds in GIF.

        Warns
        -----
        UserWarning
            Frames of 10 ms or less: browsers show them for 100 ms.
        """
        name = os.fsdecode(path)
        suffix = os.path.splitext(name)[1].lower()
        if suffix not in _FORMATS:
            raise ImageError(f"{name}: animations are written as {', '.join(_FORMATS)}; choose one of them")
        kind = _FORMATS[suffix]
        durations = whole_steps(itertools.accumulate(self.durations), 10) if kind == "GIF" else self.durations
        write_atomically(path, self._writer(kind, durations), overwrite)
        n_brief = sum(duration <= _TOO_BRIEF for duration in durations)
        if n_brief and len(durations) > 1:
            other = ", or write .webp or .png" if min(self.durations) > _TOO_BRIEF else ""
            warnings.warn(
                f"{os.path.basename(name)}: {n_brief} of {len(durations)} frames last {_TOO_BRIEF} ms or less, "
                f"but browsers show such frames for 100 ms; show fewer frames a second{other}",
                UserWarning,
                stacklevel=2,
            )

    def _writer(self, kind: str, durations: list[int]) -> Callable[[BinaryIO], None]:
        """What writes the animation; frames that the format cannot hold are refused at once."""
        if kind == "GIF":
            frames = _indexed(self.frames)
            return lambda file: write_gif(file, frames, [duration // 10 for duration in durations], self.loop)
        has_alpha = any((_colors(frame)[:-1, 3] < 255).any() or (frame.labels < 0).any() for frame in self.frames)
        pictures = [Image.fromarray(_painted(frame)[..., : 3 + has_alpha]) for frame in self.frames]
        options: dict[str, Any] = {"duration": durations, "loop": min(self.loop, 65535), "save_all": True}
        if kind == "WEBP":
            options |= {"lossless": True, "exact": True}
        elif len(pictures) > 1 and all(each == pictures[0] for each in pictures[1:]):
            # Pillow makes one of frames that are alike, and a still picture of one; what differs in disposal stays.
            options["disposal"] = [0] * (len(pictures) - 1) + [1]
        return lambda file: pictures[0].save(file, kind, append_images=pictures[1:], **options)


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
        The file, whose frames are taken as browsers show them; of one with a single frame, that is taken. Or the
        frames in their order, all of one size. They become 8-bit RGB, with alpha where any has it.
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
        The file cannot be read, or is damaged in any frame; its frames have more pixels, together, than Pillow's limit,
        twice ``PIL.Image.MAX_IMAGE_PIXELS``.
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
        pictures = _frames_of(pictures)
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
        name = given.name if isinstance(image, str | os.PathLike | Picture) else f"frame {number}"
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
        frames.append(Picture(np.ascontiguousarray(colors), opacity, None, name, given.mask))
    return frames


def _durations(n_frames: int, fps: float | None) -> list[int]:
    """Milliseconds of each frame, so that their sum is never off by more than one."""
    if fps is None:
        raise InvalidInputError("fps is missing: say how many frames of the list a second shows, as in fps=12")
    if not _LEAST_FPS <= check_number("fps", fps) <= _MOST_FPS:
        raise InvalidInputError(f"fps is {fps:g}: give a number from {_LEAST_FPS:g} to {_MOST_FPS:g}")
    return whole_steps([1000 * (number + 1) / fps for number in range(n_frames)], 1)


def _colors(frame: Quantization) -> NDArray[np.uint8]:
    """RGBA (k + 1, 4) of the labels, and last that of pixels without label: transparency."""
    palette = _eight_bit(frame.palette)
    n_colors = palette.shape[1] - (palette.shape[1] in (2, 4))
    colors = np.zeros((len(palette) + 1, 4), np.uint8)
    colors[:-1, :3] = palette[:, :n_colors]
    colors[:-1, 3] = 255 if n_colors == palette.shape[1] else palette[:, -1]
    return colors


def _painted(frame: Quantization) -> NDArray[np.uint8]:
    painted: NDArray[np.uint8] = _colors(frame)[frame.labels]
    return painted


def _indexed(frames: list[Quantization]) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Labels and palettes as GIF has them, with one entry for full transparency where any frame has that."""
    tables, clears, transparent = [], [], []
    for frame in frames:
        colors = _colors(frame)
        colors[:, 3] = np.where(colors[:, 3] < 128, 0, 255)
        tables.append(colors)
        clears.append(int(np.argmin(colors[:, 3])))
        transparent.append(bool((colors[:, 3] == 0)[frame.labels].any()))
    indexed = []
    for frame, table, clear, seen in zip(frames, tables, clears, transparent, strict=True):
        # An entry that the frame itself does not need lets others than browsers clear its area.
        spare = clear == len(table) - 1 and (seen or (any(transparent) and len(table) <= _GIF_COLORS))
        colors = table if spare else table[:-1]
        if len(colors) > _GIF_COLORS:
            raise ImageError(
                f"GIF holds {_GIF_COLORS} colours, not {len(colors)}: lower n_colors, or write .webp or .png"
            )
        index = np.where(colors[:, 3] > 0, np.arange(len(colors)), clear)
        index = np.append(index, clear)  # of pixels without label
        indexed.append((index.astype(np.uint8)[frame.labels], colors))
    return indexed


def _eight_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    return values if values.dtype == np.uint8 else np.rint(values / white_level(values.dtype) * 255).astype(np.uint8)
