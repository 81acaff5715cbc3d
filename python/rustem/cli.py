"""The command line: pictures in; k-colour pictures, label maps and palettes out.

Only light modules of the standard library are imported at the top, because importing costs more time than most fits.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tqdm import tqdm

    from rustem._jobs import Job
    from rustem.segmentation import Segmentation

_DESCRIPTION = """\
Segment pictures into k colours, with a Gaussian mixture fitted by expectation-maximisation.

Folders stand for the pictures in them, without subfolders and without results of earlier runs. Each result lies beside
its picture, as photo-k32.png, unless -o says otherwise. Nothing is overwritten without --force, an input never.
"""

_EXAMPLES = """\
examples:
  rustem segment photo.jpg -k 16
  rustem segment photo.jpg -o poster.png --side-by-side --force
  rustem segment holidays/ "more/*.tif" -k 8 -o posters/ --json > posters.jsonl

exit code: 0 all done; 1 a picture failed, the others are done; 2 wrong usage; 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        0 if all went well, 1 if a picture failed, 130 after Ctrl-C. Wrong usage raises `SystemExit` with code 2.
    """
    try:
        args = _parser().parse_args(argv)
        code: int = args.run(args)
        return code
    except KeyboardInterrupt:
        print("rustem: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone. Without this, Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rustem",
        description="Segment pictures with Gaussian mixtures.",
        epilog="example: rustem segment photo.jpg -k 16    (more: rustem segment --help)",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_segment(commands)
    return parser


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal; to learn the width, argparse itself would import shutil at every start."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns or 80
        except OSError:
            columns = 80
        super().__init__(prog, width=columns - 2)


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002  (argparse's name)
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from rustem import __version__

        print(f"rustem {__version__}")
        parser.exit()


def _add_segment(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "segment",
        help="a picture in, k colours and a label map out",
        usage="rustem segment PHOTO... [-k N] [-o FILE_OR_FOLDER] [options]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=_segment, fail=parser.error)
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="picture, folder of pictures, or glob")

    model = parser.add_argument_group("the mixture")
    add = model.add_argument
    add("-k", "--n-components", type=_positive, default=32, metavar="N", help="number of colours (32)")
    add("--covariance-type", choices=("full", "tied", "diag", "spherical"), default="full", help="shape (full)")
    add("--color-space", choices=("srgb", "linear", "lab", "oklab"), default="srgb", help="where to fit (srgb)")
    add("--max-iter", type=_positive, default=500, metavar="N", help="most iterations (500)")
    add("--tol", type=_tolerance, default=1e-4, metavar="T", help="stop at a smaller gain, in nats per pixel (1e-4)")
    add("--n-init", type=_positive, default=1, metavar="N", help="starts, of which the best is kept (1)")
    add("--init", choices=("k-means++", "random_from_data"), default="k-means++", help="kind of start (k-means++)")
    add("--seed", type=_natural, default=0, metavar="N", help="seed of the random start (0)")
    add("--threads", type=_positive, metavar="N", help="threads (as many as there are CPUs to use)")

    output = parser.add_argument_group("results")
    add = output.add_argument
    add("-o", "--output", metavar="FILE_OR_FOLDER", help="where to write; a folder ends in / or exists")
    add("--side-by-side", action="store_true", help="the original on the left, its k colours on the right")
    add("--labels", metavar="FILE", help="write the label map too; for several pictures, name a folder")
    add("--force", action="store_true", help="overwrite results of earlier runs")

    report = parser.add_argument_group("reports").add_mutually_exclusive_group()
    report.add_argument("--palette", action="store_true", help="print each colour and its share of the picture")
    report.add_argument("--json", action="store_true", help="print one JSON object per picture, one per line")
    parser.add_argument("--quiet", action="store_true", help="no summary and no progress bar")


def _positive(text: str) -> int:
    return int(_number(text, int, 1, "a whole number from 1"))


def _natural(text: str) -> int:
    return int(_number(text, int, 0, "a whole number from 0"))


def _tolerance(text: str) -> float:
    return _number(text, float, 0, "a number from 0")


def _number(text: str, kind: type[int] | type[float], least: int, wanted: str) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = -1
    if not least <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}" + (" to 2**63 - 1" if value >= 2**63 else ""))
    return value


def _segment(args: argparse.Namespace) -> int:
    """Segment every picture; one that fails is reported, and the others are still done."""
    from rustem._jobs import plan

    jobs, problems = plan(args)
    display = _Display(len(problems) + len(jobs), args.max_iter, quiet=args.quiet)
    try:
        for problem in problems:
            display.error(problem)
            display.advance()
        failures = len(problems) + sum(not _segment_one(job, args, display) for job in jobs)
    finally:
        display.close()
    return 1 if failures else 0


def _segment_one(job: Job, args: argparse.Namespace, display: _Display) -> bool:
    """Segment one picture, write and report it; tell whether all went well."""
    from rustem.exceptions import RustemError

    try:
        record, remarks = _run(job, args, display)
    except (RustemError, OSError, MemoryError) as error:
        display.error(_explain(job.photo, error))
        return False
    finally:
        display.advance()
    for remark in remarks:
        display.line(f"rustem: warning: {job.photo}: {remark}")
    display.line(_summary(record, settles=args.tol > 0))
    if args.json:
        import json

        display.result(json.dumps(record))
    if args.palette:
        prefix = f"{job.photo}: " if display.many else ""
        for colour in record["palette"]:
            display.result(f"{prefix}{colour['hex']} {100 * colour['share']:6.2f} %")
    return True


def _run(job: Job, args: argparse.Namespace, display: _Display) -> tuple[dict[str, Any], list[str]]:
    """Read, fit and write one picture; return its record and what there was to warn of."""
    from rustem.exceptions import ConvergenceWarning
    from rustem.segmentation import segment

    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        segmentation = segment(
            job.photo,
            args.n_components,
            covariance_type=args.covariance_type,
            tol=args.tol,
            max_iter=args.max_iter,
            n_init=args.n_init,
            init_params=args.init,
            random_state=args.seed,
            color_space=args.color_space,
            progress=display.progress,
            n_threads=args.threads,
        )
        for target in job.targets:
            target.parent.mkdir(parents=True, exist_ok=True)
        segmentation.save(job.output, side_by_side=args.side_by_side, overwrite=args.force)
        if job.labels is not None:
            segmentation.save_labels(job.labels, overwrite=args.force)
    seconds = time.perf_counter() - start
    # The summary says in its own words what a ConvergenceWarning says.
    remarks = [_one_line(str(each.message)) for each in caught if not issubclass(each.category, ConvergenceWarning)]
    return _describe(job, segmentation, seconds), remarks


def _describe(job: Job, segmentation: Segmentation, seconds: float) -> dict[str, Any]:
    """Collect what --json prints; the summary and the palette are made of it too."""
    height, width = segmentation.labels.shape[-2:]
    shares = segmentation.counts / max(1, segmentation.counts.sum())
    return {
        "file": str(job.photo),
        "output": str(job.output),
        "labels": None if job.labels is None else str(job.labels),
        "width": width,
        "height": height,
        "distinct_colours": segmentation.n_distinct,
        "n_requested": segmentation.n_requested,
        "n_components": segmentation.n_components,
        "iterations": segmentation.n_iter,
        "converged": segmentation.converged,
        "log_likelihood": _finite(segmentation.log_likelihood),
        "psnr": _finite(segmentation.psnr),
        "seconds": round(seconds, 4),
        "palette": [
            {"hex": colour, "share": round(float(share), 6)}
            for colour, share in zip(_hex_colours(segmentation.palette), shares, strict=True)
        ],
    }


def _finite(value: float) -> float | None:
    # JSON has no infinity, which is the PSNR of a picture without loss.
    return float(value) if abs(value) < float("inf") else None


def _hex_colours(palette: NDArray[Any]) -> list[str]:
    """Write colours in two hexadecimal digits per channel, grey as colour."""
    from rustem.plotting import white_level

    levels = (palette * (255.0 / white_level(palette.dtype))).round().clip(0, 255).astype(int).tolist()
    return ["#" + "".join(f"{level:02x}" for level in (row * 3 if len(row) == 1 else row)) for row in levels]


def _summary(record: dict[str, Any], *, settles: bool) -> str:
    """Tell the run in one line."""
    n_components, n_requested = record["n_components"], record["n_requested"]
    facts = [
        f"{record['width']}\N{MULTIPLICATION SIGN}{record['height']}",
        "" if record["distinct_colours"] is None else _count(record["distinct_colours"], "colour"),
        f"only {n_components} of {n_requested} components" if n_components < n_requested else "",
        _count(record["iterations"], "iteration") + ("" if record["converged"] or not settles else " (not converged)"),
        f"log-likelihood {record['log_likelihood']:.3f}" if record["log_likelihood"] is not None else "",
        f"PSNR {record['psnr']:.1f} dB" if record["psnr"] is not None else "no loss",
        f"{record['seconds']:.2f} s",
    ]
    return f"{record['file']} → {record['output']}  {', '.join(filter(None, facts))}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _explain(photo: Path, error: Exception) -> str:
    """Put an error in one line that names the picture."""
    if isinstance(error, MemoryError) and not str(error):
        text = "not enough memory; make the picture smaller"
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    else:
        text = _one_line(str(error))
    return text if photo.name in text else f"{photo}: {text}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


class _Display:
    """What a run shows: lines on stderr and stdout, and on a terminal a bar, which never tears the lines apart."""

    def __init__(self, total: int, max_iter: int, *, quiet: bool) -> None:
        self.many = total > 1
        self.progress: Callable[[int, float], None] | None = None
        self._quiet = quiet
        self._max_iter = max_iter
        self._start = time.perf_counter()
        self._bar: tqdm[Any] | None = None
        if sys.stderr.isatty() and not quiet:
            if self.many:
                self._open_bar(total, "picture")
            else:
                self.progress = self._iterated

    def line(self, text: str) -> None:
        if not self._quiet:
            self._print(text, sys.stderr)

    def error(self, text: str) -> None:
        self._print(f"rustem: error: {text}", sys.stderr)

    def result(self, text: str) -> None:
        self._print(text, sys.stdout)

    def advance(self) -> None:
        """Count one picture as done."""
        if not self.many:
            self.close()
        elif self._bar is not None:
            self._bar.update()

    def close(self) -> None:
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

    def _print(self, text: str, stream: TextIO) -> None:
        if self._bar is not None:
            self._bar.clear()
        # File names may hold anything: line ends, terminal codes, bytes that are no text.
        printable = (sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
        print("".join(printable), file=stream, flush=True)
        if self._bar is not None:
            self._bar.refresh()
