"""segment() and Segmentation: real photographs, odd pictures, hostile ones."""

import numpy as np
import PIL.Image
import pytest
import skimage.data
from sklearn.datasets import load_sample_image

import rustem
from rustem import ConvergenceWarning, ImageError, InvalidInputError, segment

FAMILIES = ["full", "tied", "diag", "spherical"]


def test_a_photograph_end_to_end(large_photograph):
    seg = segment(large_photograph, 32, covariance_type="spherical")
    assert seg.converged
    assert seg.n_components == seg.n_requested == 32
    assert seg.labels.shape == (512, 512)
    assert seg.labels.dtype == np.int16
    assert seg.palette.shape == (32, 3)
    assert seg.palette.dtype == np.uint8
    assert seg.image.shape == large_photograph.shape
    assert seg.psnr > 28
    np.testing.assert_array_equal(seg.image, seg.palette[seg.labels])
    np.testing.assert_array_equal(seg.counts, np.bincount(seg.labels.ravel(), minlength=32))
    error = (seg.image.astype(float) - large_photograph) ** 2
    assert seg.psnr == pytest.approx(10 * np.log10(255**2 / error.mean()))
    assert seg.n_distinct == len(np.unique(large_photograph.reshape(-1, 3), axis=0))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_belongs_together(photograph, family):
    seg = segment(photograph, 6, covariance_type=family)
    assert (np.diff(seg.mixture.weights) <= 0).all()
    probabilities = seg.probabilities()
    assert probabilities.shape == (128, 128, 6)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=-1), seg.labels)
    np.testing.assert_allclose(seg.uncertainty(), 1 - probabilities.max(axis=-1), atol=1e-6)
    assert seg.log_likelihood == pytest.approx(seg.mixture.score(photograph.reshape(-1, 3), unit=255), abs=1e-5)
    assert len(seg.history) == seg.n_iter
    for label in range(6):
        mean = photograph[seg.labels == label].mean(axis=0)
        assert np.abs(seg.palette[label] - mean).max() <= 0.5 + 1e-9  # rounded, not truncated


def test_counted_and_uncounted_colours_give_one_answer(photograph):
    # Noise of a hundredth of a step makes all colours differ. A common floor far above the two types' own ones.
    noise = np.random.default_rng(0).uniform(0, 0.01 / 255, photograph.shape)
    start = {"means_init": photograph[::20, 64][:5] / 255, "weights_init": np.full(5, 0.2), "reg_covar": 1e-3}
    counted = segment(photograph, 5, tol=0, max_iter=10, **start)
    uncounted = segment((photograph / 255 + noise).astype(np.float32), 5, tol=0, max_iter=10, **start)
    assert counted.n_distinct is not None
    assert uncounted.n_distinct is None
    np.testing.assert_allclose(counted.mixture.means, uncounted.mixture.means, atol=1e-3)
    assert (counted.labels == uncounted.labels).mean() > 0.995
    np.testing.assert_allclose(counted.palette / 255, uncounted.palette, atol=0.01)


def test_the_same_picture_gives_the_same_answer(large_photograph):
    first = segment(large_photograph, 12, tol=0, max_iter=6, n_threads=1)
    for n_threads in (2, 8):
        again = segment(large_photograph, 12, tol=0, max_iter=6, n_threads=n_threads)
        np.testing.assert_array_equal(first.labels, again.labels)
        np.testing.assert_array_equal(first.image, again.image)
        np.testing.assert_array_equal(first.mixture.covariances, again.mixture.covariances)


@pytest.mark.parametrize("color_space", ["linear", "lab", "oklab"])
def test_color_spaces_change_the_fit_but_not_the_colours(photograph, color_space):
    seg = segment(photograph, 8, color_space=color_space, covariance_type="spherical")
    assert seg.palette.dtype == np.uint8
    assert seg.psnr > segment(photograph, 4, color_space=color_space, covariance_type="spherical").psnr > 10
    assert (segment(photograph, 8, covariance_type="spherical").labels != seg.labels).any()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("k", [1, 2, 32])
