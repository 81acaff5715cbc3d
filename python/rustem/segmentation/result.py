"""What segment() gives back: a picture segmented by a Gaussian mixture."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.exceptions import ImageError
from rustem.pipeline.labelled import PalettePicture, decibels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.mixture import Mixture


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(PalettePicture):
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
    on_floor : ndarray of shape (k,)
        Which components are as narrow as the rounding of the picture's type: they lift the likelihood, but describe
        rounding. Only ``noise=0`` lets them be, or a picture of a few flat colours.
    n_requested : int
        The number of components asked for. :attr:`n_components` is smaller where the picture has fewer colours, or
        where a component ended with less than one pixel and was dropped.
    """

    mixture: Mixture
    history: NDArray[np.float64]
    log_likelihood: float
    converged: bool
    on_floor: NDArray[np.bool_]
    _floor: NDArray[np.float64]

    @property
    def noise(self) -> NDArray[np.float64]:
        """Standard deviation (d,) that counted as noise in each feature, in the unit of :attr:`mixture`."""
        return np.sqrt(self._floor)

    @property
    def n_on_floor(self) -> int:
        """Number of components that describe rounding."""
        return int(self.on_floor.sum())

    @property
    def n_components(self) -> int:
        """Number of components, k."""
        return self.mixture.n_components

    @property
    def n_iter(self) -> int:
        """Iterations done."""
        return len(self.history)

    @cached_property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the k-colour picture against the original, in decibels.

        The peak is the largest value of an integer type, or the range of the values of a float picture.
        """
        values = self._table.values.astype(np.float64)
        peak = float(np.ptp(values)) if self.palette.dtype.kind == "f" else self._table.white
        return decibels(self._mean_square(values, self.palette.astype(np.float64)) / values.shape[1], peak)

    def probabilities(self) -> NDArray[Any]:
        """Probability (H, W, k) of each label for each pixel, float32 (float64 for float64 pictures)."""
        return self._table.paint(self._responsibilities(), 0)

    def save_probabilities(self, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write :meth:`probabilities`: the array itself to ``.npy``, else a TIFF of float32, a channel for each label.

        The channels are called "label 0" and so on. TIFF files keep what :meth:`save_labels` keeps. Pixels that take no
        part are NaN, and NaN is their value of no data.

        Raises
        ------
        ImageError
            The file cannot be written, or its ending is neither ``.npy`` nor ``.tif``.
        """
        from rustem import images
        from rustem.atomic_write import write_atomically

        suffix = os.path.splitext(os.fsdecode(path))[1].lower()
        if suffix not in (".npy", ".tif", ".tiff"):
            raise ImageError(f"{os.fsdecode(path)}: probabilities are written as .npy or .tif; choose one of these")
        values, source = self.probabilities(), self._source
        if source.mask is not None:
            values[~source.mask] = np.nan
        if suffix == ".npy":
            write_atomically(path, lambda file: np.save(file, values), overwrite)
            return
        names = tuple(f"label {label}" for label in range(self.n_components))
        metadata = replace(source.picture.metadata, nodata=None if source.mask is None else np.nan, bands=names)
        images.write(path, values.astype(np.float32, copy=False), metadata=metadata, overwrite=overwrite)

    def uncertainty(self) -> NDArray[Any]:
        """Probability (H, W) that a pixel's label is not the right one, if the mixture is: one minus the largest."""
        return self._table.paint(1 - self._responsibilities().max(axis=1), 0)

    def __repr__(self) -> str:
        shape = "×".join(str(length) for length in self.labels.shape[::-1])
        asked = f" of {self.n_requested} asked for" if self.n_components < self.n_requested else ""
        state = "converged" if self.converged else "not converged"
        return (
            f"<Segmentation of {shape} pixels: {self.n_components} labels{asked}, {self.n_iter} iterations ({state}), "
            f"log-likelihood {self.log_likelihood:.4f}, PSNR {self.psnr:.2f} dB>"
        )

    def _responsibilities(self) -> NDArray[Any]:
        table = self._table
        return self.mixture.predict_proba(table.features, unit=table.feature_unit, n_threads=table.n_threads)
