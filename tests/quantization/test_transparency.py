"""What is transparent stays so, and is no color."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

import rustem
from rustem import quantize
from rustem.exceptions import InvalidInputError
from rustem.images import read

FLAT = ["#e4002b", "#0050c8", "#ffffff", "#00ff00"]


@pytest.fixture(scope="module")
def logo():
    """Two colors with soft edges on a clear ground."""
    image = PIL.Image.new("RGBA", (480, 480), (0, 0, 0, 0))
    draw = PIL.ImageDraw.Draw(image)
    draw.ellipse((80, 80, 400, 400), fill=(20, 130, 60, 255))
    draw.polygon([(240, 30), (300, 200), (180, 200)], fill=(250, 180, 0, 255))
    return np.asarray(image.resize((60, 60), PIL.Image.Resampling.LANCZOS))


def hidden_colors(picture):
    """The same picture, other numbers where nothing is seen."""
    other = picture.copy()
    other[picture[..., 3] == 0, :3] = np.random.default_rng(0).integers(0, 256, 3)
    return other


class TestPalettes:
    @pytest.mark.parametrize("goal", ["error", "prominent"])
    @pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float64])
    def test_a_logo_of_two_colors_has_two(self, logo, goal, kind):
        picture = {"B": logo, "H": logo * np.uint16(257), "d": logo / 255}[np.dtype(kind).char]
        if goal == "prominent" and kind is np.float64:
            picture = picture.astype(np.float32)
        found = rustem.palette(picture, 2, goal=goal)
        assert len(found) == 2
        assert np.abs(found.colors[0].astype(int) - [20, 130, 60]).max() < 12
        assert np.abs(found.colors[1].astype(int) - [250, 180, 0]).max() < 25

    @pytest.mark.parametrize("n_colors", [1, 2, 7])
    def test_one_color_with_soft_edges_is_one(self, n_colors):
        grey = np.full((40, 40, 2), 90, np.uint8)
        grey[..., 1] = np.clip(np.hypot(*np.ogrid[-20:20, -20:20]) * 60 - 600, 0, 255)
        found = rustem.palette(grey, n_colors)
        assert (found.hex, found.shares.tolist()) == (["#5a5a5a"], [1.0])

    def test_shares_are_of_what_is_seen(self):
        picture = np.zeros((10, 10, 4), np.uint8)
        picture[:5] = [255, 0, 0, 255]
        picture[5:9] = [0, 0, 255, 51]
        found = rustem.palette(picture, 4)
        assert found.hex == ["#ff0000", "#0000ff"]
        np.testing.assert_allclose(found.shares, [50 / 58, 8 / 58])

    def test_nothing_seen_is_an_error(self):
        with pytest.raises(InvalidInputError, match="fully transparent"):
            rustem.palette(np.zeros((4, 4, 4), np.uint8), 3)


class TestGivenPalettes:
    @pytest.mark.parametrize("dither", [False, True, "blue-noise"])
    @pytest.mark.parametrize("ending", [".png", ".gif", ".webp", ".tif"])
    @pytest.mark.parametrize("palette", [FLAT, "eink-7color", "game-boy"])
    def test_the_ground_stays_clear(self, logo, palette, ending, dither, tmp_path):
        result = quantize(logo, palette=palette, dither=dither)
        seen = logo[..., 3] >= 128
        np.testing.assert_array_equal(result.image[..., 3], np.where(seen, 255, 0))
        np.testing.assert_array_equal(result.labels >= 0, seen)
        assert result.counts.sum() == seen.sum()
        assert (result.palette[:, 3] == 255).all()
        result.save(tmp_path / f"a{ending}")
        saved = read(tmp_path / f"a{ending}")
        np.testing.assert_array_equal(saved.alpha, result.image[..., 3])
        np.testing.assert_array_equal(
            np.broadcast_to(np.atleast_3d(saved.pixels), (60, 60, 3))[seen], result.image[seen, :3]
        )

    def test_soft_edges_are_shown_as_they_would_be_opaque(self, logo):
        soft, opaque = quantize(logo, palette=FLAT), quantize(np.ascontiguousarray(logo[..., :3]), palette=FLAT)
        seen = soft.labels >= 0
        np.testing.assert_array_equal(soft.labels[seen], opaque.labels[seen])

    def test_transparent_entries_are_used(self, logo):
        result = quantize(logo, palette=["#14823c", "#fab400", "#14823c80", "#00000000"])
        np.testing.assert_array_equal(result.labels == 3, logo[..., 3] == 0)
        assert result.counts.min() > 0
        without = quantize(logo, palette=["#14823c", "#fab400", "#14823c80"])
        np.testing.assert_array_equal(without.labels, np.where(result.labels == 3, -1, result.labels))

    def test_what_is_not_shown_is_no_error_where_it_was_clear(self):
        picture = np.zeros((8, 8, 4), np.uint8)
        picture[2:6, 2:6] = [255, 0, 0, 255]
        assert quantize(picture, palette=["#f00", "#fff"]).psnr == np.inf
        assert quantize(picture, palette=["#00f", "#fff"]).psnr < 20

    def test_all_clear(self):
        result = quantize(np.zeros((3, 5, 4), np.uint8), palette=FLAT, dither=True)
        assert (result.labels == -1).all()
        assert result.counts.tolist() == [0, 0, 0, 0]


class TestHiddenColors:
    @pytest.mark.parametrize(
        "task",
        [
            lambda picture: quantize(picture, 7).image,
            lambda picture: quantize(picture, 7, dither=True).image,
            lambda picture: quantize(picture, palette=FLAT).labels,
            lambda picture: quantize(picture, fixed_colors=["#fff"], n_colors=5).image,
            lambda picture: rustem.palette(picture, 5).colors,
            lambda picture: rustem.palette(picture, 5, goal="prominent").colors,
            lambda picture: rustem.segment(PIL.Image.fromarray(picture), 3).labels,
            lambda picture: rustem.regions(PIL.Image.fromarray(picture)).labels,
            lambda picture: rustem.select_components(PIL.Image.fromarray(picture), range(1, 4)).n_components,
        ],
    )
    def test_they_change_nothing(self, logo, task):
        np.testing.assert_array_equal(task(logo), task(hidden_colors(logo)))
