"""Animations in few colours: GIF, WebP and APNG, with one palette for all frames or one each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rustem.atomic_write import write_atomically
from rustem.exceptions import ImageError
from rustem.images.frames import read_frames
from rustem.images.picture import white_level
from rustem.quantization import Quantization, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Animation", "quantize_animation"]

_FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}


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

        GIF knows only full transparency: alpha below a half becomes that, the rest opaque.

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
        kind = _FORMATS[suffix]
        pictures = [_indexed(frame) if kind == "GIF" else _painted(frame) for frame in self.frames]
        options: dict[str, Any] = {"save_all": True, "append_images": pictures[1:], "duration": self.durations}
        if kind == "GIF":
            options |= {"disposal": 2, "optimize": False}
        if kind == "WEBP":
            options |= {"lossless": True, "exact": True}
        if self.loop != 1 or kind != "GIF":  # a GIF that does not say so is played once
            options["loop"] = self.loop
        write_atomically(path, lambda file: pictures[0].save(file, kind, **options), overwrite)


def quantize_animation(
    path: str | os.PathLike[str], n_colors: int = 256, *, shared: bool = True, **options: Any
) -> Animation:
    """Reduce the frames of an animated GIF, WebP or PNG to few colours.

    Parameters
    ----------
    path : str or path-like
        The file. Of one with a single frame, that is taken.
    n_colors : int, default 256
        Number of colours of each palette.
    shared : bool, default True
        Whether all frames have one palette, which does not flicker; else each frame has its own.
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
        Wrong arguments.

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
    pictures, durations, loop = read_frames(path)
    frames = quantize(pictures, n_colors, **options) if shared else [quantize(p, n_colors, **options) for p in pictures]
    return Animation(frames, durations, loop)


def _painted(frame: Quantization) -> Image.Image:
    return Image.fromarray(_eight_bit(frame.image))


def _indexed(frame: Quantization) -> Image.Image:
    palette = _eight_bit(frame.palette)
    if len(palette) > 256:
        raise ImageError(f"GIF holds 256 colours, not {len(palette)}: lower n_colors, or write .webp or .png")
    image = Image.fromarray(frame.labels.astype(np.uint8))
    image.putpalette(palette[:, :3].tobytes())
    if palette.shape[1] == 4 and (palette[:, 3] < 128).any():
        clear = np.flatnonzero(palette[:, 3] < 128)
        image = Image.fromarray(np.where(np.isin(frame.labels, clear), clear[0], frame.labels).astype(np.uint8))
        image.putpalette(palette[:, :3].tobytes())
        image.info["transparency"] = int(clear[0])
    return image


def _eight_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    return values if values.dtype == np.uint8 else np.rint(values / white_level(values.dtype) * 255).astype(np.uint8)
