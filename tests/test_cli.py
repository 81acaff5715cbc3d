import contextlib
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from rustem import cli, colorspaces, images, segmentation
from rustem.cli import main
from rustem.commands import jobs
from rustem.commands.display import hex_colours
from rustem.exceptions import InvalidInputError


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photo():
    save_photo("photo.png")
    return Path("photo.png")


def save_photo(path, offset=0):
    Path(path).parent.mkdir(exist_ok=True)
    Image.fromarray(astronaut()[offset : offset + 320 : 8, ::8]).save(path)


def run(*arguments):
    return main(["segment", *map(str, arguments)])


def written(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def pixels(path, mode="RGB"):
    with Image.open(path) as picture:
        return np.asarray(picture.convert(mode) if mode else picture)


def colours_in(path):
    return len(np.unique(pixels(path).reshape(-1, 3), axis=0))


# One picture


def test_the_result_lies_beside_the_picture(photo, capfd):
    assert run(photo, "-k", 5) == 0
    assert written() == ["photo-k5.png", "photo.png"]
    assert pixels("photo-k5.png").shape == (40, 64, 3)
    assert colours_in("photo-k5.png") == 5
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"photo\.png → photo-k5\.png  64.40, \d+ colours, (\d+ on the covariance floor, )?\d+ iterations, "
        r"log-likelihood -?\d+\.\d{3}, PSNR \d+\.\d dB, \d+\.\d\d s\n",
        err,
    )


def test_there_are_32_colours_unless_said_otherwise(photo):
    assert run(photo) == 0
    assert "photo-k32.png" in written()


def test_quiet_is_quiet(photo, capfd):
    assert run(photo, "-k", 3, "--quiet", "--max-iter", 1) == 0
    assert capfd.readouterr() == ("", "")


def test_side_by_side(photo):
    assert run(photo, "-k", 4, "--side-by-side") == 0
    pair = pixels("photo-k4-pair.png")
    np.testing.assert_array_equal(pair[:, :64], pixels(photo))
    assert pair.shape[0] == 40
    assert pair.shape[1] > 128


def test_output_may_be_a_file_or_a_folder(photo):
    Path("there").mkdir()
    assert run(photo, "-k", 2, "-o", "poster.webp") == 0
    assert run(photo, "-k", 2, "-o", "there") == 0
    assert run(photo, "-k", 2, "-o", "new/deep/") == 0
    assert run(photo, "-k", 2, "-o", "other/poster.png") == 0
    assert written() == [
        "new/deep/photo-k2.png",
        "other/poster.png",
        "photo.png",
        "poster.webp",
        "there/photo-k2.png",
    ]
    assert Path("poster.webp").read_bytes()[8:12] == b"WEBP"


def test_labels_are_written_too(photo):
    assert run(photo, "-k", 3, "--labels", "labels.png") == 0
    labels = pixels("labels.png", mode=None)
    assert labels.shape == (40, 64)
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert run(photo, "-k", 3, "--labels", "maps/", "--force") == 0
    assert "maps/photo-k3-labels.png" in written()


def test_the_palette_goes_to_stdout(photo, capfd):
    assert run(photo, "-k", 4, "--palette", "--quiet") == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 4
    colours, shares = zip(
        *(re.fullmatch(r"#([0-9a-f]{6}) +(\d+\.\d\d) %", line).groups() for line in lines), strict=True
    )
    assert sum(map(float, shares)) == pytest.approx(100, abs=0.03)
    picture = pixels("photo-k4.png").reshape(-1, 3)
    assert set(colours) == {bytes(colour).hex() for colour in picture}


def test_json_tells_everything(photo, capfd):
    assert run(photo, "-k", 4, "--json", "--labels", "labels.png") == 0
    record = json.loads(capfd.readouterr().out)
    assert record["file"] == "photo.png"
    assert record["output"] == "photo-k4.png"
    assert record["labels"] == "labels.png"
    assert (record["width"], record["height"]) == (64, 40)
    assert record["distinct_colours"] == colours_in(photo)
    assert record["n_components"] == record["n_requested"] == len(record["palette"]) == 4
    assert record["converged"] is True
    assert record["iterations"] >= 1
    assert record["psnr"] > 10
    assert record["seconds"] > 0
    assert np.isfinite(record["log_likelihood"])
    assert sum(colour["share"] for colour in record["palette"]) == pytest.approx(1, abs=1e-5)


def test_the_summary_says_when_the_fit_has_not_settled(photo, capfd):
    assert run(photo, "-k", 1, "--max-iter", 1, "--tol", 0) == 0
    assert " colours, 1 iteration, " in capfd.readouterr().err
    assert run(photo, "-k", 6, "--max-iter", 2) == 0
    assert "2 iterations (not converged)," in capfd.readouterr().err
    assert run(photo, "-k", 6, "--max-iter", 2, "--tol", 0, "--force") == 0
    assert "2 iterations, " in capfd.readouterr().err


