"""A run as a process: signals, closed streams, and the exit code of whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from rustem.cli.streams import OutputLostError, abandon, complain, flush, one_line, tell

# What ends a process by default, and is sent to have it end in good order.
_ENDING_SIGNALS = ("SIGTERM", "SIGHUP", "SIGXCPU")


class Terminated(SystemExit):
    """A signal asked the process to end."""


def run(work: Callable[[], int], *, then_exit: bool) -> int:
    """Do the work, put whatever goes wrong in one line, and give the exit code; wrong usage raises SystemExit.

    ``then_exit`` says that the process ends with the work, so that signals have nothing left to break off.
    """
    _open_closed_streams()
    with _signals_that_raise(then_exit=then_exit), warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            try:
                return work()
            finally:
                flush()
        except KeyboardInterrupt:
            tell("rustem: interrupted")
            return 130
        except Terminated as error:
            return int(error.code or 1)
        except OutputLostError as error:
            abandon(sys.stdout)
            if error.args:
                complain(f"standard output: {error}; redirect it to a file")
            return 1
        except Exception as error:
            complain(explain(error))
            return 1


def explain(error: Exception) -> str:
    """Put an error in one line."""
    from rustem.exceptions import RustemError

    text = one_line(str(error))
    if isinstance(error, RustemError) and text:
        return text
    if isinstance(error, MemoryError):
        return text or "not enough memory; make the picture smaller"
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "the working folder is gone; change to another, or give whole paths"  # what os.getcwd() cannot find
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{os.fsdecode(error.filename)}: {error.strerror}"
    return f"an error inside rustem, please report it: {type(error).__name__}: {text}"


@contextlib.contextmanager
def _signals_that_raise(*, then_exit: bool) -> Iterator[None]:
    """Let signals raise that would end the process at once, and leave half-written files; ignored ones stay ignored."""
    numbers = [getattr(signal, name) for name in _ENDING_SIGNALS if hasattr(signal, name)]
    taken = []
    with contextlib.suppress(ValueError):  # not the main thread: signals are the caller's
        for number in numbers:
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _terminate)
                taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_IGN if then_exit else signal.SIG_DFL)
        if then_exit and taken:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _terminate(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one would disturb the tidying up
    raise Terminated(128 + number)


def _open_closed_streams() -> None:
    """Give the numbers of closed standard streams to nothing, before files that are opened get them."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    complain(one_line(str(message)), "warning")
