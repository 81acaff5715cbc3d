"""Mixtures as files: an ``.npz`` archive of plain arrays, never a pickle; whatever comes in is checked."""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.mixture.covariances import FAMILIES, shape_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.arguments import CovarianceType

VERSION = 1
# No mixture that anybody fits is larger than this when unpacked; a bomb is.
MAX_BYTES = 1 << 30
ARRAYS = ("weights", "means", "covariances")


def write(path: str | os.PathLike[str], arrays: dict[str, NDArray[Any]], covariance_type: str, overwrite: bool) -> None:
    """The archive at ``path``, whole or not at all."""
    from rustem.atomic_write import write_atomically

    contents: dict[str, Any] = {"rustem_mixture": VERSION, **arrays, "covariance_type": covariance_type}
    write_atomically(path, lambda file: np.savez(file, **contents), overwrite)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[np.float64]], str]:
    """Parameters and covariance type, their shapes and values checked."""
    name = os.fsdecode(path)
    version, covariance_type, arrays = _unpack(path, name)
    if version > VERSION:
        raise InvalidInputError(f"{name}: saved by a newer rustem (format {version}): update rustem")
    fault = _fault(arrays, covariance_type)
    if fault:
        raise InvalidInputError(f"{name}: this mixture is damaged: {fault}")
    return {key: np.ascontiguousarray(value, dtype=np.float64) for key, value in arrays.items()}, covariance_type


def _unpack(path: str | os.PathLike[str], name: str) -> tuple[int, str, dict[str, NDArray[Any]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise InvalidInputError(f"{name}: {size / 2**30:.1f} GB when unpacked: this is no mixture")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in ARRAYS}
            return int(archive["rustem_mixture"]), str(archive["covariance_type"]), arrays
    except (FileNotFoundError, IsADirectoryError, PermissionError, InvalidInputError):
        raise
    except Exception as error:  # whatever a broken archive makes zipfile and NumPy raise
        reason = str(error).partition("\n")[0]
        raise InvalidInputError(f"{name}: this is not a mixture that rustem saved ({reason})") from error


def _fault(arrays: dict[str, NDArray[Any]], covariance_type: str) -> str | None:
    """What is wrong with the arrays, in words; None if nothing is."""
    weights, means, covariances = (arrays[key] for key in ARRAYS)
    if any(array.dtype.kind not in "fiu" or not np.isfinite(array).all() for array in arrays.values()):
        return "values that are no finite numbers"
    if weights.ndim != 1 or means.ndim != 2 or len(means) != len(weights) or means.size == 0:
        return f"weights of shape {weights.shape} with means of shape {means.shape}"
    k, d = means.shape
    if covariance_type not in FAMILIES or covariances.shape != shape_of(cast("CovarianceType", covariance_type), k, d):
        return f"{covariance_type!r} covariances of shape {covariances.shape} for means of shape {means.shape}"
    if (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
        return "weights that do not sum to one"
    return None if _positive_definite(covariances, covariance_type) else "covariances that are not positive-definite"


def _positive_definite(covariances: NDArray[Any], covariance_type: str) -> bool:
    if covariance_type in ("diag", "spherical"):
        return bool((covariances > 0).all())
    symmetric = np.allclose(covariances, covariances.swapaxes(-1, -2), rtol=1e-6)
    return symmetric and bool((np.linalg.eigvalsh(covariances) > 0).all())
