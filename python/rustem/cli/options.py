"""Options that several commands have, and the types of their values."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rustem.images import Picture

# Arguments of Python's functions that messages name, and their values where they follow in quotes.
_ARGUMENT = re.compile(r"\b(page|series|time|channel_axis|nodata|mask)=(?:'(\w+)')?")
_EXIT_CODES = "\nexit code: 0 all done; 1 a picture failed, the others are done; 2 wrong usage; 130 interrupted\n"


# As arguments.MAX_COMPONENTS, and MOST_COLORS of palettes; importing them would cost what starting costs.
_MOST = 65536


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal; to learn the width, argparse itself would import shutil at every start."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns or 80
        except OSError:
            columns = 80
        super().__init__(prog, width=columns - 2)


def describe(parser: argparse.ArgumentParser, options: str, description: str, examples: str) -> None:
    """Give a command its help, and the pictures that it works on."""
    parser.usage = f"{parser.prog} PHOTO... {options}"
    parser.description, parser.epilog = description, f"examples:\n{examples}{_EXIT_CODES}"
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help="picture, folder of pictures, glob, or - (standard input)"
    )


def add_mixture_options(add: Callable[..., object]) -> None:
    """How a mixture is fitted; ``add`` is a group's ``add_argument``."""
    add("--covariance-type", choices=("full", "tied", "diag", "spherical"), default="full", help="shape (full)")
    add("--color-space", choices=("srgb", "linear", "lab", "oklab"), help="where to fit (srgb)")
    add_noise_option(add)
    add("--max-iter", type=positive, default=3000, metavar="N", help="most passes (3000)")
    add("--tol", type=tolerance, default=3e-5, metavar="T", help="stop at a smaller gain, in nats per pixel (3e-5)")
    add("--n-init", type=positive, default=1, metavar="N", help="starts, of which the best is kept (1)")
    starts = ("auto", "search", "k-means++", "random_from_data")
    add("--init", choices=starts, default="auto", help="kind of start (auto: search, where it pays)")
    add_run_options(add)


def add_noise_option(add: Callable[..., object]) -> None:
    """What counts as noise; ``add`` is a group's ``add_argument``."""
    add("--noise", type=tolerance, default=0.12, metavar="S", help="noise, as a share of each channel's spread (0.12)")


def add_run_options(add: Callable[..., object]) -> None:
    """What any fit has; ``add`` is a group's ``add_argument``."""
    add("--seed", type=natural, default=0, metavar="N", help="seed of the random start (0)")
    add("--threads", type=positive, metavar="N", help="threads (as many as there are CPUs to use)")


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """What of the files is looked at."""
    add = parser.add_argument_group("what of the files").add_argument
    add("--page", type=pages, metavar="N", help="page or frame, from 1; 2-5, 1,3 or all are the planes of a volume")
    add("--series", type=positive, metavar="N", help="series of a TIFF file, from 1 (1)")
    add("--time", type=positive, metavar="N", help="time point of a TIFF series, from 1")
    add(
        "--channel-axis",
        type=channel_axis,
        default="auto",
        metavar="N",
        help="axis of an array's channels, none or auto",
    )
    add("--nodata", type=any_number, action="append", metavar="V", help="value of no data, nan too; may be repeated")
    add("--mask", metavar="FILE", help="picture or .npy; where it is not 0, pixels take part")


def read_photo(photo: Path, args: argparse.Namespace) -> tuple[Picture, NDArray[np.bool_] | None]:
    """A picture, or what of it the options ask for, and the mask that they name."""
    from rustem import images

    picture = images.read(
        photo,
        page=args.page,
        series=args.series,
        time=args.time,
        channel_axis=args.channel_axis,
        nodata=args.nodata,
    )
    return picture, None if args.mask is None else _read_mask(args.mask, picture)


