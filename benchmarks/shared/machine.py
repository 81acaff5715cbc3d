"""What a measurement was made on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rustem import _core
from rustem.arguments import available_cpus

PACKAGES = ("rustem", "numpy", "pillow", "scikit-learn", "opencv-contrib-python-headless")


def machine() -> dict:
    """CPU, SIMD level and versions."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":", 1)[1].strip() if models else cpu
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return {
        "cpu": cpu,
        "cpus": available_cpus(),
        "simd": _core.simd_level(),
        "python": platform.python_version(),
        "versions": versions,
    }
