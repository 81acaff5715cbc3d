"""A room of the package imports only from lower floors: the contracts in pyproject.toml hold, and they bite."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "rustem"
RUN = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from importlinter.cli import lint_imports_command
lint_imports_command()
"""


def lint(folder, source):
    """What import-linter says of the package in ``source``, by the contracts of this project."""
    options = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo"]
    command = [sys.executable, "-c", RUN, str(source), *options]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


def test_rooms_import_from_lower_floors_only(tmp_path):
    done = lint(tmp_path, PACKAGE.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Contracts: 2 kept, 0 broken." in done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("images/reading.py", "from rustem.segmentation import result"),
        ("quantization/labelling.py", "from rustem.segmentation import labelling"),
        ("mixture/covariances.py", "from rustem.mixture import estimator"),
        ("spatial.py", ""),
    ],
    ids=["up", "beside", "circle", "room without a floor"],
)
def test_a_wrong_import_is_found(tmp_path, file, line):
    copy = tmp_path / "python" / "rustem"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / file).open("a") as changed:
        changed.write(f"\n{line}\n")
    done = lint(tmp_path, copy.parent)
    assert done.returncode == 1, done.stdout + done.stderr
