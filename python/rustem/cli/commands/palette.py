"""``rustem palette``: the colours of pictures, as swatches in the terminal and as palette files."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rustem.cli.jobs import is_one
from rustem.cli.options import add_input_options, add_output_options, add_run_options, count, describe, read_photo
from rustem.cli.screen import Display
from rustem.cli.streams import writing_results

if TYPE_CHECKING:
    from rustem.cli.jobs import Job
    from rustem.palettes import Palette

_FORMATS = ("gpl", "ase", "aco", "act", "pal", "riff", "json", "css", "hex", "svg", "png")
# What palette files end in; those of pictures are pictures first.
_SUFFIXES = (".gpl", ".ase", ".aco", ".act", ".pal", ".json", ".css", ".scss", ".hex", ".txt", ".svg")

_DESCRIPTION = """\
Show the palette of a picture: swatches, hex numbers, shares, and the nearest names of the CSS list.

Palette files (.gpl, .ase, .aco, .act, .pal, .json, .css, .hex, .svg) are shown as they are, and converted with -o or
--format. Of one picture, --format without -o prints the file instead of swatches where it is text (gpl, pal, json, css,
hex, svg); other palette files lie beside their pictures, as photo-k8.ase. Nothing is overwritten without --force.
Built-in palettes of devices are given by name, as eink-7color. Colours are sRGB; pictures with a profile are converted.
Reading CSS needs tinycss2: pip install "rustem[css]".
"""

_EXAMPLES = """\
  rustem palette photo.jpg -k 8
  rustem palette photo.jpg -k 6 --prominent
  rustem palette photo.jpg -k 8 --format gpl -o photo.gpl
  rustem palette photo.jpg --format css > colors.css
  rustem palette brand.ase -o brand.css
  rustem palette pico-8 -o pico-8.gpl
  rustem palette holidays/ --json > palettes.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    describe(parser, "[-k N] [-o FILE_OR_FOLDER] [options]", _DESCRIPTION, _EXAMPLES)
    parser.set_defaults(run=_run, labels=None)
    add_input_options(parser)
    add = parser.add_argument_group("the palette").add_argument
    add("-k", "-n", "--n-colors", "--colors", type=count, default=8, metavar="N", help="number of colours (8)")
    add("--prominent", action="store_true", help="colours that people would name, as they occur, instead of means")
    add("--color-space", choices=("oklab", "srgb", "linear", "lab"), default="oklab", help="where to compare (oklab)")
    add("--order", choices=("weight", "luminance", "hue"), default="weight", help="order of the colours (weight)")
    add_run_options(add)
    add = parser.add_argument_group("results").add_argument
    add("--format", choices=_FORMATS, help="format of the palette file (by its extension)")
    add_output_options(add)
    add("--json", action="store_true", help="print one JSON object per picture, one per line")
    parser.add_argument("--list-named", action=_ListNamed, help="list the palettes of devices and exit")
    parser.add_argument("--quiet", action="store_true", help="no swatches and no progress bar")


class _ListNamed(argparse.Action):
    """Print the names of the built-in palettes, when no pictures are given either."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002  (argparse's name)
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from rustem import palettes

        with writing_results() as stream:
            for name in palettes.NAMED:
                palette = palettes.named(name)
                print(f"{name:18}  {len(palette):3d} colours  {palette.title}", file=stream)
            stream.flush()
        parser.exit()


def _run(args: argparse.Namespace) -> int:
    from rustem.cli.batch import run_batch
    from rustem.cli.jobs import plan, plan_reading

    args.printed = _is_printed(args)
    suffixes = (*(f".{kind}" for kind in _FORMATS if kind != "riff"), ".txt")
    if args.printed or (args.output is None and args.format is None):
        jobs, problems = plan_reading(args)
    else:
        ending = {"riff": "pal", None: "gpl"}.get(args.format, args.format)
        jobs, problems = plan(args, f"-k{args.n_colors}.{ending}", "", suffixes)
    display = Display(len(problems) + len(jobs), 300, quiet=args.quiet)
    return run_batch(jobs, problems, display, lambda job: _one(job, args, display))


def _is_printed(args: argparse.Namespace) -> bool:
    """Whether the palette file goes to standard output; refuses what cannot."""
    from rustem.palettes.writers import TEXT_FORMATS

    if args.output == "-":
        args.format = args.format or "gpl"
        if args.json:
            args.fail("argument -o: - is standard output, where --json prints; name a file")
        if not is_one(args.photos):
            args.fail("argument -o: - is standard output, for one picture; name a folder")
    elif args.output is not None or args.format is None or args.json or not is_one(args.photos):
        return False
    is_text = args.format in TEXT_FORMATS
    if not is_text and (sys.stdout is None or sys.stdout.isatty()) and "-" in (args.output, args.photos[0]):
        args.fail(f"argument --format: {args.format} is no text for a terminal; pipe it into a file, or name it by -o")
    return is_text or "-" in (args.output, args.photos[0])


def _one(job: Job, args: argparse.Namespace, display: Display) -> None:
    """Find, write and show the palette of one picture."""
    from rustem import palettes

    palette = _palette(job, args, display)
    if job.targets:
        job.output.parent.mkdir(parents=True, exist_ok=True)
        palettes.write(job.output, palette, format=args.format, overwrite=args.force)
    if args.printed:
        from rustem.palettes.writers import contents

        display.contents(contents(palette, str(job.photo), args.format))
    elif args.json:
        import json

        display.result(json.dumps(_record(job, palette)))
    elif not args.quiet:
        _show(palette, display, str(job.photo) if display.many else "")


def _palette(job: Job, args: argparse.Namespace, display: Display) -> Palette:
    from rustem import palettes
    from rustem.palettes import color_names
    from rustem.palettes.palette import as_palette

    photo = job.source
    is_name = str(photo) in palettes.NAMED and not photo.exists()
    if is_name or photo.suffix.lower() in _SUFFIXES:
        palette = palettes.named(str(photo)) if is_name else palettes.read(photo)
        names = [known or found for known, found in zip(palette.names, color_names.names(palette.colors), strict=True)]
        return as_palette(palette, names=names)
    from rustem.quantization import palette as find

    picture, mask = read_photo(photo, args)
    if mask is not None:
        picture = replace(picture, mask=mask if picture.mask is None else mask & picture.mask)
    palette = find(
        picture,
        args.n_colors,
        goal="prominent" if args.prominent else "error",
        color_space=args.color_space,
        order=args.order,
        random_state=args.seed,
        progress=display.progress,
        n_threads=args.threads,
    )
    palette = as_palette(palette, title=photo.stem)
    return as_palette(palette, names=color_names.names(palette.colors))


def _record(job: Job, palette: Palette) -> dict[str, Any]:
    shares = [None] * len(palette) if palette.shares is None else palette.shares.round(6).tolist()
    colors = zip(palette.hex, palette.names, shares, strict=True)
    return {
        "file": str(job.photo),
        "output": str(job.output) if job.targets else None,
        "palette": [{"hex": color, "name": name, "share": share} for color, name, share in colors],
    }


def _show(palette: Palette, display: Display, heading: str) -> None:
    from rustem.cli.terminal import color_depth, swatch

    depth = color_depth(sys.stdout, os.environ)
    if heading:
        display.result(heading)
    for number, (color, name) in enumerate(zip(palette.hex, palette.names, strict=True)):
        red, green, blue = palette.colors[number].tolist()
        share = "" if palette.shares is None else f" {100 * palette.shares[number]:6.2f} %"
        ground = swatch((red, green, blue), depth)
        display.result(f"{'  ' if ground else ''}{color}{share}  {name}", before=ground)
