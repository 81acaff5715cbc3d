"""`rustem palette` and `rustem quantize`; terminals."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rustem import images, palettes
from rustem.cli import main
from rustem.palettes.writers import TEXT_FORMATS


def test_palette_shows_hex_shares_and_names(picture_file, capsys):
    assert main(["palette", str(picture_file), "-k", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "\x1b" not in "".join(lines)
    assert sum(float(line.split()[1]) for line in lines) == pytest.approx(100, abs=0.05)
    assert all(line.startswith("#") and line.split()[-1].isalpha() for line in lines)


def test_palette_files_are_written_and_converted(picture_file, tmp_path, capsys):
    gpl, css = tmp_path / "x.gpl", tmp_path / "x.css"
    assert main(["palette", str(picture_file), "-k", "5", "--format", "gpl", "-o", str(gpl), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [color["hex"] for color in record["palette"]] == palettes.read(gpl).hex
    assert main(["palette", str(gpl), "-o", str(css), "--quiet"]) == 0
    assert palettes.read(css).hex == palettes.read(gpl).hex
    assert main(["palette", str(gpl), "-o", str(css), "--quiet"]) == 1
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize("kind", palettes.FORMATS)
def test_a_palette_file_of_text_goes_to_standard_output(picture_file, capfdbinary, kind):
    folder = picture_file.parent
    assert main(["palette", str(picture_file), "-k", "5", "--format", kind, "-o", f"{folder}/out/", "--quiet"]) == 0
    (expected,) = (folder / "out").iterdir()
    assert capfdbinary.readouterr().out == b""
    for quiet in ([], ["--quiet"]):
        assert main(["palette", str(picture_file), "-k", "5", "--format", kind, *quiet, "--force"]) == 0
        out, err = capfdbinary.readouterr()
        beside = [path for path in folder.iterdir() if path.name.startswith("photo-k5")]
        if kind in TEXT_FORMATS:
            assert (out, err, beside) == (expected.read_bytes(), b"", [])
        else:
            assert beside[0].read_bytes() == expected.read_bytes()
            assert out.startswith(b"#") or quiet
    assert {"css", "gpl", "json"} <= set(TEXT_FORMATS)


def test_palette_files_of_several_pictures_or_beside_json_are_files(picture_file, capsys):
    folder = picture_file.parent
    assert main(["palette", str(picture_file), "-k", "2", "--format", "css", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["output"] == str(folder / "photo-k2.css")
    assert main(["palette", str(folder), "-k", "3", "--format", "css", "--quiet"]) == 0
    assert (folder / "photo-k3.css").exists()
    assert capsys.readouterr().out == ""


def test_what_fails_prints_nothing_to_standard_output(tmp_path, capsys):
    assert main(["palette", str(tmp_path / "none.jpg"), "--format", "css"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "none.jpg" in err


def test_a_palette_file_goes_to_a_stream_of_text(picture_file):
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        assert main(["palette", str(picture_file), "-k", "2", "--format", "pal"]) == 0
    assert stream.getvalue().startswith("JASC-PAL\r\n0100\r\n2\r\n")


def test_quantize_writes_a_small_indexed_file(picture_file, tmp_path, capsys):
    output = tmp_path / "small.png"
    arguments = ["quantize", str(picture_file), "-n", "16", "--dither", "--fixed", "#e4002b,white", "-o", str(output)]
    assert main([*arguments, "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n_colors"] == 16
    assert {"#e4002b", "#ffffff"} <= {color["hex"] for color in record["palette"]}
    assert record["bytes"] == output.stat().st_size
    with Image.open(output) as image:
        assert image.mode == "P"
        assert len(image.getcolors()) <= 16


def test_quantize_with_a_palette_file(picture_file, tmp_path, capsys):
    palette, output = tmp_path / "bw.hex", tmp_path / "bw.png"
    palettes.write(palette, ["#000", "#fff"])
    assert main(["quantize", str(picture_file), "--palette", str(palette), "--dither", "-o", str(output)]) == 0
    assert len(np.unique(images.read(output).pixels)) == 2
    with pytest.raises(SystemExit) as caught:
        main(["quantize", str(picture_file), "--palette", str(tmp_path / "none.gpl")])
    assert caught.value.code == 2
    assert "none.gpl" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--dither-strength", "2"], ["--dither-method", "x"], ["-n", "0"]])
def test_wrong_usage(picture_file, arguments):
    with pytest.raises(SystemExit) as caught:
        main(["quantize", str(picture_file), *arguments])
    assert caught.value.code == 2


def test_quantize_keeps_animations_moving(tmp_path, photograph, capsys):
    frames = [Image.fromarray(np.roll(photograph[::2, ::2], 3 * shift, axis=1)) for shift in range(4)]
    frames[0].save(tmp_path / "x.webp", save_all=True, append_images=frames[1:], duration=70, lossless=True, loop=0)
    for ending, options in ((".gif", []), (".png", ["--per-frame"])):
        output = tmp_path / f"y{ending}"
        arguments = ["quantize", str(tmp_path / "x.webp"), "-n", "12", "--dither", *options, "-o", str(output)]
        assert main([*arguments, "--json", "--quiet"]) == 0
        assert json.loads(capsys.readouterr().out)["frames"] == 4
        with Image.open(output) as image:
            assert image.n_frames == 4
            assert image.info["loop"] == 0
            for number in range(4):
                image.seek(number)
                image.load()
                assert image.info["duration"] == 70
                assert len(image.convert("RGB").getcolors()) <= 12


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("x.gif", [], "x-q12.gif"),
        ("X.GIF", [], "X-q12.gif"),
        ("x.webp", [], "x-q12.webp"),
        ("x.png", [], "x-q12.png"),
        ("x.gif", ["-n", "300"], "x-q300.png"),
        ("x.gif", ["--side-by-side"], "x-q12-pair.png"),
        ("x.gif", ["-o", "y.webp"], "y.webp"),
        ("x.bmp", [], "x-q12.png"),
    ],
)
@pytest.mark.parametrize("n_frames", [1, 3])
def test_results_have_the_format_of_their_pictures(
    tmp_path, photograph, monkeypatch, name, options, expected, n_frames
):
    monkeypatch.chdir(tmp_path)
    frames = [Image.fromarray(np.roll(photograph[::4, ::4], 3 * shift, axis=1)) for shift in range(n_frames)]
    n_frames = 1 if name == "x.bmp" else n_frames
    more = {"save_all": True, "append_images": frames[1:], "loop": 0} if n_frames > 1 else {}
    frames[0].save(name, **more)
    assert main(["quantize", name, "-n", "12", *options]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {name, expected}
    with Image.open(expected) as image:
        assert f".{image.format.lower()}" == expected[-len(image.format) - 1 :]
        assert getattr(image, "n_frames", 1) == (1 if "--side-by-side" in options else n_frames)
        assert options or len(image.convert("RGB").getcolors()) <= 12


@pytest.fixture
def film(tmp_path, monkeypatch):
    """A folder of frames whose levels tell their numbers; frame 10 comes last."""
    monkeypatch.chdir(tmp_path)
    Path("frames").mkdir()
    for number in (1, 2, 3, 10):
        Image.fromarray(np.full((8, 9, 3), 20 * number, np.uint8)).save(f"frames/frame{number}.png")
    return Path("frames")


def levels(path):
    with Image.open(path) as image:
        return [image.seek(number) or image.convert("RGB").getpixel((0, 0))[0] for number in range(image.n_frames)]


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png", ".apng"])
@pytest.mark.parametrize("options", [[], ["--per-frame"]])
def test_a_folder_of_frames_becomes_an_animation(film, capsys, ending, options):
    arguments = ["quantize", str(film), "-o", f"out{ending}", "--fps", "12.5", *options]
    assert main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert (record["file"], record["output"], record["frames"]) == ("frames", f"out{ending}", 4)
    assert record["n_colors"] == (1 if options else 4)
    assert err.startswith(f"frames → out{ending}  9×8, 4 frames, ")
    assert levels(f"out{ending}") == [20, 40, 60, 200]
    assert main(arguments) == 1
    assert "add --force" in capsys.readouterr().err
    # Files that are named one by one, as a shell names them.
    assert main(["quantize", *sorted(map(str, film.iterdir())), *arguments[2:], "--force", "--quiet"]) == 0
    assert levels(f"out{ending}") == [20, 40, 60, 200]


def test_a_result_in_the_folder_of_its_frames_is_no_frame(film):
    for _ in range(2):
        assert main(["quantize", "frames", "-o", "frames/out.gif", "--fps", "5", "--force", "--quiet"]) == 0
        assert levels("frames/out.gif") == [20, 40, 60, 200]
    before = (film / "out.gif").read_bytes()
    assert main(["quantize", "frames/out.gif", "-o", "frames/out.gif", "--fps", "5", "--force", "--quiet"]) == 1
    assert (film / "out.gif").read_bytes() == before


def test_frames_that_make_no_animation(film, capsys):
    Path("empty").mkdir()
    for arguments in (["empty"], ["frames", "none.png"], ["none*.png"]):
        assert main(["quantize", *arguments, "-o", "out.gif", "--fps", "5"]) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == err.count("rustem: error: ") == 1
    Image.new("RGB", (5, 6)).save(film / "frame4.png")
    assert main(["quantize", "frames", "-o", "out.gif", "--fps", "5"]) == 1
    expected = f"{film / 'frame4.png'} is 5×6, but {film / 'frame1.png'} is 9×8: make all frames of one size"
    assert capsys.readouterr().err == f"rustem: error: {expected}\n"
    assert not Path("out.gif").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--fps", "5"], "--fps: it makes one animation; name it with -o"),
        (["--fps", "5", "-o", "out/"], "--fps: it makes one animation; name it with -o"),
        (["--fps", "5", "-o", "out.bmp"], "--fps: it makes one animation; name it with -o"),
        (["--fps", "0", "-o", "out.gif"], "'0' is not a number from 0.02 to 100"),
        (["--fps", "5", "-o", "out.gif", "--side-by-side"], "not allowed with --side-by-side"),
        (["--fps", "5", "-o", "out.gif", "--skip-if-larger"], "not allowed with --skip-if-larger"),
        (["--side-by-side", "--skip-if-larger"], "--skip-if-larger: not allowed with --side-by-side"),
        (["-o", "out.gif"], "end a folder in /, or make one animation of them with --fps"),
    ],
)
@pytest.mark.usefixtures("film")
def test_wrong_usage_of_frames(capsys, arguments, reason):
    with pytest.raises(SystemExit) as caught:
        main(["quantize", "frames", *arguments])
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


def test_prominent_colors(picture_file, photograph, capsys):
    assert main(["palette", str(picture_file), "-k", "5", "--prominent", "--json"]) == 0
    (record,) = map(json.loads, capsys.readouterr().out.splitlines())
    own = {"#" + bytes(color).hex() for color in photograph.reshape(-1, 3)}
    assert {color["hex"] for color in record["palette"]} <= own
    assert main(["palette", str(picture_file), "--prominent", "--color-space", "lab"]) == 1
    assert "leave it out" in capsys.readouterr().err


@pytest.fixture
def sizes(tmp_path, monkeypatch, photograph):
    """A photograph in a JPEG that no PNG of many colours is smaller than, and one in a large BMP."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph).save("small.jpg", quality=20)
    Image.fromarray(photograph).save("large.bmp")


