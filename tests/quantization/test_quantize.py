"""quantize() and Quantization: the promises of a palette, on real photographs and odd pictures."""

import itertools

import numpy as np
import PIL.Image
import pytest
import skimage.data
from colors import distinct, error_about_means, k_means_error, with_alpha
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import rustem
from rustem import ImageError, InvalidInputError, quantize
from rustem.quantization.comparison_space import Space


def test_a_photograph_end_to_end(large_photograph):
    result = quantize(large_photograph, 32)
    assert result.n_colors == result.n_requested == 32
    assert result.labels.shape == (512, 512)
    assert result.palette.shape == (32, 3)
    assert result.palette.dtype == np.uint8
    np.testing.assert_array_equal(result.image, result.palette[result.labels])
    np.testing.assert_array_equal(result.counts, np.bincount(result.labels.ravel()))
    error = ((result.image.astype(float) - large_photograph) ** 2).mean()
    assert result.psnr == pytest.approx(10 * np.log10(255**2 / error), abs=1e-4)
    assert result.psnr > 29
    assert "32 colours" in repr(result)
    assert result._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("k", [2, 8, 64, 256])
def test_at_least_as_good_as_scikit_learn(photograph, k):
    from sklearn.cluster import KMeans

    ours = quantize(photograph, k, color_space="srgb", protect=False)
    theirs = KMeans(k, n_init=3, random_state=0, tol=0, max_iter=1000).fit(photograph.reshape(-1, 3))
    palette = np.rint(theirs.cluster_centers_)
    _, error = k_means_error(photograph.reshape(-1, 3), None, palette)
    # Entries may have taken the colour that most of their pixels have: what counts is how the pixels are divided.
    own = error_about_means(photograph.reshape(-1, 3), ours.labels)
    assert 10 * np.log10(error / own) > -0.02
    assert 10 * np.log10(own / 3 / 10 ** (-0.1 * ours.psnr) / 255**2) > -0.2


def test_color_spaces_differ(photograph):
    psnr = {space: quantize(photograph, 16, color_space=space).psnr for space in ("srgb", "linear", "lab", "oklab")}
    assert len(set(psnr.values())) == 4
    assert max(psnr, key=psnr.get) == "srgb"
    assert min(psnr.values()) > 20


@pytest.mark.parametrize("k", [16, 64])
def test_the_default_is_for_the_eye(photograph, k):
    from skimage.color import deltaE_ciede2000, rgb2lab

    def seen(picture, **options):
        return deltaE_ciede2000(rgb2lab(picture), rgb2lab(quantize(picture, k, **options).image)).mean()

    pictures = [photograph, skimage.data.coffee()[::3, ::3], skimage.data.chelsea()[::2, ::2]]
    assert sum(map(seen, pictures)) < 0.97 * sum(seen(picture, color_space="srgb") for picture in pictures)


class TestCount:
    @pytest.mark.parametrize("k", [1, 2, 3, 7, 100, 255, 256, 257, 1000])
    def test_exactly_as_many_colours_as_asked_for(self, photograph, k):
        result = quantize(photograph, k)
        assert len(result.palette) == k
        assert len(distinct(result.palette)) == k
        assert len(distinct(result.image)) == k
        assert (result.counts > 0).all()

    @pytest.mark.parametrize("n_colors", [40, 41, 256])
    def test_few_colours_come_back_unchanged(self, n_colors):
        rng = np.random.default_rng(0)
        colours = rng.integers(0, 256, (40, 3), dtype=np.uint8)
        picture = colours[np.r_[np.arange(40), rng.integers(0, 40, 1960)]].reshape(40, 50, 3)
        result = quantize(picture, n_colors)
        np.testing.assert_array_equal(result.image, picture)
        assert len(result.palette) == len(distinct(picture))
        assert result.psnr == np.inf

    @settings(max_examples=60, deadline=None)
    @given(
        hnp.arrays(
            np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)), elements=st.integers(0, 6)
        ),
        st.integers(2, 40),
    )
    def test_the_count_holds_for_any_picture(self, picture, k):
        result = quantize(picture, k)
        there = len(distinct(picture))
        if there <= k:
            np.testing.assert_array_equal(result.image, picture)
        else:
            clear = picture[picture[..., -1] == 0] if picture.shape[-1] in (2, 4) else picture[:0, 0]
            # All fully transparent colours share one entry.
            most = there - max(0, len(np.unique(clear.reshape(-1, picture.shape[-1]), axis=0)) - 1)
            assert len(result.palette) == min(k, most)

    @pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
    def test_other_types_come_back_unchanged(self, dtype):
        levels = (np.arange(12) / (1 if dtype == np.uint16 else 11)).astype(dtype)
        picture = np.random.default_rng(1).choice(levels, (20, 30, 3))[:, :, :1].repeat(3, axis=2)
        result = quantize(picture, 12)
        np.testing.assert_array_equal(result.image, picture)
        assert result.image.dtype == dtype


