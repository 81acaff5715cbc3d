"""regions() and Regions: real photographs, odd pictures, the same tree cut anywhere."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import PIL.Image
import pytest
import skimage.data
from made_pictures import blocks
from scipy.cluster.hierarchy import dendrogram, is_valid_linkage
from skimage.measure import label as connected
from skimage.measure import regionprops

import rustem
from rustem import InvalidInputError, regions


@pytest.fixture(scope="module")
def cat():
    return skimage.data.chelsea()


@pytest.fixture(scope="module")
def found(cat):
    return regions(cat)


def test_a_photograph_end_to_end(cat, found):
    assert found.labels.shape == cat.shape[:2]
    assert found.labels.dtype == np.int32
    assert found.level == 0.5
    assert 2 <= found.n_regions <= 60
    assert np.unique(found.labels).tolist() == list(range(1, found.n_regions + 1))
    assert connected(found.labels, connectivity=1, background=0).max() == found.n_regions


def test_one_tree_is_cut_anywhere(found):
    coarse, fine, twelve = found.cut(level=0.6), found.cut(level=0.3), found.cut(n_regions=12)
    assert coarse.n_regions <= found.n_regions < fine.n_regions
    assert twelve.n_regions == 12
    assert found.cut(level=twelve.level).n_regions == 12
    # Cuts are nested: each fine region lies in one coarse region.
    for region in range(1, fine.n_regions + 1):
        assert len(np.unique(coarse.labels[fine.labels == region])) == 1
    assert found.cut(level=0).n_regions <= found.n_superpixels
    assert found.cut(level=1).n_regions == found.cut(n_regions=1).n_regions == 1
    assert regions(skimage.data.chelsea(), n_regions=12).n_regions == 12


@pytest.mark.parametrize("arguments", [{}, {"level": 0.5, "n_regions": 3}, {"level": 1.1}, {"level": float("nan")}])
def test_a_cut_asks_for_one_thing_in_its_range(found, arguments):
    with pytest.raises(InvalidInputError):
        found.cut(**arguments)


def test_too_many_regions_are_refused(found):
    with pytest.raises(InvalidInputError, match="superpixels: give at most"):
        found.cut(n_regions=found.n_superpixels + 1)


def test_scipy_draws_the_hierarchy(found):
    linkage = found.hierarchy
    assert is_valid_linkage(linkage)
    assert linkage.shape == (found.n_superpixels - 1, 4)
    assert (np.diff(linkage[:, 2]) >= 0).all()
    assert linkage[-1, 3] == found.n_superpixels
    assert len(dendrogram(linkage, no_plot=True)["leaves"]) == found.n_superpixels


def test_boundary_strength_is_where_each_cut_has_its_boundaries(found):
    strength = found.boundary_strength()
    assert strength.dtype == np.float32
    for level in (0.2, 0.4, 0.5, 0.55):
        np.testing.assert_array_equal(strength > level, found.cut(level=level).boundaries())


def test_statistics_agree_with_scikit_image(cat, found):
    for each in regionprops(found.labels, cat):
        at = each.label - 1
        assert found.areas[at] == each.area
        assert tuple(found.bounding_boxes[at]) == each.bbox
        np.testing.assert_allclose(found.mean_colors[at], each.intensity_mean)
    assert (np.diff(found.areas) <= 0).all()
    assert found.areas.sum() == cat.shape[0] * cat.shape[1]
    touching = {
        (int(a), int(b))
        for here, there in [(found.labels[:-1], found.labels[1:]), (found.labels[:, :-1], found.labels[:, 1:])]
        for a, b in zip(here.ravel(), there.ravel(), strict=True)
        if a != b
    }
    expected = touching | {(b, a) for a, b in touching}
    assert {(a + 1, int(b)) for a, each in enumerate(found.neighbors) for b in each} == expected


def test_threads_change_no_bit(cat):
    large = np.repeat(np.repeat(cat, 2, axis=0), 2, axis=1)
    for picture in (cat[:200, :250], large):
        one, *others = (regions(picture, n_threads=count) for count in (1, 2, 8))
        for other in others:
            np.testing.assert_array_equal(one.superpixels, other.superpixels)
            np.testing.assert_array_equal(one.hierarchy, other.hierarchy)


@pytest.mark.parametrize(
    "kind", ["uint8", "uint16", "float", "float beyond 1", "grey", "bands", "channels first", "large", "pil"]
)
def test_every_kind_of_picture(kind, tmp_path):
    picture, area = blocks(dtype=np.uint16 if kind == "uint16" else np.uint8)
    options = {}
    if kind == "float":
        picture = picture / 255.0
    elif kind == "float beyond 1":
        picture = picture.astype(np.float32)
    elif kind == "grey":
        picture = np.array([20, 90, 160, 230])[area].astype(np.uint8)
    elif kind == "bands":
        picture = blocks(channels=7)[0]
    elif kind == "channels first":
        picture, options = np.moveaxis(picture, -1, 0), {"channel_axis": 0}
    elif kind == "large":
        picture, area = blocks(900, 1000)
    elif kind == "pil":
        picture = PIL.Image.fromarray(picture)
    found = regions(picture, **options)
    assert found.n_regions == 4
    for number in range(4):
        inner = found.labels[area == number]
        assert (inner == np.bincount(inner).argmax()).mean() > 0.97
    for view in ("contours", "filled", "both"):
        found.save(tmp_path / "view.png", view=view)
        with PIL.Image.open(tmp_path / "view.png") as written:
            assert written.height == found.labels.shape[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 3), (3, 17)])
def test_tiny_and_thin_pictures(shape):
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = regions(picture)
    assert found.labels.shape == shape
    assert found.labels.min() == 1
    assert found.hierarchy.shape == (found.n_superpixels - 1, 4)
    assert found.boundary_strength().shape == shape
    assert [len(each) for each in (found.areas, found.bounding_boxes, found.mean_colors, found.neighbors)] == (
        [found.n_regions] * 4
    )


def test_flat_and_two_coloured_pictures():
    assert regions(np.full((90, 120, 3), 77, np.uint8)).n_regions == 1
    picture = np.zeros((90, 120), np.uint8)
    picture[20:60, 30:90] = 255
    found = regions(picture)
    assert found.n_regions == 2
    assert ((found.labels == 2) == (picture > 0)).mean() > 0.999


def test_noise_is_no_error():
    noise = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    assert 1 <= regions(noise).n_regions <= 40


def test_a_mask_leaves_out_what_it_hides(cat):
    mask = np.zeros(cat.shape[:2], bool)
    mask[20:200, 30:200] = mask[150:290, 300:430] = True
    hidden = cat.astype(np.float64) / 255
    hidden[~mask] = np.nan
    found = regions(hidden, mask=mask)
    assert ((found.labels > 0) == mask).all()
    assert found.cut(level=0.999).n_regions == 2, "what does not touch is not joined below level 1"
    assert found.cut(level=1).n_regions == 1
    strange = np.where(mask[..., None], cat, 255 - cat)
    np.testing.assert_array_equal(regions(cat, mask=mask).labels, regions(strange, mask=mask).labels)
    for lies_otherwise in (np.asfortranarray(mask), np.repeat(mask, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(regions(cat, mask=lies_otherwise).labels, found.labels)


def test_transparent_pixels_take_no_part(tmp_path):
    picture, _ = blocks()
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    alpha[:, :30] = 0
    found = regions(PIL.Image.fromarray(np.dstack([picture, alpha])))
    assert ((found.labels == 0) == (alpha == 0)).all()
    found.save(tmp_path / "filled.png", view="filled")
    assert PIL.Image.open(tmp_path / "filled.png").convert("RGBA").getpixel((0, 0))[3] == 0


@pytest.mark.parametrize(
    ("picture", "options", "message"),
    [
        (np.zeros((4, 4, 4, 3)), {}, r"need a picture \(H, W"),
        (np.zeros((0, 4, 3)), {}, "no pixel"),
        (np.zeros((4, 4, 3)), {"mask": np.zeros((4, 4), bool)}, "no pixel"),
        (np.zeros((4, 4, 3)), {"mask": np.zeros((4, 5), bool)}, "mask has shape"),
        (np.full((4, 4), np.nan), {}, "NaN or infinite"),
        (np.zeros((4, 4)), {"n_components": 0}, "n_components"),
        (np.zeros((4, 4)), {"level": "high"}, "level is"),
        (np.zeros((4, 4)), {"n_regions": 0}, "n_regions"),
        (np.zeros((4, 4)), {"max_pixels": 0}, "max_pixels"),
    ],
)
def test_wrong_input_is_refused_in_one_line(picture, options, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        regions(picture, **options)
    assert "\n" not in str(caught.value)


def test_progress_names_the_stages(cat):
    calls = []
    regions(cat[:50, :60], progress=lambda stage, share: calls.append((stage, share)))
    assert [stage for stage, _ in calls] == ["colours", "texture", "edges", "superpixels", "borders", "merging"]
    assert calls[0][1] == 0
    assert all(share < 1 for _, share in calls)
    with pytest.raises(ZeroDivisionError):
        regions(cat[:50, :60], progress=lambda *_: 1 / 0)
    regions(cat[:50, :60], progress=True)


def test_other_threads_run_meanwhile(cat):
    large = np.repeat(np.repeat(cat, 3, axis=0), 3, axis=1)
    done, ticks = threading.Event(), []

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        regions(large, n_threads=1)
    finally:
        done.set()
        ticker.join()
    assert len(ticks) > 10


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_the_work():
    code = """
