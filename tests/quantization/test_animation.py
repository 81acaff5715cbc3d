"""Animations in few colours."""

import numpy as np
import PIL.Image
import pytest
import skimage.data
from colors import with_alpha

import rustem
from rustem import ImageError, quantize


class TestAnimations:
    @pytest.fixture(params=["gif", "webp", "png"])
    def animated(self, request, tmp_path, photograph):
        """A photograph that moves, over transparency."""
        frames = []
        for shift in (0, 16, 32):
            moved = with_alpha(photograph, 255)
            moved[:, : 20 + shift] = 0
            frames.append(PIL.Image.fromarray(np.roll(moved, shift, axis=1)[:64]))
        path = tmp_path / f"moving.{request.param}"
        options = {"lossless": True} if request.param == "webp" else {"disposal": 2}
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=[40, 50, 60], loop=0, **options)
        return path

    @pytest.mark.parametrize("shared", [True, False])
    def test_all_frames_come_back(self, animated, tmp_path, shared):
        animation = rustem.quantize_animation(animated, 12, shared=shared)
        assert animation.durations == [40, 50, 60]
        assert len(animation.frames) == 3
        palettes = {frame.palette.tobytes() for frame in animation.frames}
        assert len(palettes) == (1 if shared else 3)
        for kind in ("gif", "webp", "png"):
            out = tmp_path / f"out.{kind}"
            animation.save(out)
            with PIL.Image.open(out) as image:
                assert image.n_frames == 3
                assert image.info.get("loop") == 0
                for number, frame in enumerate(animation.frames):
                    image.seek(number)
                    shown = np.asarray(image.convert("RGBA"))
                    seen = frame.image[..., 3] > 0
                    np.testing.assert_array_equal(shown[..., 3] > 0, seen)
                    np.testing.assert_array_equal(shown[seen], frame.image[seen])

    def test_several_pictures_share_a_palette(self, photograph):
        pictures = [photograph, skimage.data.coffee()[::8, ::8]]
        first, second = quantize(pictures, 16)
        np.testing.assert_array_equal(first.palette, second.palette)
        np.testing.assert_array_equal(second.image, second.palette[second.labels])
        assert first.psnr > 20
        assert first.counts.sum() == photograph.shape[0] * photograph.shape[1]

    def test_what_is_no_animation(self, photograph, tmp_path):
        (tmp_path / "broken.gif").write_bytes(b"GIF89a")
        with pytest.raises(ImageError, match=r"broken\.gif"):
            rustem.quantize_animation(tmp_path / "broken.gif")
        PIL.Image.fromarray(photograph).save(tmp_path / "still.png")
        animation = rustem.quantize_animation(tmp_path / "still.png", 4)
        with pytest.raises(ImageError, match="choose one of"):
            animation.save(tmp_path / "out.bmp")
