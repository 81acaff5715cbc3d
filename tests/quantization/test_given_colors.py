"""Colours that a palette must have."""

import numpy as np
import pytest
import skimage.data
from colors import distinct, k_means_error

import rustem
from rustem import quantize

RED = [228, 0, 43]


class TestGivenColours:
    def test_fixed_colours_stay(self, photograph):
        result = quantize(photograph, 16, fixed_colors=["#e4002b", "#0f0"])
        palette = result.palette.tolist()
        assert RED in palette
        assert [0, 255, 0] in palette
        assert len(distinct(result.palette)) == 16

    def test_the_rest_adapts_around_them(self, photograph):
        fixed = photograph[30:40, 60][:8]
        result = quantize(photograph, 16, fixed_colors=fixed, color_space="srgb")
        free = quantize(photograph, 8, color_space="srgb")
        unadapted = quantize(photograph, palette=np.concatenate([fixed, free.palette]), color_space="srgb")
        assert result.psnr > unadapted.psnr

    @pytest.mark.parametrize("fixed", [np.array([RED], np.uint8), np.array([RED]), [RED], np.array([RED]) / 255])
    def test_they_come_in_many_forms(self, photograph, fixed):
        assert RED in quantize(photograph, 4, fixed_colors=fixed).palette.tolist()

    def test_only_fixed_colours(self, photograph):
        result = quantize(photograph, 2, fixed_colors=["#000", "#ffffff"])
        assert sorted(result.palette.tolist()) == [[0, 0, 0], [255, 255, 255]]

    def test_a_palette_is_applied_without_fitting(self, photograph):
        palette = np.array([[0, 0, 0], [255, 255, 255], RED], np.uint8)
        result = quantize(photograph, palette=palette, color_space="srgb")
        np.testing.assert_array_equal(result.palette, palette)
        nearest, _ = k_means_error(photograph.reshape(-1, 3), None, palette)
        np.testing.assert_array_equal(result.labels.ravel(), nearest)

    def test_the_palette_of_another_picture(self, photograph):
        other = quantize(skimage.data.coffee()[::4, ::4], 12)
        np.testing.assert_array_equal(quantize(photograph, palette=other).palette, other.palette)
        segmentation = rustem.segment(photograph, 4)
        np.testing.assert_array_equal(quantize(photograph, palette=segmentation).palette, segmentation.palette)