import numpy, signal, sys, threading, os, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import rustem
picture = numpy.random.default_rng(0).integers(0, 256, (2500, 2500, 3), dtype=numpy.uint8)
threading.Timer(0.3, lambda: (print(time.perf_counter(), flush=True), os.kill(os.getpid(), signal.SIGINT))).start()
try:
    while True:
        rustem.regions(picture, max_pixels=10**8)
except KeyboardInterrupt:
    print(time.perf_counter(), flush=True)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    pressed, ended = map(float, result.stdout.split())
    assert ended - pressed < 5  # far below what the work takes; the clock of a busy machine is no test


def test_plot_and_notebook(found):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    axes = found.plot()
    assert len(axes) == 3
    pyplot.close("all")
    assert found._repr_png_().startswith(b"\x89PNG")
    assert "regions at level 0.500" in repr(found)
    with pytest.raises(InvalidInputError, match="3"):
        found.plot([None])


def test_labels_are_written_and_views_are_checked(found, tmp_path):
    found.save_labels(tmp_path / "labels.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), found.labels)
    with pytest.raises(InvalidInputError, match="view is"):
        found.save(tmp_path / "x.png", view="nice")
    assert not (tmp_path / "x.png").exists()


def test_public_names():
    assert rustem.regions is regions
    assert "Regions" in rustem.__all__


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("max_pixels", [4_000, 15_000, 10**6])
def test_regions_are_connected_at_every_level_and_size(cat, max_pixels, masked):
    from scipy import ndimage

    mask = None
    if masked:  # islands and specks among them
        mask = ndimage.gaussian_filter(np.random.default_rng(3).random(cat.shape[:2]), 2) > 0.5
    found = regions(cat, max_pixels=max_pixels, mask=mask)
    for level in (0.0, 0.2, 0.5, 0.9, 0.999):
        labels = found.cut(level=level).labels
        pieces = sum(
            ndimage.label(labels[area] == label)[1] for label, area in enumerate(ndimage.find_objects(labels), 1)
        )
        assert pieces == labels.max() == len(np.unique(labels[labels > 0]))