@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("one pixel", np.full((1, 1, 3), 77, np.uint8)),
        ("a row", np.arange(60, dtype=np.uint8).reshape(1, 20, 3)),
        ("a column", np.arange(60, dtype=np.uint8).reshape(20, 1, 3)),
        ("one colour", np.full((9, 7, 3), 200, np.uint8)),
        ("two colours", np.tile(np.array([[0, 0, 0], [255, 255, 255]], np.uint8), (5, 4, 1))),
        ("grey", np.arange(100, dtype=np.uint8).reshape(10, 10)),
        ("grey stored as RGB", np.repeat(np.arange(100, dtype=np.uint8), 3).reshape(10, 10, 3)),
        ("black and white", np.eye(8, dtype=bool)),
        ("16 bits", (np.arange(300, dtype=np.uint16) * 200).reshape(10, 10, 3)),
        ("float", np.linspace(0, 1, 300, dtype=np.float32).reshape(10, 10, 3)),
        ("flat float", np.full((10, 10), 0.25)),
        ("two bands", np.arange(200, dtype=np.uint8).reshape(10, 10, 2)),
        ("seven bands", np.arange(700, dtype=np.uint16).reshape(10, 10, 7)),
        ("a volume", np.arange(240, dtype=np.uint8).reshape(4, 5, 4, 3)),
    ],
)
def test_odd_pictures_are_segmented(name, picture, k, family):
    seg = segment(picture, k, covariance_type=family)
    flat = picture.ndim == 2
    shape = picture.shape if flat else picture.shape[:-1]
    channels = 1 if flat else picture.shape[-1]
    distinct = len(np.unique(picture.reshape(-1, channels), axis=0))
    assert 1 <= seg.n_components <= min(k, distinct)
    assert seg.labels.shape == shape
    assert 0 <= seg.labels.min() <= seg.labels.max() < seg.n_components
    assert seg.image.shape == picture.shape
    assert np.isfinite(seg.log_likelihood)
    assert np.isfinite(seg.mixture.covariances).all()
    if name in ("one pixel", "one colour", "two colours") and k > 1:
        np.testing.assert_array_equal(seg.image, picture)
        assert seg.psnr == float("inf")
    assert str(seg.n_components) in repr(seg)


def test_fewer_components_than_asked_for_are_reported():
    seg = segment(np.tile(np.array([[0, 0, 0], [9, 9, 9]], np.uint8), (5, 4, 1)), 32)
    assert (seg.n_requested, seg.n_components, len(seg.palette), len(seg.mixture.weights)) == (32, 2, 2, 2)
    assert "2 labels of 32 asked for" in repr(seg)


def test_components_below_one_pixel_are_dropped(photograph):
    """Means far from any colour find no pixel."""
    means = np.array([[0.2, 0.2, 0.2], [0.7, 0.6, 0.5], [40.0, 40.0, 40.0]])
    seg = segment(
        photograph, 3, means_init=means, weights_init=[0.5, 0.49, 0.01], precisions_init=[np.eye(3) * 1e4] * 3
    )
    assert seg.n_components == 2
    assert seg.mixture.weights.sum() == pytest.approx(1)
    assert seg.labels.max() == 1


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


def test_boundaries():
    picture = np.zeros((4, 4), np.uint8)
    picture[:2, 2:] = 255
    expected = np.zeros((4, 4), bool)
    expected[0, 1] = expected[1, 1:] = True
    np.testing.assert_array_equal(segment(picture, 2).boundaries(), expected)


def test_files_and_pil_images_equal_arrays(picture_file, photograph):
    array, path, pil = (segment(x, 5) for x in (photograph, picture_file, PIL.Image.open(picture_file)))
    np.testing.assert_array_equal(array.labels, path.labels)
    np.testing.assert_array_equal(array.labels, pil.labels)


def test_saving(tmp_path, photograph):
    seg = segment(photograph, 32)
    seg.save(tmp_path / "out.png")
    with PIL.Image.open(tmp_path / "out.png") as saved:
        assert saved.mode == "P"
        np.testing.assert_array_equal(np.asarray(saved.convert("RGB")), seg.image)
    seg.save(tmp_path / "pair.png", side_by_side=True)
    pair = np.asarray(PIL.Image.open(tmp_path / "pair.png"))
    np.testing.assert_array_equal(pair[:, :128], photograph)
    np.testing.assert_array_equal(pair[:, -128:], seg.image)
    seg.save_labels(tmp_path / "labels.png")
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(tmp_path / "labels.png")), seg.labels)
    with pytest.raises(ImageError, match=r"out\.png"):
        seg.save(tmp_path / "out.png", overwrite=False)
    assert seg._repr_png_().startswith(b"\x89PNG")


