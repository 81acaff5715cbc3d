"""Pictures as the options ask for them, refused where their results could not be written."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rustem.cli.jobs import STANDARD
from rustem.cli.options import read_photo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rustem.cli.jobs import Job
    from rustem.images import Picture
    from rustem.pipeline.inputs import AlphaRole

_TIFF = (".tif", ".tiff")


def read_storable(job: Job, args: argparse.Namespace, alpha: AlphaRole) -> tuple[Picture, NDArray[np.bool_] | None]:
    """The picture and the mask of a job whose results, and label map, can hold what it has."""
    from rustem.exceptions import ImageError
    from rustem.images.writing import refusal
    from rustem.pipeline.inputs import with_alpha_apart

    picture, mask = read_photo(job.source, args)
    if alpha == "channel" and job.source.suffix.lower() in (".npy", ".npz"):
        picture = with_alpha_apart(picture)
    output = "standard output.png" if job.output is STANDARD else str(job.output)
    suffix, shape, reason = output[output.rindex(".") :].lower(), picture.pixels.shape, None
    if len(shape) == 4:
        if args.side_by_side:
            reason = f"a volume of shape {shape[:3]} has no side by side; leave that out"
        elif suffix not in _TIFF or (job.labels is not None and job.labels.suffix.lower() not in (*_TIFF, ".npy")):
            option = "-o" if suffix not in _TIFF else "--labels"
            reason = f"a volume of shape {shape[:3]} goes into .tif; name such a file by {option}"
    elif len(shape) == 3 and shape[2] not in (1, 3):
        if suffix not in _TIFF:
            reason = f"{shape[2]} channels do not fit into {suffix}; name a .tif file by -o"
        elif args.side_by_side:
            reason = f"{shape[2]} channels have no side by side; leave that out"
    reason = reason or refusal(output, picture, mask)
    if reason is not None:
        raise ImageError(f"{job.photo}: {reason}")
    return picture, mask
