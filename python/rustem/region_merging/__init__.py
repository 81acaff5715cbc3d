"""From a photograph to the pieces a person would draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from rustem.arguments import ChannelAxis, RandomState, check_integer, check_seed, check_threads
from rustem.exceptions import InvalidInputError
from rustem.images.display import value_range
from rustem.pipeline.inputs import open_inputs
from rustem.region_merging.merge_tree import MergeTree
from rustem.region_merging.result import Regions, cut_tree

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rustem.pipeline.inputs import Image

__all__ = ["Regions", "regions"]

STAGES = ("colours", "texture", "edges", "superpixels", "borders", "merging")
DEFAULT_LEVEL = 0.5


def regions(
    image: Image,
    *,
    level: float = DEFAULT_LEVEL,
    n_regions: int | None = None,
    n_components: int = 16,
    random_state: RandomState = 0,
    mask: ArrayLike | None = None,
    channel_axis: ChannelAxis = "auto",
    max_pixels: int = 400_000,
    progress: bool | Callable[[str, float], object] | None = None,
    n_threads: int | None = None,
) -> Regions:
    """Segment a picture into connected regions, about as a person would outline them; their number is found.

    A mixture over colour and texture gives each pixel soft classes; where these or the colours change, there are edges;
    superpixels between the edges are merged, always the two neighbours that belong together most. The result is the
    whole tree of merges, cut at one level.

    Parameters
    ----------
    image : path, bytes, open file, PIL image or array
        An array has shape (H, W[, C]). Three channels are taken for sRGB and one for grey; of any other number the
        first three principal components take the place of CIELAB. Integers span the range of their type, floats
        [0, 1]; floats beyond that are brought there by their least and largest value. In files and PIL images, fully
        transparent pixels take no part.
    level : float, default 0.5
        Where to cut the tree: higher for fewer regions, lower for more, on a scale that is the same for every picture.
        Try 0.45 for details, 0.55 for the coarsest shapes; :meth:`Regions.cut` changes it at once.
    n_regions : int, optional
        The number of regions, instead of a level.
    n_components : int, default 16
        Components of the mixture: soft classes of colour and texture.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the mixture's start; the same number gives the same answer.
    mask : array-like of bool, shape (H, W), optional
        Only True pixels take part and get a label.
    channel_axis : int, None or "auto", default "auto"
        The axis of an array that holds the channels; None where there is none. Arrays of two axes are grey. "auto" is
        -1, but refuses shapes that more likely have channels elsewhere or nowhere, as (24, 256, 256).
    max_pixels : int, default 400_000
        Larger pictures are shrunk by a whole factor to at most as many pixels to find the tree; borders are then drawn
        at full resolution. Raise it to find small regions of large pictures.
    progress : bool or callable, optional
        True shows a bar; a function is called with (stage, share done) as each stage begins.
    n_threads : int, optional
        Default: ``RUSTEM_NUM_THREADS``, or the CPUs that the process may use. The answer does not depend on it.

    Returns
    -------
    Regions
        The regions, and the tree behind them.

    Raises
    ------
    ImageError
        The file cannot be read.
    InvalidInputError
        Wrong arguments or shapes, NaN or infinite pixels, nothing to segment.

    Notes
    -----
    The steps and every constant are described on the page about regions.

    References
    ----------
    .. [1] D. R. Martin, C. C. Fowlkes, J. Malik, "Learning to detect natural image boundaries using local brightness,
       color, and texture cues", IEEE TPAMI 26 (2004), doi:10.1109/TPAMI.2004.1273918
    .. [2] P. Arbeláez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image segmentation",
       IEEE TPAMI 33 (2011), doi:10.1109/TPAMI.2010.161

    Examples
    --------
    >>> import numpy as np
    >>> import rustem
    >>> picture = np.zeros((64, 96, 3), dtype=np.uint8)
    >>> picture[:, 40:] = [255, 128, 0]
    >>> found = rustem.regions(picture)
    >>> found.n_regions, found.areas.tolist()
    (2, [3584, 2560])
    >>> found.cut(n_regions=1).labels.max()
    np.int32(1)
    """
    from rustem import _core

    threads = check_threads(n_threads)
    inputs = open_inputs(image, mask, channel_axis)
    if inputs.several:
        raise InvalidInputError("the image is a list: give one picture")
    (source,) = inputs.pictures
    if len(source.shape) != 2:
        shape = source.picture.pixels.shape
        raise InvalidInputError(f"{source.picture.name} has shape {shape}: regions need a picture (H, W[, C])")
    options: _core._RegionOptions = {
        "n_components": check_integer("n_components", n_components),
        "seed": check_seed(random_state),
        "max_pixels": check_integer("max_pixels", max_pixels),
        "range": value_range(source.rows()),
        "n_threads": threads,
        "weights": None,
    }
    with _stage_callback(progress) as callback:
        superpixels, merges, levels = _core.regions(np.ascontiguousarray(source.pixels), source.mask, options, callback)
    tree = MergeTree(source, superpixels.view(np.int32), merges.astype(np.int64), levels)
    return cut_tree(tree, level, n_regions)


@contextmanager
def _stage_callback(progress: bool | Callable[[str, float], object] | None) -> Iterator[Callable[[str], object] | None]:
    """What the core calls as each stage begins."""
    if progress is None or progress is False:
        yield None
    elif callable(progress):
        yield lambda stage: progress(stage, STAGES.index(stage) / len(STAGES))
    else:
        from tqdm import tqdm

        with tqdm(total=len(STAGES), unit="stage", leave=False) as bar:

            def begin(stage: str) -> None:
                bar.set_postfix_str(stage, refresh=False)
                bar.update(STAGES.index(stage) - bar.n)

            yield begin
