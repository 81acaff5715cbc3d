"""Pictures for the tests: photographs that come inside installed packages, and small made ones."""

import numpy as np
import pytest
import skimage.data


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
