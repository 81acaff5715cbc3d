"""Entries of which most pixels have one colour take that colour: paper stays the paper's white."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from rustem import palette, quantize


def page(paper, ink, size=(300, 200)):
    """Smoothed letters on paper."""
    sheet = Image.new("RGB", (size[0] * 3, size[1] * 3), paper)
    draw = ImageDraw.Draw(sheet)
    for line in range(5):
        draw.text((30, 40 + 105 * line), "Ink on paper, smoothed", ink, ImageFont.load_default(60))
    return np.asarray(sheet.resize(size, Image.Resampling.LANCZOS))


@pytest.mark.parametrize("n_colors", [2, 3, 5, 8])
@pytest.mark.parametrize(
    ("paper", "ink"),
    [((255, 255, 255), (20, 20, 60)), ((238, 232, 213), (101, 40, 40)), ((30, 30, 30), (240, 240, 200))],
)
def test_paper_keeps_its_colour(paper, ink, n_colors):
    picture = page(paper, ink)
    for entries in (quantize(picture, n_colors).palette, palette(picture, n_colors).colors):
        assert list(paper) in entries.tolist()


def test_paper_of_other_types_and_with_alpha_keeps_its_colour():
    picture = page((255, 255, 255), (20, 20, 60))
    clear = np.dstack([picture, np.where(np.arange(300) < 60, 0, 255) * np.ones((200, 1), int)]).astype(np.uint8)
    assert [255, 255, 255, 255] in quantize(clear, 4).palette.tolist()
    assert quantize(picture / np.float32(255), 3).palette.max() == 1
    assert quantize(picture.astype(np.uint16) * 257, 3).palette.max() == 65535
    assert quantize(picture[..., 0], 3).palette.max() == 255


def test_exactness_costs_next_to_nothing(photograph):
    for n_colors in (4, 16, 64):
        labels = quantize(photograph, n_colors).labels
        means = [photograph[labels == label].mean(axis=0) for label in range(n_colors)]
        best = ((photograph - np.array(means)[labels]) ** 2).mean()
        error = ((photograph.astype(float) - quantize(photograph, n_colors).image) ** 2).mean()
        assert error < best * 10**0.03


def test_paper_of_a_large_scan_keeps_its_colour():
    random = np.random.default_rng(2)
    picture = page((255, 255, 255), (20, 20, 60), (1600, 1200))
    colored = random.integers(0, 256, (300, 1600, 3)).astype(np.uint8)
    picture = np.concatenate([picture, colored])
    specks = random.random(picture.shape) < 0.02
    for n_colors in (4, 12):
        assert [255, 255, 255] in palette(picture - specks, n_colors).colors.tolist()
