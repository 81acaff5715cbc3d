"""Choosing the number of components: known answers, criteria, invariants."""

import numpy as np
import pytest

import rustem
from rustem import InvalidInputError, select_components
from rustem.mixture.model_selection import CRITERIA
from rustem.segmentation.component_count import correlated_area

FAMILIES = ["full", "tied", "diag", "spherical"]


def drawing(k, noise, seed, shape=(120, 160)):
    """Discs of k flat colours that lie apart, with white noise."""
    random = np.random.default_rng(seed)
    palette = random.integers(30, 226, (k, 3))
    while k > 1 and np.linalg.norm(palette[:, None] - palette, axis=2)[np.triu_indices(k, 1)].min() < 60:
        palette = random.integers(30, 226, (k, 3))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, dtype=int)
    for disc in range(10 * k):
        row, column, radius = random.integers(0, shape[0]), random.integers(0, shape[1]), random.integers(10, 30)
        labels[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = disc % k
    noisy = palette[labels] + noise * random.standard_normal((*shape, 3))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [2, 8])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_flat_drawings_have_the_colours_they_were_drawn_with(k, noise):
    for criterion in ("bic", "icl"):
        selection = select_components(drawing(k, noise, seed=k), range(1, 17), criterion=criterion)
        assert selection.n_components == k
    assert selection.n_effective == pytest.approx(16_384, rel=0.2)  # white noise: every pixel counts


@pytest.mark.parametrize("family", FAMILIES)
def test_made_mixtures(family):
    random = np.random.default_rng(1)
    means = np.array([[0, 0], [6, 0], [0, 6], [7, 7], [-6, 3.0]])
    samples = means[random.integers(0, 5, 3000)] + random.standard_normal((3000, 2))
    selection = select_components(samples, range(1, 13), covariance_type=family)
    assert selection.n_components == 5
    assert (selection.n_samples, selection.n_effective) == (3000, 3000)
    assert selection.candidates.tolist() == list(range(1, 13))
    assert (np.diff(selection.log_likelihoods) > -2e-3).all()
    assert [mixture.n_components for mixture in selection.mixtures] == list(range(1, 13))
    np.testing.assert_allclose(np.sort(selection.mixtures[4].means[:, 0]), np.sort(means[:, 0]), atol=0.25)


def test_correlated_area():
    random = np.random.default_rng(0)
    noise = random.standard_normal((128, 192, 2))
    assert correlated_area(noise) == pytest.approx(1, abs=0.1)
    blocks = np.kron(random.standard_normal((32, 48)), np.ones((4, 4)))[..., None]
    assert correlated_area(blocks) == pytest.approx(16, rel=0.3)
    larger = np.kron(random.standard_normal((32, 48)), np.ones((8, 8)))[..., None]
    assert correlated_area(larger) == pytest.approx(64, rel=0.3)
    assert correlated_area(np.zeros((5, 5, 1))) == 1


def test_photographs_get_few_and_the_same_twice(large_photograph):
    selection = select_components(large_photograph)
    assert 2 <= selection.n_components <= 16
    assert selection.n_effective < large_photograph.size / 3 / 30  # neighbours are alike
    again = select_components(large_photograph, n_threads=1)
    for name in CRITERIA:
        np.testing.assert_array_equal(selection.values[name], again.values[name])


@pytest.mark.parametrize("masked", [False, True])
def test_large_photographs_are_correlated_as_their_pixels_on_a_grid(large_photograph, monkeypatch, masked):
    mask = np.hypot(*np.ogrid[-256:256, -256:256]) < 230 if masked else None
    whole = select_components(large_photograph, [8], mask=mask).n_effective
    monkeypatch.setattr("rustem.segmentation.component_count.MOST_CORRELATED", 1 << 14)
    assert select_components(large_photograph, [8], mask=mask).n_effective == pytest.approx(whole, rel=0.1)


def test_segment_with_auto(photograph):
    automatic = rustem.segment(photograph, "auto")
    assert automatic.n_requested == select_components(photograph).n_components
    fixed = rustem.segment(photograph, automatic.n_requested)
    np.testing.assert_array_equal(automatic.labels, fixed.labels)
    for seg in rustem.segment([photograph, photograph[:60]], "auto"):
        assert seg.n_requested >= 2
    grey = rustem.segment(photograph[..., 0], "auto", mask=photograph[..., 0] > 50)
    assert grey.n_requested == select_components(photograph[..., :1], mask=photograph[..., 0] > 50).n_components


def test_pictures_of_few_colours():
    picture = np.zeros((40, 50, 3), dtype=np.uint8)
    picture[:, 20:] = [200, 100, 0]
    picture[30:, 20:] = 255
    selection = select_components(picture)
    assert selection.n_components == 3
    assert selection.candidates.tolist() == [1, 2, 3]
    assert select_components(picture[:, :20]).n_components == 1


def test_the_curve_is_drawn(photograph):
    import matplotlib

    matplotlib.use("Agg")
    selection = select_components(photograph, range(1, 9))
    axes = selection.plot()
    assert len(axes.lines) == len(CRITERIA) + 1
    assert axes.get_title() == f"{selection.n_components} components"
    assert selection.plot(axes) is axes
    assert repr(selection).startswith(f"<Selection of {selection.n_components} components from 1 to 8 by bic")
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"candidates": []}, "candidates is empty"),
        ({"candidates": [0]}, "each of candidates is 0"),
        ({"criterion": "best"}, "criterion is 'best': choose one of bic, icl, aic, mml"),
        ({"n_effective": -1}, "n_effective is -1"),
        ({"covariance_type": "round"}, "covariance_type is 'round'"),
    ],
)
def test_wrong_arguments_get_one_line(photograph, keywords, message):
    with pytest.raises(InvalidInputError, match=message):
        select_components(photograph, **keywords)
    with pytest.raises(InvalidInputError, match="n_components is 'many'"):
        rustem.segment(photograph, "many")
