"""What a run shows: lines on stderr and stdout, a bar on a terminal, and in which words."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rustem.cli.streams import complain, encodable, printable, tell, writing_results

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tqdm import tqdm


class Display:
    """What a run shows: lines on stderr and stdout, and on a terminal a bar, which never tears the lines apart."""

    def __init__(self, total: int, max_iter: int, *, quiet: bool) -> None:
        self.many = total > 1
        self.progress: Callable[[int, float], None] | None = None
        self._quiet = quiet
        self._max_iter = max_iter
        self._start = time.perf_counter()
        self._bar: tqdm[Any] | None = None
        if sys.stderr is not None and sys.stderr.isatty() and not quiet:
            if self.many:
                self._open_bar(total, "picture")
            else:
                self.progress = self._iterated

    def line(self, text: str) -> None:
        """Print a line to stderr, unless the run is quiet."""
        if not self._quiet:
            self._print(lambda: tell(text))

    def error(self, text: str) -> None:
        """Print an error to stderr, also where the run is quiet."""
        self._print(lambda: complain(text))

    def warning(self, text: str) -> None:
        """Print a warning to stderr, also where the run is quiet."""
        self._print(lambda: complain(text, "warning"))

    def result(self, text: str, before: str = "") -> None:
        """Print what was asked for to stdout, after terminal codes of our own."""

        def show() -> None:
            with writing_results() as stream:
                print(before + encodable(printable(text), stream), file=stream, flush=True)

        self._print(show)

    def contents(self, data: bytes) -> None:
        """Print a whole file to stdout, to the byte: its line ends belong to its format."""
        if self._bar is not None:
            self._bar.clear()
        with writing_results() as stream:
            binary = getattr(stream, "buffer", None)
            if binary is None:  # a stream of a caller in Python
                stream.write(data.decode())
            else:
                stream.flush()
                binary.write(data)
            stream.flush()
        if self._bar is not None:
            self._bar.refresh()

    def advance(self) -> None:
        """Count one picture as done."""
        if not self.many:
            self.close()
        elif self._bar is not None:
            self._bar.update()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _iterated(self, iteration: int, log_likelihood: float) -> None:
        # Most fits are over before a bar would be of use, or tqdm be imported.
        if self._bar is None and time.perf_counter() - self._start > 0.5:
            self._open_bar(self._max_iter, "iteration")
        if self._bar is not None:
            self._bar.set_postfix_str(f"log-likelihood {log_likelihood:.3f}", refresh=False)
            self._bar.update(iteration - self._bar.n)

    def _open_bar(self, total: int, unit: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit=f" {unit}s", leave=False, file=sys.stderr, dynamic_ncols=True)

    def _print(self, show: Callable[[], None]) -> None:
        if self._bar is not None:
            self._bar.clear()
        show()
        if self._bar is not None:
            self._bar.refresh()


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there is not one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def finite(value: float) -> float | None:
    """A number for JSON, which has no infinity: the PSNR of a picture without loss."""
    return float(value) if abs(value) < float("inf") else None


def hex_colors(palette: NDArray[Any]) -> list[str]:
    """Write colours in two hexadecimal digits per channel, grey as colour."""
    from rustem.images.picture import white_level

    levels = (palette * (255.0 / white_level(palette.dtype))).round().clip(0, 255).astype(int).tolist()
    return ["#" + "".join(f"{level:02x}" for level in (row * 3 if len(row) == 1 else row)) for row in levels]
