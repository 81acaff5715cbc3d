"""The command line as a whole: usage, what is never overwritten, processes and terminals."""

import json
import os
from pathlib import Path

import pytest
from command_line import colours_in, run, save_photo, written

from rustem import images
from rustem.cli import jobs
from rustem.images import writing

pytestmark = pytest.mark.usefixtures("empty_folder")


# What is never overwritten


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
