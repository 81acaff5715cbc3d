"""Pictures for the tests: photographs that come inside installed packages, and small made ones."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from command_line import save_photo


@pytest.fixture(scope="session")
def photograph():
    """The astronaut, 128×128: a real photograph, small enough for float64 oracles."""
    return np.ascontiguousarray(skimage.data.astronaut()[::4, ::4])


@pytest.fixture(scope="session")
def large_photograph():
    return skimage.data.astronaut()


@pytest.fixture
def picture_file(tmp_path, photograph):
    """The photograph as a PNG file."""
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.fromarray(photograph).save(path)
    return path


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A small photograph in the present folder, the only file there."""
    monkeypatch.chdir(tmp_path)
    save_photo("photo.png")
    return Path("photo.png")
