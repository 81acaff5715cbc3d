"""Colours in hexadecimal."""

import numpy as np
import pytest

from rustem.cli.screen import hex_colors

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.mark.parametrize(
    ("palette", "expected"),
    [
        (np.array([[255, 0, 16]], np.uint8), ["#ff0010"]),
        (np.array([[65535, 0, 4112]], np.uint16), ["#ff0010"]),
        (np.array([[1.0, -0.1, 1.5]], np.float32), ["#ff00ff"]),
        (np.array([[128], [7]], np.uint8), ["#808080", "#070707"]),
        (np.array([[1, 2, 3, 4]], np.uint8), ["#01020304"]),
    ],
)
def test_colours_in_hexadecimal(palette, expected):
    assert hex_colors(palette) == expected
