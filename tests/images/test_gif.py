"""GIF by its specification: what is written is valid block by block, what is read is composed as browsers do."""

import io
import itertools
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from picture_files import chunk

import rustem
from rustem import ImageError
from rustem.images import gif, read
from rustem.images.frames import read_frames

TABLE = np.uint8([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]])


def strict(data):
    """The frames' boxes, delays and disposals; raises at a byte that starts no block."""
    assert data[:6] == b"GIF89a"
    place = 13 + (3 * (2 << (data[10] & 7)) if data[10] & 128 else 0)
    frames, control = [], None
    while data[place] != 0x3B:
        if data[place] == 0x21:
            if data[place + 1] == 0xF9:
                control = struct.unpack_from("<BHB", data, place + 3)
            place += 2
        elif data[place] == 0x2C:
            frames.append((struct.unpack_from("<4H", data, place + 1), control))
            control = None
            place += 10 + (3 * (2 << (data[place + 9] & 7)) if data[place + 9] & 128 else 0)
            assert 2 <= data[place] <= 8
            place += 1
        else:
            raise AssertionError(f"byte {data[place]} at {place} starts no block")
        while data[place]:
            place += data[place] + 1
        place += 1
    assert place == len(data) - 1
    return frames


def stored(size, frames, loop=b""):
    """A file of frames (left, top, indices (H, W), disposal, transparent index or None), packed by Pillow."""
    parts = [struct.pack("<6sHHBBB", b"GIF89a", *size, 0x81, 2, 0), TABLE.tobytes(), loop]
    for left, top, rows, disposal, transparent in frames:
        index = np.asarray(rows, np.uint8)
        flags = disposal << 2 | (transparent is not None)
        parts.append(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, 7, transparent or 0, 0))
        parts.append(struct.pack("<BHHHHB", 0x2C, left, top, index.shape[1], index.shape[0], 0))
        file = io.BytesIO()
        PIL.Image.fromarray(index).save(file, "GIF", interlace=False, optimize=False)
        data = file.getvalue()
        parts.append(data[data.index(b",", 13 + 768) + 10 : -1])
    return b"".join([*parts, b";"])


def composed(data):
    return list(gif.parse(data).composed())


def by_hand(size, frames):
    """Pixel by pixel, as the specification tells it."""
    canvas, shown = np.zeros((size[1], size[0], 4), np.uint8), []
    for left, top, index, disposal, transparent in frames:
        before = canvas.copy()
        places = [(y, x) for y, x in np.ndindex(np.shape(index)) if top + y < size[1] and left + x < size[0]]
        for y, x in places:
            if index[y][x] != transparent:
                canvas[top + y, left + x] = [*TABLE[index[y][x]], 255]
        shown.append(canvas.copy())
        if disposal == 3:
            canvas = before
        for y, x in places if disposal == 2 else ():
            canvas[top + y, left + x] = 0
    return shown


@pytest.mark.parametrize("transparent", [None, 3])
@pytest.mark.parametrize("disposals", list(itertools.product(range(4), repeat=2)))
def test_frames_lie_upon_one_another(disposals, transparent):
    random = np.random.default_rng(6)
    frames = [(0, 0, random.integers(0, 4, (7, 9)), 1, transparent)]
    for left, top, disposal in [(2, 1, disposals[0]), (6, 4, disposals[1]), (1, 3, 0)]:  # the second reaches out
        frames.append((left, top, random.integers(0, 4, (4, 5)), disposal, transparent))
    np.testing.assert_array_equal(composed(stored((9, 7), frames)), by_hand((9, 7), frames))


def test_a_first_frame_that_is_larger_makes_the_canvas(tmp_path):
    frames = [(0, 0, np.ones((6, 8), int), 2, None), (3, 2, [[2]], 1, None)]
    (tmp_path / "a.gif").write_bytes(stored((2, 3), frames))
    pictures, durations, loop = read_frames(tmp_path / "a.gif")
    assert [picture.pixels.shape for picture in pictures] == [(6, 8, 3)] * 2
    assert (durations, loop) == ([70, 70], 1)
    assert pictures[0].alpha is None
    assert (pictures[1].alpha > 0).sum() == 1


