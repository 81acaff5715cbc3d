"""`GaussianMixture`: scikit-learn's estimator on rustem's engine, with sample weights.

A subclass of scikit-learn's own class, so that whoever asks ``isinstance`` gets the answer expected, and `sample`,
`bic`, `aic` and the checks of parameters are scikit-learn's. EM, starts and predictions are ours: nothing of size
n × k is kept.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from rustem import _core
from rustem.arguments import check_threads
from rustem.exceptions import InvalidInputError
from rustem.mixture import prior_fitting, sklearn_starts
from rustem.mixture.covariances import ILL_DEFINED, import_sklearn, inverted, precision_factors, precisions
from rustem.mixture.fitting import fit_mixture
from rustem.mixture.model import Mixture

_Base: Any = import_sklearn().GaussianMixture

from sklearn.exceptions import ConvergenceWarning  # noqa: E402  # where scikit-learn is missing, the line above says so
from sklearn.utils import check_random_state  # noqa: E402
from sklearn.utils._param_validation import StrOptions  # noqa: E402
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from rustem.arguments import CovarianceType

    Floats = NDArray[np.float64]

__all__ = ["GaussianMixture"]

_NOT_CONVERGED = (
    "Best performing initialization did not converge. Try different init parameters, or increase max_iter, tol, or "
    "check for degenerate data."
)


class GaussianMixture(_Base):  # type: ignore[misc]  # scikit-learn has no types
    """Gaussian mixture with scikit-learn's contract: its parameters, attributes, methods, warnings and errors.

    From equal starts it gives scikit-learn's answer. The starts are its own: found on all threads, with other random
    numbers, by what each ``init_params`` means there.

    Parameters
    ----------
    n_components : int, default 1
        Number of components, k.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        Each component its own matrix; one matrix for all; a variance per feature; a single variance.
    tol : float, default 1e-3
        Converged when the mean log-likelihood changes by less in one iteration, in nats per sample. The default is
        scikit-learn's and stops far from the limit; 1e-6 seldom does.
    reg_covar : float, default 1e-6
        Added to the diagonal of the covariances after each M-step, in the squared unit of the samples.
    max_iter : int, default 100
        The most iterations; 0 leaves the start as it is.
    n_init : int, default 1
        Runs from as many starts, and keeps that of the highest ``lower_bound_``.
    init_params : {"kmeans", "k-means++", "random", "random_from_data", "search"}, default "kmeans"
        Where the responsibilities come from that the first parameters are calculated from. "search" is rustem's own:
        trial runs, then components split and merged, with ``reg_covar`` as the least variance; see
        :func:`rustem.fit_mixture`. It ends at higher likelihoods than several ``n_init`` mostly do.
    weights_init, means_init, precisions_init : array-like, optional
        The start, or a part of it; shapes as those of the attributes.
    random_state : int, RandomState instance or None, default None
        Source of all that is random, in :meth:`fit` and :meth:`sample`.
    warm_start : bool, default False
        Whether :meth:`fit` goes on from the last answer; ``n_init`` then counts for the first call only.
    verbose : int, default 0
        1 prints each start and every ``verbose_interval``-th iteration, 2 times and changes as well.
    verbose_interval : int, default 10
        Iterations between two lines.
    n_threads : int, optional
        Default: ``RUSTEM_NUM_THREADS``, or the CPUs that the process may use. The answer does not depend on it.
    frozen_means, frozen_covariances : bool or array-like of bool, shape (k,), optional
        Components whose means (from ``means_init``) or covariances (from ``precisions_init``) stay as given; True
        holds all. The one tied covariance is held by True.
    weight_concentration_prior : float, optional
        Parameter of a symmetric Dirichlet prior on the weights, at least 1: 11 is as if each component had ten samples
        beforehand. Keeps small components alive; 1 or None is no prior. Below 1, where the prior empties components and
        its mode is no mixture, scikit-learn's BayesianGaussianMixture averages instead; to learn how many components
        there are, see :func:`rustem.select_components`.
    covariance_prior : array-like or float, optional
        Scale Ψ of an inverse-Wishart prior on the covariances: (d, d) for "full" and "tied", (d,) for "diag", a number
        for "spherical". With few samples it keeps covariances away from zero; with many it fades.
    degrees_of_freedom_prior : float, optional
        Its degrees of freedom, by default d + 2: how many samples it counts for.

    Attributes
    ----------
    weights_ : ndarray of shape (k,)
        Share of each component.
    means_ : ndarray of shape (k, d)
        Means.
    covariances_ : ndarray
        Covariances: (k, d, d) for "full", (d, d) for "tied", (k, d) for "diag", (k,) for "spherical".
    precisions_ : ndarray
        Their inverses, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangles U with U Uᵀ = precision, or inverse standard deviations.
    converged_ : bool
        Whether the best run's last change was below ``tol``.
    n_iter_ : int
        Iterations of the best run.
    lower_bound_ : float
        Mean log-likelihood that the best run's last iteration started from; with priors, the logarithm of their
        density over the number of samples is added, less a constant. Minus infinity after :meth:`partial_fit`.
    lower_bounds_ : list of float
        The same for all its iterations.
    n_features_in_ : int
        Number of features, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, where the samples came with names.

    See Also
    --------
    rustem.fit_mixture : The same engine without scikit-learn, with a covariance floor and for integer samples.

    Notes
    -----
    Samples of float32 are fitted in float32 with sums in float64, and give attributes of float32; all others are
    fitted in float64. Where a component collapses in the middle of a fit with ``reg_covar=0``, scikit-learn raises an
    error; here its variances stop at what rounding can tell from zero.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
       J. R. Stat. Soc. B 39 (1977), doi:10.1111/j.2517-6161.1977.tb01600.x
    .. [2] C. Fraley, A. E. Raftery, "Bayesian regularization for normal mixture estimation and model-based
       clustering", J. Classif. 24 (2007), doi:10.1007/s00357-007-0004-5

    Examples
    --------
    >>> import numpy as np
    >>> from rustem import GaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = GaussianMixture(2, random_state=0).fit(X, sample_weight=[1, 1, 1, 2, 2, 2])
    >>> model.means_[model.predict([[0, 0], [12, 3]])].round(6).tolist()
    [[1.0, 2.0], [10.0, 2.0]]
    >>> model.weights_.round(3).tolist() in ([0.667, 0.333], [0.333, 0.667])
    True
    """

    _stream: prior_fitting.Stream | None
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **_Base._parameter_constraints,
        "init_params": [StrOptions({"kmeans", "random", "random_from_data", "k-means++", "search"})],
        "n_threads": [Integral, None],
        "frozen_means": ["boolean", "array-like", None],
        "frozen_covariances": ["boolean", "array-like", None],
        "weight_concentration_prior": [Real, None],
        "covariance_prior": [Real, "array-like", None],
        "degrees_of_freedom_prior": [Real, None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_threads: int | None = None,
        frozen_means: ArrayLike | None = None,
        frozen_covariances: ArrayLike | None = None,
        weight_concentration_prior: float | None = None,
        covariance_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
    ) -> None:
        super().__init__(
            n_components,
            covariance_type=covariance_type,
            tol=tol,
            reg_covar=reg_covar,
            max_iter=max_iter,
            n_init=n_init,
            init_params=init_params,
            weights_init=weights_init,
            means_init=means_init,
            precisions_init=precisions_init,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
            verbose_interval=verbose_interval,
        )
        self.n_threads = n_threads
        self.frozen_means = frozen_means
        self.frozen_covariances = frozen_covariances
        self.weight_concentration_prior = weight_concentration_prior
        self.covariance_prior = covariance_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> GaussianMixture:
        """Fit the mixture.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; frames of pandas and polars are taken too.
        y : None
            Not used; there by convention.
        sample_weight : array-like of shape (n_samples,), optional
            How often each sample counts. Weight 2 is the same as the sample twice, weight 0 the same as none.

        Returns
        -------
        GaussianMixture
            The estimator itself.

        Raises
        ------
        ValueError
            Parameters or samples that cannot be used; components without extent where ``reg_covar`` is 0.

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            The best run ended before its change fell below ``tol``.
        """
        self._fit(X, sample_weight)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> GaussianMixture:
        """Take in one batch of a stream: one step of stepwise EM (Cappé & Moulines 2009).

        The statistics of the batches so far move towards those of this one by the share (t + 1)^−0.6, t being their
        number, so that early batches, seen with worse parameters, are forgotten. Batches of about one size and in
        random order do best. The first batch gives the start, as in :meth:`fit`; after :meth:`fit`, the stream goes on
        from its answer.

        Parameters are those of :meth:`fit`.

        Returns
        -------
        GaussianMixture
            The estimator itself.

        References
        ----------
        .. [1] O. Cappé, E. Moulines, "On-line expectation-maximization algorithm for latent data models", J. R. Stat.
           Soc. B 71 (2009), doi:10.1111/j.1467-9868.2009.00698.x
        """
        self._validate_params()
        first = not hasattr(self, "means_")
        rows = validate_data(
            self, X, dtype=[np.float64, np.float32], order="C", reset=first, ensure_min_samples=2 if first else 1
        )
        used, weight = self._weighted(rows, sample_weight)
        if first:
            self._check_start(used)
            current, stream = self._start(used, weight, check_random_state(self.random_state)), None
        else:
            current, stream = Mixture.from_sklearn(self), self._stream
            used = np.ascontiguousarray(used, dtype=self.means_.dtype)
        self._stream, mixture = prior_fitting.step(used, weight, stream, current, self._prior(), self._options(1, None))
        self._keep(prior_fitting.Run(mixture, [], False), used.dtype)
        self.n_iter_ = self._stream.n_steps
        return self

    def fit_predict(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> NDArray[np.intp]:
        """Fit the mixture and give each sample's most probable component, exactly as ``fit(X).predict(X)``.

        Parameters are those of :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Index of a component for each sample.
        """
        return self._labels(self._fit(X, sample_weight))

    def predict(self, X: Any) -> NDArray[np.intp]:
        """Most probable component (n_samples,) of each sample."""
        return self._labels(self._validated(X))

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Probability (n_samples, n_components) of each component for each sample."""
        rows = self._validated(X)
        return Mixture.from_sklearn(self).predict_proba(rows, n_threads=check_threads(self.n_threads))

    def score_samples(self, X: Any) -> NDArray[Any]:
        """Log-likelihood (n_samples,) of each sample, in nats."""
        rows = self._validated(X)
        values = Mixture.from_sklearn(self).score_samples(rows, n_threads=check_threads(self.n_threads))
        return values.astype(rows.dtype, copy=False)

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Weighted mean log-likelihood of the samples, in nats per sample."""
        values = self.score_samples(X)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, values, dtype=np.float64)
        return float(np.average(values, weights=weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = False  # the engine works on NumPy's arrays
        return tags

    def _validated(self, X: Any) -> NDArray[Any]:
        """Samples to predict from, in the type that scikit-learn would calculate in."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False)
        kind = np.result_type(rows.dtype if rows.dtype.kind == "f" else np.float64, self.means_.dtype)
        return np.ascontiguousarray(rows, dtype=max(kind, np.dtype(np.float32)))

    def _labels(self, rows: NDArray[Any]) -> NDArray[np.intp]:
        return Mixture.from_sklearn(self).predict(rows, n_threads=check_threads(self.n_threads)).astype(np.intp)

    def _fit(self, X: Any, sample_weight: ArrayLike | None) -> NDArray[Any]:
        """Fit, and give the samples back as they were used."""
        self._validate_params()
        rows: NDArray[Any] = validate_data(self, X, dtype=[np.float64, np.float32], order="C", ensure_min_samples=2)
        used, weight = self._weighted(rows, sample_weight)
        self._check_start(used)
        fresh = not (self.warm_start and hasattr(self, "converged_"))
        random_state = check_random_state(self.random_state)
        best = None
        for run in range(self.n_init if fresh else 1):
            self._print_verbose_msg_init_beg(run)
            start = self._start(used, weight, random_state) if fresh else Mixture.from_sklearn(self)
            fit = self._iterate(used, weight, start, None if fresh else self.lower_bound_)
            if best is None or not fit.history or fit.history[-1] > best.history[-1]:
                best = fit
        assert best is not None
        self._keep(best, rows.dtype)
        total = float(len(used)) if weight is None else float(weight.sum())
        self._stream = prior_fitting.Stream(best.mixture, 1, total)
        if not self.converged_ and self.max_iter > 0:
            warnings.warn(_NOT_CONVERGED, ConvergenceWarning, stacklevel=3)
        return rows

    def _check_start(self, used: NDArray[Any]) -> None:
        if len(used) < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {len(used)}"
            )
        self._check_parameters(used, xp=np)
        for held, given in (("frozen_means", "means_init"), ("frozen_covariances", "precisions_init")):
            if any(prior_fitting.held(held, getattr(self, held), self.n_components)) and getattr(self, given) is None:
                raise InvalidInputError(f"{held} holds what {given} gives, which is None: give it")

    def _weighted(
        self, rows: NDArray[Any], sample_weight: ArrayLike | None
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """The samples that have weight, and their weights; None where each counts once."""
        if sample_weight is None:
            return rows, None
        weight = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        return (rows, weight) if weight.all() else (rows[weight > 0], weight[weight > 0])

    def _start(self, rows: NDArray[Any], weight: Floats | None, random_state: np.random.RandomState) -> Mixture:
        given = (self.weights_init, self.means_init, self.precisions_init)
        weights, means, covariances = None, None, None
        found = self._search(rows, weight, random_state) if self.init_params == "search" else None
        if found is not None:
            weights, means, covariances = found.weights, found.means, found.covariances
        elif any(part is None for part in given):
            kind = "k-means++" if self.init_params == "search" else self.init_params
            k, family, n_threads = self.n_components, self.covariance_type, check_threads(self.n_threads)
            try:
                weights, means, covariances = sklearn_starts.start(
                    rows, weight, k, family, self.reg_covar, kind, random_state, n_threads
                )
            except InvalidInputError as error:
                raise _as_sklearns(error) from error
        if self.precisions_init is not None:
            covariances = inverted(np.asarray(self.precisions_init, dtype=np.float64), self.covariance_type)
        weights = weights if self.weights_init is None else np.asarray(self.weights_init, dtype=np.float64)
        means = means if self.means_init is None else np.asarray(self.means_init, dtype=np.float64)
        assert weights is not None
        assert means is not None
        assert covariances is not None
        precision_factors(covariances, self.covariance_type)  # raises where there are none
        return Mixture(weights, means, covariances, self.covariance_type)

    def _search(self, rows: NDArray[Any], weight: Floats | None, random_state: np.random.RandomState) -> Mixture | None:
        """The start that a search finds, after one pass; None where there are too few different samples for one."""
        found = fit_mixture(
            rows,
            self.n_components,
            sample_weight=weight,
            covariance_type=cast("CovarianceType", self.covariance_type),
            init_params="search",
            tol=0,
            max_iter=1,
            covariance_floor=self.reg_covar,
            random_state=int(random_state.randint(np.iinfo(np.int32).max)),
            n_threads=self.n_threads,
        ).mixture
        return found if found.n_components == self.n_components else None

    def _iterate(
        self, rows: NDArray[Any], weight: Floats | None, start: Mixture, before: float | None
    ) -> prior_fitting.Run:
        """One run; ``before`` is the bound that the first iteration is compared with, in a warm start."""
        if self.max_iter == 0:
            return prior_fitting.Run(start, [], False)
        options, reporter = self._options(self.max_iter, before), self._reporter(-np.inf if before is None else before)
        try:
            run = prior_fitting.fit(rows, weight, start, self._prior(), options, reporter)
        except InvalidInputError as error:
            raise _as_sklearns(error) from error
        self._print_verbose_msg_init_end(run.history[-1], run.converged)
        return run

    def _options(self, max_iter: int, before: float | None) -> _core._FitOptions:
        return {
            "tol": self.tol,
            "tol_is_step": True,
            "before": before if before is not None and np.isfinite(before) else None,
            "max_iter": max_iter,
            "acceleration": "none",
            "reg_covar": self.reg_covar,
            "covariance_floor": 0.0,
            "n_threads": check_threads(self.n_threads),
        }

    def _prior(self) -> _core._PriorOptions:
        k, d = self.n_components, self.n_features_in_
        free, concentration = self.degrees_of_freedom_prior, self.weight_concentration_prior
        if concentration is not None and not concentration >= 1:
            raise InvalidInputError(
                f"weight_concentration_prior is {concentration!r}: it must be at least 1, which is no prior; to do "
                "without components that are not needed, choose their number by rustem.select_components"
            )
        return {
            "frozen_means": prior_fitting.held("frozen_means", self.frozen_means, k),
            "frozen_covariances": prior_fitting.held("frozen_covariances", self.frozen_covariances, k),
            "prior_weight": 0.0 if concentration is None else float(concentration) - 1.0,
            "covariance_prior": prior_fitting.prior_scale(self.covariance_prior, self.covariance_type, d),
            "degrees_of_freedom": d + 2.0 if free is None else float(free),
        }

    def _reporter(self, bound: float) -> Callable[[int, float], None] | None:
        """Prints what scikit-learn prints after an iteration; None where it prints nothing."""
        if not self.verbose:
            return None
        last = bound

        def report(iteration: int, log_likelihood: float) -> None:
            nonlocal last
            change, last = log_likelihood - last, log_likelihood
            self._print_verbose_msg_iter_end(iteration, change)

        return report

    def _keep(self, fit: prior_fitting.Run, dtype: np.dtype[Any]) -> None:
        """The best run as attributes, in the samples' type."""
        family, mixture = self.covariance_type, fit.mixture
        factors = precision_factors(mixture.covariances, family)
        self.weights_ = mixture.weights.astype(dtype)
        self.means_ = mixture.means.astype(dtype)
        self.covariances_ = mixture.covariances.astype(dtype)
        self.precisions_cholesky_ = factors.astype(dtype)
        self.precisions_ = precisions(factors, family).astype(dtype)
        self.converged_ = fit.converged
        self.n_iter_ = len(fit.history)
        self.lower_bounds_ = fit.history
        self.lower_bound_ = self.lower_bounds_[-1] if self.lower_bounds_ else -np.inf


def _as_sklearns(error: InvalidInputError) -> ValueError:
    """The error in scikit-learn's words, where it has some."""
    return ValueError(ILL_DEFINED) if "covariance of component" in str(error) else error
