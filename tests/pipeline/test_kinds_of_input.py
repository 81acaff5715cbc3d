"""Pictures of every kind that holds one: byte orders, types, files in memory, tensors, masks, ambiguous shapes."""

import io

import numpy as np
import PIL.Image
import pytest

import rustem
from rustem import InvalidInputError
from rustem.images import read, write
from rustem.pipeline.inputs import open_inputs
from rustem.quantization.dithering import dither

RNG = np.random.default_rng(3)
LEVELS = RNG.integers(0, 256, (18, 22, 3), dtype=np.uint8)


class Tensor:
    """What tensor libraries have in common."""

    def __init__(self, array):
        self._array = np.asarray(array)
        self.ndim = self._array.ndim

    def __len__(self):
        return len(self._array)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype=dtype)


# Byte orders.


@pytest.mark.parametrize("dtype", ["u2", "i2", "f4", "f8", "i4"])
def test_byte_order_does_not_matter(dtype):
    picture = (RNG.random((14, 15)) * (1 if dtype[0] == "f" else 200)).astype(dtype)
    for task in (rustem.segment, rustem.quantize):
        little, big = task(picture.astype("<" + dtype), 3), task(picture.astype(">" + dtype), 3)
        assert big.palette.dtype == little.palette.dtype
        np.testing.assert_array_equal(big.palette, little.palette)
        np.testing.assert_array_equal(big.labels, little.labels)
    np.testing.assert_array_equal(rustem.regions(picture.astype(">" + dtype)).labels, rustem.regions(picture).labels)


def test_byte_order_of_samples_palettes_and_written_pictures(tmp_path):
    deep = LEVELS.astype(np.uint16) * 257
    big = deep.astype(">u2")
    assert rustem.fit_mixture(big[0], 2).mixture.means.tolist() == rustem.fit_mixture(deep[0], 2).mixture.means.tolist()
    write(tmp_path / "a.png", big)
    np.testing.assert_array_equal(read(tmp_path / "a.png").pixels, deep)
    np.testing.assert_array_equal(rustem.quantize(deep, palette=big[0, :4]).palette, deep[0, :4])


# Values of uint8 in other types.


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint32", "int16", "float32", "float64", ">f8"])
def test_values_of_uint8_in_other_types_are_quantized_as_uint8(dtype):
    held, plain = rustem.quantize(LEVELS.astype(dtype), 6), rustem.quantize(LEVELS, 6)
    assert held.palette.dtype == np.uint8
    np.testing.assert_array_equal(held.palette, plain.palette)
    np.testing.assert_array_equal(held.labels, plain.labels)
    assert rustem.palette(LEVELS.astype(dtype), 6).hex == rustem.palette(LEVELS, 6).hex


def test_values_of_uint8_beside_uint8_in_nested_lists_and_with_alpha():
    one, other = rustem.quantize([LEVELS, LEVELS.astype(int)], 5)
    np.testing.assert_array_equal(one.labels, other.labels)
    assert rustem.quantize(LEVELS[..., 0].tolist(), 5).palette.dtype == np.uint8
    clear = np.dstack([LEVELS, np.full(LEVELS.shape[:2], 255)])
    clear[:4, :, 3] = 0
    np.testing.assert_array_equal(rustem.quantize(clear, 5).palette, rustem.quantize(clear.astype(np.uint8), 5).palette)


def test_what_takes_no_part_need_not_be_of_uint8():
    picture, mask = LEVELS.astype(float), np.ones(LEVELS.shape[:2], bool)
    picture[:3], mask[:3] = np.nan, False
    np.testing.assert_array_equal(
        rustem.quantize(picture, 5, mask=mask).palette, rustem.quantize(LEVELS, 5, mask=mask).palette
    )


def test_other_floats_stay_floats():
    unit = LEVELS / 255.0
    assert rustem.quantize(unit, 5).palette.dtype == np.float64
    assert rustem.quantize((LEVELS > 128).astype(int), 2).palette.max() == 1
    with pytest.raises(InvalidInputError, match="scale it to"):
        rustem.quantize(LEVELS.astype(int) * 3, 5)


@pytest.mark.parametrize("scale", [1, 0.9])
@pytest.mark.parametrize("side_by_side", [False, True])
def test_segmentation_of_levels_in_floats_is_saved_and_shown_as_they_are(tmp_path, scale, side_by_side):
    seg = rustem.segment(LEVELS * float(scale), 4)
    seg.save(tmp_path / "a.png", side_by_side=side_by_side)
    saved = read(tmp_path / "a.png").pixels[:, -22:]
    np.testing.assert_allclose(saved, seg.image, atol=0.51)
    shown = np.asarray(PIL.Image.open(io.BytesIO(seg._repr_png_())))
    np.testing.assert_allclose(shown, seg.image, atol=0.51)
    seg.save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, seg.image)


