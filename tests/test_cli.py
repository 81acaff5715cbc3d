"""The command line as a whole: usage, what is never overwritten, processes and terminals."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import colours_in, run, save_photo, written
from PIL import Image
from skimage.data import astronaut

from rustem import images, segmentation
from rustem.cli import jobs, main
from rustem.cli.screen import hex_colors
from rustem.images import writing

pytestmark = pytest.mark.usefixtures("empty_folder")


# What is never overwritten


@pytest.fixture
def no_fit(monkeypatch):
    monkeypatch.setattr(segmentation, "segment", lambda *_, **__: pytest.fail("nothing should be fitted"))


@pytest.mark.usefixtures("no_fit")
@pytest.mark.parametrize("options", [["-o", "kept.png"], ["--labels", "kept.png"]])
def test_existing_results_are_kept(photo, capfd, options):
    Path("kept.png").write_text("precious")
    assert run(photo, *options) == 1
    assert capfd.readouterr().err == (
        "rustem: error: photo.png: kept.png exists already; add --force to overwrite it\n"
    )
    assert Path("kept.png").read_text() == "precious"


def test_force_overwrites_results(photo):
    Path("photo-k2.png").write_text("old")
    assert run(photo, "-k", 2, "--force") == 0
    assert colours_in("photo-k2.png") == 2


@pytest.mark.usefixtures("no_fit")
@pytest.mark.parametrize("option", ["-o", "--labels"])
@pytest.mark.parametrize("alias", ["photo.png", "./photo.png", "sub/../photo.png", "link.png", "hard.png"])
def test_the_input_is_never_overwritten(photo, capfd, option, alias):
    Path("sub").mkdir()
    Path("link.png").symlink_to(photo)
    Path("hard.png").hardlink_to(photo)
    before = photo.read_bytes()
    assert run(photo, option, alias, "--force") == 1
    assert "is an input and would be overwritten" in capfd.readouterr().err
    assert photo.read_bytes() == before


def test_no_result_overwrites_another_input(photo):
    save_photo("photo-k2.png")
    before = Path("photo-k2.png").read_bytes()
    assert run(photo, "photo-k2.png", "-k", 2, "--force") == 1
    assert Path("photo-k2.png").read_bytes() == before
    assert written() == ["photo-k2-k2.png", "photo-k2.png", "photo.png"]


@pytest.mark.usefixtures("no_fit")
def test_labels_and_colours_need_two_files(photo, capfd):
    assert run(photo, "-o", "one.png", "--labels", "one.png") == 1
    assert "one.png is already the result of photo.png" in capfd.readouterr().err


@pytest.mark.usefixtures("no_fit")
@pytest.mark.parametrize("output", ["notes.txt/", "notes.txt/out.png", "notes.txt/deeper/out.png"])
def test_a_file_is_no_folder(photo, capfd, output):
    Path("notes.txt").write_text("a file")
    assert run(photo, "-o", output) == 1
    assert "notes.txt is not a folder that can be written to" in capfd.readouterr().err


@pytest.mark.usefixtures("no_fit")
def test_a_folder_that_cannot_be_written_to(photo, capfd, monkeypatch):
    Path("sealed").mkdir()
    # Whoever runs the tests as root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, _: not str(path).endswith("sealed"))
    assert run(photo, "-o", "sealed/new/") == 1
    assert "sealed is not a folder that can be written to" in capfd.readouterr().err
    assert not Path("sealed/new").exists()


def test_formats_are_those_that_can_be_written():
    assert tuple(writing.FORMATS) == jobs._OUTPUTS
    for name in jobs._LABELS:
        images.write_labels(f"labels{name}", [[0, 1]])


@pytest.mark.skipif(os.name == "nt", reason="no such names")
@pytest.mark.parametrize(
    ("name", "shown"), [(b"caf\xe9.png", r"caf\udce9.png"), (b"a\n\x1b[31m.png", r"a\n\x1b[31m.png")]
)
def test_strange_file_names_stay_on_their_line(capfd, name, shown):
    try:
        save_photo("photo.png")
        save_photo(os.fsdecode(name))
    except (OSError, UnicodeError):
        pytest.skip("the file system takes no such name")
    assert run(os.fsdecode(name), "photo.png", "-k", 1, "--palette") == 0
    out, err = capfd.readouterr()
    assert out.splitlines()[0].startswith(f"{shown}: #")
    assert err.splitlines()[0].startswith(f"{shown} → ")
    assert run(os.fsdecode(name), "-k", 1, "--json", "--force", "--quiet") == 0
    assert json.loads(capfd.readouterr().out)["file"] == os.fsdecode(name)


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "x" * 252 + ".png"])
def test_names_longer_than_the_file_system_takes(photo, capfd, name):
    assert run(photo, "-k", 2, "-o", name) == 1
    err = capfd.readouterr().err
    assert err.startswith("rustem: error: ")
    assert err.count("\n") == 1


def test_running_out_of_memory_is_one_line(photo, capfd, monkeypatch):
    def exhaust(*_, **__):
        raise MemoryError

    monkeypatch.setattr(segmentation, "segment", exhaust)
    assert run(photo) == 1
    assert capfd.readouterr().err == "rustem: error: photo.png: not enough memory; make the picture smaller\n"


# Usage


@pytest.mark.usefixtures("no_fit")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["-k", "0"], "argument -k/--n-components: '0' is not a whole number from 1"),
        (["-k", "-3"], "argument -k/--n-components: '-3' is not a whole number from 1"),
        (["-k", "many"], "'many' is not a whole number from 1"),
        (["--max-iter", "0"], "argument --max-iter"),
        (["--n-init", "0"], "argument --n-init"),
        (["--threads", "0"], "argument --threads"),
        (["--tol", "-1"], "argument --tol: '-1' is not a number from 0"),
        (["--tol", "nan"], "argument --tol"),
        (["--tol", "inf"], "argument --tol"),
        (["--seed", "-1"], "argument --seed: '-1' is not a whole number from 0"),
        (["--covariance-type", "round"], "argument --covariance-type: invalid choice: 'round'"),
        (["--color-space", "hsv"], "argument --color-space: invalid choice: 'hsv'"),
        (["--init", "kmeans"], "argument --init: invalid choice: 'kmeans'"),
        (["--json", "--palette"], "not allowed with argument"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["-o", "out"], "argument -o: out ends in none of .png"),
        (["-o", "out.xyz"], "argument -o: out.xyz ends in none of .png"),
        (["-k", "9" * 19], "is not a whole number from 1 to 2**63 - 1"),
        (["--labels", "out"], "argument --labels: out ends in none of .npy"),
        (["--labels", "out.jpg"], "argument --labels: out.jpg ends in none of .npy"),
        (["photo.jpg", "-o", "out.png"], "argument -o: out.png is one file, but there are several pictures"),
        ([".", "--labels", "out.png"], "argument --labels: out.png is one file, but there are several pictures"),
    ],
)
def test_wrong_usage_ends_with_2(photo, capfd, options, complaint):
    with pytest.raises(SystemExit) as caught:
        run(photo, *options)
    assert caught.value.code == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert complaint in err
    assert written() == ["photo.png"]


@pytest.mark.parametrize("arguments", [[], ["segment"], ["melt", "photo.png"]])
def test_a_command_and_a_picture_are_needed(arguments, capfd):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capfd.readouterr().err.startswith("usage: rustem")


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"]])
def test_help_holds_an_example(arguments, capfd):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "rustem segment photo.jpg -k 16" in capfd.readouterr().out


# Palettes of all kinds


@pytest.mark.parametrize(
    ("palette", "expected"),
    [
        (np.array([[255, 0, 16]], np.uint8), ["#ff0010"]),
        (np.array([[65535, 0, 4112]], np.uint16), ["#ff0010"]),
        (np.array([[1.0, -0.1, 1.5]], np.float32), ["#ff00ff"]),
        (np.array([[128], [7]], np.uint8), ["#808080", "#070707"]),
        (np.array([[1, 2, 3, 4]], np.uint8), ["#01020304"]),
    ],
)
def test_colours_in_hexadecimal(palette, expected):
    assert hex_colors(palette) == expected


# The process


def python(*arguments, **keywords):
    return subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", check=False, **keywords)


@pytest.mark.usefixtures("photo")
def test_python_m_rustem():
    done = python(
        "-m", "rustem", "segment", "photo.png", "missing.png", "-k", "2", env={**os.environ, "PYTHONUTF8": "1"}
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "photo.png → photo-k2.png" in done.stderr
    assert "missing.png" in done.stderr
    assert python("-m", "rustem", "segment", "-k0", "photo.png").returncode == 2


def test_version():
    done = python("-m", "rustem", "--version")
    assert re.fullmatch(r"rustem \d+\.\d+\.\d+\S*\n", done.stdout)
    assert done.returncode == 0


HEAVY = {"numpy", "PIL", "tqdm", "tifffile", "matplotlib", "sklearn", "scipy"}


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("statement", "needed"),
    [
        ("import rustem.cli", set()),
        ("from rustem.cli import main; main(['segment', 'photo.png', '-k', '2'])", {"numpy", "PIL"}),
    ],
)
def test_only_what_is_needed_is_imported(statement, needed):
    done = python("-c", f"import sys; {statement}; print(*{HEAVY} & sys.modules.keys())")
    assert set(done.stdout.split()) == needed


@pytest.mark.usefixtures("photo")
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGPIPE")
def test_a_reader_that_leaves_is_no_accident():
    command = [sys.executable, "-m", "rustem", "segment", "photo.png", "-k", "2", "--palette", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


@pytest.fixture
def start_on_terminal():
    """Start a run whose stderr is a terminal; return the process and our end of the terminal."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    with contextlib.ExitStack() as cleanup:

        def start(*arguments):
            ours, theirs = pty.openpty()
            termios.tcsetwinsize(ours, (24, 120))  # tqdm shows nothing on a terminal without columns
            # A process that was started in the background ignores Ctrl-C, unless it is told otherwise.
            code = (
                "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
                "from rustem.cli import main; sys.exit(main(['segment', *sys.argv[1:]]))"
            )
            process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=theirs)
            os.close(theirs)
            cleanup.callback(os.close, ours)
            cleanup.enter_context(process)
            cleanup.callback(process.kill)
            return process, ours

        yield start


