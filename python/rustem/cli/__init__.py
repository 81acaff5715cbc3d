"""The command line: finds the command, which lives in a module of its own in :mod:`rustem.cli.commands`.

Only light modules of the standard library are imported at the top, because importing costs more time than most fits.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from rustem.cli import process
from rustem.cli.options import HelpFormatter
from rustem.cli.streams import complain, writing_results

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
        0 if all went well, 1 if a picture failed or what was asked for could not be printed, 130 after Ctrl-C, 143
        after SIGTERM. Wrong usage raises `SystemExit` with code 2.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)

    def run() -> int:
        args = _parser(arguments).parse_args(arguments)
        code: int = args.run(args)
        return code

    return process.run(run, then_exit=argv is None)


class _Parser(argparse.ArgumentParser):
    """Errors that show the usage of the command that was given, and the option that may have been meant."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As in argparse, where a command would leave what it does not know to the parser above it."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            first = next((argument for argument in unknown if argument.startswith("-")), "").partition("=")[0]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{_nearest(first, self._option_string_actions)}")
        return namespace, unknown

    def print_help(self, file: Any = None) -> None:
        """As in argparse, which would be silent where the help cannot be written."""
        if file is not None:
            super().print_help(file)
            return
        with writing_results() as stream:
            print(self.format_help(), end="", file=stream, flush=True)

    def error(self, message: str) -> NoReturn:
        """Show the usage and one line."""
        if sys.stderr is not None:
            self.print_usage(sys.stderr)
        complain(message, by=self.prog)
        sys.exit(2)


def _nearest(word: str, words: Iterable[str]) -> str:
    """Ask for the word that may have been meant, if there is one."""
    from difflib import get_close_matches

    found = get_close_matches(word, [each for each in words if each.startswith("--") or not word.startswith("-")], 1)
    return f"; did you mean {found[0]}?" if found else ""


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
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
    if not arguments:
        if sys.stderr is not None:
            parser.print_help(sys.stderr)
        sys.exit(2)
    word = next((argument for argument in arguments if not argument.startswith("-")), None)
    if word is not None and word not in COMMANDS:
        advice = _nearest(word, COMMANDS) or f"; choose one of {', '.join(COMMANDS)}"
        parser.error(f"{word!r} is no command{advice}")
    return parser


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002  (argparse's name)
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from rustem import __version__

        with writing_results() as stream:
            print(f"rustem {__version__}", file=stream, flush=True)
        parser.exit()