def test_notebooks_show_values_of_another_kind_over_their_range():
    heights = np.linspace(-40, 1800, 300).reshape(15, 20)
    shown = np.asarray(PIL.Image.open(io.BytesIO(rustem.segment(heights, 5)._repr_png_())))
    assert shown.min() < 40
    assert shown.max() > 215
    assert len(np.unique(shown)) == 5


# Floats that leave [0, 1] by rounding.


@pytest.mark.parametrize("color_space", ["oklab", "lab", "linear"])
def test_overshoot_is_clipped(color_space):
    picture = RNG.random((16, 20, 3)).astype(np.float32)
    picture[2, 3], picture[5, 6] = 1.0004, -1e-8
    result = rustem.quantize(picture, 7, color_space=color_space)
    np.testing.assert_array_equal(
        result.labels, rustem.quantize(np.clip(picture, 0, 1), 7, color_space=color_space).labels
    )
    assert result.palette.max() <= 1
    picture[0, 0] = 1.01
    with pytest.raises(InvalidInputError, match=r"scale it to \[0, 1\]"):
        rustem.quantize(picture, 7, color_space=color_space)


def test_overshoot_of_alpha_and_of_few_colours():
    picture = np.zeros((6, 6, 4))
    picture[..., 3], picture[:3, :, 0] = 1.0000001, 1.0000002
    result = rustem.quantize(picture, 8)
    assert sorted(result.palette[:, 0].tolist()) == [0, 1]
    assert result.palette.max() == 1


def test_overshoot_leaves_the_range_of_regions_alone():
    picture = 0.3 + 0.4 * RNG.random((40, 40))
    picture[:, 20:] += 0.2
    before = rustem.regions(picture).labels
    picture[0, 0], picture[0, 39] = 1.0000002, picture[0, 39]
    after = rustem.regions(picture).labels
    np.testing.assert_array_equal(before[5:], after[5:])


# Files in memory.


@pytest.fixture
def content():
    file = io.BytesIO()
    PIL.Image.fromarray(LEVELS).save(file, "TIFF")
    return file.getvalue()


def test_bytes_and_open_files_are_decoded(tmp_path, content):
    expected = rustem.segment(LEVELS, 3).labels
    buffer = io.BytesIO()
    buffer.write(content)  # and left at its end
    (tmp_path / "a.tif").write_bytes(content)
    with open(tmp_path / "a.tif", "rb") as file:
        file.read(10)
        for image in (content, bytearray(content), buffer, file):
            np.testing.assert_array_equal(rustem.segment(image, 3).labels, expected)
            np.testing.assert_array_equal(read(image).pixels, LEVELS)
            assert rustem.regions(image).labels.shape == (18, 22)
            assert len(rustem.palette(image, 4)) == 4
        assert not file.closed
        assert read(file).name == str(tmp_path / "a.tif")
    assert len(rustem.quantize([content, io.BytesIO(content)], 4)) == 2


def test_names_of_uploads_are_no_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PIL.Image.new("RGB", (3, 3)).save("photo.png")
    upload = io.BytesIO()
    PIL.Image.fromarray(LEVELS).save(upload, "PNG")
    upload.name = "photo.png"
    np.testing.assert_array_equal(read(upload).pixels, LEVELS)


def test_content_that_is_no_picture_is_told_in_a_line():
    with pytest.raises(rustem.ImageError, match="the image: this is no picture"):
        rustem.quantize(b"certainly no picture")
    with pytest.raises(rustem.ImageError, match="empty"):
        rustem.quantize(io.BytesIO())
    with pytest.raises(rustem.ImageError, match="open it for bytes"):
        rustem.segment(io.StringIO("text"))


# Tensors.


@pytest.mark.parametrize("shape", [(12, 13, 3), (12, 13)])
@pytest.mark.parametrize("kind", [list, tuple])
def test_lists_of_what_gives_arrays_are_several_pictures(shape, kind):
    pictures = [RNG.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)]
    for task in (rustem.segment, rustem.quantize):
        results = task(kind(Tensor(each) for each in pictures), 3)
        assert isinstance(results, list)
        for result, expected in zip(results, task(pictures, 3), strict=True):
            np.testing.assert_array_equal(result.labels, expected.labels)


def test_lists_of_rows_and_scalars_stay_one_picture():
    rows = [Tensor(row) for row in LEVELS[..., 0]]
    assert rustem.segment(rows, 3).labels.shape == (18, 22)
    assert rustem.segment([list(row) for row in LEVELS[..., 0]], 3).labels.shape == (18, 22)


