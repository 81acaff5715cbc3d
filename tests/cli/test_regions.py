"""The command line of regions."""

import json

import numpy as np
import PIL.Image
import pytest
from made_pictures import blocks

from rustem.cli import main


def test_the_command_line(tmp_path, capsys):
    photo = tmp_path / "photo.png"
    PIL.Image.fromarray(blocks()[0]).save(photo)
    assert main(["regions", str(photo), "--labels", str(tmp_path / "labels.npy"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n_regions"] == len(record["regions"]) == 4
    assert record["regions"][0]["label"] == 1
    labels = np.load(tmp_path / "labels.npy")
    assert [each["area"] for each in record["regions"]] == np.bincount(labels.ravel())[1:].tolist()
    with PIL.Image.open(tmp_path / "photo-regions.png") as written:
        assert written.size == (160, 120)
    assert main(["regions", str(photo)]) == 1, "nothing is overwritten without --force"
    assert main(["regions", str(photo), "--n-regions", "2", "--view", "both", "--force", "--json", "--quiet"]) == 0
    out, _ = capsys.readouterr()
    assert json.loads(out)["n_regions"] == 2
    for wrong in (["--level", "1.5"], ["--level", "0.4", "--n-regions", "3"]):
        with pytest.raises(SystemExit) as caught:
            main(["regions", str(photo), *wrong])
        assert caught.value.code == 2