class TestAlpha:
    @pytest.fixture
    def soft(self, photograph):
        """A photograph that fades out to the left, fully transparent at its edge."""
        alpha = np.clip(np.arange(-20, 108) * 4, 0, 255).astype(np.uint8)
        return with_alpha(photograph, alpha)

    @pytest.mark.parametrize("k", [2, 3, 16, 256])
    def test_transparent_stays_transparent_and_opaque_opaque(self, soft, k):
        result = quantize(soft, k)
        alpha = result.image[..., 3]
        np.testing.assert_array_equal(alpha == 0, soft[..., 3] == 0)
        assert (alpha[soft[..., 3] == 255] == 255).all()
        assert len(result.palette) == k

    def test_half_transparent_pixels_keep_their_alpha_nearly(self, soft):
        result = quantize(soft, 256)
        assert np.abs(result.image[..., 3].astype(int) - soft[..., 3]).mean() < 4
        assert result.psnr > 35

    def test_rgba_is_no_worse_than_rgb_on_opaque_pictures(self, photograph):
        plain, opaque = quantize(photograph, 24), quantize(with_alpha(photograph, 255), 24)
        np.testing.assert_array_equal(opaque.image[..., :3], plain.image)
        assert (opaque.image[..., 3] == 255).all()
        one_pixel = with_alpha(photograph, 255)
        one_pixel[0, 0, 3] = 0
        for color_space in ("oklab", "srgb"):
            space = Space(color_space, 3, False, np.dtype(np.uint8))
            options = {"color_space": color_space, "protect": False}
            pictures = (photograph, quantize(photograph, 24, **options).image, quantize(one_pixel, 25, **options).image)
            own, alone, beside = (space.features(picture[..., :3].reshape(-1, 3)[1:]) for picture in pictures)
            # Within 0.02 dB, in the measure that is fitted.
            assert ((own - beside) ** 2).mean() < 10**0.002 * ((own - alone) ** 2).mean()

    def test_hidden_colours_take_no_entries(self, photograph):
        hidden = with_alpha(photograph, 255)
        hidden[:, :64, 3] = 0
        for options in ({}, {"color_space": "srgb", "protect": False}):
            result = quantize(hidden, 9, **options)
            shown = quantize(np.ascontiguousarray(photograph[:, 64:]), 8, **options)
            np.testing.assert_array_equal(result.image[:, 64:, :3], shown.image)

    def test_grey_with_alpha(self, soft):
        result = quantize(np.ascontiguousarray(soft[..., 1::2]), 10)
        assert result.palette.shape == (10, 2)
        np.testing.assert_array_equal(result.image[..., 1] == 0, soft[..., 3] == 0)

    def test_one_colour_is_too_few(self, soft):
        with pytest.raises(InvalidInputError, match="full transparency takes one colour"):
            quantize(soft, 1)

    @pytest.mark.parametrize("alpha", [0, 128])
    def test_a_picture_of_one_alpha(self, photograph, alpha):
        result = quantize(with_alpha(photograph, alpha), 5)
        assert (result.image[..., 3] == alpha).all()

    def test_files(self, soft, tmp_path):
        PIL.Image.fromarray(soft).save(tmp_path / "soft.png")
        result = quantize(tmp_path / "soft.png", 32)
        assert ((result.palette[:, 3] > 0) & (result.palette[:, 3] < 255)).any()
        result.save(tmp_path / "out.png")
        with PIL.Image.open(tmp_path / "out.png") as saved:
            assert saved.mode == "P"  # partly transparent entries need no other kind
            back = np.asarray(saved.convert("RGBA"))
        seen = soft[..., 3] > 0
        np.testing.assert_array_equal(back[seen], result.image[seen])
        assert (back[~seen][:, 3] == 0).all()


