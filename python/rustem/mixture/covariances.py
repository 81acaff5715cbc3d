"""Covariances of each family: their inverses and the factors that scikit-learn keeps of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.arguments import CovarianceType

    Floats = NDArray[np.float64]

FAMILIES = ("full", "tied", "diag", "spherical")
ILL_DEFINED = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance (for instance "
    "caused by singleton or collapsed samples). Try to decrease the number of components, increase reg_covar, or scale "
    "the input data."
)


def shape_of(covariance_type: CovarianceType, k: int, d: int) -> tuple[int, ...]:
    """Shape of the covariances of k components over d features."""
    return {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[covariance_type]


def precision_factors(covariances: Floats, covariance_type: CovarianceType) -> Floats:
    """Upper triangles U with U Uᵀ = Σ⁻¹ ("full", "tied"), or inverse standard deviations.

    Raises
    ------
    ValueError
        A covariance is not positive-definite; the message is scikit-learn's.
    """
    if covariance_type in ("diag", "spherical"):
        if not (covariances > 0).all():
            raise ValueError(ILL_DEFINED)
        factors: Floats = 1 / np.sqrt(covariances)
        return factors
    try:
        lower = np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        raise ValueError(ILL_DEFINED) from None
    return np.triu(np.linalg.inv(lower).swapaxes(-1, -2))


def precisions(factors: Floats, covariance_type: CovarianceType) -> Floats:
    """Inverse covariances from :func:`precision_factors`."""
    inverse: Floats = factors @ factors.swapaxes(-1, -2) if covariance_type in ("full", "tied") else factors**2
    return inverse


def inverted(matrices: Floats, covariance_type: CovarianceType) -> Floats:
    """Covariances from precisions or the other way round."""
    if covariance_type in ("diag", "spherical"):
        reciprocal: Floats = 1 / matrices
        return reciprocal
    inverse = np.linalg.inv(matrices)
    symmetric: Floats = (inverse + inverse.swapaxes(-1, -2)) / 2
    return symmetric


def covariances_of_factors(factors: Floats, covariance_type: CovarianceType) -> Floats:
    """Covariances from :func:`precision_factors`."""
    if covariance_type in ("diag", "spherical"):
        return factors**-2.0
    lower = np.linalg.inv(factors).swapaxes(-1, -2)
    covariances: Floats = lower @ lower.swapaxes(-1, -2)
    return covariances


def full_matrices(covariances: Floats, covariance_type: CovarianceType, k: int, d: int) -> Floats:
    """The covariances as (k, d, d) matrices."""
    match covariance_type:
        case "full":
            return covariances
        case "tied":
            return np.broadcast_to(covariances, (k, d, d))
        case "diag":
            return covariances[:, :, np.newaxis] * np.eye(d)
        case "spherical":
            return covariances[:, np.newaxis, np.newaxis] * np.eye(d)


def log_determinants(matrices: Floats, family: CovarianceType) -> Floats:
    """Logarithm of the determinant of what the family keeps of each matrix."""
    diagonal = np.einsum("...aa->...a", matrices)
    logarithm: Floats
    match family:
        case "full" | "tied":
            logarithm = np.linalg.slogdet(matrices)[1]
        case "diag":
            logarithm = np.log(diagonal).sum(axis=-1)
        case "spherical":
            logarithm = matrices.shape[-1] * np.log(diagonal.mean(axis=-1))
    return logarithm


def import_sklearn() -> Any:
    """The module ``sklearn.mixture``.

    Raises
    ------
    ImportError
        With the line that installs it.
    """
    try:
        import sklearn.mixture
    except ModuleNotFoundError as error:
        raise ImportError("scikit-learn is missing: pip install 'rustem[sklearn]'") from error
    return sklearn.mixture
