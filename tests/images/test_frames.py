"""Animated files, frame by frame, as browsers show them."""

import itertools
import struct
import time
import zlib

import numpy as np
import PIL.Image
import pytest
from gif_files import COLORS, control_block, gif_file, image_block, loop_block
from picture_files import GREY_PROFILE, chunk, noise

from rustem.exceptions import ImageError
from rustem.images.frames import read_frames, whole_steps

CLEAR = (0, 0, 0, 0)
RED, GREEN, BLUE, DARK = ((*color, 255) for color in COLORS)


def shown(path):
    """RGBA (n, H, W, 4) of the frames; the rest of what is read."""
    pictures, durations, loop = read_frames(path)
    frames = []
    for picture in pictures:
        alpha = np.full(picture.pixels.shape[:2], 255) if picture.alpha is None else picture.alpha
        colors = np.broadcast_to(np.atleast_3d(picture.pixels), (*alpha.shape, 3))
        frames.append(np.where(alpha[..., np.newaxis] > 0, np.dstack([colors, alpha]), 0))
    return np.array(frames), durations, loop


def full(index, height, width):
    return np.full((height, width), index)


class TestGif:
    def frames(self, save, *blocks, size=(6, 6), **options):
        return shown(save("a.gif", gif_file(*size, *blocks, **options)))[0]

    @pytest.mark.parametrize("background", [0, 1, 3])
    @pytest.mark.parametrize("clear", [None, 2])
    def test_cleared_areas_are_transparent(self, save, background, clear):
        frames = self.frames(
            save,
            image_block(0, 0, full(0, 6, 6), control_block(2, clear=clear)),
            image_block(1, 2, full(1, 2, 3), control_block(2)),
            image_block(5, 5, full(3, 1, 1), control_block(1)),
            background=background,
        )
        expected = np.zeros((3, 6, 6, 4))
        expected[0] = RED
        expected[1, 2:4, 1:4] = GREEN
        expected[2, 5, 5] = DARK
        np.testing.assert_array_equal(frames, expected)

    @pytest.mark.parametrize("disposal", [3, 4])
    def test_what_was_there_comes_back(self, save, disposal):
        frames = self.frames(
            save,
            image_block(0, 0, full(0, 6, 6), control_block(1)),
            image_block(2, 2, full(1, 2, 2), control_block(disposal)),
            image_block(3, 3, full(2, 2, 2), control_block(disposal)),
            image_block(0, 0, full(3, 1, 1), control_block(0)),
        )
        expected = np.full((4, 6, 6, 4), RED)
        expected[1, 2:4, 2:4] = GREEN
        expected[2, 3:5, 3:5] = BLUE
        expected[3, 0, 0] = DARK
        np.testing.assert_array_equal(frames, expected)

    def test_the_first_frame_is_restored_to_nothing(self, save):
        first = image_block(0, 0, full(0, 6, 6), control_block(3))
        frames = self.frames(save, first, image_block(0, 0, full(1, 1, 1)))
        assert tuple(frames[1, 0, 0]) == GREEN
        assert not frames[1, 1:].any()

    def test_a_disposal_holds_for_its_own_frame(self, save):
        frames = self.frames(
            save,
            image_block(0, 0, full(0, 6, 6), control_block(2)),
            image_block(0, 0, full(1, 6, 6)),
            image_block(0, 0, full(2, 1, 1)),
        )
        assert tuple(frames[2, 5, 5]) == GREEN

    def test_frames_beyond_the_canvas_are_cut_off(self, save):
        frames = self.frames(
            save,
            image_block(0, 0, full(0, 6, 6), control_block(1)),
            image_block(4, 3, full(1, 9, 7), control_block(2)),
            image_block(6, 6, full(2, 2, 2), control_block(3)),
            image_block(200, 1, full(2, 2, 2), control_block(1)),
        )
        assert frames.shape == (4, 6, 6, 4)
        assert (frames[1, 3:, 4:] == GREEN).all()
        assert (frames[0] == RED).all()
        assert not frames[2, 3:, 4:].any()
        np.testing.assert_array_equal(frames[3], frames[2])

    def test_the_canvas_holds_the_first_frame(self, save):
        blocks = image_block(1, 2, full(0, 5, 3)), image_block(0, 0, full(1, 20, 20))
        frames = self.frames(save, *blocks, size=(2, 4))
        assert frames.shape == (2, 7, 4, 4)
        assert not frames[0, :2].any()
        assert (frames[0, 2:, 1:] == RED).all()
        assert (frames[1] == GREEN).all()
        assert self.frames(save, *blocks, size=(0, 0)).shape == (2, 7, 4, 4)

    def test_what_the_first_frame_leaves_is_transparent(self, save):
        frames = self.frames(save, image_block(2, 2, full(1, 2, 2)), background=2)
        assert np.count_nonzero(frames[..., 3]) == 4

    def test_palettes_and_transparency_of_frames(self, save):
        own = bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        pattern = np.array([[0, 1, 2], [2, 1, 0]])
        blocks = (
            image_block(0, 0, pattern, control_block(1, clear=1), 0x81, own),
            image_block(0, 0, pattern, control_block(1, clear=0)),
        )
        frames = self.frames(save, *blocks, size=(3, 2))
        assert frames[0].tolist() == [
            [[1, 2, 3, 255], list(CLEAR), [7, 8, 9, 255]],
            [[7, 8, 9, 255], list(CLEAR), [1, 2, 3, 255]],
        ]
        assert frames[1].tolist() == [
            [[1, 2, 3, 255], list(GREEN), list(BLUE)],
            [list(BLUE), list(GREEN), [1, 2, 3, 255]],
        ]
        grey = self.frames(save, image_block(0, 0, pattern), size=(3, 2), colors=None)
        assert grey[0, 0].tolist() == [[0, 0, 0, 255], [1, 1, 1, 255], [2, 2, 2, 255]]

    def test_interlaced_frames(self, save):
        rows = np.arange(16).repeat(2).reshape(16, 2) % 4
        order = [*range(0, 16, 8), *range(4, 16, 8), *range(2, 16, 4), *range(1, 16, 2)]
        frames = self.frames(save, *[image_block(0, 0, rows[order], flags=0x40)] * 2, size=(2, 16))
        for frame in frames:
            assert frame[:, 0, :3].tolist() == [list(COLORS[row % 4]) for row in range(16)]

    def test_many_frames_of_one_pixel(self, save):
        blocks = [image_block(0, 0, [[number % 4]], control_block(1, number % 7 + 2)) for number in range(3000)]
        frames, durations, _ = shown(save("long.gif", gif_file(1, 1, *blocks)))
        assert frames[:, 0, 0, :3].tolist() == [list(COLORS[number % 4]) for number in range(3000)]
        assert durations == [10 * (number % 7 + 2) for number in range(3000)]

    @pytest.mark.parametrize(("blocks", "loop"), [([], 1), ([loop_block(0)], 0), ([loop_block(3)], 4)])
    def test_repetitions(self, save, blocks, loop):
        frame = image_block(0, 0, [[0]])
        assert read_frames(save("a.gif", gif_file(1, 1, *blocks, frame, frame)))[2] == loop

    def test_no_time_is_what_browsers_make_of_it(self, save):
        image = [[1]]
        blocks = (
            image_block(0, 0, image),
            image_block(0, 0, image, control_block(delay=0)),
            image_block(0, 0, image, control_block(delay=1)),
            image_block(0, 0, image, control_block(delay=65535)),
        )
        assert read_frames(save("a.gif", gif_file(1, 1, *blocks)))[1] == [100, 100, 10, 655350]

    def test_what_is_around_the_frames(self, save):
        frame = image_block(0, 0, full(1, 2, 2))
        comment = b"\x21\xfe\x03abc\x00"
        data = gif_file(2, 2, comment, frame, b"\0\0", frame, comment)
        for content in (data, data[:-1], data + b"GIF89a and more"):
            assert len(shown(save("a.gif", content))[0]) == 2


