"""From a picture to its segmentation: count colours, fit the mixture, label each colour once, paint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

import numpy as np

from rustem.arguments import (
    Acceleration,
    CovarianceType,
    InitParams,
    Progress,
    RandomState,
    check_integer,
    check_number,
    check_threads,
)
from rustem.exceptions import InvalidInputError
from rustem.mixture import FitResult, Mixture, fit_mixture
from rustem.pipeline.color_table import Colours, count_colours, rounding_noise
from rustem.pipeline.inputs import is_several, prepare, prepare_all
from rustem.segmentation.result import Segmentation, spread

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from rustem.colorspaces import ColorSpace
    from rustem.pipeline.inputs import Image, Part, Pictures

    class Options(TypedDict, total=False):
        """Keywords of :func:`segment`, which describes them."""

        mixture: Mixture | None
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
        random_state: RandomState
        min_size: int
        mask: Any
        channel_axis: int | None
        color_space: ColorSpace
        progress: Progress
        n_threads: int | None


__all__ = ["Segmentation", "segment"]


@overload
def segment(
    image: Pictures, n_components: int | Literal["auto"] = ..., **options: Unpack[Options]
) -> list[Segmentation]: ...


@overload
def segment(image: Image, n_components: int | Literal["auto"] = ..., **options: Unpack[Options]) -> Segmentation: ...


def segment(
    image: Any,
    n_components: int | Literal["auto"] = 8,
    *,
    mixture: Mixture | None = None,
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
    min_size: int = 1,
    mask: Any = None,
    channel_axis: int | None = -1,
    color_space: ColorSpace = "srgb",
    progress: Progress = None,
    n_threads: int | None = None,
) -> Segmentation | list[Segmentation]:
    """Segment a picture, or several together, by the colours of the pixels, with a Gaussian mixture fitted by EM.

    Parameters
    ----------
    image : path, PIL image or array, or a list of them
        A list of pictures of one type is fitted as one: all share the mixture, its labels and one palette. An array
        has shape (H, W[, C]) or (D, H, W[, C]); integers other than uint8 and uint16 are taken for floats.
        Floats are used as they are. In files and PIL images, fully transparent pixels take no part and stay
        transparent; all channels of an array are features.
    n_components : int, default 8
        Number of components, hence of labels and colours: 2 to 8 to tell a few materials apart, 16 to 64 for a
        poster-like picture, 256 for one that hardly differs from the original. "auto" lets
        :func:`rustem.select_components` choose from 1 to 32 by its default criterion.
    mixture : Mixture, optional
        A mixture fitted before, over colours scaled as here: nothing is fitted, its components are the labels, in its
        order, and the palette shows its means, the same for each picture of a series. All arguments of the fit are
        ignored then.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        "full" follows shades of one material best; "spherical" is closest to a palette by k-means.
    tol : float, default 3e-5
        Converged when the mean log-likelihood promises to gain less than this by all further passes, in nats per
        pixel. 0 runs exactly ``max_iter`` passes.
    max_iter : int, default 3000
        The most passes over the colours.
    acceleration : "lbfgs" or None, default "lbfgs"
        Quasi-Newton steps that need several times fewer passes; None is textbook EM. See :func:`rustem.fit_mixture`.
    n_init : int, default 1
        Starts from as many seeds, and keeps the best.
    init_params : {"auto", "search", "k-means++", "random_from_data"}, default "auto"
        How the start is found: for full covariances, by trial runs with components split and merged, except where a
        fixed or small number of passes, a start or textbook EM is asked for; else by k-means++. See
        :func:`rustem.fit_mixture`.
    weights_init, means_init, precisions_init : array-like, optional
        The start, or a part of it, over colours scaled to [0, 1] (or in ``color_space``).
    reg_covar : float, default 0.0
        Added to the covariance floor, for smoother mixtures. The floor itself is the rounding noise of the picture's
        type: a twelfth of a step squared, or a millionth of the variance for float pictures.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the start; the same number gives the same answer.
    min_size : int, default 1
        Connected pieces of fewer pixels go over to the neighbouring piece whose label is most probable for them, the
        smallest first. A thousandth of the picture's pixels leaves what the eye takes for regions.
    mask : array-like of bool, shape (H, W), optional
        Only True pixels take part and get a label. For a list of pictures, a list with a mask or None for each.
    channel_axis : int or None, default -1
        The axis of an array that holds the channels; None where there is none. Arrays of two axes are grey.
    color_space : {"srgb", "linear", "lab", "oklab"}, default "srgb"
        Where the mixture is fitted; palette and pictures come back in the picture's own space.
    progress : bool or callable, optional
        True shows a bar; a function is called with (iteration, log-likelihood).
    n_threads : int, optional
        Default: ``RUSTEM_NUM_THREADS``, or the CPUs that the process may use. The answer does not depend on it.

    Returns
    -------
    Segmentation, or list of Segmentation
        Labels, palette, k-colour picture, mixture, and how the fit went; one for each picture of a list.

    Raises
    ------
    ImageError
        The file cannot be read.
    InvalidInputError
        Wrong arguments or shapes, NaN or infinite pixels, nothing to segment.

    Warns
    -----
    ConvergenceWarning
        After ``max_iter`` passes more than ``tol`` is still to be gained.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), chapter 9.

    Examples
    --------
    >>> import numpy as np
    >>> import rustem
    >>> picture = np.zeros((4, 6, 3), dtype=np.uint8)
    >>> picture[:, 4:] = [255, 128, 0]
    >>> seg = rustem.segment(picture, 2)
    >>> seg.labels[0].tolist(), seg.palette.tolist()
    ([0, 0, 0, 0, 1, 1], [[0, 0, 0], [255, 128, 0]])
    """
    min_size = check_integer("min_size", min_size)
    threads = check_threads(n_threads)
    several = is_several(image)
    parts = prepare_all(image, mask, channel_axis) if several else [prepare(image, mask, channel_axis)]
    pixels = np.concatenate([part.pixels for part in parts]) if several else parts[0].pixels
    inside = None if several else parts[0].inside
    unit = float(np.iinfo(pixels.dtype).max) if pixels.dtype.kind == "u" else 1.0
    colours = count_colours(pixels, unit, color_space, threads, None if inside is None else inside.ravel())
    feature_unit = unit if colours.features.dtype.kind == "u" else 1.0
    floor = rounding_noise(colours.features, unit, colours.counts) + check_number("reg_covar", reg_covar)
    if mixture is None:
        if n_components == "auto":
            from rustem.segmentation.component_count import choose

            n_components = choose(pixels, unit, parts, covariance_type, color_space, random_state, threads)
        fit = fit_mixture(
            colours.features,
            n_components,
            sample_weight=colours.counts,
            unit=feature_unit,
            covariance_type=covariance_type,
            tol=tol,
            max_iter=max_iter,
            acceleration=acceleration,
            n_init=n_init,
            init_params=init_params,
            weights_init=weights_init,
            means_init=means_init,
            precisions_init=precisions_init,
            covariance_floor=floor,
            random_state=random_state,
            progress=progress,
            n_threads=threads,
        )
        fit = _ordered(fit, colours, feature_unit, threads)
    else:
        fit = _applied(mixture, colours, parts[0].picture.name, feature_unit, threads)
        n_components = mixture.n_components
    palette, counts = _palette(fit, colours, pixels.dtype, color_space, of_means=mixture is not None)
    result = Segmentation(
        labels=np.empty(0),
        palette=palette,
        counts=counts,
        mixture=fit.mixture,
        history=fit.history,
        log_likelihood=fit.log_likelihood,
        converged=fit.converged,
        n_requested=n_components,
        _picture=parts[0].picture,
        _colours=colours,
        _colour_labels=fit.labels.astype(np.int16 if len(palette) <= np.iinfo(np.int16).max else np.int32),
        _inside=None,
        _unit=unit,
        _n_threads=threads,
        _floor=floor,
    )
    results = _split(result, parts) if several else [_of_part(result, parts[0])]
    if min_size > 1:
        from rustem.segmentation.small_components import absorb_small

        results = [absorb_small(result, min_size, repaint=not several and mixture is None) for result in results]
    return results if several else results[0]


def _of_part(result: Segmentation, part: Part) -> Segmentation:
    """The result, laid out as the picture is."""
    return replace(
        result,
        labels=spread(result._colours, result._colour_labels, part.shape, part.inside, -1, result._n_threads),
        _picture=part.picture,
        _inside=part.inside,
    )


def _split(result: Segmentation, parts: list[Part]) -> list[Segmentation]:
    """The results of the single pictures: one mixture and palette, but counts and likelihoods of their own."""
    feature_unit = result._unit if result._colours.features.dtype.kind == "u" else 1.0
    results, begin = [], 0
    for part in parts:
        end = begin + len(part.pixels)
        colours, used = result._colours.part(slice(begin, end))
        labels = result._colour_labels[used]
        score = result.mixture.score(colours.features, colours.counts, unit=feature_unit, n_threads=result._n_threads)
        own = replace(
            result,
            counts=colours.sums(labels, result.n_components)[0],
            log_likelihood=score,
            _colours=colours,
            _colour_labels=labels,
        )
        results.append(_of_part(own, part))
        begin = end
    return results


def _ordered(fit: FitResult, colours: Colours, unit: float, threads: int) -> FitResult:
    """The fit with components by weight, the largest first, without those of less than one pixel."""
    mixture = fit.mixture
    order = np.argsort(-mixture.weights, kind="stable")
    kept = order[mixture.weights[order] * colours.n_pixels >= 1]
    chosen = replace(
        mixture,
        weights=mixture.weights[kept] / mixture.weights[kept].sum(),
        means=mixture.means[kept],
        covariances=mixture.covariances if mixture.covariance_type == "tied" else mixture.covariances[kept],
    )
    fit = replace(fit, mixture=chosen, on_floor=fit.on_floor[kept])
    if len(kept) < len(order):
        return replace(fit, labels=chosen.predict(colours.features, unit=unit, n_threads=threads))
    rank = np.empty(len(order), dtype=np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    return replace(fit, labels=rank[fit.labels])


def _applied(mixture: Mixture, colours: Colours, name: str, unit: float, threads: int) -> FitResult:
    """What a fit would give that found ``mixture`` without an iteration."""
    if not isinstance(mixture, Mixture):
        raise InvalidInputError(f"mixture is of type {type(mixture).__name__}: give a rustem.Mixture")
    if colours.features.shape[1] != mixture.n_features:
        found = colours.features.shape[1]
        raise InvalidInputError(f"{name} has {found} channels, but the mixture is over {mixture.n_features}")
    labels = mixture.predict(colours.features, unit=unit, n_threads=threads)
    score = mixture.score(colours.features, colours.counts, unit=unit, n_threads=threads)
    return FitResult(mixture, np.array([]), True, labels, score, np.zeros(mixture.n_components, dtype=bool))


def _palette(
    fit: FitResult, colours: Colours, dtype: np.dtype[Any], color_space: ColorSpace, *, of_means: bool
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The colour (k, C) of each label, and its pixels (k,).

    The mean colour of the pixels; the component's own mean where it labels none, or ``of_means``.
    """
    counts, sums = colours.sums(fit.labels, fit.mixture.n_components)
    shown = (counts > 0)[:, np.newaxis] & (not of_means)
    palette = sums / np.maximum(counts, 1)[:, np.newaxis]
    unit = np.iinfo(dtype).max if dtype.kind == "u" else 1
    if not shown.all():
        means: NDArray[Any] = fit.mixture.means
        if color_space != "srgb":
            from rustem.colorspaces import from_space

            means = from_space(means, color_space)
        palette = np.where(shown, palette, means * unit)
    if dtype.kind == "u":
        palette = np.clip(np.rint(palette), 0, unit)
    return palette.astype(dtype), counts
