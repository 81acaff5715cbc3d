"""Hyphens, pipes, streams that are closed or full, encodings."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import python, run, save_photo, written
from PIL import Image

from rustem.cli import main
from rustem.cli.streams import encodable, printable

pytestmark = [
    pytest.mark.usefixtures("empty_folder"),
    pytest.mark.skipif(os.name == "nt", reason="run by a POSIX shell"),
]
RUSTEM = f"'{sys.executable}' -m rustem"


def shell(command, **keywords):
    environ = {**os.environ, "PYTHONUTF8": "1", **keywords.pop("env", {})}
    return subprocess.run(["bash", "-c", command], capture_output=True, env=environ, check=False, **keywords)


def lines(done):
    return done.stderr.decode().splitlines()


class TestHyphens:
    @pytest.mark.parametrize("command", ["quantize - -n 3", "segment - -k 3", "regions -"])
    @pytest.mark.parametrize("output", ["", " -o -"])
    def test_a_picture_goes_through_a_pipe(self, photo, command, output):
        done = shell(f"{RUSTEM} {command}{output}", input=photo.read_bytes())
        assert done.returncode == 0
        with Image.open(io.BytesIO(done.stdout)) as picture:
            assert picture.format == "PNG"
            assert picture.size == (64, 40)
        assert len(lines(done)) == 1
        assert lines(done)[0].startswith("- → -  64×40")
        assert written() == ["photo.png"]

    @pytest.mark.usefixtures("photo")
    def test_it_is_the_same_as_from_file_to_file(self):
        assert main(["quantize", "photo.png", "-n", "5", "-o", "x.png", "--quiet"]) == 0
        done = shell(f"{RUSTEM} quantize - -n 5 --quiet < photo.png")
        assert done.stdout == Path("x.png").read_bytes()
        assert done.stderr == b""
        assert shell(f"{RUSTEM} quantize photo.png -n 5 -o - --quiet").stdout == done.stdout

    def test_animations_stay_animations(self):
        frames = [Image.fromarray(np.full((8, 9, 3), level, np.uint8)) for level in (0, 80, 250)]
        frames[0].save("move.gif", save_all=True, append_images=frames[1:], duration=50)
        done = shell(f"{RUSTEM} quantize - -n 3 < move.gif")
        with Image.open(io.BytesIO(done.stdout)) as film:
            assert film.n_frames == 3

    def test_files_and_folders_may_be_named_beside_a_hyphen(self, photo):
        data = photo.read_bytes()
        done = shell(f"{RUSTEM} segment - -k 2 -o out/ --labels maps/ --json", input=data)
        assert json.loads(done.stdout)["file"] == "-"
        assert written("out") == ["stdin-k2.png"]
        assert written("maps") == ["stdin-k2-labels.png"]
        assert shell(f"{RUSTEM} regions - -o r.png", input=data).returncode == 0
        assert "r.png" in written()

    @pytest.mark.parametrize(
        ("options", "start"),
        [
            ("", b"#"),
            ("-o -", b"GIMP Palette"),
            ("--format hex", b""),
            ("--format css -o -", b":root {"),
            ("--format ase", b"ASEF"),
            ("--format png -o -", b"\x89PNG"),
        ],
    )
    def test_palettes(self, photo, options, start):
        done = shell(f"{RUSTEM} palette - -k 4 {options}", input=photo.read_bytes())
        assert done.returncode == 0
        assert done.stdout.startswith(start)
        assert done.stdout
        assert done.stderr == b""
        assert written() == ["photo.png"]

    def test_select(self, photo):
        done = shell(f"{RUSTEM} select - --max 2", input=photo.read_bytes())
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(b"-: ")

    @pytest.mark.parametrize("command", ["quantize", "segment", "regions", "palette", "select"])
    @pytest.mark.parametrize("data", [b"", b"no picture"])
    def test_what_is_no_picture_is_one_line(self, command, data):
        done = shell(f"{RUSTEM} {command} -", input=data)
        assert (done.returncode, done.stdout) == (1, b"")
        assert len(lines(done)) == 1
        assert lines(done)[0].startswith("rustem: error: standard input: ")

    @pytest.mark.parametrize(
        "arguments",
        [
            "quantize - photo.png",
            "quantize photo.png last.png -o -",
            "quantize . -o -",
            "quantize photo.png -o - --json",
            "quantize - --json",
            "quantize - --skip-if-larger",
            "quantize - --fps 3 -o x.gif",
            "segment - --palette",
            "segment - --shared",
            "segment photo.png --labels -",
            "regions - --json -o -",
            "palette photo.png --json -o -",
            "palette . -o -",
            "select photo.png --plot -",
            "quantize - <&-",
            "quantize photo.png -o - >&-",
        ],
    )
    def test_what_a_hyphen_cannot_be(self, photo, arguments):
        save_photo("last.png", offset=100)
        done = shell(f"{RUSTEM} {arguments}", input=photo.read_bytes())
        assert (done.returncode, done.stdout) == (2, b"")
        assert lines(done)[0].startswith("usage: ")
        assert len(lines(done)) == 2
        assert written() == ["last.png", "photo.png"]

    @pytest.mark.parametrize(
        "arguments", ["quantize photo.png -o -", "palette photo.png --format act -o -", "regions -"]
    )
    @pytest.mark.usefixtures("photo")
    def test_a_terminal_gets_and_gives_no_pictures(self, arguments):
        pty = pytest.importorskip("pty")
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "rustem", *arguments.split()]
        done = subprocess.run(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, check=False)
        os.close(theirs)
        os.close(ours)
        assert done.returncode == 2
        assert len(lines(done)) == 2

    def test_a_file_may_have_the_name(self):
        save_photo("photo.png")
        Path("photo.png").rename("-")
        assert run("./-", "-k", 2, "-o", "x.png") == 0
        assert run("./-", "-k", 2) == 0
        assert written() == ["-", "--k2.png", "x.png"]

    @pytest.mark.usefixtures("photo")
    def test_named_pipes_are_read(self):
        done = shell(f"{RUSTEM} quantize <(cat photo.png) -n 2 -o x.png; {RUSTEM} quantize <(cat photo.png)")
        assert written() == ["photo.png", "x.png"]
        assert "name one with -o" in lines(done)[1]


class TestLostStreams:
    @pytest.mark.parametrize(
        ("redirection", "code"), [("2>&-", 0), ("2>/dev/full", 0), (">&-", 0), ("<&- >&- 2>&-", 0), (">/dev/full", 0)]
    )
    @pytest.mark.usefixtures("photo")
    def test_the_work_is_done(self, redirection, code):
        done = shell(f"{RUSTEM} segment photo.png -k 2 {redirection}")
        assert done.returncode == code
        assert b"Traceback" not in done.stderr
        with Image.open("photo-k2.png") as picture:
            picture.load()

    @pytest.mark.parametrize(
        "arguments",
        [
            "segment photo.png -k 2 --palette",
            "segment photo.png -k 2 --json --quiet",
            "quantize photo.png -o -",
            "palette photo.png",
            "palette photo.png --format gpl",
            "palette --list-named",
            "select photo.png --max 2",
            "--help",
            "segment --help",
            "--version",
        ],
    )
    @pytest.mark.parametrize("buffered", ["", "1"])
    @pytest.mark.usefixtures("photo")
    def test_results_that_get_lost_are_a_failure(self, arguments, buffered):
        done = shell(f"{RUSTEM} {arguments} > /dev/full", env={"PYTHONUNBUFFERED": buffered})
        assert done.returncode == 1
        expected = "rustem: error: standard output: No space left on device; redirect it to a file"
        assert [line for line in lines(done) if " → " not in line] == [expected]

    @pytest.mark.usefixtures("photo")
    @pytest.mark.parametrize(
        "arguments",
        ["--help", "palette photo.png", "quantize photo.png -o -", "segment photo.png --palette", "--version"],
    )
    def test_readers_that_leave(self, arguments):
        done = shell(f"{RUSTEM} {arguments} | true")
        assert not [line for line in lines(done) if " → " not in line]

    @pytest.mark.parametrize("arguments", ["segment", "segment nosuch.png", "", "quantise photo.png"])
    def test_errors_that_nobody_hears(self, arguments):
        for redirection in ("2>&-", "2>/dev/full"):
            code = shell(f"{RUSTEM} {arguments} {redirection}").returncode
            assert code == (1 if "nosuch" in arguments else 2)


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
    @pytest.mark.parametrize("errors", ["strict", "backslashreplace"])
    def test_any_encoding_will_do(self, encoding, errors):
        save_photo("文é.png")
        environ = {**os.environ, "PYTHONIOENCODING": f"{encoding}:{errors}"}
        command = [sys.executable, "-m", "rustem", "segment", "文é.png", "-k", "2", "--palette"]
        for missing in ([], ["x.png"]):
            done = subprocess.run(
                [*command[:4], *missing, *command[4:], "--force"], capture_output=True, env=environ, check=False
            )
            assert done.returncode == bool(missing)
            assert b"Traceback" not in done.stderr
            assert done.stdout.count(b"#") == 2

    def test_signs_have_stand_ins(self):
        assert encodable("a → 3×4 é文", io.TextIOWrapper(io.BytesIO(), "ascii")) == "a -> 3x4 \\xe9\\u6587"
        assert encodable("a → 3×4 é文", io.TextIOWrapper(io.BytesIO(), "utf-8")) == "a → 3×4 é文"

    def test_terminals_get_no_codes(self, capfd):
        assert printable("a\x1b[31m\nb\u202ec\x9b\udcff") == r"a\x1b[31m\nb\u202ec\x9b\udcff"
        for arguments in (["\x1b[2J"], ["segment", "a.png", "--\x1b[2J"], ["segment", "\x1b[2J.png"]):
            try:
                assert main(arguments) == 1
            except SystemExit as stop:
                assert stop.code == 2  # noqa: PT017  (both are right, each in its case)
            err = capfd.readouterr().err
            assert "\x1b" not in err
            assert r"\x1b[2J" in err

    @pytest.mark.parametrize("name", ["\x1b[31mred", "two\nlines", 'quo"te\\', "\u202ebidi", "\ud800"])
    def test_palettes_of_any_names(self, name, capfd):
        content = json.dumps({"title": name, "colors": [{"hex": "#ff0000", "name": name}]})
        Path("p.json").write_text(content)
        assert main(["palette", "p.json", "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["palette"][0]["hex"] == "#ff0000"
        assert main(["palette", "p.json"]) == 0
        assert "\x1b" not in capfd.readouterr().out
        assert main(["palette", "p.json", "--format", "gpl"]) == 0
        assert "\x1b" not in capfd.readouterr().out


def test_python_without_the_folder_it_works_in(photo):
    whole = photo.absolute()
    gone = "mkdir gone; cd gone; rmdir ../gone"
    for arguments in ("segment x.png", f"segment '{whole}' -o x.png", "palette pico-8"):
        done = shell(f"{gone}; {RUSTEM} {arguments}")
        assert done.returncode == 1
        assert lines(done) == ["rustem: error: the working folder is gone; change to another, or give whole paths"]
    assert shell(f"{gone}; {RUSTEM} segment '{whole}' -k 2").returncode == 0


@pytest.mark.parametrize("value", ["0", "-3", "many", "1e3", "9" * 30, " "])
@pytest.mark.usefixtures("photo")
def test_nonsense_of_threads_is_one_line(value):
    done = python("-m", "rustem", "segment", "photo.png", env={**os.environ, "RUSTEM_NUM_THREADS": value})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "RUSTEM_NUM_THREADS" in done.stderr


@pytest.mark.usefixtures("photo")
def test_many_threads_are_no_accident():
    environ = {**os.environ, "RUSTEM_NUM_THREADS": "99999999", "PYTHONUTF8": "1"}
    assert python("-m", "rustem", "segment", "photo.png", "-k", "2", env=environ).returncode == 0


@pytest.mark.usefixtures("photo")
def test_files_that_may_not_grow():
    done = shell(f"ulimit -f 0; {RUSTEM} segment photo.png -k 2 | cat")
    assert lines(done) == [
        "rustem: error: photo.png: photo-k2.png: cannot be written (File too large); try .png or another folder"
    ]
    assert written() == ["photo.png"]
