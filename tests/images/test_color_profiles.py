"""Pictures of other color spaces become sRGB: against LittleCMS, PNG's chunks, damaged profiles, what it leads to."""

import io
import struct

import numpy as np
import pytest
import tifffile
from picture_files import GREY_PROFILE, RGB_PROFILE, chunk, noise, png, png16
from PIL import Image, ImageCms

import rustem
from rustem.images import from_pil, read, write
from rustem.images.color_profiles import _CURVES, _PRIMARIES, Curve, _made_profile
from rustem.images.frames import read_frames
from rustem.images.orientation import upright_picture

P3 = _made_profile(_PRIMARIES[12], _CURVES[13], grey=False)
ADOBE = _made_profile((0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.329), Curve(563 / 256), grey=False)
LINEAR = _made_profile(_PRIMARIES[1], Curve(1.0), grey=False)
DOT_GAIN = _made_profile(_PRIMARIES[1], Curve(1.75), grey=True)
SWATCHES = np.uint8([[[200, 60, 40], [60, 120, 180], [128, 128, 128], [255, 255, 255], [0, 0, 0], [90, 200, 30]]])


def by_littlecms(pixels, profile, mode="RGB"):
    converted = ImageCms.profileToProfile(
        Image.fromarray(pixels, mode) if mode == "CMYK" else Image.fromarray(pixels),
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=1,
        outputMode="RGB",
    )
    return np.asarray(converted).astype(int)


def encoded(value):
    """SRGB level of light in [0, 1], by the standard's formula."""
    return 255 * (12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055)


def with_parametric_curve(profile, kind, *parameters):
    """The profile with another curve of ICC's type "para"."""
    numbers = np.rint(65536 * np.array(parameters)).astype(">i4").tobytes()
    return with_curve(profile, b"para" + bytes(4) + struct.pack(">HH", kind, 0) + numbers)


def with_curve(profile, tag):
    where = profile.index(b"kTRC") + 4
    moved = profile[:where] + struct.pack(">II", len(profile), len(tag)) + profile[where + 8 :] + tag
    return struct.pack(">I", len(moved)) + moved[4:]


