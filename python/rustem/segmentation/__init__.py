"""From a picture to its segmentation: count colours, fit the mixture, label each colour once, paint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from rustem.arguments import (
    Acceleration,
    ChannelAxis,
    CovarianceType,
    InitParams,
    Progress,
    RandomState,
    check_integer,
    check_number,
    check_threads,
)
from rustem.mixture.fitting import FitOptions
from rustem.pipeline.color_table import count_colors
from rustem.pipeline.inputs import open_inputs
from rustem.pipeline.noise import NOISE, check_noise
from rustem.segmentation.given_mixture import apply_mixture, as_fitted
from rustem.segmentation.labelling import fit_colors, label_colors, label_picture, split_fit
from rustem.segmentation.result import Segmentation

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rustem.colorspaces import ColorSpace
    from rustem.mixture import Mixture
    from rustem.pipeline.inputs import Image, Images

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
        noise: float
        reg_covar: float
        random_state: RandomState
        min_size: int
        mask: Any
        channel_axis: ChannelAxis
        color_space: ColorSpace | None
        progress: Progress
        n_threads: int | None


__all__ = ["Segmentation", "segment"]


@overload
def segment(
    image: Images, n_components: int | Literal["auto"] = ..., **options: Unpack[Options]
) -> list[Segmentation]: ...


@overload
def segment(image: Image, n_components: int | Literal["auto"] = ..., **options: Unpack[Options]) -> Segmentation: ...


def segment(
    image: Any,
    n_components: int | Literal["auto"] = 16,
    *,
    noise: float = NOISE,
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
    channel_axis: ChannelAxis = "auto",
    color_space: ColorSpace | None = None,
    progress: Progress = None,
    n_threads: int | None = None,
) -> Segmentation | list[Segmentation]:
    """Segment a picture, or several together, by the colours of the pixels, with a Gaussian mixture fitted by EM.

    Parameters
    ----------
    image : path, bytes, open file, PIL image or array, or a list of them
        A list of pictures of one type is fitted as one: all share the mixture, its labels and one palette. An array
        has shape (H, W[, C]) or (D, H, W[, C]); integers other than uint8 and uint16 are taken for floats.
        Floats are used as they are. In files and PIL images, fully transparent pixels take no part and stay
        transparent; all channels of an array are features. Masked values of arrays, and what a file says is no data,
        take no part.
    n_components : int, default 16
        Number of components, hence of labels and colours: 2 to 8 to tell a few materials apart, 16 to 64 for a
        poster-like picture, 256 for one that hardly differs from the original. "auto" lets
        :func:`rustem.select_components` choose from 1 to 32 by its default criterion.
    noise : float, default 0.12
        Standard deviation below which differences in a channel count as noise or shading, as a share of the channel's
        own spread (its median absolute deviation, as a standard deviation): no component is narrower. 0 keeps every
        difference that is larger than the rounding of the picture's type: likelier mixtures, with components for flat
        areas and for their speckle. 0.2 and more make components of one width, as "spherical" or k-means have them. It
        never counts for less than that rounding (of floats, for less than a thousandth of the spread).
    mixture : Mixture, optional
        A mixture fitted before: nothing is fitted, its components are the labels, in its order, and the palette shows
        its means, the same for each picture of a series. All arguments of the fit are ignored then. A mixture remembers
        its colour space and the type of its pictures: floats that hold the same whole numbers are taken as those. One
        that was fitted on samples is over colours scaled as here.
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
        Added to the least variance that ``noise`` asks for, over colours scaled to [0, 1] (or in ``color_space``).
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the start; the same number gives the same answer.
    min_size : int, default 1
        Connected pieces of fewer pixels go over to the neighbouring piece whose label is most probable for them, the
        smallest first. A thousandth of the picture's pixels leaves what the eye takes for regions.
    mask : array-like of bool, shape (H, W), optional
        Only True pixels take part and get a label. For a list of pictures, a list with a mask or None for each.
    channel_axis : int, None or "auto", default "auto"
        The axis of an array that holds the channels; None where there is none. Arrays of two axes are grey. "auto" is
        -1, but refuses shapes that more likely have channels elsewhere or nowhere, as (24, 256, 256).
    color_space : {"srgb", "linear", "lab", "oklab"}, optional
        Where the mixture is fitted, by default "srgb", or where the given one was; palette and pictures come back in
        the picture's own space.
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
    inputs = open_inputs(image, mask, channel_axis)
    if mixture is not None:
        inputs, color_space = as_fitted(inputs, mixture, color_space)
    color_space = color_space or "srgb"
    table = count_colors(inputs.pictures, color_space, check_threads(n_threads))
    floor = table.floor(check_noise(noise)) + check_number("reg_covar", reg_covar)
    if mixture is not None:
        fit, n_requested = apply_mixture(mixture, table), mixture.n_components
    else:
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
            random_state=random_state,
            n_threads=table.n_threads,
        )
        if n_components == "auto":
            from rustem.segmentation.component_count import choose

            n_components = choose(inputs, options, noise, color_space)
        fit, n_requested = fit_colors(table, n_components, floor, options, color_space, progress), n_components
    palette = label_colors(fit, table, color_space, of_means=mixture is not None)
    follows = mixture is None and not inputs.several  # whether the palette is this one picture's
    return inputs.hand_back(
        [
            label_picture(own, of_own, palette, floor, n_requested, min_size, repaint=follows)
            for own, of_own in split_fit(fit, table)
        ]
    )
