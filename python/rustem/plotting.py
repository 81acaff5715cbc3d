"""Pictures of the result: the original beside its colours, and plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.exceptions import InvalidInputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rustem.segmentation import Segmentation
    from rustem.segmentation.component_count import Selection


def side_by_side(original: NDArray[Any], colours: NDArray[Any], *, gap: int = 8) -> NDArray[Any]:
    """Join two pictures: the original on the left, its k colours on the right.

    Parameters
    ----------
    original, colours : (H, W) or (H, W, C) ndarray
        Two pictures of one height and one dtype: integers, or floats in [0, 1]. There may be 1 to 4 channels: grey,
        grey and alpha, RGB, RGB and alpha. Where they differ, grey becomes colour and a missing alpha becomes opaque.
    gap : int, default=8
        Width of the white stripe between the two, in pixels.

    Returns
    -------
    (H, W₁ + gap + W₂[, C]) ndarray
        The pair, in the dtype of the two.

    Raises
    ------
    InvalidInputError
        If heights, dtypes or channels do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> side_by_side(np.zeros((2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8), gap=1).shape
    (2, 7, 3)
    """
    if original.dtype != colours.dtype or original.shape[:1] != colours.shape[:1]:
        raise InvalidInputError(
            f"pictures side by side need one height and one dtype, but they are {original.shape} {original.dtype} and "
            f"{colours.shape} {colours.dtype}"
        )
    pair = [_with_channels(picture) for picture in (original, colours)]
    coloured = any(picture.shape[2] > 2 for picture in pair)
    transparent = any(picture.shape[2] in (2, 4) for picture in pair)
    left, right = (_like(picture, coloured=coloured, transparent=transparent) for picture in pair)
    stripe = np.full((len(left), gap, left.shape[2]), white_level(left.dtype), left.dtype)
    joined = np.concatenate([left, stripe, right], axis=1)
    return joined[..., 0] if original.ndim == colours.ndim == 2 else joined


def plot_segmentation(
    segmentation: Segmentation, original: NDArray[Any] | None = None, axes: Sequence[Axes] | None = None
) -> Sequence[Axes]:
    """Plot a segmentation: the original, the k colours, and the palette with the share of each colour.

    Parameters
    ----------
    segmentation : Segmentation
        What `rustem.segment` gives.
    original : (H, W[, C]) ndarray, optional
        The picture it came from; without it, there is no first panel.
    axes : sequence of matplotlib.axes.Axes, optional
        Where to draw: three axes, or two without `original`. By default a new figure is made.

    Returns
    -------
    sequence of matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('matplotlib is missing: pip install "rustem[plot]"') from error

    panels = [] if original is None else [("original", original)]
    panels.append((f"{len(segmentation.palette)} colours", segmentation.image))
    if axes is None:
        widths = [*[4.0] * len(panels), 1.0]
        _, axes = pyplot.subplots(
            1, len(widths), figsize=(sum(widths) + 0.5, 3.5), width_ratios=widths, layout="constrained"
        )
    if len(axes) != len(panels) + 1:
        raise InvalidInputError(f"axes has {len(axes)} axes; give {len(panels) + 1}")
    for panel, (title, picture) in zip(axes, panels, strict=False):
        panel.imshow(_displayable(picture))
        panel.set(title=title, xticks=[], yticks=[])
    _plot_palette(axes[-1], segmentation)
    return axes


def plot_selection(selection: Selection, axes: Axes | None = None) -> Axes:
    """Draw the criteria of a selection over the number of components.

    Parameters
    ----------
    selection : Selection
        What :func:`rustem.select_components` gave.
    axes : matplotlib Axes, optional
        Where to draw; new ones by default.

    Returns
    -------
    matplotlib Axes
        Where it was drawn: each criterion above its least value, in nats per effective sample; the choice dashed.
    """
    if axes is None:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    assert axes is not None
    lowest = np.inf
    for name, values in selection.values.items():
        above = (values - values.min()) / (2 * selection.n_effective)
        axes.plot(
            selection.candidates, above, marker=".", label=name.upper(), lw=2 if name == selection.criterion else 1
        )
        lowest = min(lowest, float(np.quantile(above, 0.8)))
    axes.axvline(selection.n_components, ls="--", color="0.5")
    axes.set(
        xlabel="components",
        ylabel="nats per sample above the least",
        ylim=(-0.05 * max(lowest, 0.1), 2 * max(lowest, 0.1)),
        title=f"{selection.n_components} components",
    )
    axes.legend()
    return axes


def _plot_palette(panel: Axes, segmentation: Segmentation) -> None:
    """Draw a column of colours, each as high as its share, with the share beside it where there is room."""
    shares = 100 * segmentation.counts / max(1, segmentation.counts.sum())
    tops = np.cumsum(shares)
    panel.bar(0, shares, width=1, bottom=tops - shares, color=_displayable(segmentation.palette[:, None])[:, 0])
    for top, share in zip(tops, shares, strict=True):
        if share >= 4:
            panel.text(0.6, top - share / 2, f"{share:.0f} %", va="center", fontsize="small")
    panel.set(title="palette", xlim=(-0.5, 1.5), ylim=(100, 0), xticks=[], yticks=[], frame_on=False)


def white_level(dtype: np.dtype[Any]) -> int | float:
    """Give the number that stands for white: the largest integer of the type, or one."""
    return int(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0


def _displayable(picture: NDArray[Any]) -> NDArray[np.float64]:
    """Turn any picture into RGB or RGBA floats in [0, 1], as matplotlib wants them."""
    channels = _with_channels(picture)
    colour = _like(channels, coloured=True, transparent=channels.shape[2] in (2, 4))
    return np.clip(colour / white_level(picture.dtype), 0, 1)


def _with_channels(picture: NDArray[Any]) -> NDArray[Any]:
    channels = picture[..., None] if picture.ndim == 2 else picture
    if channels.ndim != 3 or not 1 <= channels.shape[2] <= 4:
        raise InvalidInputError(f"a picture of shape {picture.shape} cannot be shown; give (H, W) or (H, W, 1 to 4)")
    return channels


def _like(picture: NDArray[Any], *, coloured: bool, transparent: bool) -> NDArray[Any]:
    """Add the channels that a picture lacks: three of colour, one of alpha."""
    has_alpha = picture.shape[2] in (2, 4)
    colour = picture[..., :-1] if has_alpha else picture
    if coloured and colour.shape[2] == 1:
        colour = np.repeat(colour, 3, axis=2)
    if not transparent:
        return colour
    opaque = np.full_like(picture[..., :1], white_level(picture.dtype))
    return np.concatenate([colour, picture[..., -1:] if has_alpha else opaque], axis=2)