@pytest.mark.parametrize("profile", [P3, ADOBE, LINEAR], ids=["p3", "adobe", "linear"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_files_with_a_profile_become_srgb(tmp_path, profile, suffix):
    pixels = SWATCHES.repeat(16, axis=0).repeat(16, axis=1)
    path = tmp_path / f"a{suffix}"
    options = (
        {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {"lossless": True} if suffix == ".webp" else {}
    )
    Image.fromarray(pixels).save(path, icc_profile=profile, **options)
    picture = read(path)
    with Image.open(path) as image:
        stored = np.asarray(image)
    assert picture.icc_profile is None
    assert np.abs(picture.pixels - by_littlecms(stored, profile)).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("profile", [P3, ADOBE, LINEAR], ids=["p3", "adobe", "linear"])
def test_deep_pictures_keep_their_depth(tmp_path, profile, dtype):
    eight = noise(20, 30, 3)
    white = 65535 if dtype == np.uint16 else 1
    deep = (eight / 255 * white).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", extratags=[(34675, 7, len(profile), profile, True)])
    pixels = read(tmp_path / "a.tif").pixels
    assert pixels.dtype == dtype
    assert np.abs(pixels / white * 255 - by_littlecms(eight, profile)).max() <= 1.2
    ramp = np.linspace(0.2, 0.21, 100)[np.newaxis, :, np.newaxis].repeat(3, axis=2)
    write(tmp_path / "ramp.tif", (ramp * white).astype(dtype), icc_profile=profile)
    assert len(np.unique(read(tmp_path / "ramp.tif").pixels)) >= 90  # nothing goes through 8 bits


@pytest.mark.parametrize(
    ("kind", "parameters", "light"),
    [
        (0, (1.8,), lambda x: x**1.8),
        (1, (2.0, 1.25, -0.25), lambda x: max(1.25 * x - 0.25, 0) ** 2),
        (2, (2.0, 0.9, 0.0, 0.1), lambda x: (0.9 * x) ** 2 + 0.1),
        (3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), lambda x: ((x + 0.055) / 1.055) ** 2.4),
        (4, (2.0, 0.9, 0.1, 0.5, 0.1, 0.0, 0.01), lambda x: (0.9 * x + 0.1) ** 2 if x >= 0.1 else 0.5 * x + 0.01),
    ],
)
def test_every_kind_of_curve(save, kind, parameters, light):
    profile = with_parametric_curve(DOT_GAIN, kind, *parameters)
    levels = np.uint8([[13, 60, 128, 200, 255]])
    expected = [encoded(min(light(level / 255), 1)) for level in levels[0]]
    assert np.abs(read(save("a.png", Image.fromarray(levels), icc_profile=profile)).pixels[0] - expected).max() <= 0.6


def test_a_curve_of_a_table_and_one_of_a_rounded_gamma(save):
    for body, light in (
        (struct.pack(">I", 1) + struct.pack(">H", 2 * 256), lambda x: x**2),
        (struct.pack(">I", 5) + struct.pack(">5H", 0, 8192, 16384, 32768, 65535), None),
    ):
        profile = with_curve(DOT_GAIN, b"curv" + bytes(4) + body)
        found = read(save("a.png", Image.fromarray(np.uint8([[51, 255]])), icc_profile=profile)).pixels[0]
        expected = encoded(light(0.2) if light else 0.2 * 4 * 8192 / 65535)
        assert found[1] == 255
        assert abs(found[0] - expected) <= 0.6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_profiles(tmp_path, dtype):
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    write(tmp_path / "a.tif", (eight / 255 * white).astype(dtype), icc_profile=DOT_GAIN)
    picture = read(tmp_path / "a.tif")
    assert picture.pixels.shape == (16, 16)
    assert picture.pixels.dtype == dtype
    expected = np.reshape([encoded((level / 255) ** 1.75) for level in range(256)], (16, 16))
    assert np.abs(picture.pixels / white * 255 - expected).max() <= (0.5 if dtype == np.uint8 else 0.05)
    assert np.abs(expected - by_littlecms(eight, DOT_GAIN)[..., 1]).max() <= 2  # which joins samples of the curve


@pytest.mark.parametrize("profile", [RGB_PROFILE, _made_profile(_PRIMARIES[1], _CURVES[13], grey=False)])
def test_srgb_is_left_alone(save, monkeypatch, profile):
    pixels = noise(9, 7, 3)
    monkeypatch.setattr(ImageCms, "profileToProfile", None)
    picture = read(save("a.png", Image.fromarray(pixels), icc_profile=profile))
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.icc_profile == profile
    assert read(save("b.png", Image.fromarray(pixels[..., 0]), icc_profile=GREY_PROFILE)).icc_profile == GREY_PROFILE


def test_plain_pictures_cost_nothing(save, monkeypatch):
    monkeypatch.setattr("rustem.images.color_profiles._conversion", None)
    for mode in ("L", "RGB", "RGBA", "P"):
        assert read(save("a.png", Image.new(mode, (3, 2)))).icc_profile is None


def test_transparency_orientation_and_palettes_stay(tmp_path):
    pixels = np.dstack([SWATCHES, np.uint8([[0, 50, 255, 255, 255, 9]])])
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=P3, exif=exif)
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.alpha, pixels[:, ::-1, 3])
    assert np.abs(picture.pixels[:, ::-1] - by_littlecms(SWATCHES, P3)).max() <= 1
    Image.fromarray(SWATCHES).quantize(6).save(tmp_path / "p.png", icc_profile=P3)
    assert np.abs(read(tmp_path / "p.png").pixels - by_littlecms(SWATCHES, P3)).max() <= 1
    found = rustem.palettes.read(tmp_path / "p.png").colors
    assert sorted(found.tolist()) == sorted(read(tmp_path / "p.png").pixels[0].tolist())


