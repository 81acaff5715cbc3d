"""The interface that the project began with: ``EM`` and ``save_new``.

    em = EM("img.jpg", 32)
    em.fit(30)
    save_new(em, "out.png")

Textbook EM with spherical covariances over all pixels, started by greedy k-means++ and a few Lloyd steps, for an exact
number of iterations. New code is better served by :func:`rustem.segment`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.arguments import Progress, RandomState, check_components, check_integer, check_seed, check_threads
from rustem.exceptions import InvalidInputError
from rustem.images import Picture
from rustem.mixture import FitResult, fit_mixture
from rustem.pipeline.color_table import count_colors
from rustem.pipeline.inputs import MaskedPicture

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["EM", "restructure", "save_new"]


class EM:
    """A mixture of spherical Gaussians over the colours of one picture.

    Parameters
    ----------
    path : path
        The picture; it is taken as RGB, 8 bits a channel.
    k : int
        Number of components, 1 or more.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the k-means++ [1]_ that the fit starts from; the same number gives the same answer.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", Proceedings of the 18th
       ACM-SIAM Symposium on Discrete Algorithms (2007) 1027-1035
    """

    def __init__(self, path: str | os.PathLike[str], k: int, *, random_state: RandomState = 0) -> None:
        self.k = check_components(k, "k")
        self._image = self.read_image(path)
        self._seed = check_seed(random_state)
        self._threads = check_threads(None)
        picture = MaskedPicture(Picture(self._image, None, None, os.fsdecode(path)), self._image, None)
        self._table = count_colors([picture], "srgb", self._threads)
        self._fit: FitResult | None = None

    def fit(self, epochs: int, *, tol: float = 0.0, progress: Progress = None) -> EM:
        """Run exactly ``epochs`` iterations, fewer if ``tol`` (nats per pixel) is given; each call starts anew."""
        self._fit = fit_mixture(
            self._table.features,
            self.k,
            sample_weight=self._table.counts,
            unit=255.0,
            covariance_type="spherical",
            # From pixels drawn at random, the k-colour picture of a photograph ends about 2 dB worse.
            init_params="k-means++",
            covariance_floor=self._table.floor(noise=0),
            tol=tol,
            acceleration=None,
            max_iter=check_integer("epochs", epochs),
            random_state=self._seed,
            progress=progress,
        )
        return self

    def get_gamma(self) -> NDArray[np.float32]:
        """Responsibilities (n, k) of the components for each pixel, row by row of the picture."""
        mixture = self._fitted().mixture
        gamma = mixture.predict_proba(self._table.features, unit=255.0)
        return self._table.paint(self._padded(gamma.T, 0).T, 0).reshape(-1, self.k)

    def get_pi(self) -> NDArray[np.float64]:
        """Weights (k,); 0 for components that found no colour of their own."""
        return self._padded(self._fitted().mixture.weights, 0)

    def get_mu(self) -> NDArray[np.float64]:
        """Means (k, 3), in [0, 1]."""
        means = self._fitted().mixture.means
        return self._padded(means, means[0])

    def get_sigma(self) -> NDArray[np.float64]:
        """Variances (k,)."""
        variances = self._fitted().mixture.covariances
        return self._padded(variances, variances[0])

    @property
    def history(self) -> NDArray[np.float64]:
        """Mean log-likelihood that each iteration started from, in nats per pixel."""
        return self._fitted().history

    def get_2d_image(self) -> NDArray[np.float64]:
        """The picture's pixels (n, 3), in [0, 1], row by row."""
        return self._image.reshape(-1, 3) / 255.0

    def restructure(self) -> NDArray[np.float64]:
        """The k-colour picture's pixels (n, 3), in [0, 1]: each the mean of its most probable component."""
        fit = self._fitted()
        return self._table.paint(fit.mixture.means[fit.labels], 0).reshape(-1, 3)

    def restruct(self, path: str | os.PathLike[str]) -> None:
        """Write the k-colour picture."""
        self.convert_image(self.restructure(), path)

    def save_new_image(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as it was read."""
        self.convert_image(self.get_2d_image(), path)

    def convert_image(self, pixels: ArrayLike, path: str | os.PathLike[str]) -> None:
        """Write pixels (n, 3) in [0, 1], row by row, as a picture of this one's size."""
        from rustem import images

        array = np.asarray(pixels, dtype=np.float64)
        if array.shape != (self._image.size // 3, 3):
            raise InvalidInputError(f"pixels have shape {array.shape}: give ({self._image.size // 3}, 3)")
        eight_bits = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
        images.write(path, eight_bits.reshape(self._image.shape))

    @staticmethod
    def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
        """Read a picture as (H, W, 3) uint8."""
        from rustem import images

        pixels = images.read(path).pixels
        if pixels.dtype == np.uint16:
            pixels = np.rint(pixels / 257.0).astype(np.uint8)
        elif pixels.dtype.kind == "f":
            pixels = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
        if pixels.shape[2] < 3:
            pixels = np.repeat(pixels[:, :, :1], 3, axis=2)
        return np.ascontiguousarray(pixels[:, :, :3])

    def _fitted(self) -> FitResult:
        if self._fit is None:
            raise InvalidInputError("this EM is not fitted yet: call fit(epochs) first")
        return self._fit

    def _padded(self, values: NDArray[Any], filling: ArrayLike) -> NDArray[Any]:
        """Rows for all k components, also where the picture has fewer colours to start from."""
        padded = np.empty((self.k, *values.shape[1:]), dtype=values.dtype)
        padded[: len(values)] = values
        padded[len(values) :] = filling
        return padded


def restructure(em: EM) -> NDArray[np.float64]:
    """Give the k-colour picture's pixels (n, 3), in [0, 1]."""
    return em.restructure()


def save_new(em: EM, path: str | os.PathLike[str]) -> None:
    """Write the k-colour picture of a fitted :class:`EM`."""
    em.restruct(path)
