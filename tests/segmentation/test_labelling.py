"""Labels of fitted mixtures, and of several pictures."""

import numpy as np
import pytest

import rustem
from rustem import InvalidInputError


def test_a_fitted_mixture_labels_other_pictures(photograph):
    """A series keeps its labels, their order and their colours."""
    fitted = rustem.segment(photograph, 6)
    other = photograph[::-1, ::2]
    seg = rustem.segment(other, mixture=fitted.mixture)
    np.testing.assert_array_equal(seg.labels, fitted.labels[::-1, ::2])
    assert seg.mixture is fitted.mixture
    np.testing.assert_array_equal(seg.palette, np.rint(fitted.mixture.means * 255))
    assert (seg.n_iter, seg.converged, seg.n_requested) == (0, True, 6)
    assert seg.counts.sum() == other.shape[0] * other.shape[1]
    flat = rustem.segment(np.full((4, 5, 3), photograph[0, 0]), mixture=fitted.mixture)
    assert np.unique(flat.labels).tolist() == [fitted.labels[0, 0]]
    assert flat.palette.shape == (6, 3)
    in_lab = rustem.segment(photograph, 4, color_space="lab")
    again = rustem.segment(photograph, mixture=in_lab.mixture, color_space="lab")
    np.testing.assert_array_equal(again.labels, in_lab.labels)


def test_a_mixture_that_does_not_fit_is_refused(photograph):
    mixture = rustem.segment(photograph, 3).mixture
    with pytest.raises(InvalidInputError, match="the image has 1 channels, but the mixture is over 3"):
        rustem.segment(photograph[..., 0], mixture=mixture)
    with pytest.raises(InvalidInputError, match=r"mixture is of type str: give a rustem\.Mixture"):
        rustem.segment(photograph, mixture="m.npz")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_several_pictures_are_fitted_as_one(photograph, dtype):
    """The same mixture, palette and labels as of the pictures side by side."""
    whole = photograph if dtype == np.uint8 else (photograph / 255).astype(dtype)
    parts = [whole[:, :50], whole[:, 50:].copy(), whole[:1, :3]]
    together = rustem.segment(parts, 5, tol=0, max_iter=20)
    joined = np.concatenate([part.reshape(-1, 3) for part in parts])[np.newaxis]
    one = rustem.segment(joined, 5, tol=0, max_iter=20)
    np.testing.assert_array_equal(np.concatenate([seg.labels.ravel() for seg in together]), one.labels[0])
    for seg, part in zip(together, parts, strict=True):
        assert seg.mixture is together[0].mixture
        np.testing.assert_array_equal(seg.palette, one.palette)
        np.testing.assert_array_equal(seg.image, one.palette[seg.labels])
        np.testing.assert_array_equal(seg.counts, np.bincount(seg.labels.ravel(), minlength=5))
        assert seg.probabilities().shape == (*part.shape[:2], 5)
        error = np.mean((seg.image.astype(float) - part) ** 2)
        if part.size > 100 and dtype == np.uint8:
            assert seg.psnr == pytest.approx(10 * np.log10(255**2 / error))
            assert seg.n_distinct == len(np.unique(part.reshape(-1, 3), axis=0))
    sizes = [seg.labels.size for seg in together]
    mean = np.average([seg.log_likelihood for seg in together], weights=sizes)
    assert mean == pytest.approx(one.log_likelihood, abs=1e-5)