def test_hex_numbers_palettes_and_results_agree(tmp_path):
    pixels = SWATCHES.repeat(8, axis=0).repeat(8, axis=1)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path, icc_profile=ADOBE)
    expected = sorted("#" + bytes(color).hex() for color in read(path).pixels[0, ::8])
    assert sorted(rustem.palette(path, 6).hex) == expected
    assert sorted(rustem.palette(path, 6, goal="prominent").hex) <= expected
    for suffix in (".png", ".gif", ".bmp", ".webp", ".tif"):
        result = tmp_path / f"q{suffix}"
        rustem.quantize(path, 6).save(result)
        np.testing.assert_array_equal(read(result).pixels, read(path).pixels)
        with Image.open(result) as image:
            assert "icc_profile" not in image.info
    # Given colors are sRGB, to the bit, as drivers of panels and those who give a brand's color need them.
    given = ["#e4002b", "#0050c8", "#ffffff"]
    fixed = rustem.quantize(path, 4, fixed_colors=given)
    assert {"#" + bytes(color).hex() for color in fixed.palette} >= set(given)
    assert rustem.quantize(path, palette=given).palette.tolist() == [[228, 0, 43], [0, 80, 200], [255, 255, 255]]


def test_pictures_of_several_spaces_share_a_palette(tmp_path):
    """The same colors, stored in three spaces."""
    paths = []
    for name, profile in (("srgb", None), ("p3", P3), ("adobe", ADOBE)):
        shown = np.uint8([[[150, 90, 80], [80, 110, 140]]])
        if profile is not None:
            back = ImageCms.profileToProfile(
                Image.fromarray(shown), ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile))
            )
            back.save(tmp_path / f"{name}.png", icc_profile=profile)
        else:
            Image.fromarray(shown).save(tmp_path / f"{name}.png")
        paths.append(tmp_path / f"{name}.png")
    for result in rustem.quantize(paths, 2):
        assert np.abs(result.image[0].astype(int) - [[150, 90, 80], [80, 110, 140]]).max() <= 1


GAMMA = b"gAMA"


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize(("gamma", "power"), [(100000, 1.0), (55556, 1.8), (30000, 1 / 0.3)])
def test_gamma_of_png(tmp_path, grey, gamma, power):
    row = b"\0" + bytes([100, 200]) if grey else b"\0" + bytes([100] * 3 + [200] * 3)
    path = tmp_path / "g.png"
    path.write_bytes(png(2, 1, 8, 0 if grey else 2, row, chunk(GAMMA, struct.pack(">I", gamma))))
    expected = [encoded((level / 255) ** power) for level in (100, 200)]
    with Image.open(path) as image:
        for picture in (read(path), from_pil(image)):
            found = picture.pixels[0] if grey else picture.pixels[0, :, 1]
            assert np.abs(found - expected).max() <= 1
    deep = tmp_path / "deep.png"
    values = np.uint16([[[25700], [51400]]]) if grey else np.uint16([[[25700] * 3, [51400] * 3]])
    deep.write_bytes(png16(values, chunk(GAMMA, struct.pack(">I", gamma))))
    found = read(deep).pixels[0] if grey else read(deep).pixels[0, :, 1]
    assert np.abs(found / 257 - expected).max() <= 0.1


@pytest.mark.parametrize(
    "chunks",
    [
        [(GAMMA, struct.pack(">I", 45455))],
        [
            (GAMMA, struct.pack(">I", 45454)),
            (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        ],
        [(b"sRGB", b"\0"), (GAMMA, struct.pack(">I", 100000))],
        [(b"cICP", bytes([1, 13, 0, 1])), (GAMMA, struct.pack(">I", 100000))],
    ],
    ids=["2.2", "2.2 and primaries", "sRGB goes before gAMA", "cICP goes before gAMA"],
)
def test_what_png_says_of_srgb_changes_nothing(tmp_path, chunks):
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 2, b"\0\x64\x32\xc8", *(chunk(*each) for each in chunks)))
    assert read(tmp_path / "a.png").pixels.tolist() == [[[100, 50, 200]]]


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"cICP", bytes([12, 13, 0, 1]))],
        [(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))],
    ],
)
def test_primaries_of_png(tmp_path, chunks):
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 2, b"\0\xc8\x3c\x28", *(chunk(*each) for each in chunks)))
    found = read(tmp_path / "a.png").pixels
    assert np.abs(found - by_littlecms(np.uint8([[[200, 60, 40]]]), P3)).max() <= 1


