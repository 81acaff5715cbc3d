"""`palette(goal="prominent")`: the colours that people would name."""

import numpy as np
import pytest
from PIL import Image

import rustem
from rustem import InvalidInputError
from rustem.colorspaces import to_space
from rustem.palettes.color_names import ciede2000

BLUE, ORANGE = [30, 90, 200], [250, 120, 10]


def prominent(picture, n_colors=6, **options):
    return rustem.palette(picture, n_colors, goal="prominent", **options)


def apart(colors):
    """CIEDE2000 between the two that are nearest to each other."""
    lab = to_space(np.asarray(colors, float) / 255, "lab") * 100
    differences = ciede2000(lab[:, np.newaxis], lab)
    return differences[~np.eye(len(lab), dtype=bool)].min()


def nearest_to(color, colors):
    lab = to_space(np.array([color, *colors]) / 255, "lab") * 100
    return ciede2000(lab[0], lab[1:]).min()


@pytest.fixture
def street():
    """Greys from wall to wall, with noise, and a small blue door."""
    rng = np.random.default_rng(0)
    picture = np.linspace(60, 200, 300)[:, np.newaxis, np.newaxis] + rng.normal(0, 6, (300, 300, 3))
    picture[100:118, 50:60] = BLUE + rng.normal(0, 4, (18, 10, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


class TestChoice:
    def test_a_small_vivid_thing_gets_an_entry(self, street):
        assert nearest_to(BLUE, prominent(street, 3).colors) < 8

    def test_scattered_pixels_and_specks_get_none(self, street):
        rng = np.random.default_rng(1)
        street[100:118, 50:60] = 120
        y, x = rng.integers(0, 300, (2, 60))
        street[y, x] = BLUE
        street[5:9, 5:9] = ORANGE
        colors = prominent(street, 16).colors
        assert nearest_to(BLUE, colors) > 20
        assert nearest_to(ORANGE, colors) > 20

    def test_no_shade_twice(self, large_photograph):
        assert apart(prominent(large_photograph, 16).colors) > 8
        shades = np.array([[200, 30, 40], [204, 34, 40], [198, 30, 48], [40, 60, 180]], np.uint8)
        assert len(prominent(shades.repeat(50, axis=0)[np.newaxis].repeat(9, axis=0), 4)) == 2

    def test_entries_occur_in_the_picture(self, large_photograph, photograph):
        for picture in (large_photograph, photograph):
            own = {tuple(color) for color in picture.reshape(-1, 3).tolist()}
            found = prominent(picture, 12)
            assert {tuple(color) for color in found.colors.tolist()} <= own

    def test_paper_stays_white_and_flat_colours_exact(self):
        page = Image.fromarray(np.full((200, 200, 3), 255, np.uint8))
        page.paste((228, 0, 43), (100, 100, 160, 160))
        page.paste((20, 20, 20), (20, 20, 80, 60))
        soft = np.asarray(page.resize((301, 301), Image.Resampling.BICUBIC))
        assert prominent(soft, 3).hex == ["#ffffff", "#e4002b", "#141414"]

    def test_hues_are_not_mixed(self):
        balls = np.full((90, 360, 3), 250, np.uint8)
        inks = [[250, 210, 20], [110, 180, 40], [230, 60, 30], [40, 90, 220], [150, 60, 200]]
        for number, ink in enumerate(inks):
            balls[20:70, 20 + 68 * number : 70 + 68 * number] = ink
        found = prominent(balls, 6).colors.tolist()
        assert all(ink in found for ink in inks)


class TestResult:
    def test_shares_are_of_the_pixels_nearest(self, photograph):
        found = prominent(photograph, 6)
        alone = rustem.quantize(photograph, palette=found.colors)
        np.testing.assert_allclose(found.shares, alone.counts / alone.counts.sum())
        assert (np.diff(found.shares) <= 0).all()

    def test_order(self, photograph):
        dark_first = prominent(photograph, 6, order="luminance")
        assert set(dark_first.hex) == set(prominent(photograph, 6).hex)
        light = to_space(dark_first.colors / 255, "linear") @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(light) >= 0).all()

    def test_the_same_bits_at_any_thread_count(self, large_photograph):
        one, eight = (prominent(large_photograph, 9, n_threads=n) for n in (1, 8))
        np.testing.assert_array_equal(one.colors, eight.colors)
        np.testing.assert_array_equal(one.shares, eight.shares)

    def test_few_colours_give_few_entries(self):
        assert prominent(np.zeros((4, 4, 3), np.uint8), 8).hex == ["#000000"]
        four = np.array([[[0, 0, 0], [255, 0, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
        assert len(prominent(four, 8)) == 4
        assert len(prominent(four, 1)) == 1


class TestKinds:
    def test_depths_agree(self, photograph):
        expected = prominent(photograph)
        for same in (photograph * np.uint16(257), photograph / 255.0, (photograph / 255).astype(np.float32)):
            found = prominent(same)
            np.testing.assert_array_equal(found.colors, expected.colors)
            np.testing.assert_allclose(found.shares, expected.shares)

    def test_grey(self, photograph):
        found = prominent(photograph[..., 0], 4)
        assert (found.colors == found.colors[:, :1]).all()
        assert np.isin(found.colors[:, 0], photograph[..., 0]).all()

    def test_more_colours_than_are_worth_counting(self):
        noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
        assert len(prominent(noise, 8)) == 8
        assert len(prominent(np.random.default_rng(0).random((200, 200, 3)), 8)) == 8

    def test_what_is_transparent_is_no_colour(self, photograph):
        hidden = np.dstack([photograph, np.full(photograph.shape[:2], 255, np.uint8)])
        expected = prominent(hidden[:, :100])
        hidden[:, 100:] = [0, 255, 0, 0]
        np.testing.assert_array_equal(prominent(hidden).colors, expected.colors)
        with pytest.raises(InvalidInputError, match="transparent"):
            prominent(hidden[:, 100:])

    def test_a_soft_edge_is_one_colour(self):
        logo = np.zeros((100, 100, 4), np.uint8)
        logo[..., :3] = ORANGE
        logo[20:80, 20:80, 3] = 255
        logo[15:20, 20:80, 3] = 90
        found = prominent(logo, 4)
        assert found.colors.tolist() == [ORANGE]

    def test_what_does_not_fit_is_refused_in_one_line(self, photograph):
        refused = [
            (photograph, {"goal": "vivid"}, "goal"),
            (photograph, {"goal": "prominent", "color_space": "srgb"}, "color_space is 'srgb'"),
            (photograph, {"goal": "prominent", "protect": True}, "protect is True"),
            (photograph * 0.7, {"goal": "prominent"}, "scale it"),
            (np.zeros((4, 4, 5), np.uint8), {"goal": "prominent"}, "5 channels"),
        ]
        for picture, options, message in refused:
            with pytest.raises(InvalidInputError, match=message) as caught:
                rustem.palette(picture, 4, **options)
            assert "\n" not in str(caught.value)
