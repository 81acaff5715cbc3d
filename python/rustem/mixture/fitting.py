"""The fit of a mixture to weighted samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rustem import _core
from rustem.arguments import (
    Acceleration,
    CovarianceType,
    InitParams,
    Progress,
    RandomState,
    check_components,
    check_integer,
    check_number,
    check_samples,
    check_seed,
    check_threads,
    check_unit,
    check_weights,
    progress_callback,
    warn_caller,
)
from rustem.exceptions import ConvergenceWarning, InvalidInputError
from rustem.mixture.covariances import FAMILIES, shape_of
from rustem.mixture.model import Mixture, mixture_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Fits of fewer iterations are not worth a search for their start.
SEARCHES_FROM = 200
# The least variance by default, as a share of the feature's own, which so many samples tell.
FLOOR_SHARE = 1e-6
_SAMPLES_OF_FLOOR = 65_536


@dataclass(frozen=True, eq=False)
class FitOptions:
    """How a mixture is fitted, checked: :func:`fit_mixture` describes each."""

    covariance_type: CovarianceType
    tol: float
    max_iter: int
    acceleration: Acceleration | None
    n_init: int
    init_params: InitParams
    weights_init: ArrayLike | None
    means_init: ArrayLike | None
    precisions_init: ArrayLike | None
    reg_covar: float
    seed: int
    n_threads: int

    @classmethod
    def checked(
        cls,
        *,
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
        random_state: RandomState = 0,
        n_threads: int | None = None,
    ) -> FitOptions:
        """Check what can be checked without samples."""
        if covariance_type not in FAMILIES:
            raise InvalidInputError(f"covariance_type is {covariance_type!r}: choose one of {', '.join(FAMILIES)}")
        if init_params == "search" and any(given is not None for given in (weights_init, means_init, precisions_init)):
            raise InvalidInputError(
                'init_params="search" finds the whole start: leave the other ..._init arguments out'
            )
        return cls(
            covariance_type=covariance_type,
            tol=check_number("tol", tol),
            max_iter=check_integer("max_iter", max_iter),
            acceleration=acceleration,
            n_init=check_integer("n_init", n_init),
            init_params=init_params,
            weights_init=weights_init,
            means_init=means_init,
            precisions_init=precisions_init,
            reg_covar=check_number("reg_covar", reg_covar),
            seed=check_seed(random_state),
            n_threads=check_threads(n_threads),
        )

    @property
    def has_start(self) -> bool:
        """Whether a part of the start is given."""
        return any(given is not None for given in (self.weights_init, self.means_init, self.precisions_init))

    def start_for(self, floor: NDArray[np.float64]) -> InitParams:
        """How the start is found, "auto" resolved."""
        if self.init_params != "auto":
            return self.init_params
        to_the_end = self.tol > 0 and self.max_iter >= SEARCHES_FROM and self.acceleration is not None
        pays = self.covariance_type == "full" and bool(floor.all()) and self.reg_covar == 0 and not self.has_start
        return "search" if pays and to_the_end else "k-means++"


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
    covariance_floor: float | ArrayLike | None = None,
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
    covariance_floor : float or array-like of shape (d,), optional
        Least variance in any direction, kept inside the M-step's optimum, so that the likelihood never falls. One for
        each feature says too in what units they are: all are scaled by it on the way to the fit, so that features of
        different units count alike in its start (single variances know no units, and take the mean). By default a
        millionth of each feature's own variance; none beside ``reg_covar``. 0 lets components shrink onto single
        samples, where the likelihood has no maximum, and leaves "auto" without a search. Far below the samples' own
        variance (1e-11 of it in float32; in float64 1e-14, or ``reg_covar`` if that is less) there always is a floor.
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
    options = FitOptions.checked(
        covariance_type=covariance_type,
        tol=tol,
        max_iter=max_iter,
        acceleration=acceleration,
        n_init=n_init,
        init_params=init_params,
        weights_init=weights_init,
        means_init=means_init,
        precisions_init=precisions_init,
        reg_covar=reg_covar,
        random_state=random_state,
        n_threads=n_threads,
    )
    rows = check_samples(samples)
    weights = check_weights(sample_weight, len(rows))
    unit = check_unit(unit)
    if covariance_floor is None:
        floor = np.array(0.0) if options.reg_covar > 0 else _default_floor(rows, weights, unit)
    else:
        floor = _checked_floor(covariance_floor, rows.shape[1])
    return fit_samples(rows, weights, unit, n_components, floor, options, progress)


def fit_samples(
    rows: NDArray[Any],
    weights: NDArray[np.float64] | None,
    unit: float,
    n_components: int,
    floor: NDArray[np.float64],
    options: FitOptions,
    progress: Progress,
) -> FitResult:
    """Fit checked samples (n, d) by checked options; ``floor`` is one variance, or one for each feature (d,)."""
    k, d = check_components(n_components), rows.shape[1]
    alike = options.covariance_type == "spherical" or bool((floor == floor.mean()).all())
    start: _core._StartOptions = {
        "n_components": k,
        "covariance_type": options.covariance_type,
        "init_params": options.start_for(floor),
        "weights_init": _start("weights_init", options.weights_init, (k,)),
        "means_init": _start("means_init", options.means_init, (k, d)),
        "precisions_init": _start("precisions_init", options.precisions_init, shape_of(options.covariance_type, k, d)),
        "n_init": options.n_init,
        "feature_ratios": [] if alike else np.sqrt(floor / floor.mean()).tolist(),
        "seed": options.seed,
    }
    core_options: _core._FitOptions = {
        "tol": options.tol,
        "tol_is_step": False,
        "before": None,
        "max_iter": options.max_iter,
        "acceleration": options.acceleration or "none",
        "reg_covar": options.reg_covar,
        "covariance_floor": float(floor.mean()),
        "n_threads": options.n_threads,
    }
    with progress_callback(progress, options.max_iter * options.n_init) as callback:
        fit = _core.fit(rows, weights, unit, start, None, core_options, callback)
    parameters, history, converged, (labels, log_likelihood) = fit
    mixture = mixture_of(parameters)
    if options.tol > 0 and not converged:
        change = history[-1] - history[-2] if len(history) > 1 else float("nan")
        warn_caller(
            f"not converged after {options.max_iter} iterations (last change {change:.2g} nats): raise max_iter or tol",
            ConvergenceWarning,
        )
    return FitResult(mixture, np.array(history), converged, labels, log_likelihood, mixture.on_floor(floor))


def _default_floor(rows: NDArray[Any], weights: NDArray[np.float64] | None, unit: float) -> NDArray[np.float64]:
    """A share of each feature's variance (d,), by some of the samples; of constant ones, of the mean variance."""
    if not len(rows) or (weights is not None and not weights.any()):
        return np.array(0.0)
    some = slice(None, None, max(1, len(rows) // _SAMPLES_OF_FLOOR))
    samples, shares = rows[some].astype(np.float64) / unit, None if weights is None else weights[some]
    if shares is not None and not shares.any():
        samples, shares = rows / unit, weights
    with np.errstate(all="ignore"):
        variances = np.average((samples - np.average(samples, axis=0, weights=shares)) ** 2, axis=0, weights=shares)
    if not variances.any() or not np.isfinite(variances).all():  # the core says what is wrong with such samples
        return np.array(0.0)
    return FLOOR_SHARE * np.where(variances > 0, variances, variances.mean())


def _checked_floor(floor: float | ArrayLike, d: int) -> NDArray[np.float64]:
    if np.ndim(floor) == 0:
        return np.array(check_number("covariance_floor", cast("float", floor)))
    each = np.asarray(floor, dtype=np.float64)
    if each.shape != (d,) or not (np.isfinite(each) & (each > 0)).all():
        raise InvalidInputError(f"covariance_floor has shape {each.shape}: give one number, or {d} that are above 0")
    return each


def _start(name: str, values: ArrayLike | None, shape: tuple[int, ...]) -> list[float] | None:
    if values is None:
        return None
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise InvalidInputError(f"{name} has shape {array.shape}: give finite numbers of shape {shape}")
    flat: list[float] = array.ravel().tolist()
    return flat