def test_two_colours_are_two_colours_and_json_knows_no_infinity(capfd):
    Image.fromarray(np.kron([[0, 1], [1, 0]], np.full((4, 4), 255)).astype(np.uint8)).save("chess.png")
    assert run("chess.png", "--json") == 0
    out, err = capfd.readouterr()
    record = json.loads(out, parse_constant=pytest.fail)
    assert "only 2 of 32 components" in err
    assert "no loss" in err
    assert record["psnr"] is None
    assert {colour["hex"] for colour in record["palette"]} == {"#000000", "#ffffff"}


def test_other_warnings_become_one_line(photo, capfd, monkeypatch):
    original = segmentation.segment

    def warn_and_segment(*args, **keywords):
        warnings.warn("the picture is\n  upside down", UserWarning, stacklevel=2)
        return original(*args, **keywords)

    monkeypatch.setattr(segmentation, "segment", warn_and_segment)
    assert run(photo, "-k", 2) == 0
    assert capfd.readouterr().err.startswith("rustem: warning: photo.png: the picture is upside down\nphoto.png →")


# Options reach the fit


def test_every_option_reaches_the_fit(photo, monkeypatch):
    seen = {}

    def record(*args, **keywords):
        seen.update(keywords, image=args[0], n_components=args[1])
        raise InvalidInputError("enough")

    monkeypatch.setattr(segmentation, "segment", record)
    options = "-k 7 --covariance-type tied --max-iter 9 --tol 0.5 --n-init 3 --init random_from_data"
    assert (
        run(photo, *options.split(), *["--color-space", "oklab", "--seed", "11", "--threads", "2", "--min-size", "5"])
        == 1
    )
    assert seen == {
        "image": photo,
        "n_components": 7,
        "covariance_type": "tied",
        "max_iter": 9,
        "tol": 0.5,
        "n_init": 3,
        "init_params": "random_from_data",
        "color_space": "oklab",
        "random_state": 11,
        "min_size": 5,
        "n_threads": 2,
        "progress": None,
    }


def test_defaults_and_choices_are_those_of_the_function(photo):
    args = cli._parser(["segment"]).parse_args(["segment", "photo.png"])
    defaults = {name: each.default for name, each in inspect.signature(segmentation.segment).parameters.items()}
    for option, keyword in (("init", "init_params"), ("seed", "random_state"), ("threads", "n_threads")):
        assert getattr(args, option) == defaults[keyword]
    for keyword in ("covariance_type", "max_iter", "tol", "n_init", "color_space"):
        assert getattr(args, keyword) == defaults[keyword]
    for space in colorspaces.COLOR_SPACES:
        assert run(photo, "-k", 2, "--color-space", space, "--force") == 0


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_every_family(photo, family):
    assert run(photo, "-k", 3, "--covariance-type", family) == 0


def test_the_same_seed_gives_the_same_file_on_any_number_of_threads(photo):
    assert run(photo, "-k", 6, "--init", "random_from_data", "--seed", 4, "--threads", 1, "-o", "one.png") == 0
    assert run(photo, "-k", 6, "--init", "random_from_data", "--seed", 4, "--threads", 2, "-o", "two.png") == 0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


# Several pictures


def test_a_broken_picture_does_not_stop_the_others(photo, capfd):
    Path("broken.png").write_text("this is no picture")
    save_photo("last.png", offset=100)
    assert run(photo, "broken.png", "missing.png", "last.png", "-k", 2, "--json") == 1
    out, err = capfd.readouterr()
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["photo.png", "last.png"]
    errors = [line for line in err.splitlines() if line.startswith("rustem: error: ")]
    assert [name in line for name, line in zip(("broken.png", "missing.png"), errors, strict=True)] == [True, True]
    assert written() == ["broken.png", "last-k2.png", "last.png", "photo-k2.png", "photo.png"]


def test_a_folder_stands_for_its_pictures():
    for name in ("one.png", "two.JPG", ".hidden.png", "sub/three.png"):
        save_photo(Path("in") / name)
    Path("in/notes.txt").write_text("not a picture")
    assert run("in", "-k", 2, "-o", "out") == 0
    assert written("out") == ["one-k2.png", "two-k2.png"]


def test_a_folder_leaves_out_results_of_earlier_runs():
    save_photo("one.png")
    save_photo("route-k2.png")
    for options in ([], ["--side-by-side"], ["--labels", "./"], []):
        assert run(".", "-k", 2, "--force", *options) == 0
    assert written() == [
        "one-k2-labels.png",
        "one-k2-pair.png",
        "one-k2.png",
        "one.png",
        "route-k2-k2-labels.png",
        "route-k2-k2-pair.png",
        "route-k2-k2.png",
        "route-k2.png",
    ]


def test_globs_are_expanded_where_the_shell_does_not(capfd):
    for name in ("a1.png", "a2.png", "b1.png"):
        save_photo(name)
    assert run("a*.png", "c*.png", "-k", 2) == 1
    assert written() == ["a1-k2.png", "a1.png", "a2-k2.png", "a2.png", "b1.png"]
    assert "rustem: error: c*.png: no file matches" in capfd.readouterr().err


