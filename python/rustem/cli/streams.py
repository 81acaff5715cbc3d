"""Standard output and error: lines that any of them takes, and what happens where they take nothing more."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO


class OutputLostError(Exception):
    """Standard output takes nothing more; of no argument if its reader has gone, which is no fault."""


def complain(text: str, kind: str = "error", by: str = "rustem") -> None:
    """Print an error or a warning to stderr, in one line."""
    tell(f"{by}: {kind}: {text}")


def tell(text: str) -> None:
    """Print a line to stderr."""
    # Where nobody can be told of it, the work is done all the same.
    if sys.stderr is None:
        return
    try:
        print(encodable(printable(text), sys.stderr), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        abandon(sys.stderr)


@contextlib.contextmanager
def writing_results() -> Iterator[TextIO]:
    """Standard output; what is wrong with it is an OutputLostError."""
    if sys.stdout is None:
        raise OutputLostError("it is closed")
    try:
        yield sys.stdout
    except BrokenPipeError:
        raise OutputLostError from None
    except (OSError, ValueError) as error:
        raise OutputLostError(getattr(error, "strerror", None) or str(error)) from None


def flush() -> None:
    """Write now what Python would write at its end, where errors would be its own."""
    if sys.stdout is not None:
        with writing_results() as stream:
            stream.flush()


def abandon(stream: TextIO | None) -> None:
    """Lead a stream that takes nothing more to nowhere: Python would complain again when it flushes at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]  # None has none
        os.close(nowhere)


def printable(text: str) -> str:
    """``text`` with escapes for what would leave its line: file names may hold line ends, terminal codes, bytes."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def encodable(text: str, stream: TextIO) -> str:
    """``text`` as the encoding of a stream allows."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.replace("\N{RIGHTWARDS ARROW}", "->").replace("\N{MULTIPLICATION SIGN}", "x")
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    return text


def one_line(text: str) -> str:
    """``text`` without line ends."""
    return " ".join(text.split())
