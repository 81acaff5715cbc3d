from collections.abc import Callable
from typing import Any, Self, TypeAlias, TypedDict, final, overload

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ColorPyramid",
    "absorb_components",
    "connected_components",
    "count_cells",
    "count_colors",
    "decode_png16",
    "dither",
    "encode_png16",
    "fit",
    "k_means_start",
    "label",
    "log_densities",
    "nearest",
    "oklab",
    "paint",
    "regions",
    "responsibilities",
    "seeds",
    "simd_level",
    "step",
    "sums_by_label",
]

# (covariance type, weights (k,), means (k, d), covariances in the family's shape)
_Mixture: TypeAlias = tuple[str, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

# Of a start that is sought
class _StartOptions(TypedDict):
    n_components: int
    covariance_type: str
    init_params: str
    weights_init: list[float] | None
    means_init: list[float] | None
    precisions_init: list[float] | None
    n_init: int
    feature_ratios: list[float]  # units beside each other; none: all alike
    seed: int

class _PriorOptions(TypedDict):
    frozen_means: list[bool]
    frozen_covariances: list[bool]
    prior_weight: float
    covariance_prior: list[float] | None
    degrees_of_freedom: float

class _FitOptions(TypedDict):
    tol: float
    tol_is_step: bool
    before: float | None
    max_iter: int
    acceleration: str
    reg_covar: float
    covariance_floor: float
    n_threads: int

def count_cells(pixels: NDArray[np.uint8], n_threads: int) -> tuple[NDArray[np.uint16], NDArray[np.uint64]]: ...
def count_colors(
    pixels: NDArray[Any], n_threads: int, mask: NDArray[np.bool_] | None = None
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.uint32]] | None: ...
def sums_by_label(
    values: NDArray[Any],
    counts: NDArray[np.float64] | None,
    labels: NDArray[np.uint32],
    n_labels: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def paint(
    table: NDArray[np.uint8], index: NDArray[np.uint32] | NDArray[np.int16] | NDArray[np.int32], n_threads: int
) -> NDArray[np.uint8]: ...
@overload
def fit(
    samples: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    unit: float,
    start: _Mixture,
    prior: _PriorOptions | None,
    options: _FitOptions,
    progress: Callable[[int, float], object] | None,
) -> tuple[_Mixture, list[float], bool, None]: ...
@overload
def fit(
    samples: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    unit: float,
    start: _StartOptions,
    prior: _PriorOptions | None,
    options: _FitOptions,
    progress: Callable[[int, float], object] | None,
) -> tuple[_Mixture, list[float], bool, tuple[NDArray[np.uint32], float]]: ...
def k_means_start(
    samples: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    n_components: int,
    covariance_type: str,
    reg_covar: float,
    seed: int,
    n_threads: int,
) -> _Mixture: ...
def seeds(
    samples: NDArray[Any], sample_weight: NDArray[np.float64] | None, n_components: int, seed: int, n_threads: int
) -> NDArray[np.float64]: ...
def step(
    samples: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    unit: float,
    statistics: _Mixture,
    current: _Mixture,
    rate: float,
    n_seen: float,
    prior: _PriorOptions,
    options: _FitOptions,
) -> tuple[_Mixture, _Mixture]: ...
def label(
    samples: NDArray[Any], sample_weight: NDArray[np.float64] | None, unit: float, mixture: _Mixture, n_threads: int
) -> tuple[NDArray[np.uint32], float]: ...
def responsibilities(samples: NDArray[Any], unit: float, mixture: _Mixture, n_threads: int) -> NDArray[Any]: ...
def log_densities(samples: NDArray[Any], unit: float, mixture: _Mixture, n_threads: int) -> NDArray[np.float64]: ...

class _DitherOptions(TypedDict):
    method: str
    strength: float
    edge_aware: bool
    n_threads: int

def dither(
    table: NDArray[np.float32],
    index: NDArray[np.uint32],
    sensitivity: NDArray[np.float32],
    palette: NDArray[np.float32],
    options: _DitherOptions,
) -> NDArray[np.uint32]: ...

class _PaletteOptions(TypedDict):
    n_clusters: int
    n_fixed: int
    tol: float
    max_iter: int
    coarse: bool
    seed: int
    n_threads: int

@final
class ColorPyramid:
    def __new__(
        cls,
        samples: NDArray[np.float32],
        sample_weight: NDArray[np.float64] | None,
        n_clusters: int,
        colors: NDArray[Any] | None = None,
    ) -> Self: ...
    def fit(
        self,
        start: NDArray[np.float64],
        options: _PaletteOptions,
        progress: Callable[[int, float], object] | None,
    ) -> tuple[NDArray[np.float64], float, int]: ...
    def nearest(
        self, centers: NDArray[np.float64], n_threads: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.float32]]: ...

def nearest(
    samples: NDArray[np.float32], centers: NDArray[np.float64], n_threads: int
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]: ...
def oklab(
    colors: NDArray[Any],
    linear: NDArray[np.float32],
    cones: list[list[float]],
    axes: list[list[float]],
) -> NDArray[np.float32]: ...
def simd_level() -> str: ...
def decode_png16(data: bytes, max_pixels: int) -> NDArray[np.uint16]: ...
def encode_png16(pixels: NDArray[np.uint16], icc_profile: bytes | None = None) -> bytes: ...

class _RegionOptions(TypedDict):
    n_components: int
    seed: int
    max_pixels: int
    range: tuple[float, float]
    n_threads: int
    weights: list[float] | None

def regions(
    pixels: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    options: _RegionOptions,
    progress: Callable[[str], object] | None,
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float64]]: ...
def connected_components(labels: NDArray[np.int32]) -> tuple[NDArray[np.uint32], int]: ...
def absorb_components(
    labels: NDArray[np.int32], components: NDArray[np.uint32], affinity: NDArray[np.float32], min_size: int
) -> NDArray[np.int32]: ...
