"""`rustem segment`: one picture, several, all options."""

import inspect
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from command_line import colours_in, pixels, run, written
from PIL import Image
from skimage.measure import label as connected

from rustem import InvalidInputError, cli, colorspaces, segmentation
from rustem.cli import main

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
        r"photo\.png → photo-k5\.png  64.40, \d+ colours, (\d+ as narrow as rounding, )?\d+ iterations, "
        r"log-likelihood -?\d+\.\d{3}, PSNR \d+\.\d dB, \d+\.\d\d s\n",
        err,
    )


def test_there_are_16_colours_unless_said_otherwise(photo):
    assert run(photo) == 0
    assert "photo-k16.png" in written()


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
    assert "only 2 of 16 components" in err
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
        seen.update(keywords, image=Path(args[0].name), n_components=args[1])
        raise InvalidInputError("enough")

    monkeypatch.setattr(segmentation, "segment", record)
    options = "-k 7 --covariance-type tied --noise 0.3 --max-iter 9 --tol 0.5 --n-init 3 --init random_from_data"
    assert (
        run(photo, *options.split(), *["--color-space", "oklab", "--seed", "11", "--threads", "2", "--min-size", "5"])
        == 1
    )
    assert seen == {
        "image": photo,
        "n_components": 7,
        "covariance_type": "tied",
        "noise": 0.3,
        "max_iter": 9,
        "tol": 0.5,
        "n_init": 3,
        "init_params": "random_from_data",
        "color_space": "oklab",
        "random_state": 11,
        "min_size": 5,
        "n_threads": 2,
        "progress": None,
        "mask": None,
        "mixture": None,
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


# How many colours


def test_auto_chooses_what_select_says(photo, capfd):
    assert run(photo, "-k", "auto", "--json") == 0
    record = json.loads(capfd.readouterr().out)
    assert written() == ["photo-kauto.png", "photo.png"]
    assert main(["select", "photo.png"]) == 0
    assert capfd.readouterr().out == f"photo.png: {record['n_requested']}\n"


def piece_sizes(labels):
    return np.bincount(connected(labels + 1, connectivity=1, background=0).ravel())[1:]


def test_the_command_line_knows_it(tmp_path):
    from PIL import Image

    photo, labels = tmp_path / "cat.png", tmp_path / "labels.npy"
    Image.fromarray(skimage.data.chelsea()[:150, :200]).save(photo)
    assert main(["segment", str(photo), "-k", "4", "--min-size", "60", "--labels", str(labels), "--quiet"]) == 0
    assert piece_sizes(np.load(labels)).min() >= 60