@pytest.mark.usefixtures("sizes")
def test_results_larger_than_their_pictures_say_so(capsys):
    assert main(["quantize", "small.jpg", "large.bmp", "--json"]) == 0
    out, err = capsys.readouterr()
    before, after = Path("small.jpg").stat().st_size, Path("small-q256.png").stat().st_size
    larger, smaller = err.splitlines()
    percent = int(larger.split("kB (")[1].split(" % more than the input)")[0])
    assert percent - 1 < 100 * (after / before - 1) <= percent
    assert "more than" not in smaller
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["input_bytes"] for record in records] == [before, Path("large.bmp").stat().st_size]
    assert (records[0]["bytes"], records[0]["skipped"]) == (after, False)
    assert main(["quantize", "small.jpg", "--side-by-side"]) == 0
    assert "more than" not in capsys.readouterr().err


@pytest.mark.usefixtures("sizes")
def test_larger_results_are_not_written_where_that_is_asked_for(tmp_path, capsys):
    arguments = ["quantize", "small.jpg", "large.bmp", "-o", "out/"]
    assert main([*arguments, "--json"]) == 0
    expected = Path("out/large-q256.png").read_bytes()
    larger = Path("out/small-q256.png").stat().st_size
    for path in Path("out").iterdir():
        path.unlink()
    Path("out").rmdir()
    capsys.readouterr()
    assert main(["quantize", "small.jpg", "-o", "out/", "--skip-if-larger"]) == 0
    assert not Path("out").exists()
    size = Path("small.jpg").stat().st_size
    told = f"the result has {larger / 1000:.1f} kB, not less than its {size / 1000:.1f} kB"
    assert capsys.readouterr().err == f"small.jpg: kept, nothing written: {told}\n"
    assert main([*arguments, "--skip-if-larger", "--json"]) == 0
    assert {path.name for path in Path("out").iterdir()} == {"large-q256.png"}
    assert Path("out/large-q256.png").read_bytes() == expected
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["skipped"] for record in records] == [True, False]
    assert [record["output"] for record in records] == [None, "out/large-q256.png"]
    # A result that is there already is kept, unless --force is given.
    assert main(["quantize", "large.bmp", "-o", "out/", "--skip-if-larger"]) == 1
    assert "--force" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"small.jpg", "large.bmp", "out"}


