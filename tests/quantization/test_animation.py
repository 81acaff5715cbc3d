"""Animations in few colours."""

from contextlib import nullcontext

import numpy as np
import PIL.Image
import pytest
import skimage.data
from colors import with_alpha
from gif_files import control_block, decode_strictly, gif_file, image_block, loop_block

import rustem
from rustem import ImageError, InvalidInputError, quantize
from rustem.cli import main
from rustem.images.frames import read_frames


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


def sprite(*shown, side=20):
    """Frames RGBA: a disc where 1 stands, nothing where 0 stands."""
    disc = np.zeros((side, side, 4), np.uint8)
    disc[side // 4 : side // 2, side // 4 : side // 2] = 255, 0, 0, 255
    return [disc * number for number in shown]


def as_file(path, frames, duration=100, **options):
    """Write the frames as WebP, without loss."""
    first, *rest = map(PIL.Image.fromarray, frames)
    first.save(path, save_all=True, append_images=rest, duration=duration, lossless=True, exact=True, **options)
    return path


def strictly(path):
    return decode_strictly(path.read_bytes())


def check_gif(animation, path):
    """Save as GIF, decode by the specification, and compare with the frames."""
    animation.save(path)
    found = strictly(path)
    assert len(found.frames) == len(animation.frames)
    assert abs(10 * sum(found.delays) - sum(animation.durations)) <= 5
    for shown, frame in zip(found.frames, animation.frames, strict=True):
        image = np.atleast_3d(frame.image)
        seen = frame.labels >= 0
        if image.shape[2] in (2, 4):
            seen &= image[..., -1] >= 128
            image = image[..., :-1]
        np.testing.assert_array_equal(shown[..., 3] == 255, seen)
        np.testing.assert_array_equal(shown[seen, :3], np.broadcast_to(image, (*seen.shape, 3))[seen])
    return found


class TestGifFiles:
    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize(
        "shown",
        [(1, 0, 1), (0, 1), (1, 0), (0, 0), (1, 0, 0, 0, 1), (0, 0, 1, 1, 0), (1, 1, 1), (1,), (0,), (1, 1, 0, 0)],
    )
    def test_transparent_and_equal_frames(self, tmp_path, shown, shared):
        frames = sprite(*shown)
        animation = rustem.quantize_animation(frames, 8, fps=10, shared=shared)
        found = check_gif(animation, tmp_path / "a.gif")
        np.testing.assert_array_equal(found.frames, frames)
        assert found.delays == [10] * len(shown)
        again, durations, loop = read_frames(tmp_path / "a.gif")
        assert (len(again), durations, loop) == (len(shown), [100] * len(shown), 0)

    @pytest.mark.parametrize("shared", [True, False])
    @pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (40, 33)])
    def test_noise_that_comes_and_goes(self, tmp_path, size, shared):
        rng = np.random.default_rng(1)
        frames = [rng.integers(0, 256, (*size, 4), np.uint8) for _ in range(6)]
        frames[2][size[0] // 2 :, :, 3] = 0
        frames[3] = frames[2].copy()
        frames[4][..., 3] = 0
        check_gif(rustem.quantize_animation(frames, 256, fps=7, shared=shared), tmp_path / "a.gif")

    @pytest.mark.parametrize("shared", [True, False])
    def test_every_color_and_transparency(self, tmp_path, shared):
        colors = (
            np.random.default_rng(2).permutation(2**24)[: 256 * 3].astype("<u4").view(np.uint8).reshape(3, 16, 16, 4)
        )
        frames = [np.dstack([each[..., :3], np.full((16, 16), 255, np.uint8)]) for each in colors]
        frames[1][3:9, 2:5] = 0
        animation = rustem.quantize_animation(frames, 256, fps=5, shared=shared)
        found = check_gif(animation, tmp_path / "a.gif")
        assert found.n_local_palettes == (0 if shared else 2)

    def test_only_what_changes_is_stored(self, tmp_path, photograph):
        frames = [photograph.copy() for _ in range(20)]
        for number, frame in enumerate(frames):
            frame[10:14, number : number + 4] = 255, 0, 0
        check_gif(rustem.quantize_animation(frames, 32, fps=20), tmp_path / "film.gif")
        rustem.quantize_animation(frames[:1], 32, fps=20).save(tmp_path / "first.gif")
        assert (tmp_path / "film.gif").stat().st_size < 1.5 * (tmp_path / "first.gif").stat().st_size

    def test_gaps_of_frames_are_transparent(self, tmp_path, photograph):
        mask = np.ones(photograph.shape[:2], bool)
        mask[30:50, 20:90] = False
        animation = rustem.quantize_animation([photograph] * 3, 16, fps=5, mask=[None, mask, None])
        found = check_gif(animation, tmp_path / "a.gif")
        assert not found.frames[1, 30:50, 20:90].any()
        for kind in ("webp", "png"):
            animation.save(tmp_path / f"a.{kind}")
            alpha = read_frames(tmp_path / f"a.{kind}")[0][1].alpha
            np.testing.assert_array_equal(alpha > 0, mask)

    def test_many_frames(self, tmp_path):
        frames = [np.full((2, 3), number % 200, np.uint8) for number in range(2000)]
        animation = rustem.quantize_animation(frames, 200, fps=30)
        found = check_gif(animation, tmp_path / "a.gif")
        assert abs(sum(found.delays) - 6667) <= 1

    def test_what_gif_does_not_hold(self, tmp_path, photograph):
        animation = rustem.quantize_animation([photograph] * 2, 300, fps=5)
        with pytest.raises(ImageError, match="256 colours, not 300: lower n_colors"):
            animation.save(tmp_path / "a.gif")
        frames = rustem.quantize_animation([photograph] * 2, 8, fps=5).frames
        with pytest.raises(ImageError, match=r"for 655\.35 seconds at most"):
            rustem.Animation(frames, [100, 700_000], 0).save(tmp_path / "a.gif")
        assert not list(tmp_path.iterdir())


class TestTimes:
    @pytest.mark.parametrize("duration", [33, 17, 41, 66, 125, 1234, [20, 25, 35, 15, 44] * 6])
    @pytest.mark.filterwarnings("ignore:.*frames last 10 ms")
    def test_sums_stay(self, tmp_path, duration):
        frames = [np.full((5, 5, 3), 8 * number, np.uint8) for number in range(30)]
        path = as_file(tmp_path / "a.webp", frames, duration)
        total = sum(duration) if isinstance(duration, list) else 30 * duration
        animation = rustem.quantize_animation(path, 64)
        assert sum(animation.durations) == total
        for kind in ("gif", "webp", "png"):
            animation.save(tmp_path / f"out.{kind}")
            _, durations, _ = read_frames(tmp_path / f"out.{kind}")
            assert len(durations) == 30
            assert abs(sum(durations) - total) <= 5
        assert 10 * sum(strictly(tmp_path / "out.gif").delays) == pytest.approx(total, abs=5)

    def test_frames_that_are_too_brief_are_told(self, tmp_path):
        frames = [np.full((5, 5, 3), 8 * number, np.uint8) for number in range(30)]
        animation = rustem.quantize_animation(as_file(tmp_path / "a.webp", frames, 15), 64)
        with pytest.warns(UserWarning, match=r"15 of 30 frames last 10 ms or less.*, or write \.webp or \.png"):
            animation.save(tmp_path / "a.gif")
        assert sum(strictly(tmp_path / "a.gif").delays) == 45
        animation.save(tmp_path / "a.png")
        assert read_frames(tmp_path / "a.png")[1] == [15] * 30

    @pytest.mark.parametrize("kind", ["gif", "webp", "png"])
    def test_frames_that_are_alike_keep_their_time(self, tmp_path, kind):
        disc, nothing = sprite(1, 0)
        animation = rustem.quantize_animation([disc, disc, disc, nothing, nothing], 8, fps=4)
        animation.save(tmp_path / f"a.{kind}")
        durations = read_frames(tmp_path / f"a.{kind}")[1]
        assert sum(durations) == 1250
        assert durations == ([250] * 5 if kind == "gif" else [750, 500])

    @pytest.mark.parametrize("kind", ["gif", "png"])
    def test_nothing_but_the_same_frame(self, tmp_path, kind):
        animation = rustem.quantize_animation(sprite(1, 1, 1, 1), 8, fps=4)
        animation.save(tmp_path / f"a.{kind}")
        assert sum(read_frames(tmp_path / f"a.{kind}")[1]) == 1000

    @pytest.mark.parametrize("blocks", [[], [loop_block(0)], [loop_block(1)], [loop_block(9)], [loop_block(65535)]])
    def test_loops_come_back(self, tmp_path, blocks):
        data = gif_file(2, 2, *blocks, *[image_block(0, 0, np.full((2, 2), n), control_block()) for n in (0, 1, 2)])
        (tmp_path / "a.gif").write_bytes(data)
        animation = rustem.quantize_animation(tmp_path / "a.gif", 4)
        n_plays = animation.loop
        for kind in ("gif", "webp", "png"):
            animation.save(tmp_path / f"out.{kind}")
            again = read_frames(tmp_path / f"out.{kind}")[2]
            assert again == (n_plays if kind == "gif" else min(n_plays, 65535))
        assert strictly(tmp_path / "out.gif").repetitions == decode_strictly(data).repetitions


class TestFilesOfFrames:
    def test_the_hidden_image_has_no_part(self, tmp_path):
        hidden, *frames = (np.full((8, 8, 3), color, np.uint8) for color in ((255, 0, 255), 0, 80, 160))
        first, *rest = map(PIL.Image.fromarray, (hidden, *frames))
        first.save(tmp_path / "a.png", save_all=True, append_images=rest, duration=70, default_image=True)
        animation = rustem.quantize_animation(tmp_path / "a.png", 8)
        assert [frame.image[0, 0, 0] for frame in animation.frames] == [0, 80, 160]
        assert len(animation.frames[0].palette) == 3
        assert animation.durations == [70, 70, 70]

    def test_a_color_of_one_brief_frame_is_in_the_palette(self, tmp_path):
        frames = [np.full((8, 8, 3), 100, np.uint8) for _ in range(50)]
        frames[7][...] = 200, 0, 0
        path = as_file(tmp_path / "a.webp", frames, [1000] * 7 + [20] + [1000] * 42)
        animation = rustem.quantize_animation(path, 2)
        colors = [frame.image[0, 0].tolist() for frame in animation.frames]
        assert [200, 0, 0] in colors

    def test_larger_frames_and_cleared_areas(self, tmp_path):
        blocks = [
            image_block(0, 0, np.full((6, 6), 0), control_block(2)),
            image_block(2, 2, np.full((8, 8), 1), control_block(1)),
            image_block(0, 5, np.full((1, 1), 2), control_block(3)),
        ]
        (tmp_path / "a.gif").write_bytes(gif_file(6, 6, *blocks, background=3))
        animation = rustem.quantize_animation(tmp_path / "a.gif", 4)
        found = check_gif(animation, tmp_path / "out.gif")
        expected = np.zeros((3, 6, 6, 4))
        expected[0] = 255, 0, 0, 255
        expected[1:, 2:, 2:] = 0, 255, 0, 255
        expected[2, 5, 0] = 0, 0, 255, 255
        np.testing.assert_array_equal(found.frames, expected)

    def test_deep_and_grey_stills(self, tmp_path, photograph):
        PIL.Image.fromarray(photograph[..., 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
        animation = rustem.quantize_animation(tmp_path / "deep.png", 4)
        assert animation.frames[0].image.dtype == np.uint8
        check_gif(animation, tmp_path / "a.gif")

    def test_nothing_is_left_of_failures(self, tmp_path):
        frames = [np.random.default_rng(number).integers(0, 256, (20, 20, 3), np.uint8) for number in range(8)]
        rustem.quantize_animation(frames, 64, fps=5).save(tmp_path / "a.gif")
        data = (tmp_path / "a.gif").read_bytes()
        for eighths in (2, 5, 7):
            (tmp_path / "a.gif").write_bytes(data[: eighths * len(data) // 8])
            with pytest.raises(ImageError, match=r"a\.gif: the file is truncated"):
                rustem.quantize_animation(tmp_path / "a.gif")
            assert main(["quantize", str(tmp_path / "a.gif"), "-o", str(tmp_path / "out.gif")]) == 1
            assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]

    def test_the_command_counts_frames_alike(self, tmp_path, capsys, monkeypatch):
        blocks = [image_block(0, 0, [[1]], control_block(1))] * 30
        (tmp_path / "bomb.gif").write_bytes(gif_file(6000, 6000, *blocks))
        assert main(["quantize", str(tmp_path / "bomb.gif"), "-o", str(tmp_path / "out.gif")]) == 1
        message = capsys.readouterr().err.strip()
        assert "refused before decoding: 30 frames of 6000 x 6000" in message
        assert "\n" not in message
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", None)
        (tmp_path / "small.gif").write_bytes(gif_file(6, 6, *blocks))
        assert main(["quantize", str(tmp_path / "small.gif"), "-o", str(tmp_path / "out.gif"), "--quiet"]) == 0
        assert len(strictly(tmp_path / "out.gif").frames) == 30
