"""The command line: finds the command, which lives in a module of its own in :mod:`rustem.cli.commands`.

Only light modules of the standard library are imported at the top, because importing costs more time than most fits.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from rustem.cli.options import HelpFormatter

# In the order of --help.
COMMANDS = {
    "segment": "a picture in, k colours and a label map out",
    "regions": "a picture in, the pieces a person would draw out",
    "quantize": "the fewest colours that look best",
    "palette": "the colours of a picture: swatches, shares, palette files",
    "select": "how many colours a picture needs",
}


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
        arguments = sys.argv[1:] if argv is None else argv
        args = _parser(arguments).parse_args(arguments)
        code: int = args.run(args)
        return code
    except KeyboardInterrupt:
        print("rustem: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has gone. Without this, Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rustem",
        description="Segment pictures with Gaussian mixtures.",
        epilog="example: rustem segment photo.jpg -k 32    (more: rustem segment --help)",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, formatter_class=HelpFormatter, allow_abbrev=False)
        command.set_defaults(fail=command.error)
        if name in arguments:
            importlib.import_module(f"rustem.cli.commands.{name}").add_arguments(command)
    return parser


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002  (argparse's name)
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from rustem import __version__

        print(f"rustem {__version__}")
        parser.exit()