def test_what_others_leave_out():
    """No table of colors, no trailer, comments, frames without an area."""
    data = stored((4, 3), [(0, 0, np.arange(12).reshape(3, 4) % 4, 1, None), (9, 9, [[1]], 1, None)])
    head, blocks = data[:13], data[13 + 12 :]
    bare = head[:10] + b"\0" + head[11:] + b"\x21\xfe\3abc\0" + blocks[:-1]
    frames = composed(bare)
    np.testing.assert_array_equal(frames[0][..., 0], np.arange(12).reshape(3, 4) % 4)
    np.testing.assert_array_equal(frames[1], frames[0])


@pytest.mark.parametrize("end", [5, 12, 20, 30, -8, -2])
def test_truncated_files_are_errors(tmp_path, end):
    data = stored((9, 9), [(0, 0, np.arange(81).reshape(9, 9) % 4, 1, None)] * 3)
    (tmp_path / "a.gif").write_bytes(data[:end])
    with pytest.raises(ImageError, match=r"a\.gif: (the file is truncated|this is no picture)") as caught:
        rustem.quantize_animation(tmp_path / "a.gif", 4)
    assert "\n" not in str(caught.value)


def test_many_frames_of_a_large_canvas_are_refused_before_decoding(tmp_path):
    (tmp_path / "bomb.gif").write_bytes(stored((9000, 9000), [(0, 0, [[1]], 1, None)] * 40))
    with pytest.raises(ImageError, match=r"bomb\.gif: refused before decoding: .* 40 frames"):
        rustem.quantize_animation(tmp_path / "bomb.gif", 4)
    assert read(tmp_path / "bomb.gif").pixels.shape == (9000, 9000, 3)


def sprites(kinds, size=(12, 10)):
    """Frames of RGBA: "-" nothing, "o" a disc, "x" all opaque, "~" half of it soft."""
    random = np.random.default_rng(1)
    for kind in kinds:
        frame = np.zeros((*size, 4), np.uint8)
        if kind != "-":
            frame[..., :3] = random.integers(0, 4, (*size, 1)) * [60, 80, 10]
            frame[..., 3] = {"o": np.hypot(*np.ogrid[-6:6, -5:5]) < 4, "x": 1, "~": 0}[kind] * 255
        if kind == "~":
            frame[:, :5, 3], frame[:, 5:, 3] = 100, 160
        yield frame


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kinds", ["o-o", "-o-", "---", "oo--xx", "xxx", "x", "-", "xo~", "~~"])
def test_what_is_written_is_valid_and_comes_back(kinds, shared, tmp_path):
    frames = list(sprites(kinds))
    animation = rustem.quantize_animation(frames, 16, fps=20, shared=shared)
    animation.save(tmp_path / "a.gif")
    blocks = strict((tmp_path / "a.gif").read_bytes())
    assert len(blocks) == len(frames)
    pictures, durations, loop = read_frames(tmp_path / "a.gif")
    if len(frames) > 1:
        assert (durations, loop) == ([50] * len(frames), 0)
    for picture, frame in zip(pictures, frames, strict=True):
        seen = frame[..., 3] >= 128
        np.testing.assert_array_equal(np.full(seen.shape, 255) if picture.alpha is None else picture.alpha, 255 * seen)
        np.testing.assert_allclose(picture.pixels[seen], frame[seen, :3], atol=1)


def test_unchanged_areas_are_not_written_again(tmp_path):
    still = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))
    moved = still.copy()
    moved[20:24, 30:39] = 255
    rustem.quantize_animation([still, moved, moved], 65, fps=5).save(tmp_path / "a.gif")
    assert [box for box, _ in strict((tmp_path / "a.gif").read_bytes())] == [
        (0, 0, 64, 64),
        (30, 20, 9, 4),
        (0, 0, 1, 1),
    ]
    for picture, frame in zip(read_frames(tmp_path / "a.gif")[0], [still, moved, moved], strict=True):
        np.testing.assert_array_equal(picture.pixels, frame)


