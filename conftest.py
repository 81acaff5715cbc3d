"""A photograph for the examples in README.md and in docstrings, which run in an empty folder."""

import pytest


@pytest.fixture(autouse=True)
def _example_photograph(request, tmp_path, monkeypatch):
    if isinstance(request.node, pytest.DoctestItem):
        import skimage.data
        from PIL import Image

        monkeypatch.chdir(tmp_path)
        Image.fromarray(skimage.data.coffee()[::3, ::3]).save("photo.jpg", quality=95)
