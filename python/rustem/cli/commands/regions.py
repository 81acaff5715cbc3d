"""``rustem regions``: pictures in; connected regions out, drawn over the photograph, filled, or as labels."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from rustem.cli.options import (
    add_input_options,
    add_label_options,
    add_output_options,
    add_run_options,
    count,
    describe,
    fraction,
    positive,
    read_photo,
)
from rustem.cli.screen import Display, counted, hex_colors

if TYPE_CHECKING:
    from rustem.cli.jobs import Job
    from rustem.region_merging.result import Regions

_DESCRIPTION = """\
Segment pictures into connected regions, about as a person would outline them. Their number is found from the picture.

Folders stand for the pictures in them, without subfolders and without results of earlier runs. Each result lies beside
its picture, as photo-regions.png, unless -o says otherwise. Nothing is overwritten without --force, an input never.
"""

_EXAMPLES = """\
  rustem regions photo.jpg -o out.png
  rustem regions photo.jpg --n-regions 12 --view filled
  rustem regions holidays/ -o regions/ --level 0.45 --json > regions.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    describe(parser, "[--level L | --n-regions N] [-o FILE_OR_FOLDER] [options]", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(run=_run)

    add_input_options(parser)
    model = parser.add_argument_group("the regions")
    cut = model.add_mutually_exclusive_group()
    add = cut.add_argument
    add("--level", type=fraction, default=0.5, metavar="L", help="0 for all, 1 for the fewest regions (0.5)")
    add("--n-regions", type=positive, metavar="N", help="as many regions, instead of a level")
    add = model.add_argument
    add("--n-components", type=count, default=16, metavar="N", help="soft classes of colour and texture (16)")
    add("--max-pixels", type=positive, default=400_000, metavar="N", help="shrink larger pictures to this (400000)")
    add_run_options(add)

    output = parser.add_argument_group("results")
    add = output.add_argument
    add_output_options(add)
    add("--view", choices=("contours", "filled", "both"), default="contours", help="what to draw (contours)")
    add_label_options(add)

    parser.add_argument("--json", action="store_true", help="print one JSON object per picture, one per line")
    parser.add_argument("--quiet", action="store_true", help="no summary and no progress bar")


def _run(args: argparse.Namespace) -> int:
    from rustem.cli.batch import run_batch
    from rustem.cli.jobs import plan

    jobs, problems = plan(args, "-regions.png", "-regions-labels.png")
    display = Display(len(problems) + len(jobs), 1, quiet=args.quiet)
    return run_batch(jobs, problems, display, lambda job: _find(job, args, display))


def _find(job: Job, args: argparse.Namespace, display: Display) -> None:
    """Find the regions of one picture, write and report them."""
    from rustem.region_merging import regions

    start = time.perf_counter()
    picture, mask = read_photo(job.source, args)
    found = regions(
        picture,
        mask=mask,
        level=args.level,
        n_regions=args.n_regions,
        n_components=args.n_components,
        random_state=args.seed,
        max_pixels=args.max_pixels,
        n_threads=args.threads,
    )
    with job.written(display) as output:
        found.save(output, view=args.view, overwrite=args.force)
        if job.labels is not None:
            found.save_labels(
                job.labels, labels_from=args.labels_from, color_table=args.color_table, overwrite=args.force
            )
    seconds = time.perf_counter() - start
    height, width = found.labels.shape
    size = f"{width}\N{MULTIPLICATION SIGN}{height}"
    facts = f"{size}, {counted(found.n_regions, 'region')}, level {found.level:.3f}, {seconds:.2f} s"
    display.line(f"{job.photo} → {job.output}  {facts}")
    if args.json:
        import json

        display.result(json.dumps(_describe(job, found, seconds)))


def _describe(job: Job, found: Regions, seconds: float) -> dict[str, Any]:
    """Collect what --json prints."""
    height, width = found.labels.shape
    boxes, neighbours = found.bounding_boxes.tolist(), found.neighbors
    colors = found.mean_colors.astype(found.image.dtype)
    shown = hex_colors(colors) if colors.shape[1] in (1, 3) else [None] * found.n_regions
    return {
        "file": str(job.photo),
        "output": str(job.output),
        "labels": None if job.labels is None else str(job.labels),
        "width": width,
        "height": height,
        "level": found.level,
        "n_regions": found.n_regions,
        "n_superpixels": found.n_superpixels,
        "seconds": round(seconds, 4),
        "regions": [
            {
                "label": label + 1,
                "area": int(area),
                "hex": shown[label],
                "bounding_box": boxes[label],
                "neighbors": neighbours[label].tolist(),
            }
            for label, area in enumerate(found.areas)
        ],
    }
