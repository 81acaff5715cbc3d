"""What the tests of mixtures share."""

import pytest


@pytest.fixture(scope="module")
def samples(photograph):
    return photograph.reshape(-1, 3) / 255.0
