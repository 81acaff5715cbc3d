"""The order of a palette's entries."""

import numpy as np

import rustem
from rustem import quantize


class TestOrder:
    def test_by_weight(self, photograph):
        assert (np.diff(quantize(photograph, 20).counts) <= 0).all()

    def test_by_luminance(self, photograph):
        palette = quantize(photograph, 20, order="luminance").palette
        light = rustem.colorspaces.to_space(palette / 255.0, "linear") @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(light) >= 0).all()

    def test_by_hue(self):
        wheel = ["#202020", "#dddddd", "#ff0000", "#ffdd00", "#00aa00", "#0000ff", "#ff00ff"]
        picture = np.array([list(bytes.fromhex(colour[1:])) for colour in wheel[::-1]], np.uint8)[None]
        palette = quantize(picture, 7, order="hue").palette
        assert ["#" + bytes(colour.tolist()).hex() for colour in palette] == wheel

    def test_the_order_changes_nothing_else(self, photograph):
        first, second = quantize(photograph, 20), quantize(photograph, 20, order="hue")
        np.testing.assert_array_equal(first.image, second.image)
