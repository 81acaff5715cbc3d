"""Who else reduces colours: each takes an RGB picture in memory and k, and gives the k-colour picture undithered."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

from rustem.colours import count_colours

Painter = Callable[[np.ndarray, int], tuple[np.ndarray, float]]
"""Gives the k-colour picture and the seconds that it took; files are encoded and decoded outside of them."""


class Unavailable(Exception):  # noqa: N818 - what a peer is
    """A peer that is not installed."""


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def rustem_with(**options: object) -> Painter:
    def paint(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
        from rustem import quantize

        return timed(lambda: quantize(pixels, k, n_threads=1, **options).image)

    return paint


@cache
def _counted(key: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    colours = count_colours(np.frombuffer(key, np.uint8).reshape(-1, 3), 255.0, "srgb", 1)
    assert colours.index is not None
    return colours.values, colours.counts, colours.index


def k_means(n_init: int) -> Painter:
    """scikit-learn's k-means over the weighted distinct colours, run until no label changes."""

    def paint(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
        from sklearn.cluster import KMeans
        from sklearn.metrics import pairwise_distances_argmin

        def work() -> np.ndarray:
            values, counts, index = _counted(pixels.tobytes())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit = KMeans(k, n_init=n_init, tol=0, max_iter=1000, random_state=0)
                fit.fit(values.astype(np.float32), sample_weight=counts)
            palette = np.rint(fit.cluster_centers_)
            labels = pairwise_distances_argmin(values.astype(np.float32), palette.astype(np.float32))
            return palette.astype(np.uint8)[labels][index].reshape(pixels.shape)

        return timed(work)

    return paint


def libimagequant(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    try:
        import imagequant
    except ImportError:
        raise Unavailable("pip install imagequant") from None
    height, width = pixels.shape[:2]

    def work() -> np.ndarray:
        rgba = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
        index, palette = imagequant.quantize_raw_rgba_bytes(rgba.tobytes(), width, height, 0.0, k, 0, 100)
        table = np.array(palette, np.uint8).reshape(-1, 4)[:, :3]
        return table[np.frombuffer(index, np.uint8)].reshape(pixels.shape)

    return timed(work)


def pillow(method: int, kmeans: int = 0) -> Painter:
    def paint(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
        image = Image.fromarray(pixels)

        def work() -> np.ndarray:
            reduced = image.quantize(k, method=method, kmeans=kmeans, dither=Image.Dither.NONE)
            return np.asarray(reduced.convert("RGB"))

        return timed(work)

    return paint


def open_cv(pixels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """k-means over a tenth of the pixels, three attempts, as its tutorial has it; then each pixel's nearest centre."""
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
        start = time.perf_counter()
        done = subprocess.run(command, input=source.getvalue(), capture_output=True, check=True, env=environment)
        seconds = time.perf_counter() - start
        return np.asarray(Image.open(io.BytesIO(done.stdout)).convert("RGB")), seconds

    return paint


PEERS: dict[str, Painter] = {
    "rustem, srgb": rustem_with(color_space="srgb", protect=False),
    "rustem, srgb, protecting": rustem_with(color_space="srgb"),
    "rustem, oklab (default)": rustem_with(),
    "rustem, lab": rustem_with(color_space="lab"),
    "rustem, linear": rustem_with(color_space="linear"),
    "scikit-learn k-means, best of 10": k_means(10),
    "scikit-learn k-means, one run": k_means(1),
    "libimagequant": libimagequant,
    "pngquant": by_command("pngquant", "--speed", "1", "--nofs", "{k}", "-"),
    "OpenCV k-means": open_cv,
    "Pillow median cut + k-means": pillow(Image.Quantize.MEDIANCUT, kmeans=10),
    "Pillow median cut": pillow(Image.Quantize.MEDIANCUT),
    "Pillow max coverage": pillow(Image.Quantize.MAXCOVERAGE),
    "Pillow octree": pillow(Image.Quantize.FASTOCTREE),
    "ImageMagick": by_command("convert", "png:-", "+dither", "-colors", "{k}", "png:-"),
}
