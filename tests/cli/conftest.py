"""What the tests of the command line share."""

import pytest

from rustem import segmentation


@pytest.fixture
def no_fit(monkeypatch):
    monkeypatch.setattr(segmentation, "segment", lambda *_, **__: pytest.fail("nothing should be fitted"))
