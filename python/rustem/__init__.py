"""Segment pictures with Gaussian mixtures: label maps, k-colour pictures, palettes, soft probability maps.

>>> import rustem
>>> seg = rustem.segment("photo.jpg", 32)  # doctest: +SKIP
>>> seg.save("photo-k32.png")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rustem.animation import Animation, quantize_animation
    from rustem.dithering import dither
    from rustem.em import EM, restructure, save_new
    from rustem.estimator import GaussianMixture as GaussianMixture
    from rustem.exceptions import ConvergenceWarning, ImageError, InvalidInputError, RustemError
    from rustem.mixture import FitResult, Mixture, fit_mixture
    from rustem.quantization import Quantization, palette, quantize
    from rustem.region_finding import regions
    from rustem.region_tree import Regions
    from rustem.segmentation import Segmentation, segment
    from rustem.selection import Selection, select_components

# Without GaussianMixture: `from rustem import *` works where scikit-learn is missing.
__all__ = [
    "EM",
    "Animation",
    "ConvergenceWarning",
    "FitResult",
    "ImageError",
    "InvalidInputError",
    "Mixture",
    "Quantization",
    "Regions",
    "RustemError",
    "Segmentation",
    "Selection",
    "dither",
    "fit_mixture",
    "palette",
    "quantize",
    "quantize_animation",
    "regions",
    "restructure",
    "save_new",
    "segment",
    "select_components",
]

_HOMES = {
    "animation": ("Animation", "quantize_animation"),
    "em": ("EM", "restructure", "save_new"),
    "estimator": ("GaussianMixture",),
    "exceptions": ("ConvergenceWarning", "ImageError", "InvalidInputError", "RustemError"),
    "mixture": ("FitResult", "Mixture", "fit_mixture"),
    "dithering": ("dither",),
    "region_finding": ("regions",),
    "region_tree": ("Regions",),
    "quantization": ("Quantization", "palette", "quantize"),
    "segmentation": ("Segmentation", "segment"),
    "selection": ("Selection", "select_components"),
}


def __getattr__(name: str) -> object:
    """Import a public name, or a module, when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("rustem")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"rustem.{home}"), name)
    if name in {"images", "colorspaces", "palettes", "plotting", "reference", *_HOMES}:
        return importlib.import_module(f"rustem.{name}")
    raise AttributeError(f"module 'rustem' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "GaussianMixture", "__version__"]
