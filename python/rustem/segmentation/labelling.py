"""The middle of the road: from counted colours to a mixture, the label of each pixel and the colour of each label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem import _core
from rustem.images.picture import white_level
from rustem.mixture import FitResult, Mixture
from rustem.mixture.fitting import FitOptions, fit_samples
from rustem.mixture.model import FittedOn
from rustem.segmentation.result import Segmentation
from rustem.segmentation.small_components import absorb_small

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.arguments import Progress
    from rustem.colorspaces import ColorSpace
    from rustem.pipeline.color_table import ColorTable


def fit_colors(
    table: ColorTable,
    n_components: int,
    floor: NDArray[Any],
    options: FitOptions,
    color_space: ColorSpace,
    progress: Progress,
) -> FitResult:
    """Fit a mixture to the colours.

    Its components come by weight, the largest first, without those of less than one pixel.
    """
    fit = fit_samples(table.features, table.counts, table.feature_unit, n_components, floor, options, progress)
    mixture = fit.mixture
    order = np.argsort(-mixture.weights, kind="stable")
    kept = order[mixture.weights[order] * table.n_pixels >= 1]
    values, bands = table.values, table.pictures[0].picture.metadata.bands
    chosen = replace(
        mixture,
        weights=mixture.weights[kept] / mixture.weights[kept].sum(),
        means=mixture.means[kept],
        covariances=mixture.covariances if mixture.covariance_type == "tied" else mixture.covariances[kept],
        fitted_on=FittedOn(values.dtype.name, color_space, float(values.min()), float(values.max()), bands),
    )
    fit = replace(fit, mixture=chosen, on_floor=chosen.on_floor(table.floor(noise=0)))
    if len(kept) < len(order):
        labels = chosen.predict(table.features, unit=table.feature_unit, n_threads=table.n_threads)
        return replace(fit, labels=labels)
    rank = np.empty(len(order), dtype=np.uint32)
    rank[order] = np.arange(len(order), dtype=np.uint32)
    return replace(fit, labels=rank[fit.labels])


def label_colors(fit: FitResult, table: ColorTable, color_space: ColorSpace, *, of_means: bool) -> NDArray[Any]:
    """The colour (k, C) of each label: the mean of its pixels; its component's mean without any, or ``of_means``."""
    means: NDArray[Any] = fit.mixture.means
    if color_space != "srgb":
        from rustem.colorspaces import from_space

        means = from_space(means, color_space)
    palette = _in_type(means * table.white, table.values.dtype)
    return palette if of_means else _mean_colors(*table.sums(fit.labels, len(palette)), palette)


def label_picture(
    table: ColorTable,
    fit: FitResult,
    palette: NDArray[Any],
    floor: NDArray[Any],
    n_requested: int,
    min_size: int,
    *,
    repaint: bool,
) -> Segmentation:
    """One picture's result; where small components change labels, the palette follows if ``repaint``."""
    k = len(palette)
    labels, counts = table.label_pixels(fit.labels, k), table.sums(fit.labels, k)[0]
    if min_size > 1:
        labels = absorb_small(labels, fit.mixture, table, min_size)
        (picture,) = table.pictures
        shown = labels.ravel() if picture.mask is None else labels[picture.mask]
        pixels = np.ascontiguousarray(picture.rows())
        masses, sums = _core.sums_by_label(pixels, None, shown.astype(np.uint32), k)
        counts = masses.astype(np.int64)
        if repaint:
            palette = _mean_colors(counts, sums, palette)
    return Segmentation(
        labels=labels,
        palette=palette,
        counts=counts,
        n_requested=n_requested,
        _table=table,
        mixture=fit.mixture,
        history=fit.history,
        log_likelihood=fit.log_likelihood,
        converged=fit.converged,
        on_floor=fit.on_floor,
        _floor=floor,
    )


def split_fit(fit: FitResult, table: ColorTable) -> list[tuple[ColorTable, FitResult]]:
    """The colours of each picture, and the fit as it looks from there: labels and likelihood of its own."""
    if len(table.pictures) == 1:
        return [(table, fit)]
    return [
        (own, replace(fit, labels=fit.labels[rows], log_likelihood=score(fit.mixture, own)))
        for own, rows in table.split()
    ]


def score(mixture: Mixture, table: ColorTable) -> float:
    """Mean log-likelihood of the pixels, in nats."""
    return mixture.score(table.features, table.counts, unit=table.feature_unit, n_threads=table.n_threads)


def _mean_colors(counts: NDArray[np.int64], sums: NDArray[np.float64], otherwise: NDArray[Any]) -> NDArray[Any]:
    """Mean colour (k, C) of each label's pixels; that of ``otherwise`` where it has none."""
    means = _in_type(sums / np.maximum(counts, 1)[:, np.newaxis], otherwise.dtype)
    return np.where(counts[:, np.newaxis] > 0, means, otherwise)


def _in_type(colors: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    return (np.clip(np.rint(colors), 0, white_level(dtype)) if dtype.kind == "u" else colors).astype(dtype)
