import numpy as np
import pytest
from skimage import color

from rustem.colorspaces import COLOR_SPACES, from_space, oklab_of_stored, to_space
from rustem.exceptions import InvalidInputError


@pytest.fixture
def colours():
    corners = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0]), axis=-1).reshape(-1, 3)
    greys = np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
    return np.concatenate([corners, greys, np.random.default_rng(0).random((2000, 3))])


@pytest.mark.parametrize("space", COLOR_SPACES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-6), (np.float32, 2e-5)])
def test_there_and_back_again(colours, space, dtype, tolerance):
    colours = colours.astype(dtype)
    values = to_space(colours, space)
    back = from_space(values, space)
    assert values.dtype == back.dtype == dtype
    assert values.shape == colours.shape
    np.testing.assert_allclose(back, colours, atol=tolerance)


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_any_number_of_leading_axes(colours, space):
    picture = colours[:24].reshape(2, 3, 4, 3)
    np.testing.assert_array_equal(to_space(picture, space).reshape(-1, 3), to_space(picture.reshape(-1, 3), space))
    assert to_space(colours[0], space).shape == (3,)
    assert to_space(colours[:0], space).shape == (0, 3)


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_every_stored_colour_survives(space):
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    stored = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    back = from_space(to_space(stored.astype(np.float32) / 255, space), space)
    np.testing.assert_array_equal(np.rint(back * 255).astype(np.uint8), stored)


def test_lab_agrees_with_scikit_image(colours):
    # scikit-image rounds the white point, which moves a and b of white by 5e-5.
    np.testing.assert_allclose(to_space(colours, "lab"), color.rgb2lab(colours) / 100, atol=1.5e-4)
    np.testing.assert_allclose(from_space(color.rgb2lab(colours) / 100, "lab"), colours, atol=1e-3)


def test_linear_agrees_with_scikit_image(colours):
    # The sum of the columns weighs the channels of light as XYZ does.
    luminance = to_space(colours, "linear") @ [0.212671, 0.715160, 0.072169]
    np.testing.assert_allclose(luminance, color.rgb2xyz(colours)[:, 1], atol=1e-6)


def test_oklab_agrees_with_its_paper():
    # CSS Color 4 quotes these values for the primaries.
    primaries = np.eye(3)
    expected = [[0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.17950], [0.45201, -0.03246, -0.31153]]
    np.testing.assert_allclose(to_space(primaries, "oklab"), expected, atol=2e-5)


@pytest.mark.parametrize("space", ["lab", "oklab"])
def test_lightness_runs_from_zero_to_one_and_greys_have_no_hue(space):
    greys = np.repeat(np.linspace(0, 1, 100)[:, None], 3, axis=1)
    values = to_space(greys, space)
    np.testing.assert_allclose(values[[0, -1], 0], [0, 1], atol=1e-6)
    assert np.all(np.diff(values[:, 0]) > 0)
    np.testing.assert_allclose(values[:, 1:], 0, atol=1e-6)


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_colours_beyond_the_screen_are_clipped(space):
    back = from_space(np.array([[1.5, 0.9, -0.9], [-0.2, 0.3, 0.3]]), space)
    assert np.all((back >= 0) & (back <= 1))


def test_the_input_is_left_alone(colours):
    kept = colours.copy()
    for space in COLOR_SPACES:
        to_space(colours, space)[:] = 0
    np.testing.assert_array_equal(colours, kept)


def test_one_line_says_what_is_wrong():
    with pytest.raises(InvalidInputError, match="color_space is 'hsv'; choose one of 'srgb'"):
        to_space(np.zeros((1, 3)), "hsv")
    with pytest.raises(InvalidInputError, match="colours are uint8; give float32 or float64"):
        to_space(np.zeros((1, 3), np.uint8), "lab")
    with pytest.raises(InvalidInputError, match=r"the shape is \(5, 1\)"):
        from_space(np.zeros((5, 1)), "lab")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_oklab_of_stored_values_is_that_of_their_share(dtype):
    highest = np.iinfo(dtype).max
    colours = np.random.default_rng(0).integers(0, highest + 1, (1000, 3)).astype(dtype)
    colours[:2] = [[0] * 3, [highest] * 3]
    expected = to_space(colours / highest, "oklab") * [1, 2, 2]
    np.testing.assert_allclose(oklab_of_stored(colours, 2), expected, atol=2e-6)
