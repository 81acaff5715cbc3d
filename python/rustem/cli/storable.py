"""Whether the format of a result holds what the picture has, asked before the fit."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rustem.cli.jobs import Job
    from rustem.pipeline.inputs import AlphaRole

_TIFF = (".tif", ".tiff")


def check_storable(job: Job, args: argparse.Namespace, alpha: AlphaRole) -> None:
    """Refuse channels and dimensions that the result, or its label map, cannot hold.

    Only TIFF and NumPy's files, which may have them, are read for it.
    """
    from rustem.exceptions import ImageError
    from rustem.images.stored_arrays import ARRAY_MAGIC
    from rustem.images.tiff import TIFF_MAGIC
    from rustem.pipeline.inputs import open_inputs

    suffix = job.output.suffix.lower() or ".png"  # that of standard output
    holds_colors, holds_labels = suffix in _TIFF, job.labels is None or job.labels.suffix.lower() in (*_TIFF, ".npy")
    if holds_colors and holds_labels and not args.side_by_side:
        return
    try:
        with open(job.source, "rb") as file:
            head = file.read(8)
    except OSError:
        return  # the reader of pictures says why
    if not head.startswith((*TIFF_MAGIC, *ARRAY_MAGIC)):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fit will warn of the same
        inputs = open_inputs(job.source, None, getattr(args, "channel_axis", "auto"), alpha=alpha)
    shape = inputs.pictures[0].picture.pixels.shape
    if len(shape) == 4:
        if args.side_by_side:
            raise ImageError(f"{job.photo}: a volume of shape {shape[:3]} has no side by side; leave that out")
        if not holds_colors or not holds_labels:
            option = "-o" if not holds_colors else "--labels"
            raise ImageError(f"{job.photo}: a volume of shape {shape[:3]} goes into .tif; name such a file by {option}")
    elif not holds_colors and len(shape) == 3 and shape[2] not in (1, 3):
        raise ImageError(f"{job.photo}: {shape[2]} channels do not fit into {suffix}; name a .tif file by -o")