# Masked arrays.


def test_masked_pixels_take_no_part():
    picture = LEVELS.astype(float) / 255
    picture[4:9] = np.nan
    masked = np.ma.masked_invalid(picture)
    mask = ~masked.mask.any(axis=2)
    for task in (rustem.segment, rustem.quantize):
        given, expected = task(masked, 3), task(picture, 3, mask=mask)
        np.testing.assert_array_equal(given.labels, expected.labels)
        assert (given.labels[4:9] == -1).all()
    np.testing.assert_array_equal(rustem.regions(masked).labels[4:9], 0)
    assert rustem.select_components(masked, range(1, 3)).n_components in (1, 2)


def test_masks_join_follow_the_channels_and_may_be_of_one_channel():
    bands = np.ma.masked_array(np.moveaxis(LEVELS, -1, 0), False)
    bands[1, :5] = np.ma.masked
    mask = np.ones(LEVELS.shape[:2], bool)
    mask[:, :4] = False
    seg = rustem.segment(bands, 3, mask=mask, channel_axis=0)
    inside = mask.copy()
    inside[:5] = False
    np.testing.assert_array_equal(seg.labels >= 0, inside)
    both = rustem.segment([np.ma.masked_array(LEVELS, False), np.moveaxis(bands, 0, -1)], 3)
    assert [int((each.labels < 0).sum()) for each in both] == [0, 5 * 22]


def test_masked_volumes_palettes_and_dithering():
    volume = np.ma.masked_array(RNG.random((4, 5, 6)), False)
    volume[2, 1:3] = np.ma.masked
    labels = rustem.segment(volume, 2, channel_axis=None).labels
    np.testing.assert_array_equal(labels < 0, volume.mask)
    painted = np.ma.masked_array(np.zeros((1200, 1000, 3), np.uint8) + 7, False)
    painted[:600] = RNG.integers(0, 256, (600, 1000, 3))
    painted[:600] = np.ma.masked
    assert list(rustem.palette(painted, 4).hex) == ["#070707"]
    grey = np.ma.masked_less(LEVELS[..., 0], 40)
    np.testing.assert_array_equal(dither(grey, np.array([0, 255], np.uint8)) < 0, grey.mask)


def test_masked_samples_are_refused_not_unmasked():
    samples = np.ma.masked_greater(RNG.random((30, 2)), 0.9)
    for task in (rustem.fit_mixture, lambda each, _: rustem.select_components(each)):
        with pytest.raises(InvalidInputError, match="samples has masked values: leave those rows out"):
            task(samples, 2)


# Shapes that may be read in several ways.


@pytest.mark.parametrize(
    "shape", [(24, 64, 64), (60, 200, 181), (3, 40, 56), (40, 64, 64), (2, 3, 48, 48), (20, 20, 20), (1, 64, 60)]
)
@pytest.mark.parametrize("task", [rustem.segment, rustem.quantize, rustem.palette, rustem.select_components])
def test_ambiguous_shapes_are_refused(shape, task):
    with pytest.raises(InvalidInputError, match="channel_axis") as caught:
        task(np.zeros(shape, np.uint8))
    message = str(caught.value)
    assert "\n" not in message
    assert str(shape) in message
    assert f"{shape[-1]} channels" in message
    assert (f"None for a volume of {shape[-3]} planes" in message) == (len(shape) == 3)


@pytest.mark.parametrize(
    "shape", [(145, 145, 200), (61, 34, 103), (51, 21, 204), (9, 10, 200), (30, 40, 3), (40, 40, 16), (2, 3, 100)]
)
def test_spectral_pictures_are_not_refused(shape):
    assert open_inputs(np.zeros(shape, np.uint8), None, "auto").pictures[0].pixels.shape == shape


def test_the_axis_that_is_named_is_taken():
    picture = RNG.integers(0, 256, (18, 40, 40), dtype=np.uint8)
    assert rustem.segment(picture, 2, channel_axis=None).labels.shape == (18, 40, 40)
    few = {"max_iter": 1, "init_params": "random_from_data", "covariance_type": "spherical"}
    with pytest.warns(rustem.ConvergenceWarning):
        assert rustem.segment(picture, 2, channel_axis=-1, **few).labels.shape == (18, 40)
    with pytest.warns(rustem.ConvergenceWarning):
        assert rustem.segment(picture, 2, channel_axis=0, **few).labels.shape == (40, 40)
    for wrong in ("first", 3, True, 0.5):
        with pytest.raises(InvalidInputError, match="channel_axis is"):
            rustem.segment(picture, 2, channel_axis=wrong)
