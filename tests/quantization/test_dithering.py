"""Dithering: means kept, threads without effect, edges and flat areas left clean."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from rustem import InvalidInputError
from rustem.colorspaces import to_space
from rustem.quantization.dithering import dither

METHODS = ("floyd-steinberg", "blue-noise")
BLACK_WHITE = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)


def light(pixels):
    return to_space(pixels.astype(np.float64) / 255, "linear")


def palette_of(picture, k):
    entries = Image.fromarray(picture).quantize(k).getpalette()[: 3 * k]
    return np.array(entries, np.uint8).reshape(-1, 3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", [20, 60, 128, 200, 250])
def test_areas_keep_their_light(method, level):
    grey = np.full((128, 128, 3), level, np.uint8)
    labels = dither(grey, BLACK_WHITE, method=method, edge_aware=False)
    assert labels.mean() == pytest.approx(float(light(grey).mean()), abs=0.035)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("edge_aware", [True, False])
def test_threads_change_nothing(large_photograph, method, edge_aware):
    tall = np.vstack([large_photograph, large_photograph[::-1]])
    palette = palette_of(large_photograph, 12)
    one = dither(tall, palette, method=method, edge_aware=edge_aware, n_threads=1)
    for n_threads in (2, 8):
        many = dither(tall, palette, method=method, edge_aware=edge_aware, n_threads=n_threads)
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("method", METHODS)
def test_without_strength_every_pixel_gets_its_nearest_entry(photograph, method):
    palette = palette_of(photograph, 20)
    labels = dither(photograph, palette, method=method, strength=0.0, color_space="oklab", edge_aware=False)
    points = to_space(photograph.reshape(-1, 3) / np.float32(255), "oklab").astype(np.float64)
    entries = to_space(palette / np.float32(255), "oklab").astype(np.float64)
    distances = ((points[:, None] - entries) ** 2).sum(axis=2)
    chosen = distances[np.arange(len(points)), labels.ravel()]
    np.testing.assert_allclose(chosen, distances.min(axis=1), atol=1e-6)


def blurred_error(picture, labels, palette):
    """Mean absolute difference in light as seen through a blur of five pixels."""
    from scipy.ndimage import gaussian_filter

    difference = light(picture) - light(palette[labels])
    return float(np.abs(gaussian_filter(difference, (2, 2, 0))).mean())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_a_photograph_looks_more_like_itself_from_afar(large_photograph, method, levels):
    # Palettes that can mix every colour; what lies outside of a fitted one no dithering can make.
    steps = np.linspace(0, 255, levels).round().astype(np.uint8)
    palette = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    plain = blurred_error(large_photograph, dither(large_photograph, palette, strength=0.0), palette)
    full = blurred_error(large_photograph, dither(large_photograph, palette, method=method, edge_aware=False), palette)
    aware = blurred_error(large_photograph, dither(large_photograph, palette, method=method), palette)
    assert full < 0.15 * plain
    assert aware < 0.25 * plain


@pytest.fixture(scope="module")
def drawing():
    """Text and shapes, smoothed, on flat colours."""
    image = Image.new("RGB", (400, 200), (250, 250, 245))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 120, 400, 200), (30, 60, 120))
    draw.text((10, 10), "Text stays clean, 123", (20, 20, 20), ImageFont.load_default(32))
    draw.text((10, 135), "On blue as well", (255, 255, 255), ImageFont.load_default(32))
    return np.asarray(image)


def test_flat_areas_and_text_stay_clean(drawing):
    # None of the flat colours is in the palette exactly.
    palette = np.array([[255, 255, 255], [128, 128, 128], [16, 16, 16], [36, 62, 118], [150, 160, 190]], np.uint8)
    aware = dither(drawing, palette)
    full = dither(drawing, palette, edge_aware=False)
    paper, blue = np.all(drawing == (250, 250, 245), axis=2), np.all(drawing == (30, 60, 120), axis=2)
    for area in (paper, blue):
        assert len(np.unique(aware[area])) == 1
        assert len(np.unique(full[area])) > 1


def test_gradients_are_still_dithered():
    row = np.linspace(60, 120, 600).round().astype(np.uint8)
    sky = np.repeat(np.tile(row, (120, 1))[..., None], 3, axis=2)
    palette = np.array([[60] * 3, [80] * 3, [100] * 3, [120] * 3], np.uint8)
    labels = dither(sky, palette)
    changes = (np.diff(labels, axis=1) != 0).mean(axis=1)
    assert changes.mean() > 0.2  # bands would change three times in 599


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("space", ["linear", "oklab", "lab"])
@pytest.mark.parametrize("edge_aware", [True, False])
def test_no_stray_dots_of_another_hue(method, space, edge_aware):
    # A soft lavender ground, a little bluer than all its entries: errors pile up towards the blue of the patch.
    across, down = np.meshgrid(np.linspace(0, 1, 192), np.linspace(0, 1, 128))
    ground = np.stack([170 + 30 * across, 165 + 25 * across + 6 * down, 206 + 22 * down], axis=2)
    picture = ground.round().astype(np.uint8)
    picture[48:80, 80:112] = (30, 40, 230)
    greys = [(165, 162, 196), (178, 174, 204), (190, 184, 206), (198, 194, 216), (176, 168, 212), (188, 182, 220)]
    palette = np.array([*greys, (30, 40, 230), (20, 20, 24), (240, 240, 240)], np.uint8)
    labels = dither(picture, palette, method=method, color_space=space, edge_aware=edge_aware)
    patch = np.zeros(labels.shape, bool)
    patch[48:80, 80:112] = True
    assert (labels[patch] == len(greys)).all()
    assert (labels[~patch] < len(greys)).all()
    assert len(np.unique(labels[~patch])) > 3


def test_no_seam_where_bands_meet():
    ramp = np.linspace(90, 110, 300)[None, :].repeat(600, axis=0)
    pixels = ramp.round().astype(np.uint8)
    painted = np.array([60, 150], np.uint8)[dither(pixels, np.array([60, 150], np.uint8), edge_aware=False)]
    rows = light(np.repeat(painted[..., None], 3, axis=2))[..., 0].mean(axis=1)
    inner = rows[20:580]
    seam = np.abs(rows[254:258] - inner.mean()).max()
    assert seam <= np.abs(inner - inner.mean()).max()


@pytest.mark.parametrize("method", METHODS)
def test_masks_and_transparency_are_respected(method, photograph):
    alpha = np.full(photograph.shape[:2], 255, np.uint8)
    alpha[40:60, 30:90] = 0
    rgba = np.dstack([photograph, alpha])
    palette = np.column_stack([palette_of(photograph, 8), np.full(8, 255, np.uint8)])
    labels = dither(rgba, palette, method=method)
    np.testing.assert_array_equal(labels == -1, alpha == 0)
    masked = dither(photograph, palette[:, :3], method=method, mask=alpha > 0)
    np.testing.assert_array_equal(masked == -1, alpha == 0)
    # What lies under the mask has no effect.
    other = photograph.copy()
    other[alpha == 0] = (255, 0, 255)
    np.testing.assert_array_equal(dither(other, palette[:, :3], method=method, mask=alpha > 0), masked)
    assert (dither(rgba, palette, mask=np.zeros(alpha.shape, bool)) == -1).all()


def test_half_transparent_areas_keep_their_opacity():
    rgba = np.full((64, 64, 4), (255, 0, 0, 64), np.uint8)
    labels = dither(rgba, np.array([[255, 0, 0, 0], [255, 0, 0, 255]], np.uint8), edge_aware=False)
    assert labels.mean() == pytest.approx(0.25, abs=0.03)


def test_every_depth_gives_the_same_labels(photograph):
    palette = palette_of(photograph, 16)
    expected = dither(photograph, palette)
    deep = dither(photograph.astype(np.uint16) * 257, palette.astype(np.uint16) * 257)
    real = dither(photograph.astype(np.float64) / 255, palette / 255)
    assert (deep == expected).mean() > 0.99
    assert (real == expected).mean() > 0.99


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 3, 3)])
def test_tiny_pictures(shape):
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    palette = np.array([[0] * 3, [255] * 3], np.uint8) if len(shape) == 3 else np.array([0, 255], np.uint8)
    for method in METHODS:
        assert set(np.unique(dither(pixels, palette, method=method))) <= {0, 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"palette": np.zeros((0, 3), np.uint8)}, "palette"),
        ({"palette": np.zeros((2, 4), np.uint8)}, "palette"),
        ({"palette": np.zeros((2, 3))}, "palette"),
        ({"method": "atkinson"}, "floyd-steinberg"),
        ({"strength": 1.5}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"color_space": "hsv"}, "color_space"),
        ({"mask": np.ones((3, 3))}, "mask"),
        ({"pixels": np.zeros((4, 4, 7), np.uint8), "palette": np.zeros((2, 7), np.uint8)}, "7 channels"),
        ({"pixels": np.zeros((0, 4, 3), np.uint8)}, "shape"),
        ({"pixels": np.full((4, 4, 3), np.nan), "palette": np.zeros((2, 3))}, "NaN"),
    ],
)
def test_bad_input_is_refused(change, reason):
    arguments = {"pixels": np.zeros((8, 8, 3), np.uint8), "palette": BLACK_WHITE} | change
    with pytest.raises(InvalidInputError, match=reason):
        dither(**arguments)
