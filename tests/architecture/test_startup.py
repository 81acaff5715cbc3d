"""What starting costs: modules that are imported before they are needed."""

import pytest
from command_line import python

pytestmark = pytest.mark.usefixtures("empty_folder")


HEAVY = {"numpy", "PIL", "tqdm", "tifffile", "matplotlib", "sklearn", "scipy"}


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("statement", "needed"),
    [
        ("import rustem.cli", set()),
        ("from rustem.cli import main; main(['segment', 'photo.png', '-k', '2'])", {"numpy", "PIL"}),
    ],
)
def test_only_what_is_needed_is_imported(statement, needed):
    done = python("-c", f"import sys; {statement}; print(*{HEAVY} & sys.modules.keys())")
    assert set(done.stdout.split()) == needed
