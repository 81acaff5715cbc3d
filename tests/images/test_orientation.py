"""Pictures turned upright by their EXIF tag."""

import numpy as np
import pytest
import tifffile
from picture_files import chunk, noise, png16
from PIL import Image, ImageOps

from rustem.images import from_pil, read


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_orientation(save, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(f"a{suffix}", Image.fromarray(noise(16, 24, 3)), exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read(path).pixels, expected)
    assert expected.shape == ((16, 24, 3) if orientation < 5 else (24, 16, 3))
    with Image.open(path) as image:
        np.testing.assert_array_equal(from_pil(image).pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_at_sixteen_bits_and_of_alpha(tmp_path, save, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = noise(3, 4, 4)
    with Image.open(save("a.png", Image.fromarray(pixels), exif=exif)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16) * 257
    wide = pixels.astype(np.uint16) * 257
    tifffile.imwrite(
        tmp_path / "16.tif",
        wide,
        photometric="rgb",
        extrasamples=["unassalpha"],
        extratags=[(274, 3, 1, orientation, True)],
    )
    exif_chunk = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    late = png16(wide)[:-12] + exif_chunk + chunk(b"IEND")
    for path in (save("early.png", png16(wide, exif_chunk)), save("late.png", late), tmp_path / "16.tif"):
        picture = read(path)
        np.testing.assert_array_equal(picture.pixels, expected[..., :3])
        np.testing.assert_array_equal(picture.alpha, expected[..., 3])


def test_broken_exif_is_passed_over(save):
    pixels = noise(4, 5, 3)
    path = save("a.png", Image.fromarray(pixels), exif=b"Exif\0\0nonsense")
    np.testing.assert_array_equal(read(path).pixels, pixels)
