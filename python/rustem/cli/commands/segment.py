"""``rustem segment``: pictures in; k-colour pictures, label maps and palettes out."""

from __future__ import annotations

import argparse
import os
import time
import warnings
from typing import TYPE_CHECKING, Any

from rustem.cli.options import (
    add_input_options,
    add_label_options,
    add_mixture_options,
    add_output_options,
    as_options,
    count_or_auto,
    describe,
    positive,
    read_photo,
)
from rustem.cli.screen import Display, counted, finite, hex_colors
from rustem.cli.storable import read_storable
from rustem.cli.streams import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from rustem.cli.jobs import Job
    from rustem.mixture import Mixture
    from rustem.segmentation import Options, Segmentation

# Files that may hold more than PNG does.
_MAY_HOLD_MORE = (".tif", ".tiff", ".npy", ".npz", ".pfm")
# Options of a fit, and their defaults.
_OF_THE_FIT = {
    "n_components": None,
    "shared": False,
    "covariance_type": "full",
    "noise": 0.12,
    "max_iter": 3000,
    "tol": 3e-5,
    "n_init": 1,
    "init": "auto",
    "seed": 0,
    "save_mixture": None,
}
_DESCRIPTION = """\
Segment pictures into k colours, with a Gaussian mixture fitted by expectation-maximisation.

Folders stand for the pictures in them, without subfolders and without results of earlier runs. Each result lies beside
its picture, as photo-k16.png (.tif for volumes, many bands and measured values), unless -o says otherwise. Nothing is
overwritten without --force, an input never.
"""

