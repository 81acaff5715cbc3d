"""Names that are public, and names that are taken."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import rustem

PACKAGE = Path(rustem.__file__).parent
PUBLIC_MODULES = ["images", "palettes", "colorspaces", "reference", "plotting", "exceptions"]
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def test_the_face_gives_what_it_names():
    assert set(rustem.__all__) <= set(dir(rustem))
    assert all(getattr(rustem, name) is not None for name in rustem.__all__)
    assert rustem.__version__
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = rustem.magic


def test_no_module_bears_the_name_of_a_function():
    """Its import would put the module in the function's place."""
    rooms = [rustem, *(importlib.import_module(f"rustem.{path.parent.name}") for path in PACKAGE.glob("*/__init__.py"))]
    for room in rooms:
        names = {name for name in getattr(room, "__all__", ()) if inspect.isfunction(getattr(room, name))}
        modules = {path.stem for path in Path(room.__file__).parent.iterdir()}
        assert not names & modules, room


def test_files_are_not_hidden():
    names = {path.name.split(".")[0] for path in PACKAGE.rglob("_*") if path.name != "__pycache__"}
    assert names == {"__init__", "__main__", "_core"}


def test_what_is_public_stands_in_the_reference():
    page = REFERENCE.read_text(encoding="utf-8")
    described = set(re.findall(r"^.. auto(?:function|class):: ([\w.]+)", page, re.MULTILINE))
    for module, names in re.findall(r"^.. automodule:: ([\w.]+)\n   :members:(.*)", page, re.MULTILINE):
        members = names.split(",") if names.strip() else importlib.import_module(module).__all__
        described |= {f"{module}.{name.strip()}" for name in members}
    public = {f"rustem.{name}": getattr(rustem, name) for name in [*rustem.__all__, "GaussianMixture"]}
    for module in PUBLIC_MODULES:
        room = importlib.import_module(f"rustem.{module}")
        public |= {f"rustem.{module}.{name}": getattr(room, name) for name in room.__all__}
    errors = {f"rustem.{name}" for name in rustem.exceptions.__all__}
    missing = {name for name, value in public.items() if callable(value)} - errors - described
    assert not missing