class TestPictures:
    def test_grey(self):
        result = quantize(skimage.data.camera()[::4, ::4], 16)
        assert result.palette.shape == (16, 1)
        assert result.image.shape == (128, 128)
        assert result.psnr > 33

    def test_sixteen_bits(self, photograph):
        deep = photograph.astype(np.uint16) * 257
        result = quantize(deep, 24, color_space="srgb")
        assert result.palette.dtype == np.uint16
        assert result.psnr == pytest.approx(quantize(photograph, 24, color_space="srgb").psnr, abs=0.1)

    def test_floats(self, photograph):
        result = quantize(photograph / np.float32(255), 24, color_space="srgb")
        assert result.palette.dtype == np.float32
        assert np.abs(result.psnr - quantize(photograph, 24, color_space="srgb").psnr) < 0.2

    def test_many_bands(self):
        cube = np.random.default_rng(0).integers(0, 1000, (20, 20, 7), dtype=np.uint16)
        assert quantize(cube, 5).palette.shape == (5, 7)

    def test_a_mask(self, photograph):
        mask = np.zeros((128, 128), bool)
        mask[20:90, 30:100] = True
        result = quantize(photograph, 8, mask=mask)
        np.testing.assert_array_equal(result.labels == -1, ~mask)
        inner = quantize(np.ascontiguousarray(photograph[20:90, 30:100]), 8)
        np.testing.assert_array_equal(result.image[20:90, 30:100], inner.image)

    def test_channels_first(self, photograph):
        first = quantize(np.moveaxis(photograph, -1, 0), 8, channel_axis=0)
        np.testing.assert_array_equal(first.image, quantize(photograph, 8).image)

    def test_orientation_and_profile_as_in_segment(self, photograph, tmp_path):
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        path = tmp_path / "turned.png"
        PIL.Image.fromarray(photograph[:, :100]).save(path, exif=exif, icc_profile=profile)
        result = quantize(path, 8)
        assert result.labels.shape == rustem.segment(path, 2).labels.shape == (100, 128)
        result.save(tmp_path / "out.png")
        with PIL.Image.open(tmp_path / "out.png") as saved:
            assert saved.mode == "P"
            assert saved.info["icc_profile"] == profile
            np.testing.assert_array_equal(np.asarray(saved.convert("RGB")), result.image)

    def test_side_by_side(self, photograph, tmp_path):
        result = quantize(photograph, 8)
        result.save(tmp_path / "pair.png", side_by_side=True)
        pair = np.asarray(PIL.Image.open(tmp_path / "pair.png"))
        np.testing.assert_array_equal(pair[:, :128], photograph)
        np.testing.assert_array_equal(pair[:, -128:], result.image)


class TestDithering:
    @pytest.mark.parametrize("dither", [True, "floyd-steinberg", "blue-noise", {"strength": 0.5}])
    def test_it_keeps_the_palette_and_changes_the_labels(self, photograph, dither):
        plain, dithered = quantize(photograph, 12), quantize(photograph, 12, dither=dither)
        np.testing.assert_array_equal(plain.palette, dithered.palette)
        assert (plain.labels != dithered.labels).mean() > 0.01
        np.testing.assert_array_equal(dithered.counts, np.bincount(dithered.labels.ravel(), minlength=12))
        assert dithered.psnr < plain.psnr

    def test_transparent_pixels_and_masks_are_left_alone(self, photograph):
        clear, mask = with_alpha(photograph, 255), np.ones((128, 128), bool)
        clear[:, :40, 3], mask[100:] = 0, False
        result = quantize(clear, 8, dither=True, mask=mask)
        np.testing.assert_array_equal(result.labels == -1, ~mask)
        np.testing.assert_array_equal(result.image[mask][:, 3] == 0, clear[mask][:, 3] == 0)

    def test_unknown_ways(self, photograph):
        with pytest.raises(InvalidInputError):
            quantize(photograph, 8, dither="stipple")