_EXAMPLES = """\
  rustem segment photo.jpg -k 32
  rustem segment photo.jpg -o poster.png --side-by-side --force
  rustem segment frames/ -k 16 --shared -o flat/
  rustem segment train/ -k 4 --shared --save-mixture cells.npz; rustem segment all/ --mixture cells.npz -o labelled/
  rustem segment scene.tif -k 6 --nodata 0 --labels classes.tif --labels-from 1
  rustem segment holidays/ "more/*.tif" -k 8 -o posters/ --json > posters.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    describe(parser, "[-k N] [-o FILE_OR_FOLDER] [options]", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(run=_run)

    add_input_options(parser)
    model = parser.add_argument_group("the mixture")
    add = model.add_argument
    add("-k", "--n-components", type=count_or_auto, metavar="N", help="number of colours, or auto (16)")
    add("--mixture", metavar="FILE", help="label by a mixture of --save-mixture; nothing is fitted")
    add("--shared", action="store_true", help="fit all pictures as one: the same labels and palette for all")
    add_mixture_options(add)
    add("--min-size", type=positive, default=1, metavar="N", help="pieces of fewer pixels join a neighbour (1)")

    output = parser.add_argument_group("results")
    add = output.add_argument
    add_output_options(add)
    add("--side-by-side", action="store_true", help="the original on the left, its k colours on the right")
    add_label_options(add)
    add("--probabilities", metavar="FILE", help="write the label's probabilities too, .tif or .npy; of one picture")
    add("--save-mixture", metavar="FILE", help="write the mixture too, .npz; of one picture, or of all with --shared")

    report = parser.add_argument_group("reports").add_mutually_exclusive_group()
    report.add_argument("--palette", action="store_true", help="print each colour and its share of the picture")
    report.add_argument("--json", action="store_true", help="print one JSON object per picture, one per line")
    parser.add_argument("--quiet", action="store_true", help="no summary and no progress bar")


def _run(args: argparse.Namespace) -> int:
    from rustem.cli.batch import run_batch
    from rustem.cli.jobs import check_gif, is_one, plan

    mixture = None if args.mixture is None else _given_mixture(args)
    args.n_components = args.n_components or (16 if mixture is None else mixture.n_components)
    check_gif(args, args.n_components)
    ending = f"-{'shared' if args.shared else 'k'}{args.n_components}"
    one = is_one(args.photos)
    _check_file(
        args, "--probabilities", args.probabilities, (".tif", ".tiff", ".npy"), "" if one else "give one picture"
    )
    advice = "" if one or args.shared else "give one picture, or fit them all with --shared"
    _check_file(args, "--save-mixture", args.save_mixture, (".npz",), advice)
    if args.color_table and args.n_components != "auto" and args.n_components > 255:
        args.fail(f"argument --color-table: it holds up to 255 labels, not {args.n_components}")
    pair = "-pair" if args.side_by_side else ""
    jobs, problems = plan(
        args,
        lambda photo: f"{ending}{pair}{_extension(photo, args)}",
        lambda photo: f"{ending}-labels{_extension(photo, args, labels=True)}",
        reads=(args.mixture, args.mask),
    )
    display = Display(len(problems) + len(jobs), args.max_iter, quiet=args.quiet)
    together: dict[Path, Segmentation] = {}
    if args.shared:
        if "-" in args.photos:
            args.fail("argument --shared: not allowed with -, which is one picture")
        jobs, together = _fit_together(jobs, problems, args, display)
    options: Options = {**_options(args, display), "mixture": mixture}
    return run_batch(
        jobs, problems, display, lambda job: _segment(job, args, display, options, together.get(job.photo))
    )


def _given_mixture(args: argparse.Namespace) -> Mixture:
    """The mixture that is named; options of a fit are refused beside it."""
    from rustem.mixture import Mixture

    for option, default in _OF_THE_FIT.items():
        if getattr(args, option) != default:
            name = {"n_components": "-k"}.get(option, f"--{option.replace('_', '-')}")
            args.fail(f"argument {name}: not allowed with --mixture, which is fitted already")
    return Mixture.load(args.mixture)


def _check_file(
    args: argparse.Namespace, option: str, target: str | None, endings: tuple[str, ...], advice: str
) -> None:
    """Refuse now what would fail after the fit; ``advice`` is for those who ask one file of several pictures."""
    if target is None:
        return
    if os.path.splitext(target)[1].lower() not in endings:
        args.fail(f"argument {option}: {target} ends in none of {' '.join(endings)}")
    if advice:
        args.fail(f"argument {option}: it is one file; {advice}")
    if os.path.exists(target) and not args.force:
        args.fail(f"argument {option}: {target} exists already; add --force to overwrite it")
    folder = os.path.dirname(os.path.realpath(target))
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        args.fail(f"argument {option}: {folder} is not a folder that can be written to; name another")
    others = (*args.photos, args.output, args.labels, args.mixture, args.mask, args.probabilities, args.save_mixture)
    if [each and os.path.realpath(each) for each in others].count(os.path.realpath(target)) > 1:
        args.fail(f"argument {option}: {target} is another file of this run; choose another name")


def _extension(photo: Path, args: argparse.Namespace, *, labels: bool = False) -> str:
    """What results that no option names end in: .tif where PNG could not hold them."""
    from rustem.exceptions import RustemError

    if photo.suffix.lower() not in _MAY_HOLD_MORE:
        return ".png"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what there is to warn of is said when the picture's turn comes
        try:
            picture, mask = read_photo(photo, args)
        except (RustemError, OSError, MemoryError):
            return ".png"
    from rustem.images.writing import refusal

    fits = picture.pixels.ndim < 4 if labels else refusal("a.png", picture, mask) is None
    return ".png" if fits else ".tif"


def _fit_together(
    jobs: list[Job], problems: list[str], args: argparse.Namespace, display: Display
) -> tuple[list[Job], dict[Path, Segmentation]]:
    """One fit of all pictures that can be read; what cannot joins the problems."""
    from rustem.cli.batch import explain_for
    from rustem.exceptions import ConvergenceWarning, RustemError
    from rustem.segmentation import segment

    readable, pictures, masks = [], [], []
    for job in jobs:
        try:
            picture, mask = read_storable(job, args, "mask")
            readable.append(job)
            pictures.append(picture)
            masks.append(mask)
        except Exception as error:
            problems.append(explain_for(job, error))
    if not readable:
        return [], {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            options: Options = {**_options(args, display), "mask": masks}
            segmentations = segment(pictures, args.n_components, **options)
        if args.save_mixture is not None:
            segmentations[0].mixture.save(args.save_mixture, overwrite=args.force)
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


def _segment(job: Job, args: argparse.Namespace, display: Display, options: Options, done: Segmentation | None) -> None:
    """Segment one picture, unless it is done, write and report it."""
    record, remarks = _fit(job, args, display, options, done)
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
    job: Job, args: argparse.Namespace, display: Display, options: Options, done: Segmentation | None
) -> tuple[dict[str, Any], list[str]]:
    """Read, fit and write one picture; return its record and what there was to warn of."""
    from rustem.exceptions import ConvergenceWarning
    from rustem.segmentation import segment

    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        if done is None:
            picture, mask = read_storable(job, args, "mask")
            own: Options = {**options, "mask": mask}
            segmentation = segment(picture, args.n_components, **own)
        else:
            segmentation = done
        with job.written(display) as output:
            segmentation.save(output, side_by_side=args.side_by_side, overwrite=args.force)
            if job.labels is not None:
                segmentation.save_labels(
                    job.labels, labels_from=args.labels_from, color_table=args.color_table, overwrite=args.force
                )
            if args.probabilities is not None:
                segmentation.save_probabilities(args.probabilities, overwrite=args.force)
            if args.save_mixture is not None and done is None:
                segmentation.mixture.save(args.save_mixture, overwrite=args.force)
    seconds = time.perf_counter() - start
    # The summary says in its own words what a ConvergenceWarning says.
    remarks = [
        as_options(one_line(str(each.message))) for each in caught if not issubclass(each.category, ConvergenceWarning)
    ]
    return _describe(job, segmentation, seconds), remarks


def _describe(job: Job, segmentation: Segmentation, seconds: float) -> dict[str, Any]:
    """Collect what --json prints; the summary and the palette are made of it too."""
    height, width = segmentation.labels.shape[-2:]
    palette = segmentation.palette
    # Of measured values and of bands, colours are not all that there is to tell.
    plain = palette.dtype.kind == "u" and palette.shape[1] in (1, 3)
    shares = segmentation.counts / max(1, segmentation.counts.sum())
    return {
        "file": str(job.photo),
        "output": str(job.output),
        "labels": None if job.labels is None else str(job.labels),
        "width": width,
        "height": height,
        **({"planes": len(segmentation.labels)} if segmentation.labels.ndim == 3 else {}),
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
            {"hex": color, "share": round(float(share), 6)} | ({} if plain else {"values": values})
            for color, share, values in zip(
                hex_colors(segmentation.label_colors), shares, palette.tolist(), strict=True
            )
        ],
    }


def _summary(record: dict[str, Any], *, settles: bool) -> str:
    """Tell the run in one line."""
    n_components, n_requested = record["n_components"], record["n_requested"]
    facts = [
        "\N{MULTIPLICATION SIGN}".join(str(record[side]) for side in ("width", "height", "planes") if side in record),
        "" if record["distinct_colours"] is None else counted(record["distinct_colours"], "colour"),
        f"only {n_components} of {n_requested} components" if n_components < n_requested else "",
        f"{len(record['on_floor'])} as narrow as rounding" if record["on_floor"] else "",
        counted(record["iterations"], "iteration") + ("" if record["converged"] or not settles else " (not converged)"),
        f"log-likelihood {record['log_likelihood']:.3f}" if record["log_likelihood"] is not None else "",
        f"PSNR {record['psnr']:.1f} dB" if record["psnr"] is not None else "no loss",
        f"{record['seconds']:.2f} s",
    ]
    return f"{record['file']} → {record['output']}  {', '.join(filter(None, facts))}"
