"""Pictures of the result: the original beside its colours, and plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.images.display import displayable

__all__ = ["plot_regions", "plot_segmentation", "plot_selection"]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    class _Labelled(Protocol):
        """A picture in few colours: what :func:`rustem.segment` and :func:`rustem.quantize` give."""

        @property
        def labels(self) -> NDArray[Any]: ...
        @property
        def image(self) -> NDArray[Any]: ...
        @property
        def palette(self) -> NDArray[Any]: ...
        @property
        def counts(self) -> NDArray[np.int64]: ...

    class _Curves(Protocol):
        """Criteria by number of components: what :func:`rustem.select_components` gives."""

        @property
        def n_components(self) -> int: ...
        @property
        def criterion(self) -> str: ...
        @property
        def candidates(self) -> NDArray[np.int64]: ...
        @property
        def values(self) -> dict[str, NDArray[np.float64]]: ...
        @property
        def n_effective(self) -> float: ...


def plot_segmentation(
    segmentation: _Labelled,
    original: NDArray[Any] | None = None,
    axes: Sequence[Axes] | None = None,
    limits: tuple[float, float] | None = None,
    *,
    alpha: bool = True,
) -> Sequence[Axes]:
    """Plot a segmentation: the original, the k colours, and the palette with the share of each colour.

    Of a volume, the plane in the middle is drawn; of many bands, the first, middle and last as red, green and blue.

    Parameters
    ----------
    segmentation : Segmentation
        What `rustem.segment` gives.
    original : (H, W[, C]) or (D, H, W[, C]) ndarray, optional
        The picture it came from; without it, there is no first panel.
    axes : sequence of matplotlib.axes.Axes, optional
        Where to draw: three axes, or two without `original`. By default a new figure is made.
    limits : tuple of two float, optional
        The values of black and white: by default those of the pictures' type, 0 and 1 for floats.
    alpha : bool, default True
        Whether the last of 2 or 4 channels is opacity, or one more band.

    Returns
    -------
    sequence of matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    pictures = [] if original is None else [("original", original)]
    pictures.append((f"{len(segmentation.palette)} colours", segmentation.image))
    if segmentation.labels.ndim == 3:
        n_planes = len(segmentation.labels)
        middle = n_planes // 2
        pictures = [(f"{title}, plane {middle + 1} of {n_planes}", volume[middle]) for title, volume in pictures]
    panels: list[tuple[str, NDArray[Any]]] = [
        (title, displayable(picture, limits, alpha=alpha)) for title, picture in pictures
    ]
    axes = _row_of_axes([*[4.0] * len(panels), 1.0], axes)
    _show(axes[:-1], panels)
    colors = displayable(segmentation.palette[:, None], limits, alpha=alpha)[:, 0]
    _plot_palette(axes[-1], segmentation.counts, colors)
    return axes


def plot_regions(
    n_regions: int,
    contours: NDArray[Any],
    filled: NDArray[Any],
    strength: NDArray[Any],
    axes: Sequence[Axes] | None = None,
) -> Sequence[Axes]:
    """Plot regions: their borders over the picture, their mean colours, and the strength of their borders.

    Parameters
    ----------
    n_regions : int
        Number of regions.
    contours, filled : (H, W, 3) ndarray of uint8
        The picture with borders drawn over it; each region filled with its mean colour.
    strength : (H, W) ndarray
        The level at which each border vanishes.
    axes : sequence of three matplotlib.axes.Axes, optional
        Where to draw. By default a new figure is made.

    Returns
    -------
    sequence of matplotlib.axes.Axes
        The axes drawn on.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    axes = _row_of_axes([4.0, 4.0, 4.0], axes)
    _show(axes, [(f"{n_regions} regions", contours), ("mean colours", filled), ("boundary strength", strength)])
    return axes


def plot_selection(selection: _Curves, axes: Axes | None = None) -> Axes:
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
        _, axes = _pyplot().subplots(figsize=(6, 4), layout="constrained")
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


def _pyplot() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('matplotlib is missing: pip install "rustem[plot]"') from error
    return pyplot


def _row_of_axes(widths: list[float], axes: Sequence[Axes] | None) -> Sequence[Axes]:
    """The axes given, or new ones side by side."""
    pyplot = _pyplot()
    if axes is None:
        size = (sum(widths) + 0.5, 3.5)
        _, axes = pyplot.subplots(1, len(widths), figsize=size, width_ratios=widths, layout="constrained")
    if len(axes) != len(widths):
        raise InvalidInputError(f"axes has {len(axes)} axes; give {len(widths)}")
    return axes


def _show(axes: Sequence[Axes], pictures: list[tuple[str, NDArray[Any]]]) -> None:
    for panel, (title, picture) in zip(axes, pictures, strict=True):
        panel.imshow(picture, cmap="magma" if picture.ndim == 2 else None)
        panel.set(title=title, xticks=[], yticks=[])


def _plot_palette(panel: Axes, counts: NDArray[np.int64], colors: NDArray[np.float64]) -> None:
    """Draw a column of colours, each as high as its share, with the share beside it where there is room."""
    shares = 100 * counts / max(1, counts.sum())
    tops = np.cumsum(shares)
    panel.bar(0, shares, width=1, bottom=tops - shares, color=colors)
    for top, share in zip(tops, shares, strict=True):
        if share >= 4:
            panel.text(0.6, top - share / 2, f"{share:.0f} %", va="center", fontsize="small")
    panel.set(title="palette", xlim=(-0.5, 1.5), ylim=(100, 0), xticks=[], yticks=[], frame_on=False)
