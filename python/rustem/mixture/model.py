"""Mixtures as data: predictions, draws, files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rustem import _core
from rustem.arguments import (
    CovarianceType,
    RandomState,
    check_choice,
    check_integer,
    check_samples,
    check_seed,
    check_threads,
    check_unit,
    check_weights,
)
from rustem.exceptions import InvalidInputError
from rustem.mixture.covariances import FAMILIES, shape_of

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class FittedOn:
    """The kind of pictures that a mixture was fitted on, so that it is applied to others as to those.

    Parameters
    ----------
    dtype : str
        Type of the pixels: "uint8", "uint16", "float32" or "float64".
    color_space : str
        Where the mixture is: "srgb", "linear", "lab" or "oklab".
    lowest, highest : float
        Ends of the pixels' values.
    bands : tuple of str
        Names of the channels, where the files told.
    """

    dtype: str
    color_space: str
    lowest: float
    highest: float
    bands: tuple[str, ...] = ()

    @property
    def white(self) -> float:
        """What whole numbers were divided by; 1 for floats, which were taken as they are."""
        return float(np.iinfo(self.dtype).max) if np.dtype(self.dtype).kind == "u" else 1.0

    @property
    def is_scaled(self) -> bool:
        """Whether the mixture is over values from 0 to 1, whatever the type of the pictures was."""
        return self.white > 1 or (self.lowest >= 0 and self.highest <= 1)


@dataclass(frozen=True, eq=False)
class Mixture:
    """The parameters of a Gaussian mixture with k components over d features.

    Parameters
    ----------
    weights : ndarray of shape (k,)
        Share of each component; they sum to one.
    means : ndarray of shape (k, d)
        Mean of each component, in the unit of the samples (pictures: colours scaled to [0, 1]).
    covariances : ndarray
        Covariances in that unit squared: (k, d, d) for "full", (d, d) for "tied", (k, d) for "diag", (k,) for
        "spherical".
    covariance_type : {"full", "tied", "diag", "spherical"}
        The family of the covariances.
    fitted_on : FittedOn, optional
        Of what pictures, where :func:`rustem.segment` fitted it; None for one over samples.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    covariance_type: CovarianceType
    fitted_on: FittedOn | None = None

    def __post_init__(self) -> None:
        for name in ("weights", "means", "covariances"):
            try:
                values = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            except (TypeError, ValueError):
                raise InvalidInputError(f"{name} of a mixture are no array of numbers") from None
            object.__setattr__(self, name, values)
        if self.means.ndim != 2 or 0 in self.means.shape:
            raise InvalidInputError(f"means have shape {self.means.shape}: give (k, d), a row for each component")
        check_choice("covariance_type", self.covariance_type, FAMILIES)
        k, d = self.means.shape
        shapes = {"weights": (k,), "covariances": shape_of(self.covariance_type, k, d)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InvalidInputError(f"{name} have shape {getattr(self, name).shape}: for these means give {shape}")
        if not self.weights.sum() > 0:
            raise InvalidInputError(f"weights sum to {self.weights.sum():g}: they are shares, which sum to 1")

    @property
    def n_components(self) -> int:
        """Number of components, k."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return int(self.means.shape[1])

    def on_floor(self, floor: ArrayLike) -> NDArray[np.bool_]:
        """Which components (k,) have a variance, in some direction, of no more than ``floor`` (and a thousandth).

        ``floor`` is one number, or one for each feature (d,); single variances are compared with their mean.
        """
        floors = np.asarray(floor, dtype=np.float64)
        if not floors.all():
            return np.zeros(self.n_components, dtype=np.bool_)
        if self.covariance_type == "spherical":
            least = self.covariances / floors.mean()
        else:
            deviations = np.sqrt(np.broadcast_to(floors, self.n_features))
            if self.covariance_type == "diag":
                variances = self.covariances / deviations**2
            else:
                variances = np.linalg.eigvalsh(self.covariances / np.outer(deviations, deviations))
            least = variances.min(axis=-1)
        low: NDArray[np.bool_] = np.broadcast_to(least, self.n_components) <= 1.001
        return low

    def __repr__(self) -> str:
        return f"Mixture(n_components={self.n_components}, n_features={self.n_features}, {self.covariance_type!r})"

    def predict(
        self, samples: ArrayLike, *, unit: float | None = None, n_threads: int | None = None
    ) -> NDArray[np.uint32]:
        """Most probable component (n,) of each of the (n, d) ``samples``, whose values are divided by ``unit``.

        By default ``unit`` is 1; for whole numbers and a mixture that was fitted on pictures, the white of their type.
        """
        rows, unit = self._check(samples, unit)
        return _core.label(rows, None, unit, core_parameters(self), check_threads(n_threads))[0]

    def predict_proba(
        self, samples: ArrayLike, *, unit: float | None = None, n_threads: int | None = None
    ) -> NDArray[Any]:
        """Responsibilities (n, k), each row summing to one: float64 for float64 ``samples``, else float32."""
        rows, unit = self._check(samples, unit)
        return _core.responsibilities(rows, unit, core_parameters(self), check_threads(n_threads))

    def score_samples(
        self, samples: ArrayLike, *, unit: float | None = None, n_threads: int | None = None
    ) -> NDArray[np.float64]:
        """Log-density (n,) in nats at each of the (n, d) ``samples``."""
        rows, unit = self._check(samples, unit)
        return _core.log_densities(rows, unit, core_parameters(self), check_threads(n_threads))

    def score(
        self,
        samples: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        unit: float | None = None,
        n_threads: int | None = None,
    ) -> float:
        """Weighted mean log-likelihood of the (n, d) ``samples``, in nats per sample."""
        rows, unit = self._check(samples, unit)
        weights = check_weights(sample_weight, len(rows))
        return _core.label(rows, weights, unit, core_parameters(self), check_threads(n_threads))[1]

    def sample(self, n_samples: int, random_state: RandomState = 0) -> NDArray[np.float64]:
        """Draws (n_samples, d) samples, in random order."""
        random = np.random.default_rng(check_seed(random_state))
        component = random.choice(self.n_components, check_integer("n_samples", n_samples), p=self.weights)
        noise = random.standard_normal((n_samples, self.n_features))
        match self.covariance_type:
            case "full":
                scaled = np.einsum("nab,nb->na", np.linalg.cholesky(self.covariances)[component], noise)
            case "tied":
                scaled = noise @ np.linalg.cholesky(self.covariances).T
            case "diag":
                scaled = noise * np.sqrt(self.covariances)[component]
            case "spherical":
                scaled = noise * np.sqrt(self.covariances)[component, np.newaxis]
        drawn: NDArray[np.float64] = self.means[component] + scaled
        return drawn

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the mixture to an ``.npz`` file of plain arrays, under exactly the name given.

        Raises
        ------
        ImageError
            The file cannot be written; ``overwrite`` is False and it exists.
        """
        from rustem.mixture import files

        arrays = {"weights": self.weights, "means": self.means, "covariances": self.covariances}
        fitted_on = None if self.fitted_on is None else asdict(self.fitted_on)
        files.write(path, arrays, self.covariance_type, fitted_on, overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Mixture:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InvalidInputError
            The file is no such thing, damaged, or from a newer version.
        """
        from rustem.mixture import files

        arrays, covariance_type, fitted_on = files.read(path)
        known = None if fitted_on is None else FittedOn(**{**fitted_on, "bands": tuple(fitted_on.get("bands", ()))})
        return cls(**arrays, covariance_type=cast("CovarianceType", covariance_type), fitted_on=known)

    @classmethod
    def from_sklearn(cls, model: Any) -> Mixture:
        """The parameters of a fitted ``sklearn.mixture.GaussianMixture``, or of anything with its attributes.

        Read from ``weights_``, ``means_`` and ``precisions_cholesky_``, which is what scikit-learn predicts with.

        Raises
        ------
        InvalidInputError
            The model is not fitted, or no Gaussian mixture.
        """
        from rustem.mixture.covariances import covariances_of_factors

        try:
            factors = np.asarray(model.precisions_cholesky_, dtype=np.float64)
            weights, means = (np.array(values, dtype=np.float64) for values in (model.weights_, model.means_))
            covariance_type: CovarianceType = model.covariance_type
        except AttributeError as error:
            raise InvalidInputError(f"this {type(model).__name__} is no fitted Gaussian mixture: {error}") from error
        return cls(weights, means, covariances_of_factors(factors, covariance_type), covariance_type)

    def to_sklearn(self) -> Any:
        """A fitted ``sklearn.mixture.GaussianMixture`` with these parameters; needs the ``sklearn`` extra."""
        from rustem.mixture.covariances import import_sklearn, precision_factors, precisions

        model = import_sklearn().GaussianMixture(self.n_components, covariance_type=self.covariance_type)
        model.weights_, model.means_, model.covariances_ = self.weights, self.means, self.covariances
        model.precisions_cholesky_ = precision_factors(self.covariances, self.covariance_type)
        model.precisions_ = precisions(model.precisions_cholesky_, self.covariance_type)
        model.n_features_in_, model.converged_, model.n_iter_ = self.n_features, True, 0
        model.lower_bound_, model.lower_bounds_ = -np.inf, []
        return model

    def _check(self, samples: ArrayLike, unit: float | None) -> tuple[NDArray[Any], float]:
        """The samples as the core takes them, and what their values are divided by."""
        rows = check_samples(samples)
        if rows.shape[1] != self.n_features:
            raise InvalidInputError(f"samples have {rows.shape[1]} features, but the mixture has {self.n_features}")
        if unit is not None:
            return rows, check_unit(unit)
        if self.fitted_on is None or rows.dtype.kind == "f":
            return rows, 1.0
        if self.fitted_on.color_space != "srgb":
            space = self.fitted_on.color_space
            raise InvalidInputError(
                f"the mixture is over {space}, not over colours as they are: use segment(mixture=...)"
            )
        return rows, float(np.iinfo(rows.dtype).max) if self.fitted_on.is_scaled else 1.0


def core_parameters(mixture: Mixture) -> _core._Mixture:
    """The mixture as the core takes it."""
    return mixture.covariance_type, mixture.weights, mixture.means, mixture.covariances


def mixture_of(parameters: _core._Mixture) -> Mixture:
    """The mixture that the core gave."""
    covariance_type, weights, means, covariances = parameters
    return Mixture(weights, means, covariances, cast("CovarianceType", covariance_type))