def read_until(terminal, wanted=None):
    """Read what the terminal shows, to the end or until something wanted comes."""
    shown = ""
    while wanted is None or wanted not in shown:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk.decode(errors="replace")
    return shown


def test_ctrl_c_ends_a_fit_and_leaves_nothing(start_on_terminal):
    Image.fromarray(astronaut()).save("photo.png")
    process, terminal = start_on_terminal("photo.png", "-k", "64", "--tol", "0", "--max-iter", "1000000", "--json")
    assert "log-likelihood" in read_until(terminal, "log-likelihood")
    process.send_signal(signal.SIGINT)
    shown = read_until(terminal)
    assert process.wait(timeout=30) == 130
    assert process.stdout.read() == b""
    assert shown.endswith("rustem: interrupted\r\n")
    assert "Traceback" not in shown
    assert written() == ["photo.png"]


@pytest.mark.usefixtures("photo")
def test_a_bar_over_files_on_a_terminal(start_on_terminal):
    save_photo("last.png", offset=100)
    process, terminal = start_on_terminal("photo.png", "last.png", "-k", "2")
    shown = read_until(terminal)
    assert process.wait(timeout=30) == 0
    assert process.stdout.read() == b""
    assert "0/2" in shown
    assert "photo.png → photo-k2.png" in shown


@pytest.mark.usefixtures("photo")
def test_quiet_shows_no_bar_even_on_a_terminal(start_on_terminal):
    save_photo("last.png", offset=100)
    process, terminal = start_on_terminal("photo.png", "last.png", "-k", "2", "--quiet")
    assert read_until(terminal) == ""
    assert process.wait(timeout=30) == 0