class TestDamagedFiles:
    def fails(self, path, *words):
        with pytest.raises(ImageError) as caught:
            read_frames(path)
        message = str(caught.value)
        assert "\n" not in message
        for word in (str(path), *words):
            assert word in message

    def test_truncated_files(self, save, tmp_path):
        pictures = [PIL.Image.fromarray(noise(20, 20, 3)) for _ in range(8)]
        for kind in ("gif", "png", "webp"):
            path = tmp_path / f"whole.{kind}"
            pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=50)
            data = path.read_bytes()
            assert len(read_frames(path)[0]) == 8
            for part in (0.3, 0.55, 0.7, 0.95):
                self.fails(save(f"part.{kind}", data[: int(part * len(data))]))

    def test_damaged_gifs(self, save):
        frame = image_block(0, 0, full(1, 6, 6))
        self.fails(save("a.gif", gif_file(6, 6)), "no frame")
        self.fails(save("a.gif", gif_file(6, 6, frame, frame, b"GIF89a")), "damaged after frame 1")
        short = struct.pack("<BHHHHB", 0x2C, 0, 0, 6, 6, 0) + b"\2\2\x4c\1\0"
        self.fails(save("a.gif", gif_file(6, 6, frame, short)), "truncated")

    def test_every_cut_is_noticed(self, save):
        data = gif_file(3, 3, *[image_block(0, 0, full(1, 3, 3), control_block())] * 3)
        for length in range(len(data) - 1):
            path = save("cut.gif", data[:length])
            try:
                frames, _, _ = shown(path)
            except ImageError:
                continue
            # Between two frames, nothing tells a cut from a missing trailer.
            assert (length - 25) % ((len(data) - 26) // 3) == 0
            assert len(frames) == (length - 25) // ((len(data) - 26) // 3)


class TestLimits:
    def bomb(self, n_frames, side):
        return gif_file(side, side, *[image_block(0, 0, [[1]], control_block(1))] * n_frames)

    def test_pixels_of_all_frames_count(self, save, monkeypatch):
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 500)
        assert len(read_frames(save("small.gif", self.bomb(10, 10)))[0]) == 10
        with pytest.raises(ImageError, match="refused before decoding: 11 frames of 10 x 10 are 1100 pixels"):
            read_frames(save("large.gif", self.bomb(11, 10)))
        frames = [PIL.Image.fromarray(noise(10, 10, 3)) for _ in range(11)]
        for kind in ("webp", "png"):
            path = save(f"large.{kind}", frames[0], save_all=True, append_images=frames[1:])
            with pytest.raises(ImageError, match="11 frames of 10 x 10 are 1100 pixels"):
                read_frames(path)
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", None)
        assert len(read_frames(save("large.gif", self.bomb(11, 10)))[0]) == 11

    def test_frames_larger_than_the_canvas_count(self, save, monkeypatch):
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 500)
        data = gif_file(2, 2, image_block(0, 0, [[1]]), image_block(0, 0, full(1, 40, 40)))
        with pytest.raises(ImageError, match="refused before decoding"):
            read_frames(save("a.gif", data))

    def test_nothing_is_decoded_before(self, save):
        begin = time.process_time()
        with pytest.raises(ImageError, match="40 frames of 60000 x 60000"):
            read_frames(save("bomb.gif", self.bomb(40, 60000)))
        assert time.process_time() - begin < 5


