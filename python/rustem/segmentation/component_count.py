"""How many components a picture needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.arguments import (
    ChannelAxis,
    CovarianceType,
    RandomState,
    check_number,
    check_samples,
    check_seed,
    check_threads,
)
from rustem.exceptions import InvalidInputError
from rustem.images.picture import Picture, white_level
from rustem.mixture import Mixture
from rustem.mixture.covariances import full_matrices
from rustem.mixture.model_selection import CRITERIA, Criterion, Selection, check_candidates, criteria, sweep
from rustem.pipeline.inputs import has_named_axes, open_inputs, rows_of
from rustem.pipeline.noise import NOISE, check_noise, noise_floor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from rustem.colorspaces import ColorSpace
    from rustem.mixture.fitting import FitOptions
    from rustem.pipeline.inputs import Inputs, MaskedPicture

__all__ = ["Selection", "select_components"]

# Samples that the sweep looks at: more change the curve by less than neighbouring numbers of components differ.
MOST_SAMPLES = 1 << 14
# Pixels whose correlation is looked at, about.
MOST_CORRELATED = 1 << 20
# Standard deviation of the noise that takes whole numbers off their lattice, in steps.
BLUR = 0.5
# Autocorrelation is summed up to the first ring of lags where it falls below this.
UNCORRELATED = 0.05


def select_components(
    data: Any,
    candidates: Iterable[int] = range(1, 33),
    *,
    criterion: Criterion = "bic",
    covariance_type: CovarianceType = "full",
    noise: float = NOISE,
    n_effective: float | None = None,
    random_state: RandomState = 0,
    mask: ArrayLike | None = None,
    channel_axis: ChannelAxis = "auto",
    color_space: ColorSpace = "srgb",
    n_threads: int | None = None,
) -> Selection:
    """Choose the number of components of a mixture, for a picture or for samples.

    Parameters
    ----------
    data : path, bytes, open file, PIL image or array
        A picture, as :func:`rustem.segment` takes it; but an array of two axes is samples (n, d). Give a grey picture
        an axis of channels: ``grey[..., None]``.
    candidates : iterable of int, default range(1, 33)
        The numbers to choose from.
    criterion : {"bic", "icl", "aic", "mml"}, default "bic"
        Bayesian information criterion; integrated completed likelihood, which counts only components that are apart;
        Akaike's, which asks for the most; minimum message length.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        The family of the covariances.
    noise : float, default 0.12
        As in :func:`rustem.segment`; (n, d) samples are taken as they are.
    n_effective : float, optional
        The sample size in the criteria. By default samples count as independent, and pixels for as many as the
        autocorrelation of their deviations from the largest mixture leaves: see Notes. Never more than the 16,384
        that the sweep looks at.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the start, and of the choice of pixels where there are more than 16,384.
    mask, channel_axis, color_space
        As in :func:`rustem.segment`.
    n_threads : int, optional
        Default: ``RUSTEM_NUM_THREADS``, or the CPUs that the process may use. The answer does not depend on it.

    Returns
    -------
    Selection
        The choice, and the curve.

    Raises
    ------
    InvalidInputError
        Wrong arguments; what :func:`rustem.segment` refuses.

    Notes
    -----
    With mean log-likelihood L, p parameters and n samples: BIC = −2 n L + p log n [1]_; AIC = −2 n L + 2 p; ICL = BIC +
    2 n E with the mean entropy E of the responsibilities [2]_; MML = −2 n L + N Σ log(n w / 12) + k log(n / 12) +
    k (N + 1) with N parameters in each component of weight w [3]_ (tied covariances are no part of N, and cost
    log(n / 12) for each of their parameters).

    All hold for independent samples. Neighbouring pixels are alike, so that BIC on all pixels asks for ever more. Where
    the deviations of pixels from their components' means, whitened, have the autocorrelation r, a sum over n pixels
    varies as one over n / Σ r independent ones; that is the sample size used. It is that of the scene rather than of
    the camera: a picture scaled up has more pixels, but not more information. White noise leaves n as it is.

    Pixels of whole numbers are blurred by normal noise of half a step first, since a component that sits on one level
    of a channel would gain likelihood for nothing.

    References
    ----------
    .. [1] G. Schwarz, "Estimating the dimension of a model", Ann. Stat. 6 (1978), doi:10.1214/aos/1176344136
    .. [2] C. Biernacki, G. Celeux, G. Govaert, "Assessing a mixture model for clustering with the integrated completed
       likelihood", IEEE PAMI 22 (2000), doi:10.1109/34.865189
    .. [3] M. Figueiredo, A. K. Jain, "Unsupervised learning of finite mixture models", IEEE PAMI 24 (2002),
       doi:10.1109/34.990138

    Examples
    --------
    >>> import numpy as np
    >>> from rustem import select_components
    >>> random = np.random.default_rng(0)
    >>> samples = random.standard_normal((900, 2)) + 8 * random.integers(0, 3, (900, 1))
    >>> select_components(samples, range(1, 9)).n_components
    3
    """
    numbers = check_candidates(candidates)
    if criterion not in CRITERIA:
        raise InvalidInputError(f"criterion is {criterion!r}: choose one of {', '.join(CRITERIA)}")
    size = None if n_effective is None else check_number("n_effective", n_effective)
    if size == 0:
        raise InvalidInputError("n_effective is 0: give a number above 0")
    threads, seed = check_threads(n_threads), check_seed(random_state)
    pictures: tuple[MaskedPicture, ...] = ()
    if _is_array(data) and np.ndim(data) == 2:
        rows, color_space = check_samples(data), "srgb"
    else:
        pictures = open_inputs([data], [mask], channel_axis).pictures
        rows = pictures[0].rows()
    noise = check_noise(noise)
    return _select(rows, pictures, numbers, criterion, covariance_type, noise, size, color_space, seed, threads)


def _is_array(data: Any) -> bool:
    """Whether this is an array whose axes have no names: of two axes, it is samples."""
    kinds = (str, bytes, bytearray, os.PathLike, Picture)
    return not (isinstance(data, kinds) or hasattr(data, "getbands") or hasattr(data, "read") or has_named_axes(data))


def choose(inputs: Inputs, options: FitOptions, noise: float, color_space: ColorSpace) -> int:
    """The number of components that ``segment(..., "auto")`` fits."""
    return _select(
        rows_of(inputs.pictures),
        inputs.pictures,
        list(range(1, 33)),
        "bic",
        options.covariance_type,
        noise,
        None,
        color_space,
        options.seed,
        options.n_threads,
    ).n_components


def _select(
    rows: NDArray[Any],
    pictures: Sequence[MaskedPicture],
    numbers: list[int],
    criterion: Criterion,
    covariance_type: CovarianceType,
    noise: float,
    n_effective: float | None,
    color_space: ColorSpace,
    seed: int,
    threads: int,
) -> Selection:
    """The sweep over a part of the rows, of pictures or samples; the criteria for all of them."""
    random = np.random.default_rng(seed)
    chosen, unit = rows, float(white_level(rows.dtype)) if pictures else 1.0
    if len(rows) > MOST_SAMPLES:
        chosen = rows[np.sort(random.choice(len(rows), MOST_SAMPLES, replace=False))]
    if rows.dtype.kind == "u":
        distinct = len(np.unique(chosen, axis=0))
        numbers = [number for number in numbers if number <= distinct] or [distinct]
    features = _features(chosen, unit, color_space, random)
    floor = noise_floor(features, None, unit, noise if pictures else 0)
    mixtures = sweep(features, numbers, covariance_type, floor, seed, threads)
    if n_effective is None:
        n_effective = float(len(rows))
        if pictures:
            n_effective = sum(_effective(picture, mixtures[-1], color_space, random, threads) for picture in pictures)
        n_effective = min(n_effective, float(len(chosen)))  # what was not looked at told nothing
    measures = [criteria(mixture, features, n_effective, threads) for mixture in mixtures]
    values = {name: np.array([measure[name] for measure in measures]) for name in CRITERIA}
    best = int(np.argmin(values[criterion]))
    return Selection(
        mixtures[best].n_components,
        criterion,
        np.array([mixture.n_components for mixture in mixtures]),
        values,
        np.array([measure["log_likelihood"] for measure in measures]),
        tuple(mixtures),
        len(rows),
        n_effective,
    )


def _features(rows: NDArray[Any], unit: float, color_space: ColorSpace, random: np.random.Generator) -> NDArray[Any]:
    """What mixtures are fitted to: of whole numbers, floats blurred by half a step.

    Whole numbers lie on a lattice, and components that sit on its planes gain likelihood for nothing. Normal noise of
    half a step leaves less than a hundredth of the lattice's ripple, and makes a flat colour one component.
    """
    scaled = rows / np.float32(unit) if rows.dtype.kind == "u" else rows
    if color_space != "srgb":
        from rustem.colorspaces import to_space

        scaled = to_space(scaled, color_space)
    if rows.dtype.kind == "u":
        scaled = scaled + random.standard_normal(scaled.shape, dtype=np.float32) * np.float32(BLUR / unit)
    return np.ascontiguousarray(scaled)


def _effective(
    picture: MaskedPicture, mixture: Mixture, color_space: ColorSpace, random: np.random.Generator, threads: int
) -> float:
    """Independent pixels that a picture's are worth."""
    picture = _on_a_grid(picture)
    rows = picture.rows()
    features = _features(rows, float(white_level(rows.dtype)), color_space, random)
    labels = mixture.predict(features, n_threads=threads)
    covariances = full_matrices(mixture.covariances, mixture.covariance_type, *mixture.means.shape)
    factors = np.linalg.inv(np.linalg.cholesky(covariances)).astype(np.float32)
    deviations = np.einsum("nab,nb->na", factors[labels], features - mixture.means.astype(np.float32)[labels])
    return len(rows) / correlated_area(picture.lay_out(deviations, 0))


