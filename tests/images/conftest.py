"""What the tests of picture files share."""

import pytest


@pytest.fixture
def save(tmp_path):
    """Saves a Pillow image or bytes, gives the path."""

    def save(name, content, **options):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path, **options)
        return path

    return save
