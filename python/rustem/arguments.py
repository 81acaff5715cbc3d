"""Checks of arguments, once, at the door; and the number of threads."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CovarianceType: TypeAlias = Literal["full", "tied", "diag", "spherical"]
InitParams: TypeAlias = Literal["auto", "search", "k-means++", "random_from_data"]
Acceleration: TypeAlias = Literal["lbfgs"]
ChannelAxis: TypeAlias = int | Literal["auto"] | None
Progress: TypeAlias = bool | Callable[[int, float], object] | None
# As a string: importing numpy.random takes longer than most pictures, and is seldom needed.
RandomState: TypeAlias = "int | np.random.Generator | None"


# More components than a label map of 16 bits can tell apart would take days of a fit, or all memory.
MAX_COMPONENTS = 65536


def check_integer(name: str, value: object, least: int = 1, most: float = sys.maxsize) -> int:
    """``value`` as an int from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInputError(f"{name} is {value!r}: give a whole number of at least {least}")
    if value > most:
        raise InvalidInputError(f"{name} is {value!r}: give a whole number from {least} to {most}")
    return int(value)


def check_components(value: object, name: str = "n_components") -> int:
    """``value`` as a number of components."""
    return check_integer(name, value, most=MAX_COMPONENTS)


def check_unit(unit: float) -> float:
    """What values are divided by: a finite number above 0."""
    if not isinstance(unit, int | float | np.number) or not 0 < unit < math.inf:
        raise InvalidInputError(f"unit is {unit!r}: give a number above 0")
    return float(unit)


def check_number(name: str, value: float, most: float = sys.float_info.max) -> float:
    """``value`` as a finite float from 0 to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 <= value < math.inf:
        raise InvalidInputError(f"{name} is {value!r}: give a number of at least 0")
    if value > most:
        raise InvalidInputError(f"{name} is {value!r}: give a number from 0 to {most:g}")
    return float(value)


def check_choice(name: str, value: object, choices: Collection[object]) -> None:
    """Refuse what is none of the ``choices``."""
    if value not in choices:
        raise InvalidInputError(f"{name} is {value!r}: choose one of {', '.join(map(repr, choices))}")


def check_path_first(path: object, second: object, call: str) -> None:
    """Refuse what is no path, and say so where the second argument is the path: ``call`` is how it should be."""
    if isinstance(path, str | bytes | os.PathLike):
        return
    if isinstance(second, str | bytes | os.PathLike):
        raise InvalidInputError(f"the path is of type {type(path).__name__}: give the path first: {call}")
    raise InvalidInputError(f"the path is of type {type(path).__name__}: give the name of a file: {call}")


def check_samples(samples: ArrayLike, name: str = "samples") -> NDArray[Any]:
    """``samples`` as a C-contiguous (n, d) array of uint8, uint16, float32 or float64."""
    array = np.asarray(samples)
    if np.ma.is_masked(samples):
        raise InvalidInputError(f"{name} has masked values: leave those rows out first")
    if array.ndim != 2 or 0 in array.shape:
        raise InvalidInputError(f"{name} has shape {array.shape}: give (n, d) with at least one row and one column")
    return np.ascontiguousarray(as_supported(array, name))


def as_supported(array: NDArray[Any], name: str) -> NDArray[Any]:
    """The array itself if the core takes its type, else one of the nearest type that holds the same values."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in (np.uint8, np.uint16, np.float32, np.float64):
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype in (np.float16, np.int8, np.int16):
        return array.astype(np.float32)
    if array.dtype.kind in "iuf":
        return array.astype(np.float64)
    raise InvalidInputError(f"{name} has type {array.dtype}: give whole or real numbers")


def check_weights(sample_weight: ArrayLike | None, n: int) -> NDArray[np.float64] | None:
    """``sample_weight`` as a contiguous float64 array of length ``n``; the core looks at its values."""
    if sample_weight is None:
        return None
    weights = np.ascontiguousarray(sample_weight, dtype=np.float64)
    if weights.shape != (n,):
        raise InvalidInputError(f"sample_weight has shape {weights.shape}: give ({n},), one weight per sample")
    return weights


def check_seed(random_state: RandomState) -> int:
    """A 64-bit seed: the number itself, one drawn from a generator, or a fresh one for None."""
    if random_state is None:
        random_state = np.random.default_rng()
    if isinstance(random_state, int | np.integer):
        return check_integer("random_state", random_state, least=0, most=math.inf) % 2**64
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    raise InvalidInputError(f"random_state is {random_state!r}: give a whole number, a numpy Generator or None")


def check_threads(n_threads: int | None) -> int:
    """``n_threads``, or ``RUSTEM_NUM_THREADS``, or the number of CPUs that this process may use."""
    if n_threads is not None:
        return check_integer("n_threads", n_threads)
    wish = os.environ.get("RUSTEM_NUM_THREADS", "")
    if not wish:
        return available_cpus()
    if not wish.isdecimal() or not 1 <= float(wish) <= sys.maxsize:
        raise InvalidInputError(f"RUSTEM_NUM_THREADS is {wish!r}: give a whole number of at least 1, or unset it")
    return int(wish)


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the line outside this package that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("rustem."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def available_cpus() -> int:
    """CPUs that this process may use, by its affinity and by its control group's quota (Linux)."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return max(1, min(cpus, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no control groups, or no quota ("max")
        return cpus


@contextmanager
def progress_callback(progress: Progress, total: int) -> Iterator[Callable[[int, float], object] | None]:
    """The function to call after each iteration: the caller's own, one that moves a bar, or None."""
    if progress is None or progress is False:
        yield None
    elif callable(progress):
        yield progress
    else:
        from tqdm import tqdm

        with tqdm(total=total, unit="iteration", leave=False) as bar:

            def advance(iteration: int, log_likelihood: float) -> None:
                bar.set_postfix_str(f"log-likelihood {log_likelihood:.4f}", refresh=False)
                bar.update(1 if iteration else 0)  # the search for a start makes no iterations

            yield advance