def _on_a_grid(picture: MaskedPicture) -> MaskedPicture:
    """The picture, or every s-th pixel of it along each axis, so that about a million are left.

    Where neighbours are alike, as in all large photographs, these are worth as many independent pixels as all.
    """
    step = round((np.prod(picture.shape) / MOST_CORRELATED) ** (1 / len(picture.shape)))
    thinned = picture.every(max(1, step))
    return thinned if thinned.n_inside else picture


def correlated_area(plane: NDArray[Any]) -> float:
    """Sum of the autocorrelation over all lags near zero, of a field (..., C) over one or more axes; at least 1."""
    axes = tuple(range(plane.ndim - 1))
    spectrum = (np.abs(np.fft.rfftn(plane - plane.mean(axis=axes), axes=axes)) ** 2).sum(axis=-1)
    correlation = np.fft.irfftn(spectrum, s=plane.shape[:-1], axes=axes)
    if correlation.flat[0] <= 0:
        return 1.0
    correlation /= correlation.flat[0]
    lags = np.meshgrid(*(np.fft.fftfreq(length, 1 / length) for length in correlation.shape), indexing="ij")
    ring = np.rint(np.sqrt(sum(lag**2 for lag in lags))).astype(np.intp).ravel()
    sums = np.bincount(ring, correlation.ravel())
    below = np.flatnonzero(sums < UNCORRELATED * np.bincount(ring))
    return max(1.0, float(sums[: below[0] if len(below) else None].sum()))
