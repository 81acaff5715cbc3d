"""Who reduces colours: each takes an RGB picture in memory and k, and gives the k-colour picture and CPU seconds.

All work on one thread; a program's seconds are those of its process, which also decodes and encodes PNG.
"""

from __future__ import annotations

import io
import os
import resource
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, features

from rustem.pipeline.color_table import count_colors
from rustem.pipeline.inputs import open_inputs

Painter = Callable[[np.ndarray, int], tuple[np.ndarray, float]]
"""Gives the k-colour picture and the CPU seconds that it took."""


class Unavailable(Exception):  # noqa: N818 - what a peer is
    """A peer that is not installed."""


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def rustem_with(**options: object) -> Painter:
    def paint(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
        from rustem import quantize

        return timed(lambda: quantize(pixels, k, n_threads=1, **options).image)

    return paint


@cache
def _counted(key: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels = np.frombuffer(key, np.uint8).reshape(1, -1, 3)
    colours = count_colors(open_inputs(pixels, None, -1).pictures, "srgb", 1)
    assert colours.index is not None
    return colours.values, colours.counts, colours.index


def k_means(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """The best of ten k-means of scikit-learn over the weighted distinct colours, run until no label changes.

    From 64 colours on, where that would take minutes for a picture of many colours, the ten runs end at scikit-learn's
    default tolerance, and the best one goes on until no label changes.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances_argmin

    def work() -> np.ndarray:
        values, counts, index = _counted(pixels.tobytes())
        samples = values.astype(np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thorough = {"tol": 0, "max_iter": 1000}
            fit = KMeans(k, n_init=10, random_state=0, **(thorough if k < 64 else {})).fit(
                samples, sample_weight=counts
            )
            if k >= 64:
                fit = KMeans(k, n_init=1, init=fit.cluster_centers_, **thorough).fit(samples, sample_weight=counts)
        palette = np.rint(fit.cluster_centers_)
        labels = pairwise_distances_argmin(samples, palette.astype(np.float32))
        return palette.astype(np.uint8)[labels][index].reshape(pixels.shape)

    return timed(work)


def libimagequant(dithering: float) -> Painter:
    def paint(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
        try:
            import imagequant
        except ImportError:
            raise Unavailable("pip install imagequant") from None
        height, width = pixels.shape[:2]

        def work() -> np.ndarray:
            rgba = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
            index, palette = imagequant.quantize_raw_rgba_bytes(rgba.tobytes(), width, height, dithering, k, 0, 100)
            table = np.array(palette, np.uint8).reshape(-1, 4)[:, :3]
            return table[np.frombuffer(index, np.uint8)].reshape(pixels.shape)

        return timed(work)

    return paint


def pillow(method: Image.Quantize, kmeans: int = 0) -> Painter:
    def paint(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
        if method is Image.Quantize.LIBIMAGEQUANT and not features.check("libimagequant"):
            raise Unavailable("this Pillow is built without it")
        image = Image.fromarray(pixels)

        def work() -> np.ndarray:
            reduced = image.quantize(k, method=method, kmeans=kmeans, dither=Image.Dither.NONE)
            return np.asarray(reduced.convert("RGB"))

        return timed(work)

    return paint


def open_cv(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """k-means over a tenth of the pixels from one k-means++ start; then each pixel's nearest centre."""
    try:
        import cv2
    except ImportError:
        raise Unavailable("pip install opencv-contrib-python-headless") from None
    from sklearn.metrics import pairwise_distances_argmin

    cv2.setNumThreads(1)
    cv2.setRNGSeed(0)

    def work() -> np.ndarray:
        rows = pixels.reshape(-1, 3).astype(np.float32)
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
        _, _, centres = cv2.kmeans(np.ascontiguousarray(rows[::10]), k, None, stop, 1, cv2.KMEANS_PP_CENTERS)
        palette = np.rint(centres)
        labels = pairwise_distances_argmin(rows, palette)
        return palette.astype(np.uint8)[labels].reshape(pixels.shape)

    return timed(work)


def by_command(program: str, *arguments: str) -> Painter:
    """A program that reads PNG from stdin and writes PNG to stdout; its seconds include both."""

    def paint(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
        if shutil.which(program) is None:
            raise Unavailable(f"install {program}")
        source = io.BytesIO()
        Image.fromarray(pixels).save(source, "PNG", compress_level=0)
        command = [program, *(argument.format(k=k) for argument in arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MAGICK_THREAD_LIMIT": "1"}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, input=source.getvalue(), capture_output=True, check=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return np.asarray(Image.open(io.BytesIO(done.stdout)).convert("RGB")), seconds

    return paint


BEST_OF_TEN = "scikit-learn k-means, best of 10"
OURS = "rustem, srgb"
UNDITHERED: dict[str, Painter] = {
    OURS: rustem_with(color_space="srgb", protect=False),
    "rustem, srgb, rare colours protected": rustem_with(color_space="srgb"),
    "rustem, linear": rustem_with(color_space="linear", protect=False),
    "rustem, lab": rustem_with(color_space="lab", protect=False),
    "rustem, oklab": rustem_with(protect=False),
    "rustem, oklab, rare colours protected (default)": rustem_with(),
    BEST_OF_TEN: k_means,
    "libimagequant": libimagequant(0.0),
    "pngquant": by_command("pngquant", "--speed", "1", "--nofs", "{k}", "-"),
    "OpenCV k-means": open_cv,
    "Pillow, libimagequant": pillow(Image.Quantize.LIBIMAGEQUANT),
    "Pillow, median cut and k-means": pillow(Image.Quantize.MEDIANCUT, kmeans=10),
    "Pillow, median cut": pillow(Image.Quantize.MEDIANCUT),
    "Pillow, max coverage": pillow(Image.Quantize.MAXCOVERAGE),
    "Pillow, octree": pillow(Image.Quantize.FASTOCTREE),
    "ImageMagick": by_command("convert", "png:-", "+dither", "-colors", "{k}", "png:-"),
}
DITHERED: dict[str, Painter] = {
    "rustem, Floyd–Steinberg, dithered": rustem_with(dither=True),
    "rustem, blue noise, dithered": rustem_with(dither="blue-noise"),
    "libimagequant, dithered": libimagequant(1.0),
    "pngquant, dithered": by_command("pngquant", "--speed", "1", "--floyd=1", "{k}", "-"),
    "ImageMagick, dithered": by_command("convert", "png:-", "-dither", "FloydSteinberg", "-colors", "{k}", "png:-"),
}
PEERS = UNDITHERED | DITHERED