@pytest.mark.usefixtures("picture_file")
def test_what_is_already_in_few_colours_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["quantize", "photo.png", "-n", "9", "-o", "few.png"]) == 0
    assert main(["quantize", "few.png", "-n", "9", "--skip-if-larger"]) == 0
    assert "few.png: kept, nothing written" in capsys.readouterr().err
    assert not Path("few-q9.png").exists()


HOSTILE = [
    "\x1b]0;owned\x07\x1b[31mred",
    "a\u202eb",
    "\ud800lone",
    "two\nlines",
    "\x9b2J",
    "\U000e0067tag",
]


def test_names_reach_neither_terminal_nor_json_as_codes(tmp_path, capsys):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"title": "\x1b[2J", "colors": [{"hex": "#123456", "name": name} for name in HOSTILE]}))
    assert main(["palette", str(path)]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == len(HOSTILE)
    assert all(sign.isprintable() or sign == "\n" for sign in shown)
    assert main(["palette", str(path), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.isascii()
    names = [color["name"] for color in json.loads(out)["palette"]]
    assert names == ["]0;owned[31mred", "ab", "lone", "two lines", "2J", "tag"]
    for kind in ("gpl", "css", "svg", "json"):
        assert main(["palette", str(path), "--format", kind]) == 0
        assert all(sign.isprintable() or sign in "\t\n" for sign in capsys.readouterr().out)


@pytest.mark.parametrize("name", ["a\u00a0b.gpl", "a\U000e0067b.gpl", 'quote".gpl', "back\\slash.gpl", "a\u2028b.gpl"])
def test_json_of_any_file_name(tmp_path, capsys, name):
    path = tmp_path / name
    path.write_text("GIMP Palette\n1 2 3 x\n")
    assert main(["palette", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(path)


@pytest.mark.filterwarnings("default")
def test_warnings_are_one_line_each(tmp_path, capsys):
    (tmp_path / "book.aco").write_bytes(b"\0\1\0\2" + b"\0\3" + bytes(8) + b"\0\0" + b"\xff\xff" + bytes(6))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", icc_profile=b"no profile" * 20)
    for command, name, reason in (
        ("palette", "book.aco", "1 of 2 entries are left out"),
        ("palette", "a.png", "color profile is damaged"),
        ("quantize", "a.png", "color profile is damaged"),
        ("segment", "a.png", "color profile is damaged"),
    ):
        result = tmp_path / ("out.gpl" if command == "palette" else "out.png")
        assert main([command, str(tmp_path / name), "--force", "-o", str(result), "-k", "1"]) == 0
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("rustem: warning: ")]
        assert line.count(name) == 1
        assert reason in line