def test_the_same_bits_at_any_thread_count(large_photograph):
    one = quantize(large_photograph, 40, n_threads=1)
    for n_threads in (2, 8):
        many = quantize(large_photograph, 40, n_threads=n_threads)
        np.testing.assert_array_equal(one.palette, many.palette)
        np.testing.assert_array_equal(one.labels, many.labels)


@pytest.mark.parametrize(
    "picture",
    [
        np.full((1, 1, 3), 9, np.uint8),
        np.full((5, 7, 3), 200, np.uint8),
        np.arange(60, dtype=np.uint8).reshape(1, 20, 3),
        np.eye(8, dtype=bool),
        np.arange(256, dtype=np.uint8).reshape(16, 16),
        np.tile(np.array([[0, 0, 0], [255, 255, 255]], np.uint8), (5, 4, 1)),
    ],
    ids=["one pixel", "one colour", "a row", "black and white", "a ramp", "two colours"],
)
@pytest.mark.parametrize("k", [1, 2, 32, 65536])
def test_odd_pictures(picture, k):
    result = quantize(picture, k)
    assert 1 <= len(result.palette) <= k
    assert result.image.shape == picture.shape


@pytest.mark.parametrize("n_colors", [0, -1, 70000, 2.5, True, "8"])
def test_counts_that_are_none(photograph, n_colors):
    with pytest.raises(InvalidInputError, match=r"n_colors is .*: give a whole number"):
        quantize(photograph, n_colors)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"palette": np.zeros((0, 3), np.uint8)}, "palette has shape"),
        ({"palette": []}, "palette has shape"),
        ({"palette": np.zeros((4, 5), np.uint8)}, "give \\(k, 3\\)"),
        ({"palette": ["#12"]}, "write colours like"),
        ({"palette": 7}, "palette is 7"),
        ({"palette": [[300, 0, 0]]}, "scale it"),
        ({"palette": ["#11223344"]}, "transparent"),
        ({"fixed_colors": ["red-ish"]}, "write colours like"),
        ({"fixed_colors": ["#123", "#456", "#789"], "n_colors": 2}, "raise n_colors"),
        ({"order": "size"}, "choose one of"),
        ({"protect": "some"}, "protect is"),
        ({"color_space": "hsv"}, "color_space is"),
        ({"mask": np.ones((3, 3), bool)}, "mask has shape"),
        ({"mask": np.zeros((128, 128), bool)}, "no pixel"),
        ({"n_threads": 0}, "n_threads"),
    ],
)
def test_wrong_arguments(photograph, options, message):
    with pytest.raises(InvalidInputError, match=message):
        quantize(photograph, **options)


def test_wrong_pictures(photograph, tmp_path):
    with pytest.raises(ImageError):
        quantize(tmp_path / "none.png")
    with pytest.raises(InvalidInputError, match="scale it to"):
        quantize(photograph.astype(np.float32) * 3)
    broken = photograph / 255.0
    broken[3, 4] = np.nan
    with pytest.raises(InvalidInputError, match="NaN or infinite at \\(3, 4\\)"):
        quantize(broken)


def test_progress(photograph):
    steps = []
    quantize(photograph, 8, progress=lambda step, error: steps.append((step, error)))
    assert [step for step, _ in steps] == list(range(1, len(steps) + 1))
    assert all(later <= earlier * (1 + 1e-6) for (_, earlier), (_, later) in itertools.pairwise(steps))
