"""Many pictures at once: folders, globs, shared palettes, failures."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import pixels, run, save_photo, written
from PIL import Image
from skimage.data import astronaut

from rustem import segmentation

pytestmark = pytest.mark.usefixtures("empty_folder")


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