def test_a_file_may_have_the_name_of_a_glob():
    save_photo("photo[1].png")
    assert run("photo[1].png", "-k", 2) == 0
    assert "photo[1]-k2.png" in written()


def test_a_picture_named_twice_is_done_once(photo, capfd):
    assert run(photo, "./photo.png", ".", "-k", 2) == 0
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_palettes_of_several_pictures_name_them(photo, capfd):
    save_photo("last.png", offset=100)
    assert run(photo, "last.png", "-k", 2, "--palette") == 0
    names = [line.split(": #")[0] for line in capfd.readouterr().out.splitlines()]
    assert names == ["photo.png", "photo.png", "last.png", "last.png"]
    assert run(photo, "last.png", "missing.png", "-k", 3, "--palette") == 1
    assert capfd.readouterr().out.startswith("photo.png: #")
    Path("last-k3.png").unlink()
    assert run(photo, "last.png", "-k", 3, "--palette") == 1
    assert capfd.readouterr().out.startswith("last.png: #")


def test_labels_of_several_pictures_go_to_a_folder(photo):
    save_photo("last.png", offset=100)
    assert run(photo, "last.png", "-k", 2, "-o", "out", "--labels", "maps") == 0
    assert written("out") == ["last-k2.png", "photo-k2.png"]
    assert written("maps") == ["last-k2-labels.png", "photo-k2-labels.png"]


def test_two_pictures_never_share_a_result(capfd):
    save_photo("a/photo.png")
    save_photo("b/photo.png")
    assert run("a/photo.png", "b/photo.png", "-k", 2, "-o", "out", "--force") == 1
    assert written("out") == ["photo-k2.png"]
    assert "b/photo.png: out/photo-k2.png is already the result of a/photo.png" in capfd.readouterr().err


def test_an_empty_folder_is_said_to_be_empty(capfd):
    Path("empty").mkdir()
    assert run("empty") == 1
    assert capfd.readouterr().err == "rustem: error: empty: no pictures in this folder\n"


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
    assert tuple(images._FORMATS) == jobs._OUTPUTS
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
    assert hex_colours(palette) == expected


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


# One mixture for several pictures


def test_shared_pictures_have_one_palette(capfd):
    for index in range(3):
        save_photo(f"in/{index}.png", offset=60 * index)
    assert run("in", "-k", 5, "--shared", "--json", "-o", "out/") == 0
    records = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert written("out") == [f"{index}-shared5.png" for index in range(3)]
    palettes = [[colour["hex"] for colour in record["palette"]] for record in records]
    assert palettes[0] == palettes[1] == palettes[2]
    together = segmentation.segment([f"in/{index}.png" for index in range(3)], 5)
    for index, seg in enumerate(together):
        np.testing.assert_array_equal(pixels(f"out/{index}-shared5.png"), seg.image)


def test_shared_pictures_of_which_some_fail(photo, capfd):
    Path("broken.png").write_bytes(b"nothing")
    assert run("broken.png", photo, "-k", 3, "--shared") == 1
    assert "rustem: error: broken.png: " in capfd.readouterr().err
    assert "photo-shared3.png" in written()
    Image.fromarray(astronaut()[::8, ::8, 0]).save("grey.png")
    assert run("grey.png", photo, "-k", 3, "--shared", "--force") == 1
    assert "error: 2 pictures together: photo.png has 3 channels of uint8, but grey.png" in capfd.readouterr().err


# How many colours


def test_auto_chooses_what_select_says(photo, capfd):
    assert run(photo, "-k", "auto", "--json") == 0
    record = json.loads(capfd.readouterr().out)
    assert written() == ["photo-kauto.png", "photo.png"]
    assert main(["select", "photo.png"]) == 0
    assert capfd.readouterr().out == f"photo.png: {record['n_requested']}\n"


@pytest.mark.usefixtures("photo")
def test_select_tells_the_curve_and_draws_it(capfd):
    assert main(["select", "photo.png", "--max", "6", "--criterion", "icl", "--json", "--plot", "curve.png"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["candidates"] == list(range(1, 7))
    assert record["n_components"] == 1 + int(np.argmin(record["icl"]))
    assert pixels("curve.png").shape == (600, 900, 3)
    assert main(["select", "photo.png", "--plot", "curve.png"]) == 1
    assert "curve.png exists already" in capfd.readouterr().err


@pytest.mark.usefixtures("photo")
def test_select_reports_what_fails(capfd):
    assert main(["select", "missing.png", "photo.png", "--max", "3"]) == 1
    captured = capfd.readouterr()
    assert captured.out.startswith("photo.png: ")
    assert "error: missing.png" in captured.err
    with pytest.raises(SystemExit, match="2"):
        main(["select", "photo.png", "--min", "5", "--max", "3"])
    assert "--min: 5 is more than --max 3" in capfd.readouterr().err
    assert written() == ["photo.png"]
