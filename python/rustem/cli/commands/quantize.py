"""``rustem quantize``: pictures and animations in few colours."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from rustem.cli.jobs import MOST_IN_GIF, check_gif
from rustem.cli.options import (
    add_input_options,
    add_output_options,
    add_run_options,
    count,
    describe,
    fraction,
    frames_per_second,
)
from rustem.cli.screen import Display, counted, finite, hex_colors
from rustem.cli.storable import read_storable

if TYPE_CHECKING:
    from pathlib import Path

    from rustem.cli.jobs import Job
    from rustem.palettes import Palette
    from rustem.quantization import Quantization
    from rustem.quantization.animation import Animation

# Formats of animations.
_MOVING = (".gif", ".webp", ".png", ".apng")

_DESCRIPTION = """\
Reduce pictures to few colours, chosen so that they change least. PNG results of up to 256 colours are indexed.

Folders stand for the pictures in them, without subfolders and without results of earlier runs. Each result lies beside
its picture, as photo-q256.png, unless -o says otherwise; of GIF (up to 256 colours) and WebP it is one again, without
loss. Animations (GIF, WebP, APNG) stay animations where the result is one of these. Nothing is overwritten without
--force, an input never. With --fps, all pictures become one animation, in the natural order of their names. With
--skip-if-larger, pictures whose result is not smaller are left as they are, which is no failure: the exit code stays 0.
"""

_EXAMPLES = """\
  rustem quantize photo.jpg -n 32 --dither
  rustem quantize map.png -n 64 --fixed "#e4002b,#ffffff" -o small.png
  rustem quantize holidays/ --palette brand.gpl --dither -o out/
  rustem quantize photo.png --palette eink-7color --dither
  rustem quantize dance.gif -n 64 -o small.gif
  rustem quantize frames/ --fps 12 -o film.gif
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    describe(parser, "[-n N] [--dither] [-o FILE_OR_FOLDER] [options]", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(run=_run, labels=None)
    add_input_options(parser)
    add = parser.add_argument_group("colours").add_argument
    add("-n", "-k", "--n-colors", "--colors", type=count, default=256, metavar="N", help="number of colours (256)")
    palette = "use the colours of a palette file, picture, device (rustem palette --list-named) or list; fit nothing"
    add("--palette", metavar="FILE_OR_NAME", help=palette)
    add("--fixed", "--fixed-colors", metavar="COLOURS", help='colours to keep as they are, as in "#e4002b,#fff"')
    add("--color-space", choices=("oklab", "srgb", "linear", "lab"), default="oklab", help="where to compare (oklab)")
    add("--order", choices=("weight", "luminance", "hue"), default="weight", help="order of the palette (weight)")
    add("--per-frame", action="store_true", help="a palette for each frame of an animation, not one for all")
    add("--fps", type=frames_per_second, metavar="N", help="make one animation of all pictures; -o names it")
    add_run_options(add)
    add = parser.add_argument_group("dithering").add_argument
    add("--dither", action="store_true", help="mix colours, but leave edges and flat areas clean")
    add("--dither-method", choices=("floyd-steinberg", "blue-noise"), help="how (floyd-steinberg)")
    add("--dither-strength", type=fraction, metavar="S", help="how much, from 0 to 1 (1)")
    add("--dither-everywhere", action="store_true", help="at edges and in flat areas too")
    add = parser.add_argument_group("results").add_argument
    add_output_options(add)
    add("--skip-if-larger", action="store_true", help="write nothing where the result is not smaller than its picture")
    add("--side-by-side", action="store_true", help="the original on the left, its few colours on the right")
    add("--json", action="store_true", help="print one JSON object per picture, one per line")
    parser.add_argument("--quiet", action="store_true", help="no summary and no progress bar")


def _run(args: argparse.Namespace) -> int:
    from rustem.cli.batch import run_batch
    from rustem.cli.jobs import plan
    from rustem.exceptions import RustemError

    try:
        options = _options(args)
    except RustemError as error:
        args.fail(str(error))
    n_colors = args.n_colors if args.palette is None else len(options["palette"])

    def ending(photo: Path) -> str:
        return f"-q{n_colors}-pair.png" if args.side_by_side else f"-q{n_colors}{_result_suffix(photo, n_colors)}"

    if args.side_by_side and args.skip_if_larger:
        args.fail("argument --skip-if-larger: not allowed with --side-by-side")
    if args.fps is not None:
        return _film(args, options, n_colors)
    check_gif(args, n_colors)
    film = args.output is not None and os.path.splitext(args.output)[1].lower() in _MOVING
    several = ", or make one animation of them with --fps" if film else ""
    jobs, problems = plan(args, ending, "", several=several, reads=[args.palette, args.mask])
    display = Display(len(problems) + len(jobs), 300, quiet=args.quiet)
    return run_batch(jobs, problems, display, lambda job: _one(job, args, options, display))


def _film(args: argparse.Namespace, options: dict[str, Any], n_colors: int) -> int:
    """Make one animation of all pictures."""
    from rustem.cli.batch import run_batch
    from rustem.cli.jobs import plan_one

    if args.output is None or os.path.isdir(args.output) or os.path.splitext(args.output)[1].lower() not in _MOVING:
        args.fail(f"argument --fps: it makes one animation; name it with -o, ending in one of {' '.join(_MOVING)}")
    for option in ("side_by_side", "skip_if_larger"):
        if getattr(args, option):
            args.fail(f"argument --fps: not allowed with --{option.replace('_', '-')}")
    check_gif(args, n_colors)
    photos, job, problems = plan_one(args)
    display = Display(1, 300, quiet=args.quiet)

    def run(job: Job) -> None:
        start = time.perf_counter()
        from rustem.quantization.animation import quantize_animation

        animation = quantize_animation(
            photos, args.n_colors, shared=not args.per_frame, fps=args.fps, progress=display.progress, **options
        )
        job.output.parent.mkdir(parents=True, exist_ok=True)
        animation.save(job.output, overwrite=args.force)
        size = job.output.stat().st_size
        _report(_record(job, animation.frames, size, time.perf_counter() - start), args, display)

    return run_batch([] if job is None else [job], problems, display, run)


def _result_suffix(photo: Path, n_colors: int) -> str:
    """What a result ends in by default: as its picture, where that is a format for few colours, else PNG."""
    suffix = photo.suffix.lower()
    return suffix if suffix == ".webp" or (suffix == ".gif" and n_colors <= MOST_IN_GIF) else ".png"


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """The keywords of :func:`rustem.quantize`."""
    from rustem.palettes.devices import read_or_named

    dither: dict[str, Any] = {}
    if args.dither_method is not None:
        dither["method"] = args.dither_method
    if args.dither_strength is not None:
        dither["strength"] = args.dither_strength
    if args.dither_everywhere:
        dither["edge_aware"] = False
    options = {
        "color_space": args.color_space,
        "order": args.order,
        "random_state": args.seed,
        "n_threads": args.threads,
        "dither": dither or args.dither,
    }
    if args.palette is not None:
        if args.fixed is not None:
            args.fail("argument --fixed: not allowed with --palette, which has all colors")
        is_list = not args.palette or ({"#", ","} & set(args.palette) and not os.path.exists(args.palette))
        options["palette"] = (_listed(args.palette) if is_list else read_or_named(args.palette)).hex
    if args.fixed is not None:
        options["fixed_colors"] = _listed(args.fixed).hex
    return options


def _listed(colors: str) -> Palette:
    """The colors of a list with commas."""
    from rustem.exceptions import InvalidInputError
    from rustem.palettes.palette import as_palette

    parts = [part.strip() for part in colors.split(",") if part.strip()]
    if not parts:
        raise InvalidInputError(f'{colors!r} names no color; give a list, as in "#e4002b,#fff"')
    return as_palette(parts)


def _one(job: Job, args: argparse.Namespace, options: dict[str, Any], display: Display) -> None:
    """Reduce one picture or animation, write and report it."""
    from rustem.images.frames import count_frames
    from rustem.quantization import quantize
    from rustem.quantization.animation import quantize_animation

    start = time.perf_counter()
    readable = args.page is None and (not job.source.suffix or job.source.suffix.lower() in _MOVING)
    n_frames = count_frames(job.source) if readable else 1
    moving = n_frames > 1 and not args.side_by_side and (not job.targets or job.output.suffix.lower() in _MOVING)
    made: Animation | Quantization
    if moving:
        made = quantize_animation(job.source, args.n_colors, shared=not args.per_frame, **options)
        results, save = made.frames, made.save
    else:
        if n_frames > 1:
            display.warning(f"{job.photo}: only the first of {n_frames} frames is kept, as the result is one picture")
        picture, mask = read_storable(job, args, "channel")
        made = quantize(picture, args.n_colors, mask=mask, progress=display.progress, **options)
        results, save = [made], partial(made.save, side_by_side=args.side_by_side)
    size = _write(job, save, args, display)
    record = _record(job, results, size, time.perf_counter() - start)
    if not args.side_by_side:
        record["input_bytes"] = job.source.stat().st_size
    if args.skip_if_larger and size >= record["input_bytes"]:
        record |= {"skipped": True, "output": None}
    _report(record, args, display)


def _write(job: Job, save: Callable[..., None], args: argparse.Namespace, display: Display) -> int:
    """Write a result, unless it may not be as large as it is; give its size in bytes."""
    if not args.skip_if_larger:
        with job.written(display) as output:
            save(output, overwrite=args.force)
            return output.stat().st_size
    import tempfile

    from rustem.atomic_write import write_atomically

    with tempfile.TemporaryDirectory() as folder:
        draft = os.path.join(folder, job.output.name)
        save(draft)
        with open(draft, "rb") as file:
            data = file.read()
    if len(data) < job.source.stat().st_size:
        job.output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(job.output, lambda file: file.write(data), args.force)
    return len(data)


def _report(record: dict[str, Any], args: argparse.Namespace, display: Display) -> None:
    display.line(_summary(record))
    if args.json:
        import json

        display.result(json.dumps(record))


def _record(job: Job, results: list[Quantization], size: int, seconds: float) -> dict[str, Any]:
    first = results[0]
    height, width = first.labels.shape[-2:]
    shares = first.counts / max(1, first.counts.sum())
    return {
        "file": str(job.photo),
        "output": str(job.output),
        "width": width,
        "height": height,
        "frames": len(results),
        "n_requested": first.n_requested,
        "n_colors": first.n_colors,
        "psnr": finite(min(result.psnr for result in results)),
        "bytes": size,
        "input_bytes": None,
        "skipped": False,
        "seconds": round(seconds, 4),
        "palette": [
            {"hex": color, "share": round(float(share), 6)}
            for color, share in zip(hex_colors(first.palette), shares, strict=True)
        ],
    }


def _summary(record: dict[str, Any]) -> str:
    """Tell the run in one line."""
    size, before = record["bytes"], record["input_bytes"]
    if record["skipped"]:
        sizes = f"{size / 1000:.1f} kB, not less than its {before / 1000:.1f} kB"
        return f"{record['file']}: kept, nothing written: the result has {sizes}"
    more = 0 if before is None else -(-100 * (size - before) // before)
    facts = [
        f"{record['width']}\N{MULTIPLICATION SIGN}{record['height']}",
        counted(record["frames"], "frame") if record["frames"] > 1 else "",
        counted(record["n_colors"], "colour"),
        f"PSNR {record['psnr']:.1f} dB" if record["psnr"] is not None else "no loss",
        f"{size / 1000:.0f} kB" + (f" ({more} % more than the input)" if more > 0 else ""),
        f"{record['seconds']:.2f} s",
    ]
    return f"{record['file']} → {record['output']}  {', '.join(filter(None, facts))}"
