"""Animations in few colours."""

from contextlib import nullcontext

import numpy as np
import PIL.Image
import pytest
import skimage.data
from colors import with_alpha

import rustem
from rustem import ImageError, InvalidInputError, quantize


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


class TestListsOfFrames:
    def test_pictures_become_frames(self, photograph, tmp_path):
        grey = skimage.data.camera()[::4, ::4]
        deep = np.roll(photograph, 9, axis=1).astype(np.uint16) * 257
        PIL.Image.fromarray(photograph).save(tmp_path / "first.png")
        frames = [tmp_path / "first.png", grey, deep, with_alpha(photograph, 0), PIL.Image.fromarray(grey)]
        animation = rustem.quantize_animation(frames, 20, fps=10)
        assert (animation.durations, animation.loop) == ([100] * 5, 0)
        assert len({frame.palette.tobytes() for frame in animation.frames}) == 1
        assert animation.frames[0].palette.shape == (20, 4)
        shown = [photograph, np.dstack([grey] * 3), np.roll(photograph, 9, axis=1)]
        for frame, picture in zip(animation.frames, shown, strict=False):
            assert np.abs(frame.image[..., :3].astype(float) - picture).mean() < 15
        assert (animation.frames[3].image[..., 3] == 0).all()

    @pytest.mark.parametrize(("fps", "total"), [(12, 1000), (30, 400), (0.5, 24000), (100, 120)])
    def test_times_do_not_run_off(self, tmp_path, fps, total):
        frames = [np.full((4, 4), 20 * number, np.uint8) for number in range(12)]
        animation = rustem.quantize_animation(frames, 12, fps=fps)
        assert sum(animation.durations) == total
        for kind in ("gif", "webp", "png"):
            with pytest.warns(UserWarning, match="12 of 12 frames last 10 ms") if fps == 100 else nullcontext():
                animation.save(tmp_path / f"x.{kind}")
            with PIL.Image.open(tmp_path / f"x.{kind}") as image:
                times = []
                for number in range(image.n_frames):
                    image.seek(number)
                    image.load()
                    times.append(image.info["duration"])
            assert len(times) == 12
            assert sum(times) == pytest.approx(total, abs=5)
            assert max(times) - min(times) <= (10 if kind == "gif" else 1)

    def test_what_makes_no_animation(self, photograph, tmp_path):
        PIL.Image.fromarray(photograph).save(tmp_path / "still.png")
        with pytest.raises(InvalidInputError, match=r"frame 1 is 128×127, but frame 0 is 128×128: make all"):
            rustem.quantize_animation([photograph, photograph[1:]], fps=5)
        for fps in (None, 0, 0.01, 101, True, float("nan")):
            with pytest.raises(InvalidInputError, match="fps is"):
                rustem.quantize_animation([photograph], fps=fps)
        with pytest.raises(InvalidInputError, match="fps is for a list"):
            rustem.quantize_animation(tmp_path / "still.png", fps=5)
        with pytest.raises(InvalidInputError, match="no frames"):
            rustem.quantize_animation([], fps=5)
        with pytest.raises(InvalidInputError, match="frame 0 has shape"):
            rustem.quantize_animation([np.zeros((3, 3, 7), np.uint8)], fps=5)
        with pytest.raises(InvalidInputError, match="frame 0 holds values beyond"):
            rustem.quantize_animation([np.full((3, 3), 2.0)], fps=5)
