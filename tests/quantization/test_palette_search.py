"""How palettes are chosen: k-means in the core, and `palette`, which counts cells of colours in large pictures."""

import numpy as np
import pytest
from colors import error_about_means

import rustem
from rustem import InvalidInputError, _core, quantize
from rustem.quantization.comparison_space import Space


class TestCore:
    """k-means against its definition."""

    @pytest.mark.parametrize("d", [1, 2, 3, 4, 6])
    @pytest.mark.parametrize("k", [1, 2, 17, 100])
    def test_nearest_is_what_a_search_over_all_finds(self, d, k):
        rng = np.random.default_rng(k)
        samples = rng.random((3000, d), np.float32)
        centres = rng.random((k, d))
        labels, distances = _core.nearest(samples, centres, 2)
        squares = ((samples[:, None].astype(np.float64) - centres) ** 2).sum(axis=2)
        np.testing.assert_allclose(distances, squares.min(axis=1), atol=1e-6)
        np.testing.assert_allclose(squares[np.arange(3000), labels], squares.min(axis=1), atol=1e-6)

    def test_fixed_centres_are_kept_to_the_bit(self, photograph):
        samples = np.ascontiguousarray(photograph.reshape(-1, 3), np.float32)
        start = np.array([[1 / 3, 200.7, 3], [250, 1e-3, 77]])
        options = {
            "n_clusters": 9,
            "n_fixed": 2,
            "tol": 1e-6,
            "max_iter": 50,
            "coarse": False,
            "seed": 1,
            "n_threads": 1,
        }
        centres, error, _ = _core.ColorPyramid(samples, None, 9).fit(start, options, None)
        np.testing.assert_array_equal(centres[:2], start)
        squares = ((samples[:, None].astype(np.float64) - centres) ** 2).sum(axis=2)
        assert error == pytest.approx(squares.min(axis=1).mean(), rel=1e-3)

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [1, 3, 4, 5])
    def test_samples_sorted_by_their_colours_keep_their_rows(self, dtype, channels):
        colours = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5000, channels)).astype(dtype)
        samples = np.ascontiguousarray(colours[:, :1] ** np.float32(0.5))
        centres = np.linspace(samples.min(), samples.max(), 7, dtype=float)[:, np.newaxis]
        for rows in (np.arange(5000), np.argsort(colours[:, 0], kind="stable")):
            levels = _core.ColorPyramid(samples[rows], None, 7, colours[rows])
            labels, distances = levels.nearest(centres, 2)
            np.testing.assert_array_equal(labels, np.abs(samples[rows] - centres.T).argmin(axis=1))
            np.testing.assert_allclose(distances, ((samples[rows] - centres[labels]) ** 2)[:, 0], rtol=1e-3, atol=1e-2)
        with pytest.raises(InvalidInputError, match="keys"):
            _core.ColorPyramid(samples, None, 7, np.zeros((4, 3), np.uint8))


@pytest.fixture(scope="module")
def large(large_photograph):
    """Two million pixels with nearly as many colours as a photograph's."""
    noise = np.random.default_rng(0).integers(-6, 7, (1536, 1536, 3))
    return np.clip(np.tile(large_photograph, (3, 3, 1)) + noise, 0, 255).astype(np.uint8)


class TestPaletteAlone:
    """`palette`, which counts cells of colours in large pictures."""

    @pytest.mark.parametrize("color_space", ["oklab", "srgb"])
    def test_cells_give_as_good_a_palette_as_colours(self, large, color_space):
        found = rustem.palette(large, 32, color_space=color_space, protect=False)
        reduced = quantize(large, 32, color_space=color_space, protect=False)
        alone = quantize(large, palette=found.colors, color_space=color_space)
        space = Space(color_space, 3, False, np.dtype(np.uint8))
        own = space.features(large.reshape(-1, 3))
        assert error_about_means(own, alone.labels) < 1.01 * error_about_means(own, reduced.labels)
        np.testing.assert_allclose(found.shares, alone.counts / alone.counts.sum(), atol=0.01)
        assert len(np.unique(found.colors, axis=0)) == 32
        assert (np.diff(found.shares) <= 0).all()

    def test_the_same_bits_at_any_thread_count(self, large):
        one, eight = (rustem.palette(large, 64, n_threads=n) for n in (1, 8))
        np.testing.assert_array_equal(one.colors, eight.colors)
        np.testing.assert_array_equal(one.shares, eight.shares)

    def test_few_colours_are_kept_as_they_are(self):
        picture = np.zeros((1100, 1000, 3), np.uint8)
        picture[:, 300:, 1], picture[0, 0] = 7, [8, 9, 10]
        found = rustem.palette(picture, 16)
        assert found.hex == ["#000700", "#000000", "#08090a"]

    def test_other_pictures_get_what_quantize_finds(self, photograph):
        soft = np.dstack([photograph, np.full(photograph.shape[:2], 255, np.uint8)])
        soft[:9, :9, 3] = 0
        for picture in (photograph, photograph[..., 0], photograph * np.uint16(257), soft):
            expected = quantize(photograph, 9, mask=soft[..., 3] > 0) if picture is soft else quantize(picture, 9)
            found = rustem.palette(picture, 9)
            unit = 257 if picture.dtype == np.uint16 else 1
            np.testing.assert_array_equal(found.colors, np.broadcast_to(np.rint(expected.palette / unit), (9, 3)))
            assert found.shares.sum() == pytest.approx(1)

    def test_wrong_arguments_are_refused(self, large):
        for options in ({"n_colors": 0}, {"order": "size"}, {"protect": 3}, {"color_space": "hsv"}):
            with pytest.raises(InvalidInputError):
                rustem.palette(large, **options)
        with pytest.raises(InvalidInputError, match="one picture"):
            rustem.palette([large, large], 8)
