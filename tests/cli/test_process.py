"""The command as a process: usage, pipes, interrupts, terminals."""

import contextlib
import os
import re
import signal
import subprocess
import sys

import pytest
from command_line import python, run, save_photo, written
from PIL import Image
from skimage.data import astronaut

from rustem import segmentation
from rustem.cli import main

pytestmark = pytest.mark.usefixtures("empty_folder")


def test_running_out_of_memory_is_one_line(photo, capfd, monkeypatch):
    def exhaust(*_, **__):
        raise MemoryError

    monkeypatch.setattr(segmentation, "segment", exhaust)
    assert run(photo) == 1
    assert capfd.readouterr().err == "rustem: error: photo.png: not enough memory; make the picture smaller\n"


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
        (["-k", "9" * 19], "is not a whole number from 1 to 65536"),
        (["--max-iter", "9" * 19], "is not a whole number from 1 to 2**63 - 1"),
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
    assert "rustem segment photo.jpg -k 32" in capfd.readouterr().out


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
