"""Names for colours, and the measure that finds them."""

import numpy as np
import skimage.color

from rustem.palettes import color_names


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
