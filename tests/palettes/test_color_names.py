"""Names for colours, and the measure that finds them."""

import numpy as np
import pytest
import skimage.color

from rustem.palettes import color_names

GREYS = {"black", "dimgray", "gray", "darkgray", "silver", "lightgray", "gainsboro", "whitesmoke", "white"}


def test_ciede2000_is_scikit_images():
    rng = np.random.default_rng(0)
    one, other = (rng.uniform([0, -100, -100], [100, 100, 100], (20000, 3)) for _ in range(2))
    one[:100, 1:] = 0
    other[50:150, 1:] = 0
    expected = skimage.color.deltaE_ciede2000(one, other)
    np.testing.assert_allclose(color_names.ciede2000(one, other), expected, rtol=1e-9, atol=1e-9)


def test_css_names_name_themselves():
    known = color_names.css_colors()
    assert len(known) >= 148
    found = color_names.names(list(known.values()))
    assert [known[name] for name in found] == list(known.values())


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ("#1a1a1a", "black"),
        ("#181410", "black"),
        ("#0a0a14", "black"),
        ("#2b2b2b", "dimgray"),
        ("#40382d", "saddlebrown"),
        ("#384038", "dimgray"),
        ("#000033", "midnightblue"),
        ("#fbfbfb", "white"),
        ("#f4f4f4", "whitesmoke"),
        ("#888078", "gray"),
        ("#867277", "rosybrown"),
        ("#eff8fd", "aliceblue"),
    ],
)
def test_names_that_a_person_would_give(color, name):
    assert color_names.names([list(bytes.fromhex(color[1:]))]) == [name]


def test_black_white_and_greys_keep_to_their_limits():
    colors = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), axis=-1).reshape(-1, 3).astype(np.uint8)
    found = np.array(color_names.names(colors))
    lab = skimage.color.rgb2lab(colors / 255)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    near_black = np.hypot(lab[:, 0], chroma) <= 15
    np.testing.assert_array_equal(found == "black", near_black)
    assert (np.hypot(100 - lab[:, 0], chroma)[found == "white"] <= 5).all()
    assert (found == "white").any()
    grey = np.isin(found, sorted(GREYS)) & ~near_black
    assert (chroma[grey] <= 8).all()
    assert grey[(chroma < 1) & ~near_black].all()


def test_names_have_the_hue_of_their_colours():
    colors = np.random.default_rng(0).integers(0, 256, (2000, 3)).astype(np.uint8)
    lab = skimage.color.rgb2lab(colors / 255)
    known = color_names.css_colors()
    named = skimage.color.rgb2lab(np.array([known[name] for name in color_names.names(colors)]) / 255.0)
    hue, named_hue = (np.arctan2(each[:, 2], each[:, 1]) for each in (lab, named))
    tinted = (np.hypot(lab[:, 1], lab[:, 2]) > 8) & (np.linalg.norm(lab, axis=1) > 20)
    assert tinted.sum() > 1500
    assert (np.cos(hue - named_hue)[tinted] > np.cos(np.radians(45.5))).all()
