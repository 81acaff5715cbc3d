"""What segment() gives back: a picture segmented by a Gaussian mixture."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.pipeline.inputs import lay_out

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from rustem.images import Picture
    from rustem.mixture import Mixture
    from rustem.pipeline.color_table import Colours


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A picture segmented by a Gaussian mixture; labels are ordered by component weight, the largest first.

    Parameters
    ----------
    labels : ndarray of shape (H, W)
        Label of each pixel, in [0, k); -1 outside the mask and where the picture is fully transparent.
    palette : ndarray of shape (k, C), or (k, 1) for grey
        Mean colour of each label's pixels, in the picture's type.
    counts : ndarray of shape (k,)
        Pixels of each label.
    mixture : Mixture
        The fitted mixture, over colours scaled to [0, 1] by the depth of the picture's type, or in ``color_space``.
    history : ndarray of shape (n_iter,)
        Mean log-likelihood, in nats per pixel, that each pass started from.
    log_likelihood : float
        Mean log-likelihood of the final mixture, in nats per pixel.
    converged : bool
        Whether the gain that more passes promise fell below ``tol``.
    n_requested : int
        The number of components asked for. :attr:`n_components` is smaller where the picture has fewer colours, or
        where a component ended with less than one pixel and was dropped.
    """

    labels: NDArray[Any]
    palette: NDArray[Any]
    counts: NDArray[np.int64]
    mixture: Mixture
    history: NDArray[np.float64]
    log_likelihood: float
    converged: bool
    n_requested: int
    _picture: Picture = field(repr=False)
    _colours: Colours = field(repr=False)
    _colour_labels: NDArray[Any] = field(repr=False)
    _inside: NDArray[np.bool_] | None = field(repr=False)
    _unit: float = field(repr=False)
    _n_threads: int = field(repr=False)
    _floor: float = field(default=0.0, repr=False)

    @property
    def on_floor(self) -> NDArray[np.bool_]:
        """Which components (k,) have the floor as a variance: they lift the likelihood, but describe rounding."""
        return self.mixture.on_floor(self._floor)

    @property
    def n_on_floor(self) -> int:
        """Number of components with the floor as a variance."""
        return int(self.on_floor.sum())

    @property
    def n_components(self) -> int:
        """Number of components, k."""
        return self.mixture.n_components

    @property
    def n_iter(self) -> int:
        """Iterations done."""
        return len(self.history)

    @property
    def n_distinct(self) -> int | None:
        """Number of distinct colours, or None where nearly every pixel has its own and none were counted."""
        return None if self._colours.index is None else len(self._colours.values) - self._colours.n_repeated

    @cached_property
    def image(self) -> NDArray[Any]:
        """The k-colour picture, in the type and shape of the original; zero where there is no label."""
        table = self.palette if self._has_channels else self.palette[:, 0]
        return self._spread(table.take(self._colour_labels, axis=0), 0)

    @cached_property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the k-colour picture against the original, in decibels.

        The peak is the largest value of an integer type, or the range of the values of a float picture.
        """
        values = self._colours.values.astype(np.float64)
        error = ((values - self.palette.astype(np.float64).take(self._colour_labels, axis=0)) ** 2).mean(axis=1)
        mean_square = float(np.average(error, weights=self._colours.counts))
        peak = float(np.ptp(values)) if self.palette.dtype.kind == "f" else self._unit
        return float("inf") if mean_square == 0 else float(10 * np.log10(peak**2 / mean_square))

    def probabilities(self) -> NDArray[Any]:
        """Probability (H, W, k) of each label for each pixel, float32 (float64 for float64 pictures)."""
        return self._spread(self._responsibilities(), 0)

    def uncertainty(self) -> NDArray[Any]:
        """Probability (H, W) that a pixel's label is not the right one, if the mixture is: one minus the largest."""
        return self._spread(1 - self._responsibilities().max(axis=1), 0)

    def boundaries(self) -> NDArray[np.bool_]:
        """True (H, W) where a pixel's label differs from the next one's along any axis."""
        from rustem.pipeline.labelled import find_boundaries

        return find_boundaries(self.labels)

    def save(self, path: str | os.PathLike[str], *, side_by_side: bool = False, overwrite: bool = True) -> None:
        """Write the k-colour picture, or the original and it side by side.

        The extension decides on the format. A PNG of up to 256 colours (8 bits a channel) is an indexed one.
        Transparency and the colour profile of the original are carried over.

        Raises
        ------
        ImageError
            The file cannot be written; ``overwrite`` is False and it exists.
        """
        from rustem import images

        self._check_flat("saved as a picture")
        if not side_by_side:
            images.write_indexed(
                path,
                self.labels,
                self.palette,
                alpha=self._picture.alpha,
                icc_profile=self._picture.icc_profile,
                compression=7,  # at 9, packing a photograph takes longer than segmenting it, for a per cent of the file
                overwrite=overwrite,
            )
            return
        from rustem.images.display import side_by_side as join

        alpha = self._alpha()
        pair = join(self._picture.pixels, self.image)
        pair_alpha = None if alpha is None else join(np.full_like(alpha, alpha.max()), alpha)
        if self._picture.alpha is not None:
            pair_alpha = join(self._picture.alpha, cast("NDArray[Any]", alpha))
        images.write(path, pair, alpha=pair_alpha, icc_profile=self._picture.icc_profile, overwrite=overwrite)

    def save_labels(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write the label map: the array itself to ``.npy``, else a grey picture whose values are the labels.

        See :func:`rustem.images.write_labels` for pixels without label.
        """
        from rustem import images

        images.write_labels(path, self.labels, overwrite=overwrite)

    def plot(self, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw the original, the k colours and the palette with matplotlib."""
        from rustem.plotting import plot_segmentation

        self._check_flat("plotted")
        return plot_segmentation(self, self._picture.pixels, axes)

    def __repr__(self) -> str:
        shape = "×".join(str(length) for length in self.labels.shape[::-1])
        asked = f" of {self.n_requested} asked for" if self.n_components < self.n_requested else ""
        state = "converged" if self.converged else "not converged"
        return (
            f"<Segmentation of {shape} pixels: {self.n_components} labels{asked}, {self.n_iter} iterations ({state}), "
            f"log-likelihood {self.log_likelihood:.4f}, PSNR {self.psnr:.2f} dB>"
        )

    def _repr_png_(self) -> bytes | None:
        """The k-colour picture, as notebooks show it."""
        if self.labels.ndim != 2 or self.palette.shape[1] not in (1, 3):
            return None
        import PIL.Image

        shown = self.image if self.image.dtype == np.uint8 else np.rint(np.clip(self.image / self._unit, 0, 1) * 255)
        file = io.BytesIO()
        PIL.Image.fromarray(shown.astype(np.uint8)).save(file, "PNG")
        return file.getvalue()

    @property
    def _has_channels(self) -> bool:
        return self._picture.pixels.ndim > self.labels.ndim

    def _responsibilities(self) -> NDArray[Any]:
        unit = self._unit if self._colours.features.dtype.kind == "u" else 1.0
        return self.mixture.predict_proba(self._colours.features, unit=unit, n_threads=self._n_threads)

    def _spread(self, table: NDArray[Any], outside: float) -> NDArray[Any]:
        """Values of colours, laid out as the picture is."""
        return spread(self._colours, table, self.labels.shape, self._inside, outside, self._n_threads)

    def _alpha(self) -> NDArray[Any] | None:
        """The alpha channel of the k-colour picture: that of the original, nothing where there is no label."""
        if self._inside is None:
            return self._picture.alpha
        opaque = np.full_like(self.labels, np.iinfo(self.palette.dtype).max if self.palette.dtype.kind == "u" else 1)
        alpha = opaque.astype(self.palette.dtype) if self._picture.alpha is None else self._picture.alpha
        return np.where(self._inside, alpha, 0).astype(alpha.dtype)

    def _check_flat(self, what: str) -> None:
        if self.labels.ndim != 2:
            raise InvalidInputError(f"a volume of shape {self.labels.shape} cannot be {what}: use .image and .labels")


def spread(
    colours: Colours,
    table: NDArray[Any],
    shape: tuple[int, ...],
    inside: NDArray[np.bool_] | None,
    outside: float,
    threads: int,
) -> NDArray[Any]:
    """Values of colours, laid out as the picture is."""
    painted = colours.paint(table, threads, outside)
    return lay_out(painted, shape, inside if colours.mask is None else None, outside)
