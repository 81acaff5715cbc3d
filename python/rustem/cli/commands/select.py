"""``rustem select``: how many colours a picture needs."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from rustem.cli.options import add_input_options, add_noise_option, add_run_options, count, describe, read_photo
from rustem.cli.screen import Display

if TYPE_CHECKING:
    from rustem.cli.jobs import Job
    from rustem.segmentation.component_count import Selection

# What matplotlib draws without further packages.
_PLOTS = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")

_DESCRIPTION = """\
Say how many components, hence colours, a picture needs: one sweep from many to few, and the number that a criterion
likes best. Prints a line with the number and the picture's name for each.
"""

_EXAMPLES = """\
  rustem select photo.jpg
  rustem select photo.jpg --max 64 --criterion icl --plot curve.png
  rustem select holidays/ --json > numbers.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    describe(parser, "[--max N] [--criterion C] [options]", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(run=_run)
    add_input_options(parser)
    add = parser.add_argument
    add("--min", type=count, default=1, metavar="N", help="the fewest colours (1)")
    add("--max", type=count, default=32, metavar="N", help="the most colours (32)")
    add("--criterion", choices=("bic", "icl", "aic", "mml"), default="bic", help="what chooses (bic)")
    add("--covariance-type", choices=("full", "tied", "diag", "spherical"), default="full", help="shape (full)")
    add("--color-space", choices=("srgb", "linear", "lab", "oklab"), default="srgb", help="where to fit (srgb)")
    add_noise_option(add)
    add_run_options(add)
    add("--plot", dest="output", metavar="FILE_OR_FOLDER", help="draw the curve; for several pictures, name a folder")
    add("--force", action="store_true", help="overwrite plots of earlier runs")
    add("--json", action="store_true", help="print one JSON object per picture, one per line")
    add("--quiet", action="store_true", help="no progress bar")


def _run(args: argparse.Namespace) -> int:
    from rustem.cli.batch import run_batch
    from rustem.cli.jobs import plan, plan_reading

    if args.min > args.max:
        args.fail(f"argument --min: {args.min} is more than --max {args.max}")
    args.labels = None
    if args.output is None:
        jobs, problems = plan_reading(args)
    else:
        _check_plot(args)
        jobs, problems = plan(args, "-selection.png", "", _PLOTS, option="--plot")
    display = Display(len(problems) + len(jobs), 1, quiet=args.quiet)
    display.progress = None
    return run_batch(jobs, problems, display, lambda job: _select(job, args, display))


def _check_plot(args: argparse.Namespace) -> None:
    """Refuse a drawing that could not be made at the end."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        args.fail('argument --plot: drawing needs one more package; pip install "rustem[plot]"')
    if args.output == "-":
        args.fail("argument --plot: standard output has the numbers; name a file")


def _select(job: Job, args: argparse.Namespace, display: Display) -> None:
    from rustem.segmentation.component_count import select_components

    start = time.perf_counter()
    picture, mask = read_photo(job.source, args)
    selection = select_components(
        picture,
        range(args.min, args.max + 1),
        mask=mask,
        criterion=args.criterion,
        covariance_type=args.covariance_type,
        noise=args.noise,
        color_space=args.color_space,
        random_state=args.seed,
        n_threads=args.threads,
    )
    seconds = time.perf_counter() - start
    if args.output is not None:
        _draw(job, selection, overwrite=args.force)
    if args.json:
        import json

        display.result(json.dumps(_describe(job, selection, seconds)))
    else:
        display.result(f"{job.photo}: {selection.n_components}")


def _draw(job: Job, selection: Selection, *, overwrite: bool) -> None:
    from matplotlib.figure import Figure

    from rustem.atomic_write import write_atomically

    job.output.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(6, 4), layout="constrained")
    selection.plot(figure.subplots())
    kind = job.output.suffix[1:].lower()
    write_atomically(job.output, lambda file: figure.savefig(file, format=kind, dpi=150), overwrite)


def _describe(job: Job, selection: Selection, seconds: float) -> dict[str, Any]:
    return {
        "file": str(job.photo),
        "n_components": selection.n_components,
        "criterion": selection.criterion,
        "n_samples": selection.n_samples,
        "n_effective": round(selection.n_effective, 1),
        "seconds": round(seconds, 4),
        "candidates": selection.candidates.tolist(),
        "log_likelihoods": selection.log_likelihoods.round(6).tolist(),
        **{name: values.round(3).tolist() for name, values in selection.values.items()},
    }
