"""Mixtures as files: an ``.npz`` archive of plain arrays, never a pickle; whatever comes in is checked."""

from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.mixture.covariances import FAMILIES, shape_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.arguments import CovarianceType

VERSION = 2  # 1 did not know on what pictures a mixture was fitted
# No mixture that anybody fits is larger than this when unpacked; a bomb is.
MAX_BYTES = 1 << 30
ARRAYS = ("weights", "means", "covariances")


def write(
    path: str | os.PathLike[str],
    arrays: dict[str, NDArray[Any]],
    covariance_type: str,
    fitted_on: dict[str, Any] | None,
    overwrite: bool,
) -> None:
    """The archive at ``path``, whole or not at all."""
    from rustem.atomic_write import write_atomically

    contents: dict[str, Any] = {"rustem_mixture": VERSION, **arrays, "covariance_type": covariance_type}
    if fitted_on is not None:
        contents["fitted_on"] = json.dumps(fitted_on)
    write_atomically(path, lambda file: np.savez(file, **contents), overwrite)


def read(
    path: str | os.PathLike[str],
) -> tuple[dict[str, NDArray[np.float64]], str, dict[str, Any] | None]:
    """Parameters, covariance type and kind of pictures, all checked."""
    name = os.fsdecode(path)
    version, covariance_type, arrays, fitted_on = _unpack(path, name)
    if version > VERSION:
        raise InvalidInputError(f"{name}: saved by a newer rustem (format {version}): update rustem")
    fault = _fault(arrays, covariance_type) or _fault_of_kind(fitted_on)
    if fault:
        raise InvalidInputError(f"{name}: this mixture is damaged: {fault}")
    checked = {key: np.ascontiguousarray(value, dtype=np.float64) for key, value in arrays.items()}
    return checked, covariance_type, fitted_on


def _unpack(path: str | os.PathLike[str], name: str) -> tuple[int, str, dict[str, NDArray[Any]], dict[str, Any] | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise InvalidInputError(f"{name}: {size / 2**30:.1f} GB when unpacked: this is no mixture")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in ARRAYS}
            fitted_on = json.loads(str(archive["fitted_on"])) if "fitted_on" in archive else None
            return int(archive["rustem_mixture"]), str(archive["covariance_type"]), arrays, fitted_on
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


def _fault_of_kind(fitted_on: Any) -> str | None:
    """What is wrong with the kind of pictures."""
    if fitted_on is None:
        return None
    keys = {"dtype", "color_space", "lowest", "highest"}
    if not isinstance(fitted_on, dict) or fitted_on.keys() - {"bands"} != keys:
        return "another record of its pictures"
    valid = (
        fitted_on["dtype"] in ("uint8", "uint16", "float32", "float64")
        and fitted_on["color_space"] in ("srgb", "linear", "lab", "oklab")
        and isinstance(fitted_on.get("bands", []), list)
        and all(isinstance(band, str) for band in fitted_on.get("bands", []))
        and all(isinstance(fitted_on[key], float) and np.isfinite(fitted_on[key]) for key in ("lowest", "highest"))
    )
    return None if valid else "pictures of no known kind"


def _positive_definite(covariances: NDArray[Any], covariance_type: str) -> bool:
    if covariance_type in ("diag", "spherical"):
        return bool((covariances > 0).all())
    symmetric = np.allclose(covariances, covariances.swapaxes(-1, -2), rtol=1e-6)
    return symmetric and bool((np.linalg.eigvalsh(covariances) > 0).all())
