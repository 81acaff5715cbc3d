"""Swatches and colours on a terminal."""

import io

import pytest

from rustem.cli import main
from rustem.cli.terminal import color_depth, nearest_of_256


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm-direct"}, "true"),
        ({"TERM": "xterm"}, "none"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
        ({}, "none"),
    ],
)
def test_what_terminals_show(environ, depth):
    assert color_depth(Terminal(), environ) == depth
    assert color_depth(io.StringIO(), environ) == "none"


def test_nearest_of_256_colours():
    assert nearest_of_256((255, 255, 255)) == 231
    assert nearest_of_256((128, 128, 128)) == 244
    assert nearest_of_256((255, 0, 0)) == 196


def test_palette_swatches_on_a_terminal(picture_file, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["palette", str(picture_file), "-k", "2", "--quiet"]) == 0
    assert terminal.getvalue() == ""
    assert main(["palette", str(picture_file), "-k", "2"]) == 0
    assert terminal.getvalue().count("\x1b[48;2;") == 2
