"""``rustem segment``: pictures in; k-colour pictures, label maps and palettes out."""

from __future__ import annotations

import argparse
import time
import warnings
from typing import TYPE_CHECKING, Any

from rustem.cli.options import add_mixture_options, add_output_options, count_or_auto, describe, positive
from rustem.cli.screen import Display, counted, finite, hex_colors
from rustem.cli.storable import check_storable
from rustem.cli.streams import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from rustem.cli.jobs import Job
    from rustem.segmentation import Options, Segmentation

_DESCRIPTION = """\
Segment pictures into k colours, with a Gaussian mixture fitted by expectation-maximisation.

Folders stand for the pictures in them, without subfolders and without results of earlier runs. Each result lies beside
its picture, as photo-k16.png, unless -o says otherwise. Nothing is overwritten without --force, an input never.
"""

_EXAMPLES = """\
  rustem segment photo.jpg -k 32
  rustem segment photo.jpg -o poster.png --side-by-side --force
  rustem segment frames/ -k 16 --shared -o flat/
  rustem segment holidays/ "more/*.tif" -k 8 -o posters/ --json > posters.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    describe(parser, "[-k N] [-o FILE_OR_FOLDER] [options]", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(run=_run)

    model = parser.add_argument_group("the mixture")
    add = model.add_argument
    add("-k", "--n-components", type=count_or_auto, default=16, metavar="N", help="number of colours, or auto (16)")
    add("--shared", action="store_true", help="fit all pictures as one: the same labels and palette for all")
    add_mixture_options(add)
    add("--min-size", type=positive, default=1, metavar="N", help="pieces of fewer pixels join a neighbour (1)")

    output = parser.add_argument_group("results")
    add = output.add_argument
    add_output_options(add)
    add("--side-by-side", action="store_true", help="the original on the left, its k colours on the right")
    add("--labels", metavar="FILE", help="write the label map too; for several pictures, name a folder")

    report = parser.add_argument_group("reports").add_mutually_exclusive_group()
    report.add_argument("--palette", action="store_true", help="print each colour and its share of the picture")
    report.add_argument("--json", action="store_true", help="print one JSON object per picture, one per line")
    parser.add_argument("--quiet", action="store_true", help="no summary and no progress bar")


def _run(args: argparse.Namespace) -> int:
    from rustem.cli.batch import run_batch
    from rustem.cli.jobs import check_gif, plan

    check_gif(args, args.n_components)
    ending = f"-{'shared' if args.shared else 'k'}{args.n_components}"
    jobs, problems = plan(args, f"{ending}-pair.png" if args.side_by_side else f"{ending}.png", f"{ending}-labels.png")
    display = Display(len(problems) + len(jobs), args.max_iter, quiet=args.quiet)
    together: dict[Path, Segmentation] = {}
    if args.shared:
        if "-" in args.photos:
            args.fail("argument --shared: not allowed with -, which is one picture")
        jobs, together = _fit_together(jobs, problems, args, display)
    return run_batch(jobs, problems, display, lambda job: _segment(job, args, display, together.get(job.photo)))


def _fit_together(
    jobs: list[Job], problems: list[str], args: argparse.Namespace, display: Display
) -> tuple[list[Job], dict[Path, Segmentation]]:
    """One fit of all pictures that can be read; what cannot joins the problems."""
    from rustem import images
    from rustem.cli.batch import explain_for
    from rustem.exceptions import ConvergenceWarning, RustemError
    from rustem.segmentation import segment

    readable, pictures = [], []
    for job in jobs:
        try:
            check_storable(job, args, "mask")
            pictures.append(images.read(job.photo))
            readable.append(job)
        except Exception as error:
            problems.append(explain_for(job, error))
    if not readable:
        return [], {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            segmentations = segment(pictures, args.n_components, **_options(args, display))
    except (RustemError, MemoryError) as error:
        problems.append(f"{len(pictures)} pictures together: {one_line(str(error)) or 'not enough memory'}")
        return [], {}
    return readable, {job.photo: each for job, each in zip(readable, segmentations, strict=True)}


def _options(args: argparse.Namespace, display: Display) -> Options:
    return {
        "covariance_type": args.covariance_type,
        "noise": args.noise,
        "tol": args.tol,
        "max_iter": args.max_iter,
        "n_init": args.n_init,
        "init_params": args.init,
        "random_state": args.seed,
        "min_size": args.min_size,
        "color_space": args.color_space,
        "progress": display.progress,
        "n_threads": args.threads,
    }


def _segment(job: Job, args: argparse.Namespace, display: Display, done: Segmentation | None) -> None:
    """Segment one picture, unless it is done, write and report it."""
    record, remarks = _fit(job, args, display, done)
    for remark in remarks:
        display.line(f"rustem: warning: {remark if job.photo.name in remark else f'{job.photo}: {remark}'}")
    display.line(_summary(record, settles=args.tol > 0))
    if args.json:
        import json

        display.result(json.dumps(record))
    if args.palette:
        prefix = f"{job.photo}: " if display.many else ""
        for color in record["palette"]:
            display.result(f"{prefix}{color['hex']} {100 * color['share']:6.2f} %")


def _fit(
    job: Job, args: argparse.Namespace, display: Display, done: Segmentation | None
) -> tuple[dict[str, Any], list[str]]:
    """Read, fit and write one picture; return its record and what there was to warn of."""
    from rustem.exceptions import ConvergenceWarning
    from rustem.segmentation import segment

    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        if done is None:
            check_storable(job, args, "mask")
        segmentation = done or segment(job.source, args.n_components, **_options(args, display))
        with job.written(display) as output:
            segmentation.save(output, side_by_side=args.side_by_side, overwrite=args.force)
            if job.labels is not None:
                segmentation.save_labels(job.labels, overwrite=args.force)
    seconds = time.perf_counter() - start
    # The summary says in its own words what a ConvergenceWarning says.
    remarks = [one_line(str(each.message)) for each in caught if not issubclass(each.category, ConvergenceWarning)]
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
        "on_floor": segmentation.on_floor.nonzero()[0].tolist(),
        "iterations": segmentation.n_iter,
        "converged": segmentation.converged,
        "log_likelihood": finite(segmentation.log_likelihood),
        "psnr": finite(segmentation.psnr),
        "seconds": round(seconds, 4),
        "palette": [
            {"hex": color, "share": round(float(share), 6)}
            for color, share in zip(hex_colors(segmentation.palette), shares, strict=True)
        ],
    }


def _summary(record: dict[str, Any], *, settles: bool) -> str:
    """Tell the run in one line."""
    n_components, n_requested = record["n_components"], record["n_requested"]
    facts = [
        f"{record['width']}\N{MULTIPLICATION SIGN}{record['height']}",
        "" if record["distinct_colours"] is None else counted(record["distinct_colours"], "colour"),
        f"only {n_components} of {n_requested} components" if n_components < n_requested else "",
        f"{len(record['on_floor'])} as narrow as rounding" if record["on_floor"] else "",
        counted(record["iterations"], "iteration") + ("" if record["converged"] or not settles else " (not converged)"),
        f"log-likelihood {record['log_likelihood']:.3f}" if record["log_likelihood"] is not None else "",
        f"PSNR {record['psnr']:.1f} dB" if record["psnr"] is not None else "no loss",
        f"{record['seconds']:.2f} s",
    ]
    return f"{record['file']} → {record['output']}  {', '.join(filter(None, facts))}"
