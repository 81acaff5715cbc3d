"""A mixture that was fitted before: pictures in the unit that it knows, and the labels that it gives them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from rustem.exceptions import InvalidInputError
from rustem.mixture import FitResult, Mixture
from rustem.segmentation.labelling import score

if TYPE_CHECKING:
    from rustem.colorspaces import ColorSpace
    from rustem.mixture.model import FittedOn
    from rustem.pipeline.color_table import ColorTable
    from rustem.pipeline.inputs import Inputs, MaskedPicture


def as_fitted(inputs: Inputs, mixture: Mixture, color_space: ColorSpace | None) -> tuple[Inputs, ColorSpace]:
    """The pictures in the type that ``mixture`` was fitted on, if their values allow it; and its colour space.

    Raises
    ------
    InvalidInputError
        This is no mixture; the pictures are in another unit, of other bands, or the colour space asked for is another.
    """
    if not isinstance(mixture, Mixture):
        raise InvalidInputError(f"mixture is of type {type(mixture).__name__}: give a rustem.Mixture")
    known = mixture.fitted_on
    if known is None:
        return inputs, color_space or "srgb"
    if color_space not in (None, known.color_space):
        raise InvalidInputError(f"the mixture was fitted in {known.color_space}: leave color_space={color_space!r} out")
    for picture in inputs.pictures:
        found = picture.picture.metadata.bands
        if known.bands and found and found != known.bands:
            raise InvalidInputError(
                f"{picture.picture.name} has bands {', '.join(found)}, but the mixture was fitted on "
                f"{', '.join(known.bands)}: give it the same, in this order"
            )
    pictures = tuple(_in_unit_of(known, picture) for picture in inputs.pictures)
    return replace(inputs, pictures=pictures), cast("ColorSpace", known.color_space)


def _in_unit_of(known: FittedOn, picture: MaskedPicture) -> MaskedPicture:
    if picture.pixels.dtype.kind == "u":
        # They are scaled to [0, 1], unless the mixture is over floats of another range: then they are what they are.
        return picture if known.is_scaled else replace(picture, pixels=picture.pixels.astype(known.dtype))
    inside = picture.rows()
    lowest, highest = inside.min(), inside.max()
    if known.white == 1 or (lowest >= 0 and highest <= 1):
        return picture
    if lowest < 0 or highest > known.white or (inside != np.rint(inside)).any():
        raise InvalidInputError(
            f"{picture.picture.name} runs from {lowest:g} to {highest:g}, but the mixture was fitted on "
            f"{known.dtype}: scale it to [0, 1], {known.white:g} being 1"
        )
    return replace(picture, pixels=np.nan_to_num(picture.pixels).astype(known.dtype))


def apply_mixture(mixture: Mixture, table: ColorTable) -> FitResult:
    """What a fit would give that found ``mixture`` without an iteration."""
    if table.features.shape[1] != mixture.n_features:
        found, name = table.features.shape[1], table.pictures[0].picture.name
        raise InvalidInputError(f"{name} has {found} channels, but the mixture is over {mixture.n_features}")
    labels = mixture.predict(table.features, unit=table.feature_unit, n_threads=table.n_threads)
    on_floor = mixture.on_floor(table.floor(noise=0))
    return FitResult(mixture, np.array([]), True, labels, score(mixture, table), on_floor)