def _read_mask(path: str, picture: Picture) -> NDArray[np.bool_]:
    """Which pixels take part: those where a picture or an array is not 0."""
    import numpy as np

    from rustem.exceptions import InvalidInputError
    from rustem.images import Picture
    from rustem.images.reading import read_any

    found, name = read_any(path)
    values = np.nan_to_num(found.pixels if isinstance(found, Picture) else found)
    n_axes = picture.pixels.ndim - (picture.pixels.ndim > 2)
    inside: NDArray[np.bool_] = values.any(axis=-1) if values.ndim == n_axes + 1 else values != 0
    if inside.shape != picture.pixels.shape[:n_axes]:
        sizes = [
            "\N{MULTIPLICATION SIGN}".join(map(str, size[::-1]))
            for size in (inside.shape, picture.pixels.shape[:n_axes])
        ]
        raise InvalidInputError(f"{name} is {sizes[0]}, but {picture.name} is {sizes[1]}: give a mask of the same size")
    if isinstance(found, Picture) and found.alpha is not None:
        inside = inside & (found.alpha > 0)
    return inside


def as_options(text: str) -> str:
    """A message of the package with options for the arguments that it names.

    Examples
    --------
    >>> as_options("give channel_axis=None or page='all', or a mask=")
    'give --channel-axis None or --page all, or a --mask'
    """
    return _ARGUMENT.sub(lambda found: f"--{found[1].replace('_', '-')} {found[2] or ''}", text).rstrip()


def add_label_options(add: Callable[..., object]) -> None:
    """How label maps are written; ``add`` is a group's ``add_argument``."""
    add("--labels", metavar="FILE", help="write the label map too; for several pictures, name a folder")
    add("--labels-from", type=int, choices=(0, 1), help="number of the first label; from 1, 0 is for none")
    add("--color-table", action="store_true", help="label maps of PNG and TIFF show the colours of the labels")


def add_output_options(add: Callable[..., object]) -> None:
    """Where results go; ``add`` is a group's ``add_argument``."""
    add(
        "-o",
        "--output",
        metavar="FILE_OR_FOLDER",
        help="where to write; a folder ends in / or exists; - is standard output",
    )
    add("--force", action="store_true", help="overwrite results of earlier runs")


def positive(text: str) -> int:
    """A whole number from 1."""
    return int(_number(text, int, 1, "a whole number from 1"))


def count(text: str) -> int:
    """A whole number of colors or components."""
    return int(_number(text, int, 1, f"a whole number from 1 to {_MOST}, the most that label maps hold", _MOST))


def count_or_auto(text: str) -> int | str:
    """A whole number of components, or the word auto."""
    return text if text == "auto" else count(text)


def natural(text: str) -> int:
    """A whole number from 0."""
    return int(_number(text, int, 0, "a whole number from 0"))


def tolerance(text: str) -> float:
    """A number from 0."""
    return _number(text, float, 0, "a number from 0")


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    return _number(text, float, 0, "a number from 0 to 1", most=1)


def frames_per_second(text: str) -> float:
    """A number from 0.02 to 100: what all formats of animations hold."""
    return _number(text, float, 0.02, "a number from 0.02 to 100", most=100)


def any_number(text: str) -> float:
    """A number, or nan."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, or nan") from None


def channel_axis(text: str) -> int | str | None:
    """The number of an axis, none or auto."""
    word = text.lower()
    if word in ("none", "auto"):
        return None if word == "none" else word
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of an axis, none or auto") from None


def pages(text: str) -> int | list[int] | str:
    """A page, several, or all.

    Examples
    --------
    >>> pages("3"), pages("2-4,7"), pages("all")
    (3, [2, 3, 4, 7], 'all')
    """
    if text == "all":
        return text
    if text.isdecimal() and int(text) > 0:
        return int(text)
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if (
            not first.isdecimal()
            or not (last or first).isdecimal()
            or not 1 <= int(first) <= int(last or first) <= 10**6
        ):
            raise argparse.ArgumentTypeError(f"{text!r} is not a page from 1, a range as 2-5, a list as 1,3 or all")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _number(text: str, kind: type[int] | type[float], least: float, wanted: str, most: int = 2**63 - 1) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = -1
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not {wanted}" + (" to 2**63 - 1" if value > most == 2**63 - 1 else "")
        )
    return value
