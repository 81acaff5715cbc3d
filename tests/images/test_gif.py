"""Pictures written as GIF: valid, in their own colors, opaque from one half of opacity."""

import numpy as np
import PIL.Image
import pytest
from gif_files import decode_strictly

import rustem
from rustem.images import read


class TestStillPictures:
    @pytest.mark.parametrize("n_colors", [4, 256])
    def test_soft_alpha_is_clear_or_opaque(self, n_colors, tmp_path):
        picture = np.dstack([np.random.default_rng(0).integers(0, 256, (40, 40, 3)), np.zeros((40, 40))]).astype(
            np.uint8
        )
        picture[..., 3] = np.linspace(0, 255, 40)
        for number, result in enumerate(
            [rustem.quantize(picture, n_colors), rustem.segment(PIL.Image.fromarray(picture), 3)]
        ):
            result.save(tmp_path / f"{number}.gif")
            decode_strictly((tmp_path / f"{number}.gif").read_bytes())
            saved = read(tmp_path / f"{number}.gif")
            shown = result.image if number else result.image[..., :3]
            seen = picture[..., 3] >= 128 if number else result.image[..., 3] >= 128
            np.testing.assert_array_equal(saved.alpha > 0, seen)
            np.testing.assert_array_equal(saved.pixels[seen], shown[seen])
        assert abs((saved.alpha > 0).mean() - 0.5) < 0.03

    def test_more_colors_than_gif_has(self, tmp_path):
        from rustem.images import write

        pixels = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
        alpha = np.full((50, 50), 255, np.uint8)
        alpha[:9] = 20
        with pytest.warns(UserWarning, match=r"a\.gif: GIF holds 255 of its \d+ colors; write a \.png"):
            write(tmp_path / "a.gif", pixels, alpha=alpha)
        decode_strictly((tmp_path / "a.gif").read_bytes())
        saved = read(tmp_path / "a.gif")
        np.testing.assert_array_equal(saved.alpha, np.where(alpha > 127, 255, 0))
        assert np.abs(saved.pixels[9:].astype(int) - pixels[9:]).mean() < 25
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        write(tmp_path / "b.gif", grey)
        np.testing.assert_array_equal(read(tmp_path / "b.gif").pixels, grey)