def test_transparent_pixels_take_no_part_and_stay_transparent(tmp_path, photograph):
    alpha = np.full((128, 128, 1), 255, np.uint8)
    alpha[:40] = 0
    path = tmp_path / "alpha.png"
    PIL.Image.fromarray(np.concatenate([photograph, alpha], axis=2)).save(path)
    seg = segment(path, 6)
    np.testing.assert_array_equal(seg.labels[40:], segment(photograph[40:], 6).labels)
    assert (seg.labels[:40] == -1).all()
    for side_by_side in (False, True):
        seg.save(tmp_path / "out.png", side_by_side=side_by_side)
        saved = np.asarray(PIL.Image.open(tmp_path / "out.png").convert("RGBA"))[:, -128:]
        np.testing.assert_array_equal(saved[..., 3:], alpha)
        np.testing.assert_array_equal(saved[40:, :, :3], seg.image[40:])


def test_masked_pixels_are_saved_transparent(tmp_path, photograph):
    mask = np.ones((128, 128), dtype=bool)
    mask[:, :30] = False
    seg = segment(photograph, 6, mask=mask)
    for side_by_side in (False, True):
        seg.save(tmp_path / "out.png", side_by_side=side_by_side)
        saved = np.asarray(PIL.Image.open(tmp_path / "out.png").convert("RGBA"))[:, -128:]
        np.testing.assert_array_equal(saved[..., 3] > 0, mask)


def test_sixteen_bits_stay_sixteen_bits(tmp_path, photograph):
    deep = photograph.astype(np.uint16) * 256 + 3  # with 257, white would overflow
    start = {"means_init": photograph[::16, 64][:8] / 255, "reg_covar": 1e-3}
    start |= {"tol": 0, "max_iter": 20, "acceleration": None}
    seg = segment(deep, 8, **start)
    assert seg.palette.dtype == seg.image.dtype == np.uint16
    assert seg.psnr == pytest.approx(segment(photograph, 8, **start).psnr, abs=0.1)
    seg.save(tmp_path / "deep.png")
    np.testing.assert_array_equal(rustem.images.read(tmp_path / "deep.png").pixels, seg.image)


def test_plotting(photograph):
    import matplotlib as mpl

    mpl.use("agg")
    assert len(segment(photograph, 4).plot()) == 3


@pytest.mark.parametrize(
    ("image", "keywords", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), {}, "no pixel to segment"),
        (np.zeros(5), {}, r"the image has shape \(5,\): give \(H, W\[, C\]\)"),
        (np.zeros((2, 2, 2, 2, 2)), {}, "the image has shape"),
        (np.zeros((4, 4), complex), {}, "the image has type complex128"),
        (np.zeros((4, 4, 3), np.uint8), {"mask": np.ones(4)}, r"mask has shape \(4,\): give \(4, 4\)"),
        (np.zeros((4, 4, 3), np.uint8), {"mask": np.zeros((4, 4))}, "no pixel to segment"),
        (np.zeros((4, 4, 3), np.uint8), {"channel_axis": 3}, "channel_axis is 3, but the image has 3 axes"),
        (np.zeros((4, 4, 3), np.uint8), {"color_space": "xyz"}, "color_space is 'xyz'"),
        (np.zeros((4, 4), np.uint8), {"color_space": "lab"}, "needs red, green and blue"),
        (np.zeros((4, 4), np.uint8), {"n_components": "many"}, "n_components is 'many'"),
        (np.zeros((4, 4), np.uint8), {"reg_covar": -1}, "reg_covar is -1"),
    ],
)
def test_wrong_arguments_get_one_line(image, keywords, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        segment(image, **keywords)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ImageError, match=r"text\.png"):
        segment(tmp_path / "text.png")
    with pytest.raises(ImageError, match=r"missing\.png"):
        segment(tmp_path / "missing.png")
    with pytest.raises(ImageError, match=r"photo\.png"):
        segment(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "nowhere" / "photo.png")


def test_convergence_warning_points_here(photograph):
    with pytest.warns(ConvergenceWarning, match="raise max_iter or tol") as caught:
        seg = segment(photograph, 8, tol=1e-9, max_iter=2)
    assert not seg.converged
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "photo",
    [skimage.data.coffee, lambda: load_sample_image("china.jpg"), skimage.data.cell],
    ids=["coffee", "china", "cell"],
)
def test_other_photographs(photo):
    seg = segment(photo(), 16, covariance_type="spherical")
    assert seg.psnr > 24
    assert np.diff(seg.history).min() > -2e-6


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


@pytest.mark.parametrize("family", FAMILIES)
def test_components_on_the_floor_are_counted(photograph, family):
    assert segment(photograph, 1, covariance_type=family).n_on_floor == 0
    two = np.tile(np.array([[0, 0, 0], [9, 9, 9]], np.uint8), (5, 4, 1))
    assert segment(two, 2, covariance_type=family).n_on_floor == 2