@pytest.mark.parametrize("code", [(9, 16, 0, 1), (9, 18, 0, 1), (1, 13, 0, 0), (200, 13, 0, 1)])
def test_coding_that_is_not_read_is_warned_of(tmp_path, code):
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 2, b"\0\x64\x32\xc8", chunk(b"cICP", bytes(code))))
    with pytest.warns(UserWarning, match=r"a\.png: its colors are coded as (PQ|HLG|cICP)") as caught:
        assert read(tmp_path / "a.png").pixels.tolist() == [[[100, 50, 200]]]
    assert len(caught) == 1


@pytest.mark.parametrize(
    "damaged", [(GAMMA, bytes(4)), (b"cHRM", bytes(32)), (b"cHRM", struct.pack(">8I", *[30000] * 8))]
)
def test_damaged_chunks_are_left_out(tmp_path, damaged):
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 2, b"\0\x64\x32\xc8", chunk(*damaged)))
    with pytest.warns(UserWarning, match=r"a\.png: its color profile is damaged"):
        assert read(tmp_path / "a.png").pixels.tolist() == [[[100, 50, 200]]]


def test_frames(tmp_path):
    frames = [Image.fromarray(SWATCHES), Image.fromarray(SWATCHES[:, ::-1])]
    for suffix, options in ((".webp", {"lossless": True}), (".png", {})):
        path = tmp_path / f"a{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, icc_profile=P3, **options)
        for number, picture in enumerate(read_frames(path)[0]):
            expected = by_littlecms(SWATCHES, P3)[:, :: -1 if number else 1]
            assert np.abs(picture.pixels[..., :3] - expected).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("damage", ["random", "short", "header", "zeros"])
def test_a_damaged_profile_is_left_out_with_one_warning(tmp_path, mode, damage):
    good = DOT_GAIN if mode == "L" else P3
    model = {"RGB": b"RGB ", "L": b"GRAY", "CMYK": b"CMYK"}[mode]
    profile = {
        "random": noise(500).tobytes(),
        "short": good[:20],
        "header": good[:16] + model + good[20:128],
        "zeros": good[:16] + model + good[20:132] + bytes(len(good) - 132),
    }[damage]
    path = tmp_path / "a.jpg"
    Image.new(mode, (8, 8), 77 if mode == "L" else (0,) * len(mode)).save(path, icc_profile=profile)
    with pytest.warns(UserWarning, match=r"a\.jpg: its color profile is damaged \(.*\) and left out") as caught:
        picture = read(path)
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert picture.icc_profile is None
    assert picture.pixels.shape[:2] == (8, 8)


@pytest.mark.filterwarnings("ignore:.*damaged")
def test_mutated_profiles_never_end_a_run():
    random = np.random.default_rng(0)
    for number in range(300):
        profile = bytearray(DOT_GAIN if number % 3 == 0 else P3)
        for _ in range(4):
            profile[random.integers(128, len(profile))] = random.integers(256)
        pixels = SWATCHES[..., 0] if number % 3 == 0 else SWATCHES
        if number % 2:
            pixels = pixels / 255
        picture = upright_picture(pixels, None, bytes(profile), 1, "a picture")
        assert picture.pixels.shape == pixels.shape
        assert np.isfinite(picture.pixels).all()


def test_a_profile_of_another_model_is_left_out_in_silence(save):
    assert read(save("a.png", Image.new("L", (2, 2), 50), icc_profile=P3)).pixels.tolist() == [[50, 50]] * 2


def test_values_beyond_all_spaces_stay(tmp_path):
    for value in (np.nan, 7.0):
        write(tmp_path / "a.tif", np.full((2, 2, 3), value, np.float32), icc_profile=P3)
        picture = read(tmp_path / "a.tif")
        np.testing.assert_array_equal(picture.pixels, np.full((2, 2, 3), value, np.float32))
        assert picture.icc_profile == P3


def test_a_picture_of_ones_own_keeps_its_space(tmp_path):
    """Who wants no conversion makes the Picture: results carry its profile."""
    picture = rustem.images.Picture(SWATCHES, None, P3, "mine")
    rustem.quantize(picture, 6).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["icc_profile"] == P3
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), SWATCHES)