def apng(width, height, depth, color_type, frames, *extra, hidden=None, n_frames=None, plays=0):
    """Frames are (x, y, array of big-endian samples, disposal, blend[, (numerator, denominator)])."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *extra, chunk(b"acTL", struct.pack(">II", n_frames or len(frames), plays))]
    number = itertools.count()
    if hidden is not None:
        parts.append(chunk(b"IDAT", packed(hidden)))
    for place, (x, y, samples, disposal, blend, *delay) in enumerate(frames):
        size = samples.shape[1::-1]
        control = struct.pack(">IIIIIHHBB", next(number), *size, x, y, *(delay or [(1, 10)])[0], disposal, blend)
        parts.append(chunk(b"fcTL", control))
        if place == 0 and hidden is None:
            parts.append(chunk(b"IDAT", packed(samples)))
        else:
            parts.append(chunk(b"fdAT", struct.pack(">I", next(number)) + packed(samples)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND")


def packed(samples):
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in samples))


def composed(width, height, frames, to_rgba):
    """The specification, in floats."""
    canvas, whole = np.zeros((height, width, 4)), []
    for number, (x, y, samples, disposal, blend, *_) in enumerate(frames):
        new = to_rgba(samples).astype(float) / 255
        area = canvas[y : y + new.shape[0], x : x + new.shape[1]]
        before = area.copy() if number else np.zeros_like(area)
        if blend:
            alpha = new[..., 3:] + area[..., 3:] * (1 - new[..., 3:])
            colors = new[..., :3] * new[..., 3:] + area[..., :3] * area[..., 3:] * (1 - new[..., 3:])
            new = np.dstack([np.divide(colors, alpha, out=np.zeros_like(colors), where=alpha > 0), alpha])
        area[...] = new
        whole.append(canvas.copy() * 255)
        if disposal:
            area[...] = 0 if disposal == 1 else before
    return np.array(whole)


PALETTE = noise(16, 3)
OPACITY = np.array([0, 255, 128, 255] * 4, np.uint8)


def grey(samples, opacity=255):
    return np.dstack([samples] * 3 + [np.broadcast_to(opacity, samples.shape)])


# Colour type, depth, further chunks, how samples are made, what they are as RGBA.
KINDS = {
    "rgba": (6, 8, [], lambda h, w: np.dstack([noise(h, w, 3), noise(h, w) // 85 * 85]), lambda a: a),
    "rgb": (2, 8, [], lambda h, w: noise(h, w, 3), lambda a: np.dstack([a, np.full(a.shape[:2], 255)])),
    "grey with a transparent level": (
        0,
        8,
        [chunk(b"tRNS", b"\0\1")],
        lambda h, w: noise(h, w) % 3,
        lambda a: grey(a, 255 * (a != 1)),
    ),
    "grey and alpha": (4, 8, [], lambda h, w: noise(h, w, 2), lambda a: grey(a[..., 0], a[..., 1])),
    "palette": (
        3,
        8,
        [chunk(b"PLTE", PALETTE.tobytes()), chunk(b"tRNS", OPACITY.tobytes())],
        lambda h, w: noise(h, w) % 16,
        lambda a: np.dstack([PALETTE[a], OPACITY[a]]),
    ),
    "deep grey": (0, 16, [], lambda h, w: noise(h, w, dtype=np.uint16).astype(">u2"), lambda a: grey(a / 257)),
    "deep rgba": (6, 16, [], lambda h, w: noise(h, w, 4, dtype=np.uint16).astype(">u2"), lambda a: a / 257),
}


class TestApng:
    @pytest.mark.parametrize("kind", KINDS)
    def test_all_operations(self, save, kind):
        color_type, depth, extra, samples, to_rgba = KINDS[kind]
        for first, second, third, *blends in itertools.product((0, 1, 2), (0, 1, 2), (0, 1, 2), (0, 1), (0, 1)):
            frames = [
                (0, 0, samples(6, 7), first, blends[0]),
                (1, 2, samples(3, 4), second, blends[1]),
                (2, 1, samples(4, 3), third, 1),
                (0, 0, samples(3, 5), 0, 1),
            ]
            path = save("a.png", apng(7, 6, depth, color_type, frames, *extra))
            found, expected = shown(path)[0], composed(7, 6, frames, to_rgba)
            expected[expected[..., 3] < 0.5] = 0
            strong = expected[..., 3] > 40  # colors of what is nearly transparent are coarse
            np.testing.assert_allclose(found[..., 3], expected[..., 3], atol=1.6)
            np.testing.assert_allclose(found[strong], expected[strong], atol=4)

    @pytest.mark.parametrize("n_frames", [1, 2, 5])
    def test_a_hidden_image_is_no_frame(self, save, n_frames):
        frames = [(0, 0, np.full((4, 4, 3), 40 * number, np.uint8), 0, 0) for number in range(n_frames)]
        data = apng(4, 4, 8, 2, frames, hidden=np.full((4, 4, 3), 255, np.uint8))
        found, durations, _ = shown(save("a.png", data))
        assert durations == [100] * n_frames
        assert found[:, 0, 0, 0].tolist() == [40 * number for number in range(n_frames)]

    def test_times_are_fractions(self, save):
        pixel = np.zeros((1, 1, 3), np.uint8)
        delays = [(1, 30)] * 30 + [(0, 7), (5, 0), (3, 2)]
        data = apng(1, 1, 8, 2, [(0, 0, pixel, 0, 0, delay) for delay in delays], plays=7)
        _, durations, loop = read_frames(save("a.png", data))
        assert sum(durations[:30]) == 1000
        assert set(durations[:30]) == {33, 34}
        assert durations[30:] == [100, 50, 1500]
        assert loop == 7

    def test_orientation_and_profiles(self, save):
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        samples = [noise(3, 4), noise(2, 2)]
        frames = [(0, 0, samples[0], 0, 0), (1, 1, samples[1], 0, 0)]
        extra = [
            chunk(b"iCCP", b"grey\0\0" + zlib.compress(GREY_PROFILE)),
            chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")),
        ]
        found = shown(save("a.png", apng(4, 3, 8, 0, frames, *extra)))[0]
        upright = np.rot90(samples[0], -1)
        assert found.shape == (2, 4, 3, 4)
        np.testing.assert_allclose(found[0, ..., 0], upright, atol=1)

    def test_damaged_files(self, save):
        pixel = np.zeros((2, 2, 3), np.uint8)
        frames = [(0, 0, pixel, 0, 0)] * 3
        good = apng(2, 2, 8, 2, frames)
        number = good.rindex(b"fdAT") + 4
        for bad, words in [
            (apng(2, 2, 8, 2, frames, n_frames=5), "3 of 5 frames"),
            (apng(2, 2, 8, 2, [*frames, (1, 0, pixel, 0, 0)]), "frame 3 is damaged"),
            (apng(2, 2, 8, 2, [*frames, (0, 0, pixel, 3, 0)]), "frame 3 is damaged"),
            (good[:number] + b"\0\0\0\7" + good[number + 4 :], "checksum of fdAT"),
            (good[:-12], "truncated"),
        ]:
            with pytest.raises(ImageError, match=words):
                read_frames(save("a.png", bad))


class TestOthers:
    def test_webp(self, save):
        frames = [np.dstack([noise(8, 9, 3), noise(8, 9) // 255 * 255]) for _ in range(4)]
        frames[2][...] = 0
        first, *rest = map(PIL.Image.fromarray, frames)
        options = {"lossless": True, "exact": True, "save_all": True, "append_images": rest}
        path = save("a.webp", first, duration=[7, 33, 50, 0], loop=3, **options)
        found, durations, loop = shown(path)
        np.testing.assert_array_equal(found, [np.where(each[..., 3:] > 0, each, 0) for each in frames])
        assert durations[:3] == [7, 33, 50]
        assert loop == 3

    def test_still_pictures(self, save):
        deep = noise(3, 4, dtype=np.uint16)
        pictures, durations, loop = read_frames(save("deep.png", PIL.Image.fromarray(deep)))
        np.testing.assert_array_equal(pictures[0].pixels, deep)
        assert (durations, loop) == ([100], 1)

    def test_pages_of_several_sizes(self, save):
        pages = [PIL.Image.fromarray(noise(4, width, 3)) for width in (4, 5)]
        path = save("pages.tif", pages[0], save_all=True, append_images=pages[1:])
        with pytest.raises(ImageError, match="frame 1 is 5 x 4, but frame 0 is 4 x 4"):
            read_frames(path)


def test_moments_are_rounded_not_times():
    assert whole_steps(itertools.accumulate([33] * 30), 10).count(40) == 9
    assert sum(whole_steps(itertools.accumulate([33] * 30), 10)) == 990
    assert whole_steps([4, 8, 12], 10) == [0, 10, 0]
