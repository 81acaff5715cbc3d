"""Options that several commands have, and the types of their values."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

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
