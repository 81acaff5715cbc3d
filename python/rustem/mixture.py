"""Mixtures as data, and their fit: the only caller of the core's EM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rustem import _core
from rustem._validation import (
    Acceleration,
    CovarianceType,
    InitParams,
    Progress,
    RandomState,
    check_integer,
    check_number,
    check_samples,
    check_seed,
    check_threads,
    check_weights,
    progress_callback,
    warn_caller,
)
from rustem.exceptions import ConvergenceWarning, InvalidInputError

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike, NDArray

# Fits of fewer iterations are not worth a search for their start.
SEARCHES_FROM = 200


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
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    covariance_type: CovarianceType

    @property
    def n_components(self) -> int:
        """Number of components, k."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return int(self.means.shape[1])

    def on_floor(self, floor: float) -> NDArray[np.bool_]:
        """Which components (k,) have a variance, in some direction, of no more than ``floor`` (and a thousandth)."""
        least = self.covariances
        if self.covariance_type != "spherical":
            variances = least if self.covariance_type == "diag" else np.linalg.eigvalsh(least)
            least = variances.min(axis=-1)
        low: NDArray[np.bool_] = np.broadcast_to(least, self.n_components) <= 1.001 * floor
        return low

    def __repr__(self) -> str:
        return f"Mixture(n_components={self.n_components}, n_features={self.n_features}, {self.covariance_type!r})"

    def predict(self, samples: ArrayLike, *, unit: float = 1.0, n_threads: int | None = None) -> NDArray[np.uint32]:
        """Most probable component (n,) of each of the (n, d) ``samples``, whose values are divided by ``unit``."""
        return _core.label(self._check(samples), None, unit, self._arrays(), check_threads(n_threads))[0]

    def predict_proba(self, samples: ArrayLike, *, unit: float = 1.0, n_threads: int | None = None) -> NDArray[Any]:
        """Responsibilities (n, k), each row summing to one: float64 for float64 ``samples``, else float32."""
        return _core.responsibilities(self._check(samples), unit, self._arrays(), check_threads(n_threads))

    def score_samples(
        self, samples: ArrayLike, *, unit: float = 1.0, n_threads: int | None = None
    ) -> NDArray[np.float64]:
        """Log-density (n,) in nats at each of the (n, d) ``samples``."""
        return _core.log_densities(self._check(samples), unit, self._arrays(), check_threads(n_threads))

    def score(
        self,
        samples: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        unit: float = 1.0,
        n_threads: int | None = None,
    ) -> float:
        """Weighted mean log-likelihood of the (n, d) ``samples``, in nats per sample."""
        rows = self._check(samples)
        weights = check_weights(sample_weight, len(rows))
        return _core.label(rows, weights, unit, self._arrays(), check_threads(n_threads))[1]

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
        from rustem import _mixture_files

        arrays = {"weights": self.weights, "means": self.means, "covariances": self.covariances}
        _mixture_files.write(path, arrays, self.covariance_type, overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Mixture:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InvalidInputError
            The file is no such thing, damaged, or from a newer version.
        """
        from rustem import _mixture_files

        arrays, covariance_type = _mixture_files.read(path)
        return cls(**arrays, covariance_type=cast("CovarianceType", covariance_type))

    @classmethod
    def from_sklearn(cls, model: Any) -> Mixture:
        """The parameters of a fitted ``sklearn.mixture.GaussianMixture``, or of anything with its attributes.

        Read from ``weights_``, ``means_`` and ``precisions_cholesky_``, which is what scikit-learn predicts with.

        Raises
        ------
        InvalidInputError
            The model is not fitted, or no Gaussian mixture.
        """
        from rustem._scikit import covariances_of_factors

        try:
            factors = np.asarray(model.precisions_cholesky_, dtype=np.float64)
            weights, means = (np.array(values, dtype=np.float64) for values in (model.weights_, model.means_))
            covariance_type: CovarianceType = model.covariance_type
        except AttributeError as error:
            raise InvalidInputError(f"this {type(model).__name__} is no fitted Gaussian mixture: {error}") from error
        return cls(weights, means, covariances_of_factors(factors, covariance_type), covariance_type)

    def to_sklearn(self) -> Any:
        """A fitted ``sklearn.mixture.GaussianMixture`` with these parameters; needs the ``sklearn`` extra."""
        from rustem._scikit import import_sklearn, precision_factors, precisions

        model = import_sklearn().GaussianMixture(self.n_components, covariance_type=self.covariance_type)
        model.weights_, model.means_, model.covariances_ = self.weights, self.means, self.covariances
        model.precisions_cholesky_ = precision_factors(self.covariances, self.covariance_type)
        model.precisions_ = precisions(model.precisions_cholesky_, self.covariance_type)
        model.n_features_in_, model.converged_, model.n_iter_ = self.n_features, True, 0
        model.lower_bound_, model.lower_bounds_ = -np.inf, []
        return model

    def _arrays(self) -> tuple[str, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        return self.covariance_type, self.weights, self.means, self.covariances

    def _check(self, samples: ArrayLike) -> NDArray[Any]:
        rows = check_samples(samples)
        if rows.shape[1] != self.n_features:
            raise InvalidInputError(f"samples have {rows.shape[1]} features, but the mixture has {self.n_features}")
        return rows


@dataclass(frozen=True, eq=False)
class FitResult:
    """What :func:`fit_mixture` found.

    Parameters
    ----------
    mixture : Mixture
        The parameters after the last iteration.
    history : ndarray of shape (n_iter,)
        Mean log-likelihood (nats per sample) that each pass started from; that of the point kept, where an accelerated
        pass tried one that is worse.
    converged : bool
        Whether the gain that more passes promise fell below ``tol``.
    labels : ndarray of shape (n,)
        Most probable component of each sample under ``mixture``.
    log_likelihood : float
        Mean log-likelihood of ``mixture``, in nats per sample.
    on_floor : ndarray of shape (k,)
        Which components have a variance that is held up by ``covariance_floor``: they lift the likelihood, but
        describe rounding.
    """

    mixture: Mixture
    history: NDArray[np.float64]
    converged: bool
    labels: NDArray[np.uint32]
    log_likelihood: float
    on_floor: NDArray[np.bool_]

    @property
    def n_iter(self) -> int:
        """Passes done from the start on, those included whose point was not kept."""
        return len(self.history)


def fit_mixture(
    samples: ArrayLike,
    n_components: int,
    *,
    sample_weight: ArrayLike | None = None,
    unit: float = 1.0,
    covariance_type: CovarianceType = "full",
    tol: float = 3e-5,
    max_iter: int = 3000,
    acceleration: Acceleration | None = "lbfgs",
    n_init: int = 1,
    init_params: InitParams = "auto",
    weights_init: ArrayLike | None = None,
    means_init: ArrayLike | None = None,
    precisions_init: ArrayLike | None = None,
    reg_covar: float = 0.0,
    covariance_floor: float = 0.0,
    random_state: RandomState = 0,
    progress: Progress = None,
    n_threads: int | None = None,
) -> FitResult:
    """Fit a Gaussian mixture to weighted samples by expectation-maximisation.

    Parameters
    ----------
    samples : array-like of shape (n, d)
        float64 samples are fitted in float64; float32, uint8 and uint16 samples in float32 with float64 sums.
    n_components : int
        Number of components, k. Fewer come back where there are fewer distinct samples to start from.
    sample_weight : array-like of shape (n,), optional
        How often each sample counts; by default once.
    unit : float, default 1.0
        Values are divided by this: 255 brings uint8 colours to [0, 1].
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        Each component its own matrix; one matrix for all; a variance per feature; a single variance.
    tol : float, default 3e-5
        Converged when the mean log-likelihood promises to gain less than this by all further passes, in nats per
        sample, as extrapolated from its latest gains. 0 runs exactly ``max_iter`` passes.
    max_iter : int, default 3000
        The most passes over the samples.
    acceleration : "lbfgs" or None, default "lbfgs"
        Long steps along EM's path, then quasi-Newton steps preconditioned by EM [2]_: several times fewer passes than
        EM's, and never a lower likelihood; every pass counts, those included whose point was not kept. None is textbook
        EM, and so is every fit with ``reg_covar``, whose steps do not maximise the likelihood.
    n_init : int, default 1
        Starts from as many seeds, and keeps the fit of the highest likelihood.
    init_params : {"auto", "search", "k-means++", "random_from_data"}, default "auto"
        "search" tries 8 to 40 starts on some thousand samples, splits and merges components of the best [3]_ [4]_, and
        starts where that ended highest: two to four times the time of one fit with few components, hardly more with
        many, and less luck. "k-means++" is greedy k-means++ with a few Lloyd steps; "random_from_data" draws k samples,
        with equal weights and one variance. "auto" searches for full covariances where the fit is one to the end
        (``tol`` above 0, ``max_iter`` at least 200, accelerated, no ``reg_covar`` and no start given) and the
        likelihood has a maximum (``covariance_floor`` above 0); else it is "k-means++", which also makes the best
        palettes: those are what spherical covariances are for.
    weights_init, means_init, precisions_init : array-like, optional
        The start, or a part of it; shapes as in :class:`Mixture`, precisions being inverse covariances.
    reg_covar : float, default 0.0
        Added to the covariances' diagonal after each M-step, as scikit-learn does. The likelihood may then fall.
    covariance_floor : float, default 0.0
        Least variance in any direction, kept inside the M-step's optimum, so that the likelihood never falls. Far
        below the samples' own variance (1e-11 of it in float32, 1e-14 in float64) a floor is always in force.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the start; the same number gives the same answer.
    progress : bool or callable, optional
        True shows a bar; a function is called with (iteration, log-likelihood): 0 and the best so far, now and then,
        while a start is searched for.
    n_threads : int, optional
        Default: ``RUSTEM_NUM_THREADS``, or the CPUs that the process may use. The answer does not depend on it.

    Returns
    -------
    FitResult
        The mixture, and how the fit went.

    Raises
    ------
    InvalidInputError
        Arguments that do not fit together, NaN or infinite samples, negative weights.

    Warns
    -----
    ConvergenceWarning
        After ``max_iter`` passes more than ``tol`` is still to be gained.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
       J. R. Stat. Soc. B 39 (1977), doi:10.1111/j.2517-6161.1977.tb01600.x
    .. [2] M. Jamshidian, R. I. Jennrich, "Acceleration of the EM algorithm by using quasi-Newton methods", J. R. Stat.
       Soc. B 59 (1997), doi:10.1111/1467-9868.00083
    .. [3] C. Biernacki, G. Celeux, G. Govaert, "Choosing starting values for the EM algorithm for getting the highest
       likelihood in multivariate Gaussian mixture models", Comput. Stat. Data Anal. 41 (2003),
       doi:10.1016/S0167-9473(02)00163-9
    .. [4] N. Ueda, R. Nakano, Z. Ghahramani, G. E. Hinton, "SMEM algorithm for mixture models", Neural Comput. 12
       (2000), doi:10.1162/089976600300015088

    Examples
    --------
    >>> from rustem import fit_mixture
    >>> fit = fit_mixture([[0.0], [0.1], [5.0], [5.1]], 2)
    >>> sorted(fit.mixture.means.round(2).ravel().tolist())
    [0.05, 5.05]
    """
    rows = check_samples(samples)
    k, d = check_integer("n_components", n_components), rows.shape[1]
    tol, max_iter = check_number("tol", tol), check_integer("max_iter", max_iter)
    shapes = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}
    if covariance_type not in shapes:
        raise InvalidInputError(f"covariance_type is {covariance_type!r}: choose one of {', '.join(shapes)}")
    given = (weights_init, means_init, precisions_init)
    reg_covar, covariance_floor = (
        check_number(name, value) for name, value in (("reg_covar", reg_covar), ("covariance_floor", covariance_floor))
    )
    if any(part is not None for part in given):
        if init_params == "search":
            raise InvalidInputError(
                'init_params="search" finds the whole start: leave the other ..._init arguments out'
            )
        init_params = "k-means++" if init_params == "auto" else init_params
    if init_params == "auto":
        to_the_end = tol > 0 and max_iter >= SEARCHES_FROM and acceleration is not None and reg_covar == 0
        pays = covariance_type == "full" and covariance_floor > 0
        init_params = "search" if pays and to_the_end else "k-means++"
    start: _core._StartOptions = {
        "n_components": k,
        "covariance_type": covariance_type,
        "init_params": init_params,
        "weights_init": _start("weights_init", weights_init, (k,)),
        "means_init": _start("means_init", means_init, (k, d)),
        "precisions_init": _start("precisions_init", precisions_init, shapes[covariance_type]),
        "n_init": check_integer("n_init", n_init),
        "seed": check_seed(random_state),
    }
    options: _core._FitOptions = {
        "tol": tol,
        "tol_is_step": False,
        "before": None,
        "max_iter": max_iter,
        "acceleration": "none" if acceleration is None else acceleration,
        "reg_covar": reg_covar,
        "covariance_floor": covariance_floor,
        "n_threads": check_threads(n_threads),
    }
    fit = _run(rows, check_weights(sample_weight, len(rows)), unit, start, options, progress)
    if tol > 0 and not fit.converged:
        change = fit.history[-1] - fit.history[-2] if fit.n_iter > 1 else float("nan")
        message = f"not converged after {max_iter} iterations (last change {change:.2g} nats): raise max_iter or tol"
        warn_caller(message, ConvergenceWarning)
    return fit


def _run(
    rows: NDArray[Any],
    weights: NDArray[np.float64] | None,
    unit: float,
    start: _core._StartOptions,
    options: _core._FitOptions,
    progress: Progress,
) -> FitResult:
    """The core's fit; whether it converged is for the caller to tell."""
    with progress_callback(progress, options["max_iter"] * start["n_init"]) as callback:
        fit = _core.fit(rows, weights, unit, start, None, options, callback)
    parameters, history, converged, labelled = fit
    assert labelled is not None
    labels, log_likelihood = labelled
    mixture = _of(parameters)
    on_floor = mixture.on_floor(options["covariance_floor"])
    return FitResult(mixture, np.array(history), converged, labels, log_likelihood, on_floor)


def _of(parameters: _core._Mixture) -> Mixture:
    covariance_type, weights, means, covariances = parameters
    return Mixture(weights, means, covariances, cast("CovarianceType", covariance_type))


def _start(name: str, values: ArrayLike | None, shape: tuple[int, ...]) -> list[float] | None:
    if values is None:
        return None
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise InvalidInputError(f"{name} has shape {array.shape}: give finite numbers of shape {shape}")
    flat: list[float] = array.ravel().tolist()
    return flat
