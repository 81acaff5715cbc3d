"""Mixtures saved by one run and applied by another: trained on some pictures, applied to a hundred."""

import json

import numpy as np
import pytest
from command_line import pixels, run, save_photo, written
from PIL import Image

import rustem
from rustem.cli import main

pytestmark = pytest.mark.usefixtures("empty_folder")


@pytest.fixture
def train(empty_folder):  # noqa: ARG001
    for number in range(3):
        save_photo(f"train/{number}.png", 60 * number)
    return "train"


@pytest.mark.parametrize("space", [None, "oklab"])
def test_the_same_labels_as_when_it_was_fitted(train, space, capsys):
    options = [] if space is None else ["--color-space", space]
    assert run(train, "-k", 5, "--shared", "--save-mixture", "m.npz", "--labels", "a/", "-o", "a/", *options) == 0
    assert run(train, "--mixture", "m.npz", "--labels", "b/", "-o", "b/", "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["n_components"], each["iterations"]) for each in records] == [(5, 0)] * 3
    for number in range(3):
        np.testing.assert_array_equal(
            pixels(f"a/{number}-shared5-labels.png", None), pixels(f"b/{number}-k5-labels.png", None)
        )
    assert rustem.Mixture.load("m.npz").fitted_on.color_space == (space or "srgb")


@pytest.mark.usefixtures("train")
def test_of_one_picture_and_on_deeper_ones():
    assert run("train/0.png", "-k", 4, "--save-mixture", "one.npz", "--labels", "eight.npy", "-o", "x.png") == 0
    deep = np.asarray(Image.open("train/0.png")).astype(np.uint16) * 257
    rustem.images.write("deep.png", deep)
    np.save("float.npy", deep / 65535)
    for name in ("deep.png", "float.npy"):
        assert run(name, "--mixture", "one.npz", "--labels", f"{name}.npy", "-o", f"{name}.tif") == 0
        assert (np.load(f"{name}.npy") == np.load("eight.npy")).mean() > 0.999


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["-k", "5"], "argument -k: not allowed with --mixture, which is fitted already"),
        (["-k", "16"], "argument -k: not allowed with --mixture"),
        (["--tol", "1e-3"], "argument --tol: not allowed with --mixture"),
        (["--shared"], "argument --shared: not allowed with --mixture"),
        (["--save-mixture", "n.npz"], "argument --save-mixture: not allowed with --mixture"),
    ],
)
def test_a_fit_is_refused_beside_a_mixture(train, options, complaint, capsys):
    rustem.segment(f"{train}/0.png", 3).mixture.save("m.npz")
    with pytest.raises(SystemExit) as caught:
        run(train, "--mixture", "m.npz", *options)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["train", "--save-mixture", "m.npz"], "it is one file; give one picture, or fit them all with --shared"),
        (["train/0.png", "--save-mixture", "m.txt"], "m.txt ends in none of .npz"),
        (["train/0.png", "--save-mixture", "there.npz"], "there.npz exists already; add --force to overwrite it"),
        (["train/0.png", "--save-mixture", "no/m.npz"], "is not a folder that can be written to"),
        (["there.npz", "--save-mixture", "there.npz", "--force"], "there.npz is another file of this run"),
    ],
)
@pytest.mark.usefixtures("train", "no_fit")
def test_what_cannot_be_saved_is_refused_before_the_fit(arguments, complaint, capsys):
    np.savez("there.npz", np.zeros((3, 3)))
    before = written()
    with pytest.raises(SystemExit) as caught:
        run(*arguments, "-k", "2")
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err
    assert written() == before


def test_what_is_no_mixture_or_does_not_fit(train, capsys):
    rustem.segment(f"{train}/0.png", 3).mixture.save("colors.npz")
    rustem.images.write("grey.png", np.zeros((4, 4), np.uint8))
    for name, mixture, complaint in [
        ("train/0.png", "train/1.png", "train/1.png: this is not a mixture that rustem saved"),
        ("train/0.png", "nowhere.npz", "nowhere.npz"),
        ("grey.png", "colors.npz", "grey.png has 1 channels, but the mixture is over 3"),
    ]:
        assert main(["segment", name, "--mixture", mixture]) == 1
        error = capsys.readouterr().err
        assert complaint in error
        assert error.count("\n") == 1
    assert not [name for name in written() if "-k3" in name]
