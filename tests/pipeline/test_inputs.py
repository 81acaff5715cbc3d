"""Pictures as they come in: files, arrays, masks, lists, bands on another axis."""

import numpy as np
import PIL.Image
import pytest

import rustem
from rustem import ImageError, InvalidInputError, segment


def test_bands_on_another_axis(photograph):
    one = segment(photograph, 4, tol=0, max_iter=5)
    other = segment(np.moveaxis(photograph, -1, 0), 4, tol=0, max_iter=5, channel_axis=0)
    np.testing.assert_array_equal(one.labels, other.labels)
    grey_volume = segment(photograph, 4, tol=0, max_iter=5, channel_axis=None)
    assert grey_volume.labels.shape == photograph.shape


def test_mask(photograph):
    mask = np.zeros(photograph.shape[:2], dtype=bool)
    mask[20:60, 30:90] = True
    seg = segment(photograph, 4, mask=mask)
    inner = segment(photograph[20:60, 30:90], 4)
    np.testing.assert_array_equal(seg.labels[20:60, 30:90], inner.labels)
    assert (seg.labels[~mask] == -1).all()
    assert (seg.image[~mask] == 0).all()
    assert seg.counts.sum() == mask.sum()
    assert (seg.probabilities()[~mask] == 0).all()


def test_masked_nan_is_no_matter_but_unmasked_is_named():
    picture = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    picture[2, 5] = np.nan
    with pytest.raises(InvalidInputError, match=r"NaN or infinite at \(2, 5\): leave such pixels out with mask="):
        segment(picture, 2)
    assert segment(picture, 2, mask=np.isfinite(picture)).labels[2, 5] == -1


def test_files_and_pil_images_equal_arrays(picture_file, photograph):
    array, path, pil = (segment(x, 5) for x in (photograph, picture_file, PIL.Image.open(picture_file)))
    np.testing.assert_array_equal(array.labels, path.labels)
    np.testing.assert_array_equal(array.labels, pil.labels)


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ImageError, match=r"text\.png"):
        segment(tmp_path / "text.png")
    with pytest.raises(ImageError, match=r"missing\.png"):
        segment(tmp_path / "missing.png")
    with pytest.raises(ImageError, match=r"photo\.png"):
        segment(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "nowhere" / "photo.png")


def test_lists_of_files_masks_and_mixtures(picture_file, photograph):
    segments = rustem.segment([str(picture_file), str(picture_file)], 3)
    np.testing.assert_array_equal(segments[0].labels, segments[1].labels)
    mask = np.zeros(photograph.shape[:2], dtype=bool)
    mask[:10] = True
    first, second = rustem.segment([photograph, photograph], 3, mask=[mask, None])
    assert (first.labels[10:] == -1).all()
    assert (second.labels >= 0).all()
    np.testing.assert_array_equal(first.labels[:10], second.labels[:10])
    for seg in rustem.segment([photograph, photograph[:5]], mixture=second.mixture):
        assert seg.mixture is second.mixture
    assert len(rustem.segment((photograph,), 2)) == 1


def test_nested_lists_of_numbers_are_one_picture(photograph):
    np.testing.assert_array_equal(
        rustem.segment(photograph[:6, :6].astype(float).tolist(), 2).labels,
        rustem.segment(photograph[:6, :6].astype(float), 2).labels,
    )


def test_pictures_of_different_kinds_are_refused(photograph):
    with pytest.raises(InvalidInputError, match=r"has 1 channels of uint8, but .* has 3 channels of uint8"):
        rustem.segment([photograph, photograph[..., 0]], 2)
    with pytest.raises(InvalidInputError, match="give mask as a list of 2 masks or None"):
        rustem.segment([photograph, photograph], 2, mask=[None])
