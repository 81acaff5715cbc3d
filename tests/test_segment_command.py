"""`rustem segment`: one picture, several, all options."""

import inspect
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from command_line import colours_in, pixels, run, save_photo, written
from PIL import Image
from skimage.data import astronaut

from rustem import cli, colorspaces, segmentation
from rustem.cli import main
from rustem.exceptions import InvalidInputError

pytestmark = pytest.mark.usefixtures("empty_folder")


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
