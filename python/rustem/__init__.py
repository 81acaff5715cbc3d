"""Segment pictures with Gaussian mixtures: label maps, k-colour pictures, palettes, soft probability maps.

>>> import rustem
>>> seg = rustem.segment("photo.jpg", 32)  # doctest: +SKIP
>>> seg.save("photo-k32.png")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what each room's ``__all__`` names
    from rustem.exceptions import *
    from rustem.legacy import *
    from rustem.mixture import *
    from rustem.mixture.estimator import *
    from rustem.quantization import *
    from rustem.quantization.animation import *
    from rustem.quantization.dithering import *
    from rustem.region_merging import *
    from rustem.segmentation import *
    from rustem.segmentation.component_count import *

_ROOMS = {
    "exceptions": ("ConvergenceWarning", "ImageError", "InvalidInputError", "RustemError"),
    "legacy": ("EM", "restructure", "save_new"),
    "mixture": ("FitResult", "Mixture", "fit_mixture"),
    "mixture.estimator": ("GaussianMixture",),
    "quantization": ("Quantization", "palette", "quantize"),
    "quantization.animation": ("Animation", "quantize_animation"),
    "quantization.dithering": ("dither",),
    "region_merging": ("Regions", "regions"),
    "segmentation": ("Segmentation", "segment"),
    "segmentation.component_count": ("Selection", "select_components"),
}
_MODULES = {"colorspaces", "images", "palettes", "plotting", "reference", *(room for room in _ROOMS if "." not in room)}

# Without GaussianMixture: `from rustem import *` works where scikit-learn is missing.
__all__ = sorted(name for names in _ROOMS.values() for name in names if name != "GaussianMixture")  # noqa: PLE0605


def __getattr__(name: str) -> object:
    """Import a public name, or a module, when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("rustem")
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(importlib.import_module(f"rustem.{room}"), name)
    if name in _MODULES:
        return importlib.import_module(f"rustem.{name}")
    raise AttributeError(f"module 'rustem' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "GaussianMixture", "__version__"]