def test_256_colors_and_transparency_do_not_fit():
    colors = np.arange(256, dtype=np.uint8).reshape(16, 16)
    frame = np.dstack([colors, colors[::-1], colors, np.full((16, 16), 255, np.uint8)])
    clear = np.zeros_like(frame)
    animation = rustem.quantize_animation([frame, clear], 257, fps=5)
    with pytest.raises(ImageError, match="GIF holds 256 colors, not 257: lower n_colors"):
        animation.save("never.gif")
    rows = rustem.quantize_animation([frame, clear], 257, fps=5, shared=False)
    assert [len(each.palette) for each in rows.frames] == [256, 1]


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("loop", [0, 1, 2, 7])
def test_how_often_it_is_played_comes_back(ending, loop, tmp_path):
    made = rustem.quantize_animation(list(sprites("oxo")), 8, fps=10)
    rustem.Animation(made.frames, made.durations, loop).save(tmp_path / f"a{ending}")
    again = rustem.quantize_animation(tmp_path / f"a{ending}", 8)
    assert again.loop == loop
    assert again.durations == [100, 100, 100]


@pytest.mark.parametrize(("times", "total"), [([33] * 30, 990), ([7] * 100, 700), ([0, 0, 15, 15], 30)])
def test_sums_of_times_stay(times, total, tmp_path):
    made = rustem.quantize_animation(list(sprites("o" * len(times))), 4, fps=10)
    rustem.Animation(made.frames, times, 0).save(tmp_path / "a.gif")
    assert abs(sum(read_frames(tmp_path / "a.gif")[1]) - total) <= 5


def test_a_hidden_default_image_is_no_frame(tmp_path):
    images = [PIL.Image.fromarray(frame) for frame in sprites("xo-o")]
    images[0].save(
        tmp_path / "a.png", save_all=True, append_images=images[1:], duration=[20, 30, 40], default_image=True
    )
    pictures, durations, _ = read_frames(tmp_path / "a.png")
    assert durations == [20, 30, 40]
    np.testing.assert_array_equal(pictures[1].alpha, 0)
    np.testing.assert_array_equal(pictures[0].alpha, np.asarray(images[1])[..., 3])


@pytest.mark.parametrize("blend", [0, 1])
@pytest.mark.parametrize("disposal", [0, 1, 2])
def test_animated_png_lies_upon_itself_as_its_specification_says(disposal, blend, tmp_path):
    random = np.random.default_rng(2)
    frames = [random.integers(0, 2, (8, 8, 4), dtype=np.uint8) * 255 for _ in range(3)]
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 6, 0, 0, 0))]
    parts.append(chunk(b"acTL", struct.pack(">II", 3, 0)))
    for number, frame in enumerate(frames):
        packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in frame))
        control = struct.pack(">IIIIIHHBB", max(0, 2 * number - 1), 8, 8, 0, 0, 10, 1000, disposal, blend)
        data = chunk(b"fdAT", struct.pack(">I", 2 * number) + packed) if number else chunk(b"IDAT", packed)
        parts += [chunk(b"fcTL", control), data]
    (tmp_path / "a.png").write_bytes(b"".join([*parts, chunk(b"IEND")]))
    canvas = np.zeros((8, 8, 4), np.uint8)
    for picture, frame in zip(read_frames(tmp_path / "a.png")[0], frames, strict=True):
        before = canvas
        canvas = np.where(frame[..., 3:] > 0, frame, canvas) if blend else frame
        np.testing.assert_array_equal(picture.alpha, canvas[..., 3])
        np.testing.assert_array_equal(picture.pixels[canvas[..., 3] > 0], canvas[canvas[..., 3] > 0, :3])
        canvas = {0: canvas, 1: np.zeros_like(canvas), 2: before}[disposal]


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
            strict((tmp_path / f"{number}.gif").read_bytes())
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
        write(tmp_path / "a.gif", pixels, alpha=alpha)
        strict((tmp_path / "a.gif").read_bytes())
        saved = read(tmp_path / "a.gif")
        np.testing.assert_array_equal(saved.alpha, np.where(alpha > 127, 255, 0))
        assert np.abs(saved.pixels[9:].astype(int) - pixels[9:]).mean() < 25
        grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
        write(tmp_path / "b.gif", grey)
        np.testing.assert_array_equal(read(tmp_path / "b.gif").pixels, grey)
