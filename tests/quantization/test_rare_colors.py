"""Rare colours that a palette must not lose."""

import numpy as np
import pytest

from rustem import quantize

RED = [228, 0, 43]


class TestRareColours:
    @pytest.fixture
    def a_map(self):
        """Greys, greens and blues of a scanned map, with a few red pixels."""
        rng = np.random.default_rng(0)
        inks = np.array([[250, 248, 240], [200, 220, 180], [150, 180, 210], [90, 90, 90], [225, 215, 190]])
        picture = inks[rng.integers(0, 5, (25, 25))].repeat(8, axis=0).repeat(8, axis=1)
        picture = (picture + rng.normal(0, 6, (200, 200, 3))).clip(0, 255).astype(np.uint8)
        picture[100:103, 50:54] = RED
        return picture

    def test_a_few_red_pixels_stay_red(self, a_map):
        shown = quantize(a_map, 32).image[101, 52].astype(int)
        assert np.abs(shown - RED).max() <= 12

    def test_they_cost_less_than_a_tenth_of_a_decibel(self, a_map, photograph):
        for picture in (a_map, photograph):
            for k in (4, 16, 64):
                plain = quantize(picture, k, color_space="srgb", protect=False)
                assert quantize(picture, k, color_space="srgb").psnr > plain.psnr - 0.1

    def test_at_any_cost(self, a_map):
        shown = quantize(a_map, 4, protect=True).image[101, 52].astype(int)
        assert np.abs(shown - RED).max() <= 12
        assert np.abs(quantize(a_map, 4, protect=False).image[101, 52].astype(int) - RED).max() > 50
