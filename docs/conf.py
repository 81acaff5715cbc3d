"""Sphinx: numpydoc for docstrings, MyST for pages. Needs what docs/requirements.txt lists, and no compiled core."""

import importlib.util
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "python"
if importlib.util.find_spec("rustem") is None:
    sys.path.insert(0, str(SOURCES))

project = "rustem"
author = "The rustem developers"
copyright = "The rustem developers"  # noqa: A001 - Sphinx's name for it

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["amsmath", "dollarmath", "deflist"]
myst_heading_anchors = 3

autodoc_mock_imports = ["rustem._core"] if importlib.util.find_spec("rustem._core") is None else []
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "rustem"
html_theme_options = {"show_toc_level": 2, "show_prev_next": False}
html_show_sourcelink = False
