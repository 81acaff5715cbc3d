"""The command that tells how many colours a picture has."""

import json

import numpy as np
import pytest
from command_line import pixels, written

from rustem.cli import main

pytestmark = pytest.mark.usefixtures("empty_folder")


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
