"""What is recorded: named calls of public functions, and how what they give is made one number."""

import contextlib
import functools
import hashlib
import inspect
import io
import json
import os
import pickle
import platform
import re
import subprocess
import sys
import tempfile
import warnings
import zlib
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy as np
import skimage.data
from matplotlib.figure import Figure
from PIL import Image, ImageCms, features
from sklearn.datasets import load_sample_image

import rustem
from rustem import _core, colorspaces, images, palettes, plotting, reference
from rustem.cli import main

CALLS = {}
FAMILIES = ("full", "tied", "diag", "spherical")


def call(function):
    """Record what the function gives, under its name."""
    assert function.__name__ not in CALLS
    CALLS[function.__name__] = function
    return function


def run(name):
    """Make a call in an empty folder; give its result, its warnings and the files that it left there."""
    settings = {"RUSTEM_NUM_THREADS": "2", "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, settings),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        result = CALLS[name]()
        files = {str(path): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}
    return {"result": result, "warnings": [told(each) for each in caught if told(each)], "files": files}


def told(warning):
    """A warning to users in words, with whether it points at the caller."""
    if not issubclass(warning.category, UserWarning):
        return ""
    return f"{warning.category.__name__}: {warning.message} ({Path(warning.filename).name == Path(__file__).name})"


def digest(obj):
    """The first digits of the SHA-256 of arrays, files, texts, numbers, and lists and dictionaries of them."""
    sha = hashlib.sha256()
    _feed(sha, obj)
    return sha.hexdigest()[:16]


def _feed(sha, obj):
    match obj:
        case np.ndarray() if obj.dtype != object:
            sha.update(f"array {obj.dtype.str} {obj.shape} ".encode() + obj.tobytes())
        case np.generic():
            sha.update(f"scalar {obj.dtype.str} ".encode() + obj.tobytes())
        case bytes():
            sha.update(f"bytes {len(obj)} ".encode() + obj)
        case None | bool() | int() | float() | str():
            sha.update(f"{type(obj).__name__} {obj!r} ".encode())
        case list() | tuple():
            sha.update(f"list {len(obj)} ".encode())
            for each in obj:
                _feed(sha, each)
        case dict():
            _feed(sha, [[key, value] for key, value in obj.items()])
        case _:
            raise TypeError(f"no digest of {type(obj)}")


def parts(obj, name=""):
    """The digests of all that is in nested dictionaries and lists of them, to see what has changed."""
    if isinstance(obj, list | tuple) and any(isinstance(each, dict | list | tuple) for each in obj):
        obj = dict(enumerate(obj))
    if isinstance(obj, dict):
        for key, value in obj.items():
            yield from parts(value, f"{name}/{key}")
    else:
        yield name, digest(obj)


def surroundings():
    """All that results may depend on beside the code."""
    packages = ("numpy", "pillow", "scipy", "scikit-learn", "scikit-image", "tifffile", "matplotlib")
    return {
        "simd_level": _core.simd_level(),
        "machine": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "numpy_simd": " ".join(np.show_config(mode="dicts")["SIMD Extensions"]["found"]),
        "zlib": f"{zlib.ZLIB_RUNTIME_VERSION}, {features.version('zlib')}",
    }


# Pictures


@functools.cache
def photo():
    return np.ascontiguousarray(skimage.data.astronaut()[::5, ::4])


@functools.cache
def coffee():
    return np.ascontiguousarray(skimage.data.coffee()[::4, ::5])


@functools.cache
def coins():
    return np.ascontiguousarray(skimage.data.coins()[::3, ::3])


@functools.cache
def china():
    return np.ascontiguousarray(load_sample_image("china.jpg")[::4, ::5])


def large():
    """Of more pixels than are looked at one by one everywhere."""
    return np.tile(skimage.data.astronaut(), (3, 3, 1))[:1200, :1000]


def noise(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def blobs(n=600, d=3, k=4, dtype=np.float64):
    random = np.random.default_rng(1)
    return (random.standard_normal((n, d)) + 6 * random.standard_normal((k, d))[np.arange(n) % k]).astype(dtype)


def circle(height, width):
    y, x = np.mgrid[:height, :width]
    return (y - height / 2) ** 2 + (x - width / 2) ** 2 < (0.4 * min(height, width)) ** 2


def map_picture():
    """Few flat colours, a rare one, thin lines."""
    picture = np.full((60, 80, 3), (240, 235, 220), np.uint8)
    picture[20:45, 10:50] = (120, 180, 90)
    picture[::12] = (90, 90, 90)
    picture[circle(60, 80)] //= 2
    picture[30:33, 60:63] = (230, 10, 20)
    return picture


def faded(picture):
    """With an alpha channel: clear on the left, half clear in the middle, opaque on the right."""
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    alpha[:, :20] = 0
    alpha[:, 20:40] = 128
    return np.dstack([picture, alpha])


def sixteen(picture):
    ripple = np.arange(picture.shape[1])[:, None] % 7 * 20 if picture.ndim == 3 else 0
    return (picture.astype(int) * 257 + ripple).clip(0, 65535).astype(np.uint16)


def save_frames(path, n=4):
    frames = [Image.fromarray(np.roll(coffee()[::2, ::2], 5 * number, axis=1)) for number in range(n)]
    options = {"lossless": True} if path.endswith("webp") else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[40, 50, 60, 70][:n], loop=0, **options)


# What is looked at


def facts(obj, *names):
    return {name: getattr(obj, name) for name in names}


def mixture_facts(mixture):
    return facts(mixture, "weights", "means", "covariances", "covariance_type") | {"repr": repr(mixture)}


def labelled(result):
    names = ("labels", "palette", "counts", "n_requested", "n_distinct", "image", "psnr")
    return facts(result, *names) | {"boundaries": result.boundaries(), "repr": repr(result)}


def segmented(seg):
    names = ("history", "log_likelihood", "converged", "on_floor", "n_on_floor", "n_components", "n_iter")
    soft = {"probabilities": seg.probabilities(), "uncertainty": seg.uncertainty()}
    return labelled(seg) | facts(seg, *names) | {"mixture": mixture_facts(seg.mixture)} | soft


def segment(*arguments, **keywords):
    found = rustem.segment(*arguments, **keywords)
    return [segmented(each) for each in found] if isinstance(found, list) else segmented(found)


def quantized(result):
    return labelled(result) | facts(result, "n_colors", "n_iter")


def quantize(*arguments, **keywords):
    found = rustem.quantize(*arguments, **keywords)
    return [quantized(each) for each in found] if isinstance(found, list) else quantized(found)


def region_facts(found):
    names = ("labels", "level", "n_regions", "n_superpixels", "hierarchy", "superpixels", "areas", "mean_colors")
    more = {"boundaries": found.boundaries(), "strength": found.boundary_strength(), "repr": repr(found)}
    return facts(found, *names, "bounding_boxes", "neighbors", "image") | {"contours": found.contours()} | more


def palette_facts(palette):
    return facts(palette, "colors", "names", "shares", "title", "hex") | {"repr": repr(palette), "len": len(palette)}


def picture_facts(picture):
    return facts(picture, "pixels", "alpha", "icc_profile", "name")


def selection_facts(selection):
    names = ("n_components", "criterion", "candidates", "values", "log_likelihoods", "n_samples", "n_effective")
    return facts(selection, *names) | {
        "mixtures": [mixture_facts(mixture) for mixture in selection.mixtures],
        "repr": repr(selection),
    }


def fit_facts(fit):
    names = ("history", "converged", "labels", "log_likelihood", "on_floor", "n_iter")
    return facts(fit, *names) | {"mixture": mixture_facts(fit.mixture)}


def estimator_facts(model, samples):
    names = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "converged_", "n_iter_")
    return facts(model, *names, "lower_bound_", "lower_bounds_", "n_features_in_") | {
        "predict": model.predict(samples),
        "predict_proba": model.predict_proba(samples),
        "score_samples": model.score_samples(samples),
        "score": model.score(samples),
        "bic": model.bic(samples),
        "aic": model.aic(samples),
        "repr": repr(model),
    }


def error(function, *arguments, **keywords):
    """What a wrong call says."""
    try:
        function(*arguments, **keywords)
    except (Exception, SystemExit) as caught:
        return f"{type(caught).__name__}: {settled(str(caught))}"
    return "no error"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def command(line, stream=io.StringIO):
    """Exit code and what the command line printed."""
    out, err = stream(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(line.split())
        except SystemExit as caught:
            code = caught.code
    return {"code": code, "out": settled(out.getvalue()), "err": settled(err.getvalue())}


def settled(text):
    """A text without times, version and folder."""
    text = re.sub(r'"seconds": [0-9.e-]+', '"seconds": 0', text)
    text = re.sub(r"\d+\.\d\d s\b", "0 s", text).replace(rustem.__version__, "VERSION")
    return text.replace(str(Path.cwd()), "FOLDER")


def drawn(axes):
    """Texts, curves and pictures on matplotlib's axes."""
    return {
        "texts": [[each.get_title(), each.get_xlabel(), each.get_ylabel()] for each in axes],
        "lines": [np.asarray(line.get_xydata(), float) for each in axes for line in each.lines],
        "pictures": [np.ma.getdata(shown.get_array()) for each in axes for shown in each.images],
        "more": [text.get_text() for each in axes for text in each.texts],
    }


# segment()


@call
def segment_full():
    return segment(photo(), 8)


@call
def segment_tied():
    return segment(photo(), 6, covariance_type="tied")


@call
def segment_diag():
    return segment(coffee(), 8, covariance_type="diag")


@call
def segment_spherical():
    return segment(coffee(), 16, covariance_type="spherical")


@call
def segment_float_of_8_bits():
    return {
        str(dtype): {family: segment((coffee() / 255).astype(dtype), 5, covariance_type=family) for family in FAMILIES}
        for dtype in ("float32", "float64")
    }


@call
def segment_16_bits():
    return segment(sixteen(china()), 6)


@call
def segment_16_bits_of_few_values():
    return segment((photo() // 16).astype(np.uint16) * 4000, 6)


@call
def segment_grey():
    return [segment(coins(), 4), segment(coins()[..., None], 4), segment(coins().astype(np.int32), 3)]


@call
def segment_uncounted_floats():
    picture = noise(70, 90, 3) * np.array([1, 0.5, 0.1], np.float32)
    return {family: segment(picture, 4, covariance_type=family, max_iter=60) for family in FAMILIES}


@call
def segment_six_bands():
    bands = np.concatenate([coffee() / 255, noise(*coffee().shape)], axis=2)
    return [segment(bands, 5), segment(np.moveaxis(bands.astype(np.float32), 2, 0), 5, channel_axis=0)]


@call
def segment_mask():
    mask = circle(*photo().shape[:2])
    floats = noise(50, 60, 3, seed=3)
    return [segment(photo(), 5, mask=mask), segment(floats, 3, mask=circle(50, 60), min_size=4)]


@call
def segment_alpha_file():
    Image.fromarray(faded(photo())).save("alpha.png")
    seg = rustem.segment("alpha.png", 6)
    for name in ("out.png", "out.tif", "out.jpg", "out.webp", "out.gif", "out.bmp"):
        seg.save(name)
    seg.save("pair.png", side_by_side=True)
    return segmented(seg)


@call
def segment_volume():
    volume = np.stack([coffee()[::2, ::2], coffee()[1::2, ::2], coffee()[::2, 1::2]])
    seg = rustem.segment(volume, 5, min_size=6)
    return segmented(seg) | {"png": error(seg.save, "x.png"), "labels": error(seg.save_labels, "x.npy")}


@call
def segment_list():
    masks = [None, circle(*coffee().shape[:2]), None]
    return segment([photo(), coffee(), china()], 7, mask=masks, min_size=5)


@call
def segment_given_mixture():
    mixture = rustem.segment(photo(), 6).mixture
    return [segment(coffee(), mixture=mixture), segment([photo(), coffee()], mixture=mixture, min_size=8)]


@call
def segment_auto():
    return [segment(coffee()[::2, ::2], "auto"), segment(map_picture(), "auto")]


@call
def segment_min_size():
    return [segment(photo(), 6, min_size=size) for size in (10, 100)]


@call
def segment_color_spaces():
    return {space: segment(photo(), 5, color_space=space) for space in ("lab", "oklab", "linear")}


@call
def segment_starts():
    starts = ("search", "k-means++", "random_from_data")
    return {start: segment(china(), 6, init_params=start, random_state=3, max_iter=80) for start in starts}


@call
def segment_given_start():
    means = np.linspace(0.1, 0.9, 4)[:, None] * np.ones(3)
    return segment(
        photo(), 4, means_init=means, weights_init=np.full(4, 0.25), precisions_init=np.stack([np.eye(3) * 50] * 4)
    )


@call
def segment_n_init_reg_covar():
    return segment(coffee(), 5, n_init=3, random_state=np.random.default_rng(5), reg_covar=1e-4)


@call
def segment_textbook():
    return [segment(coffee(), 5, acceleration=None, tol=1e-3), segment(coffee(), 5, tol=0, max_iter=12)]


@call
def segment_few_colours():
    return [segment(map_picture(), 12), segment(np.zeros((5, 7, 3), np.uint8), 3)]


@call
def segment_inputs():
    Image.fromarray(faded(photo())).save("alpha.png")
    indexed = Image.fromarray(coffee()).quantize(40)
    shades = Image.fromarray(faded(coffee()))
    made = [Path("alpha.png"), indexed, shades, shades.convert("LA"), Image.fromarray(coins()).convert("1")]
    return {
        "one": [segment(each, 4) for each in made],
        "picture": segment(images.read("alpha.png"), 4),
        "together": segment(["alpha.png", shades], 4),
        "one of a list": segment([photo()], 4),
        "one thread": segment(photo(), 9, n_threads=1),
        "five threads": segment(photo(), 9, n_threads=5),
        "no channels": segment(noise(20, 30), 3, channel_axis=None),
        "volume": segment(noise(6, 20, 30), 3, channel_axis=None),
        "nested": segment(coins().tolist(), 3),
    }


@call
def segment_large():
    seg = rustem.segment(large(), 5, max_iter=20, tol=0)
    return facts(seg, "labels", "palette", "counts", "history", "psnr")


@call
def segment_progress():
    seen = []
    rustem.segment(coffee(), 5, progress=lambda *step: seen.append(list(step)))
    return seen


@call
def segment_files():
    Image.fromarray(photo()).save("photo.png", icc_profile=b"\0" * 16 + b"RGB " + b"\0" * 108)
    seg = rustem.segment("photo.png", 20)
    many = rustem.segment(coffee(), 300, covariance_type="spherical", max_iter=10)
    deep = rustem.segment(sixteen(china()), 6)
    masked = rustem.segment(photo(), 3, mask=circle(*photo().shape[:2]))
    for name, each in {"seg": seg, "many": many, "deep": deep, "masked": masked}.items():
        for ending in ("png", "jpg", "tif"):
            each.save(f"{name}.{ending}")
        each.save(f"{name}-pair.png", side_by_side=True)
        each.save_labels(f"{name}-labels.png")
        each.save_labels(f"{name}.npy")
    rustem.segment(coins(), 3).save("grey.png")
    return [seg._repr_png_(), deep._repr_png_(), error(seg.save, "seg.png", overwrite=False), error(seg.save, "x.doc")]


@call
def segment_plot():
    seg = rustem.segment(photo(), 4)
    axes = Figure().subplots(1, 3)
    two = Figure().subplots(1, 2)
    return [drawn(seg.plot(axes)), drawn(plotting.plot_segmentation(seg, axes=two)), error(seg.plot, two)]


@call
def segment_errors():
    nan = np.full((4, 4, 3), np.nan)
    return {
        "k": error(rustem.segment, photo(), 0),
        "type": error(rustem.segment, photo(), 2.5),
        "family": error(rustem.segment, photo(), 2, covariance_type="round"),
        "start": error(rustem.segment, photo(), 2, init_params="best"),
        "means": error(rustem.segment, photo(), 2, means_init=[[0, 0]]),
        "tol": error(rustem.segment, photo(), 2, tol=-1),
        "space": error(rustem.segment, photo(), 2, color_space="hsv"),
        "space of grey": error(rustem.segment, coins(), 2, color_space="lab"),
        "mask": error(rustem.segment, photo(), 2, mask=np.ones((2, 2), bool)),
        "empty mask": error(rustem.segment, photo(), 2, mask=np.zeros(photo().shape[:2], bool)),
        "nan": error(rustem.segment, nan, 2),
        "axes": error(rustem.segment, np.zeros(5), 2),
        "file": error(rustem.segment, "none.png", 2),
        "list": error(rustem.segment, [photo(), coins()], 2),
        "mixture": error(rustem.segment, coins(), mixture=rustem.segment(map_picture(), 2).mixture),
        "min_size": error(rustem.segment, photo(), 2, min_size=-1),
        "threads": error(rustem.segment, photo(), 2, n_threads=0),
    }


# regions()


@call
def regions_default():
    return region_facts(rustem.regions(photo()))


@call
def regions_cut():
    found = rustem.regions(china(), n_regions=12)
    return [region_facts(each) for each in (found, found.cut(0.3), found.cut(level=0.55), found.cut(n_regions=3))]


@call
def regions_kinds():
    mask = circle(*photo().shape[:2])
    pictures = [coins(), sixteen(coffee()), (coffee() / 255).astype(np.float32), noise(60, 70, 5) * 3 - 1]
    return [region_facts(rustem.regions(each, n_components=8)) for each in pictures] + [
        region_facts(rustem.regions(photo(), mask=mask, random_state=4)),
        region_facts(rustem.regions(photo(), max_pixels=4000)),
    ]


@call
def regions_files():
    Image.fromarray(faded(photo())).save("alpha.png")
    stages = []
    found = rustem.regions("alpha.png", progress=lambda *stage: stages.append(list(stage)))
    for view in ("contours", "filled", "both"):
        found.save(f"{view}.png", view=view)
    found.save_labels("labels.png")
    found.save_labels("labels.npy")
    grey = rustem.regions(sixteen(coins()), mask=circle(*coins().shape))
    grey.save("grey.png", view="filled")
    grey.save("grey.jpg", view="both")
    wide = found.contours(color=(0, 255, 0), width=4)
    axes = Figure().subplots(1, 3)
    return [stages, wide, found._repr_png_(), region_facts(grey), drawn(found.plot(axes))]


@call
def regions_errors():
    found = rustem.regions(map_picture())
    return {
        "level": error(rustem.regions, photo(), level=2),
        "number": error(found.cut, n_regions=10**6),
        "both": error(found.cut, 0.5, 3),
        "neither": error(found.cut),
        "view": error(found.save, "x.png", view="nice"),
        "shape": error(rustem.regions, np.zeros((2, 3, 4, 3))),
        "nan": error(rustem.regions, np.full((4, 4), np.nan)),
        "width": error(found.contours, width=0),
    }


# quantize(), palette(), dither(), quantize_animation()


@call
def quantize_spaces():
    return {space: quantize(photo(), 16, color_space=space) for space in colorspaces.COLOR_SPACES}


@call
def quantize_256():
    return quantize(china(), progress=None)


@call
def quantize_alpha():
    shades = faded(photo())
    Image.fromarray(shades).save("alpha.png")
    result = rustem.quantize("alpha.png", 12)
    for name in ("out.png", "out.gif", "out.jpg", "out.tif", "out.webp"):
        result.save(name)
    result.save("pair.png", side_by_side=True)
    return [quantized(result), quantize(shades, 9, color_space="srgb", order="hue")]


@call
def quantize_dither():
    variants = {
        "true": True,
        "blue": "blue-noise",
        "weak": {"method": "floyd-steinberg", "strength": 0.6},
        "everywhere": {"edge_aware": False},
        "blue everywhere": {"method": "blue-noise", "edge_aware": False, "strength": 0.9},
        "oklab": {"color_space": "oklab"},
    }
    return {name: quantize(photo(), 8, dither=variant) for name, variant in variants.items()}


@call
def quantize_fixed():
    reds = np.array([[1.0, 0, 0], [0, 0, 1.0]])
    return [quantize(coffee(), 8, fixed_colors=["#e4002b", "#fff"]), quantize(coffee(), 8, fixed_colors=reds)]


@call
def quantize_given_palette():
    palettes.write("web.gpl", ["#000", "#555", "#aaa", "#fff", "#c00", "#0c0"])
    return [
        quantize(photo(), palette="web.gpl"),
        quantize(photo(), palette=["#000", "#fff"], dither=True),
        quantize(photo(), palette=rustem.segment(coffee(), 5)),
        quantize(photo(), palette=rustem.palette(coffee(), 6), color_space="srgb"),
        quantize(coins(), palette=np.array([0, 100, 255], np.uint8)),
    ]


@call
def quantize_protect_order():
    return {
        f"{protect} {order}": quantize(map_picture(), 5, protect=protect, order=order)
        for protect, order in ((True, "weight"), (False, "luminance"), ("auto", "hue"))
    }


@call
def quantize_kinds():
    random = np.random.default_rng(7)
    return {
        "16 bits": quantize(sixteen(photo()), 10),
        "grey": quantize(coins(), 7),
        "grey dithered": quantize(coins(), 3, dither="blue-noise"),
        "floats": quantize((coffee() / 255).astype(np.float32), 10),
        "doubles": quantize(random.random((40, 50, 3)), 10, dither=True),
        "grey floats": quantize(random.random((40, 50)), 4),
        "grey and alpha": quantize(random.integers(0, 256, (40, 50, 2), np.uint8), 9),
        "five bands": quantize(random.random((30, 40, 5)), 6),
        "seed": quantize(coffee(), 20, random_state=9),
        "few colours": quantize(map_picture(), 64),
        "channel axis": quantize(np.moveaxis(coffee(), 2, 0), 5, channel_axis=0),
    }


@call
def quantize_masks_and_list():
    mask = circle(*photo().shape[:2])
    pictures = [photo(), coffee(), china()]
    return [
        quantize(photo(), 6, mask=mask, dither=True),
        quantize(pictures, 12),
        quantize(pictures, 12, mask=[mask, None, None], dither="blue-noise"),
    ]


@call
def quantize_inputs():
    Image.fromarray(faded(photo())).save("alpha.png")
    indexed = Image.fromarray(coffee()).quantize(40)
    made = [Path("alpha.png"), indexed, Image.fromarray(faded(coffee())).convert("LA"), images.read("alpha.png")]
    return [quantize(each, 6) for each in made] + [
        quantize(["alpha.png", Image.fromarray(faded(coffee()))], 6, dither=True),
        quantize([photo()], 6),
        quantize(photo(), 6, n_threads=1),
    ]


@call
def quantize_large():
    made = [rustem.quantize(large(), number, dither=dither) for number, dither in ((16, False), (256, True))]
    return [facts(each, "labels", "palette", "counts", "psnr", "n_iter") for each in made]


@call
def quantize_progress():
    seen = []
    rustem.quantize(coffee(), 12, progress=lambda *step: seen.append(list(step)))
    return seen


@call
def quantize_files():
    result = rustem.quantize(photo(), 16)
    for name in ("out.png", "out.gif", "out.jpg", "out.tif", "out.webp", "out.bmp"):
        result.save(name)
    result.save("pair.png", side_by_side=True)
    result.save_labels("labels.png")
    result.save_labels("labels.npy")
    rustem.quantize(map_picture(), 4).save("four.png")
    rustem.quantize(sixteen(china()), 12).save("deep.png")
    rustem.quantize(coins(), 2, mask=circle(*coins().shape)).save("two.png")
    return [result._repr_png_(), drawn(result.plot(Figure().subplots(1, 3)))]


@call
def quantize_errors():
    return {
        "number": error(rustem.quantize, photo(), 0),
        "many": error(rustem.quantize, photo(), 70000),
        "space": error(rustem.quantize, photo(), 4, color_space="hsv"),
        "dither": error(rustem.quantize, photo(), 4, dither="ordered"),
        "fixed": error(rustem.quantize, photo(), 2, fixed_colors=["#000", "#fff", "#f00"]),
        "colour": error(rustem.quantize, photo(), 4, fixed_colors=["pinkish"]),
        "palette": error(rustem.quantize, photo(), palette=np.zeros((2, 2))),
        "protect": error(rustem.quantize, photo(), 4, protect="maybe"),
        "order": error(rustem.quantize, photo(), 4, order="name"),
        "mask": error(rustem.quantize, photo(), 4, mask=np.ones(3, bool)),
        "range": error(rustem.quantize, photo() * 2.0, 4),
        "file": error(rustem.quantize, "none.png", 4),
        "list": error(rustem.quantize, [photo(), coins()], 4),
        "empty": error(rustem.quantize, [], 4),
    }


@call
def palette_of_pictures():
    Image.fromarray(faded(photo())).save("alpha.png")
    return [
        palette_facts(rustem.palette(photo(), 8)),
        palette_facts(rustem.palette(china(), color_space="srgb", order="luminance", random_state=2)),
        palette_facts(rustem.palette("alpha.png", 5, order="hue", protect=True)),
        palette_facts(rustem.palette(skimage.data.astronaut(), 8)),
        palette_facts(rustem.palette(large(), 16)),
        palette_facts(rustem.palette(coins(), 4)),
    ]


@call
def dither_labels():
    entries = rustem.palette(photo(), 8).colors
    mask = circle(*photo().shape[:2])
    return [
        rustem.dither(photo(), entries),
        rustem.dither(photo(), entries, method="blue-noise", color_space="lab", mask=mask),
        rustem.dither(photo(), entries, strength=0.5, color_space="oklab", edge_aware=False),
        rustem.dither(faded(photo()), np.hstack([entries, np.full((8, 1), 255, np.uint8)])),
        rustem.dither(coins(), np.array([0, 255], np.uint8)),
        rustem.dither(sixteen(photo()), entries.astype(np.uint16) * 257),
        rustem.dither(coffee() / 255, entries / 255),
        error(rustem.dither, photo(), entries, strength=2),
        error(rustem.dither, photo(), entries[:, :2]),
        error(rustem.dither, photo(), entries, method="bayer"),
    ]


@call
def animation():
    save_frames("in.webp")
    shared = rustem.quantize_animation("in.webp", 12)
    single = rustem.quantize_animation("in.webp", 8, shared=False, dither="blue-noise")
    shared.save("shared.gif")
    shared.save("shared.png")
    single.save("single.gif")
    single.save("single.webp")
    again = rustem.quantize_animation("shared.gif", 6)
    return [
        facts(each, "durations", "loop") | {"frames": [quantized(frame) for frame in each.frames]}
        for each in (shared, single, again)
    ] + [error(shared.save, "x.jpg"), error(rustem.quantize_animation, "none.gif")]


# select_components()


@call
def select():
    grey = coins()[::2, ::2, None]
    return [
        selection_facts(rustem.select_components(photo()[::2, ::2], range(1, 13))),
        selection_facts(rustem.select_components(grey, range(1, 9), criterion="icl", mask=circle(*grey.shape[:2]))),
        selection_facts(rustem.select_components(blobs(), range(1, 9), criterion="mml", covariance_type="diag")),
        selection_facts(rustem.select_components(blobs(400), [2, 4, 8], criterion="aic", covariance_type="tied")),
        selection_facts(rustem.select_components(coffee(), range(1, 7), color_space="oklab", n_effective=500)),
        selection_facts(rustem.select_components(blobs(300), range(1, 6), covariance_type="spherical")),
    ]


@call
def select_plot():
    selection = rustem.select_components(blobs(), range(1, 7))
    return [
        drawn([selection.plot(Figure().subplots())]),
        drawn([plotting.plot_selection(selection, Figure().subplots())]),
    ]


@call
def select_errors():
    return [
        error(rustem.select_components, photo(), []),
        error(rustem.select_components, photo(), [0, 1]),
        error(rustem.select_components, photo(), criterion="best"),
        error(rustem.select_components, photo(), n_effective=-1),
        error(rustem.select_components, np.full((9, 2), np.nan)),
    ]


# Mixtures


@call
def fit_mixture_families():
    return {
        f"{family} {np.dtype(dtype)}": fit_facts(rustem.fit_mixture(blobs(dtype=dtype), 4, covariance_type=family))
        for family in FAMILIES
        for dtype in (np.float64, np.float32)
    }


@call
def fit_mixture_weights():
    weight = np.random.default_rng(2).random(600) * 3
    rows = photo().reshape(-1, 3)[::7]
    return [
        fit_facts(rustem.fit_mixture(blobs(), 3, sample_weight=weight, covariance_floor=1e-6)),
        fit_facts(rustem.fit_mixture(rows, 5, unit=255, covariance_floor=1e-6)),
        fit_facts(rustem.fit_mixture(rows.astype(np.uint16) * 257, 5, unit=65535, covariance_type="tied")),
    ]


@call
def fit_mixture_options():
    keywords = [
        {"acceleration": None, "tol": 1e-4},
        {"reg_covar": 1e-3, "n_init": 3, "random_state": 8},
        {"init_params": "random_from_data", "max_iter": 5},
        {"init_params": "search", "covariance_floor": 1e-4},
        {"tol": 0, "max_iter": 25},
        {"means_init": np.arange(12.0).reshape(4, 3), "weights_init": [0.1, 0.2, 0.3, 0.4]},
    ]
    return [fit_facts(rustem.fit_mixture(blobs(300), 4, **each)) for each in keywords] + [
        error(rustem.fit_mixture, blobs(), 4, sample_weight=[1]),
        error(rustem.fit_mixture, blobs(), 4, acceleration="squarem"),
        error(rustem.fit_mixture, np.full((3, 2), np.inf), 1),
    ]


@call
def mixture_use():
    seen = {}
    for family in FAMILIES:
        mixture = rustem.fit_mixture(blobs(), 4, covariance_type=family, max_iter=20, tol=0).mixture
        mixture.save(f"{family}.npz")
        loaded = rustem.Mixture.load(f"{family}.npz")
        seen[family] = {
            "loaded": mixture_facts(loaded),
            "predict": mixture.predict(blobs()),
            "proba": mixture.predict_proba(blobs(dtype=np.float32)),
            "score_samples": loaded.score_samples(blobs()),
            "score": mixture.score(blobs(), np.arange(600.0)),
            "unit": mixture.predict(photo().reshape(-1, 3), unit=10.0),
            "sample": mixture.sample(50, random_state=3),
            "sklearn": mixture_facts(rustem.Mixture.from_sklearn(mixture.to_sklearn())),
            "floor": mixture.on_floor(0.9),
        }
    return seen


@call
def mixture_errors():
    mixture = rustem.fit_mixture(blobs(), 2).mixture
    mixture.save("m.npz")
    Path("no.npz").write_bytes(b"nothing")
    return [
        error(mixture.predict, np.zeros((2, 2))),
        error(mixture.save, "m.npz", overwrite=False),
        error(rustem.Mixture.load, "no.npz"),
        error(rustem.Mixture.load, "none.npz"),
        error(mixture.sample, 0),
        error(rustem.Mixture.from_sklearn, object()),
    ]


# The estimator


@call
def estimator_families():
    return {
        f"{family} {np.dtype(dtype)}": estimator_facts(
            rustem.GaussianMixture(4, covariance_type=family, random_state=0).fit(blobs(dtype=dtype)),
            blobs(dtype=dtype),
        )
        for family in FAMILIES
        for dtype in (np.float64, np.float32)
    }


@call
def estimator_starts():
    starts = ("kmeans", "k-means++", "random", "random_from_data", "search")
    return {
        start: estimator_facts(
            rustem.GaussianMixture(3, init_params=start, random_state=1, n_init=2).fit(blobs()), blobs()
        )
        for start in starts
    }


@call
def estimator_weights():
    weight = np.arange(600) % 5
    model = rustem.GaussianMixture(3, random_state=2)
    labels = model.fit_predict(blobs(), sample_weight=weight)
    return [labels, estimator_facts(model, blobs()), model.score(blobs(), sample_weight=weight), list(model.sample(20))]


@call
def estimator_partial_fit():
    model = rustem.GaussianMixture(4, random_state=0)
    stages = []
    for first in range(0, 600, 150):
        model.partial_fit(blobs()[first : first + 150])
        stages.append(estimator_facts(model, blobs()))
    after = (
        rustem.GaussianMixture(4, random_state=0, covariance_type="diag").fit(blobs()[:300]).partial_fit(blobs()[300:])
    )
    return [stages, estimator_facts(after, blobs())]


@call
def estimator_priors():
    seen = {}
    for family, scale in (("full", np.eye(3) * 2), ("tied", np.eye(3)), ("diag", [1.0, 2, 3]), ("spherical", 1.5)):
        model = rustem.GaussianMixture(
            4, covariance_type=family, random_state=0, covariance_prior=scale, weight_concentration_prior=4.0
        )
        seen[family] = estimator_facts(model.fit(blobs()[:60]), blobs())
    model = rustem.GaussianMixture(2, random_state=0, covariance_prior=np.eye(3), degrees_of_freedom_prior=20.0)
    return seen | {"degrees": estimator_facts(model.fit(blobs()), blobs())}


@call
def estimator_frozen():
    means = blobs()[:4]
    models = [
        rustem.GaussianMixture(4, means_init=means, frozen_means=[True, False, True, False], random_state=0),
        rustem.GaussianMixture(
            4, means_init=means, precisions_init=np.stack([np.eye(3)] * 4), frozen_covariances=True, random_state=0
        ),
    ]
    return [estimator_facts(model.fit(blobs()), blobs()) for model in models]


@call
def estimator_warm_start():
    model = rustem.GaussianMixture(4, warm_start=True, max_iter=3, tol=1e-9, random_state=0, init_params="random")
    return [estimator_facts(model.fit(blobs()), blobs()) for _ in range(3)]


@call
def estimator_verbose_and_errors():
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        rustem.GaussianMixture(3, verbose=1, verbose_interval=2, random_state=0).fit(blobs())
    return [
        text.getvalue(),
        error(rustem.GaussianMixture(0).fit, blobs()),
        error(rustem.GaussianMixture(3).predict, blobs()),
        error(rustem.GaussianMixture(30).fit, blobs()[:5]),
        error(rustem.GaussianMixture(2, frozen_means=True).fit, blobs()),
        error(rustem.GaussianMixture(2, covariance_prior=-1.0).fit, blobs()),
        error(rustem.GaussianMixture(2, weight_concentration_prior=0.5).fit, blobs()),
    ]


# The first interface, the textbook


@call
def first_interface():
    Image.fromarray(photo()).save("in.png")
    em = rustem.EM("in.png", 6, random_state=1).fit(15)
    rustem.save_new(em, "out.png")
    em.save_new_image("same.jpg")
    em.restruct("again.png")
    names = ("get_gamma", "get_pi", "get_mu", "get_sigma", "get_2d_image", "restructure")
    few = rustem.EM("in.png", 3).fit(200, tol=1e-3)
    return {name: getattr(em, name)() for name in names} | {
        "history": em.history,
        "restructured": rustem.restructure(em),
        "tol": few.history,
        "unfitted": error(rustem.EM("in.png", 2).get_mu),
        "k": error(rustem.EM, "in.png", 0),
        "shape": error(em.convert_image, [[0, 0, 0]], "x.png"),
    }


@call
def textbook():
    means = blobs()[:4]
    starts = {
        "full": np.stack([np.eye(3)] * 4),
        "tied": np.eye(3),
        "diag": np.ones((4, 3)),
        "spherical": np.ones(4),
    }
    return {
        family: reference.em(blobs(), np.full(4, 0.25), means, start, covariance_type=family, n_iter=6, reg_covar=1e-6)
        for family, start in starts.items()
    } | {"densities": reference.log_densities(blobs(), np.full(4, 0.25), means, starts["full"], "full")}


@call
def color_spaces():
    seen = {}
    for space in colorspaces.COLOR_SPACES:
        for dtype in (np.float32, np.float64):
            values = colorspaces.to_space(noise(500, 3, dtype=dtype), space)
            seen[f"{space} {np.dtype(dtype)}"] = [values, colorspaces.from_space(values, space)]
    wide = noise(200, 3, dtype=np.float64) * 2 - 0.5
    seen["wide"] = [colorspaces.from_space(wide, space) for space in colorspaces.COLOR_SPACES]
    seen["errors"] = [error(colorspaces.to_space, wide, "hsv"), error(colorspaces.to_space, wide[:, :2], "lab")]
    return seen


# Palette files, picture files


@call
def palette_files():
    read = {}
    for kind in palettes.FORMATS:
        name = f"flag.{'pal' if kind == 'riff' else kind}"
        name = name if kind != "riff" else f"riff-{name}"
        palettes.write(
            name,
            ["#000", "#dd0000", "gold"],
            format=kind,
            names=["black", "red", "gold"],
            shares=[0.5, 0.3, 0.2],
            title="flag",
        )
        read[kind] = palette_facts(palettes.read(name))
        palettes.write(f"plain-{name}", rustem.palette(photo(), 20), format=kind)
        read[f"plain {kind}"] = palette_facts(palettes.read(f"plain-{name}"))
    Image.fromarray(map_picture()).save("map.png")
    return read | {"picture": palette_facts(palettes.read("map.png"))}


@call
def palette_errors():
    Path("empty.gpl").write_bytes(b"")
    Path("wrong.json").write_text('{"colors": "none"}')
    Path("short.ase").write_bytes(b"ASEF\0\1\0\0\0\0\0\5")
    return [
        *(error(palettes.read, name) for name in ("empty.gpl", "wrong.json", "short.ase", "none.css")),
        error(palettes.write, "x.doc", ["#000"]),
        error(palettes.write, "x.act", [[0, 0, number % 256] for number in range(300)]),
        error(palettes.write, "x.gpl", []),
        error(palettes.write, "x.gpl", ["#000"], names=["a", "b"]),
        error(palettes.parse_hex, "pinkish"),
        [palettes.parse_hex(text) for text in ("#e4002b", "fff", "rebeccapurple", "#1234")],
    ]


@call
def pictures_written_and_read():
    alpha = faded(photo())[..., 3]
    made = {
        "rgb": (photo(), None),
        "alpha": (photo(), alpha),
        "deep": (sixteen(photo()), alpha.astype(np.uint16) * 257),
        "grey": (coins(), None),
        "floats": (noise(20, 30, 3), None),
        "grey-alpha": (noise(20, 30, dtype=np.float64), noise(20, 30, dtype=np.float64, seed=1)),
        "bands": (noise(20, 30, 7), None),
    }
    seen = {}
    for name, (pixels, opacity) in made.items():
        for ending in ("png", "tif", "jpg", "webp", "bmp", "gif"):
            path = f"{name}.{ending}"
            seen[path] = error(images.write, path, pixels, alpha=opacity)
            if Path(path).exists():
                seen[path] = picture_facts(images.read(path))
    return seen


@call
def pictures_of_pillow():
    modes = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F")
    rgb = Image.fromarray(faded(photo())[::3, ::3])
    lab = ImageCms.profileToProfile(
        rgb.convert("RGB"), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    made = {
        mode: lab if mode == "LAB" else rgb if mode == "RGBA" else rgb.convert("RGB").convert(mode) for mode in modes
    }
    turned = Image.Exif()
    turned[0x0112] = 6
    rgb.convert("RGB").save("turned.jpg", exif=turned)
    rgb.convert("CMYK").save("cmyk.jpg")
    seen = {mode: picture_facts(images.from_pil(image, mode)) for mode, image in made.items()}
    return seen | {name: picture_facts(images.read(name)) for name in ("turned.jpg", "cmyk.jpg")}


@call
def indexed_pictures():
    labels = np.arange(600).reshape(20, 30) % 11 - 1
    colors = (noise(10, 3) * 255).astype(np.uint8)
    for name in ("x.png", "x.gif", "x.tif", "x.jpg"):
        images.write_indexed(name, labels, colors)
    images.write_indexed("deep.png", labels, colors.astype(np.uint16) * 257)
    images.write_indexed(
        "half.png", labels.clip(0), colors, alpha=np.where(labels.clip(0) < 4, 100, 255).astype(np.uint8)
    )
    images.write_indexed("grey.png", labels.clip(0) % 2, np.array([[0], [255]], np.uint8), compression=1)
    images.write_labels("labels.png", labels)
    images.write_labels("many.tif", labels.clip(0) * 60)
    return [
        *(picture_facts(images.read(name)) for name in ("x.png", "half.png", "deep.png", "labels.png")),
        error(images.write_indexed, "y.png", labels, colors[:4]),
        error(images.write_labels, "y.jpg", labels),
        error(images.write_labels, "y.png", labels - 5),
    ]


@call
def picture_errors():
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
    Path("text.jpg").write_text("no picture")
    Image.fromarray(photo()).save("cut.png")
    Path("cut.png").write_bytes(Path("cut.png").read_bytes()[:2000])
    return [
        *(error(images.read, name) for name in ("broken.png", "text.jpg", "cut.png", "none.png", ".")),
        error(images.write, "x.doc", photo()),
        error(images.write, "x.png", photo().astype(np.int64)),
        error(images.write, "x.png", noise(3, 4, 5)),
        error(images.write, "x.png", noise(3, 4) * 9),
        error(images.write, "no/x.png", photo()),
        error(images.write, "x.png", photo(), alpha=noise(3, 3)),
    ]


# The command line


def save_pictures():
    Path("in").mkdir()
    for name, picture in {"coffee": coffee(), "photo": photo(), "map": map_picture()}.items():
        Image.fromarray(picture).save(f"in/{name}.png")


@call
def command_help():
    commands = ("", "segment ", "regions ", "quantize ", "palette ", "select ")
    return {line: command(f"{line}--help") for line in commands} | {"version": command("--version")}


@call
def command_segment():
    save_pictures()
    Image.fromarray(coins()).save("grey.png")
    return [
        command("segment in/photo.png -k 6 --json"),
        command("segment in/photo.png -k 6"),
        command("segment in/photo.png -k 6 --force --palette --quiet"),
        command(
            "segment in/coffee.png -k 5 --side-by-side --labels in/l.npy --min-size 9 --color-space lab -o pair.png"
        ),
        command("segment in/map.png -k auto -o out.tif --json --labels labels.npy"),
        command("segment in -k 4 -o out/ --json --covariance-type diag --seed 3 --max-iter 40"),
        command("segment in/*.png -k 4 --shared -o shared/ --json --labels labels/"),
        command("segment in/*.png grey.png -k 4 --shared -o mixed/"),
        command("segment in/photo.png -k 3 --init k-means++ --n-init 2 --tol 0 --max-iter 9 -o nine.png"),
    ]


@call
def command_regions():
    save_pictures()
    return [
        command("regions in/photo.png --json"),
        command("regions in/photo.png --n-regions 9 --view filled -o filled.png --labels labels.png"),
        command("regions in --level 0.4 --view both -o out/ --n-components 8 --max-pixels 5000 --json"),
        command("regions in/photo.png --level 3"),
    ]


@call
def command_quantize():
    save_pictures()
    save_frames("moving.webp", 3)
    return [
        command("quantize in/photo.png -n 16 --json"),
        command("quantize in/photo.png -n 8 --dither --fixed #e4002b,white -o dithered.png --json"),
        command("quantize in -n 6 --dither-method blue-noise --dither-strength 0.7 -o out/ --order hue"),
        command("quantize in/map.png -n 5 --color-space srgb --side-by-side --dither-everywhere -o pair.png"),
        command("quantize in/coffee.png --palette in/map.png -o mapped.gif --json"),
        command("quantize moving.webp -n 8 -o moving.gif --json"),
        command("quantize moving.webp -n 8 --per-frame -o moving.png --json"),
    ]


@call
def command_palette():
    save_pictures()
    return [
        command("palette in/photo.png"),
        command("palette in/photo.png -k 5 --format gpl -o photo.gpl --json"),
        command("palette photo.gpl -o photo.css --json"),
        command("palette photo.css"),
        command("palette in -k 3 --order luminance --color-space srgb"),
        command("palette in -k 3 -o out/ --format svg --json"),
    ]


@call
def command_on_a_terminal():
    save_pictures()
    seen = []
    for term, color in (("xterm-256color", "truecolor"), ("xterm-256color", ""), ("xterm", "")):
        os.environ.update(TERM=term, COLORTERM=color)
        os.environ.pop("NO_COLOR", None)
        seen.append(command("palette in/photo.png in/map.png -k 4", Terminal))
    return seen


@call
def command_select():
    save_pictures()
    return [
        command("select in/map.png --max 8"),
        command("select in/coffee.png --max 6 --criterion icl --json --covariance-type diag"),
        command("select in --min 2 --max 5 --color-space oklab --plot out/ --json --seed 2"),
    ]


@call
def command_errors():
    save_pictures()
    Path("in/broken.png").write_text("nothing")
    lines = (
        "",
        "paint",
        "segment",
        "segment none.png",
        "segment in/broken.png",
        "segment in -k 3 -o all/",
        "segment in -k 3 -o one.png",
        "segment in/photo.png -k 0",
        "segment in/photo.png -k 3 -o x.doc",
        "segment in/photo.png -k 3 -o in/photo.png",
        "segment in/photo.png --tol -1",
        "segment in/photo.png --json --palette",
        "segment *.bmp",
        "quantize in/photo.png -n 0",
        "quantize in/photo.png --fixed pinkish",
        "quantize in/photo.png --dither-strength 2",
        "quantize in/photo.png --palette none.gpl",
        "palette in/photo.png --format doc -o x",
        "palette in/broken.png",
        "regions in/photo.png --n-regions 999999",
        "regions in/photo.png --level 0.4 --n-regions 3",
        "select in/photo.png --min 5 --max 2",
        "select in/photo.png --threads 0",
    )
    return {line: command(line) for line in lines}


# Names, signatures, pickles, imports


@call
def public_names():
    modules = {"rustem": rustem, "images": images, "palettes": palettes}
    Image.fromarray(map_picture()).save("map.png")
    made = [rustem.segment("map.png", 3), rustem.quantize("map.png", 3), rustem.regions("map.png")]
    made += [rustem.quantize_animation("map.png", 3), rustem.EM("map.png", 2), images.read("map.png")]
    made += [rustem.palette("map.png", 3), rustem.fit_mixture(blobs(), 2), rustem.fit_mixture(blobs(), 2).mixture]
    made += [rustem.select_components(blobs(), [1, 2]), rustem.GaussianMixture()]
    errors = (rustem.RustemError, rustem.InvalidInputError, rustem.ImageError, rustem.ConvergenceWarning)
    return {
        "modules": {name: sorted(module.__all__) for name, module in modules.items()},
        "objects": {type(each).__name__: [name for name in dir(each) if name[0] != "_"] for each in made},
        "errors": [[base.__name__ for base in each.__mro__] for each in errors],
        "dir": dir(rustem),
        "missing": error(getattr, rustem, "nothing"),
    }


@call
def signatures():
    found = {}
    modules = [(rustem, [*rustem.__all__, "GaussianMixture"]), (images, images.__all__), (palettes, palettes.__all__)]
    modules += [(reference, ["em", "log_densities"]), (plotting, ["plot_segmentation", "plot_selection"])]
    modules += [(colorspaces, ["to_space", "from_space"]), (rustem.cli, ["main"])]
    for module, names in modules:
        for name in names:
            each = getattr(module, name)
            if isinstance(each, type) and issubclass(each, BaseException):
                continue
            if isinstance(each, type):
                methods = {key: getattr(each, key) for key in sorted(dir(each)) if not key.startswith("_")}
                found |= {f"{name}.{key}": method for key, method in methods.items() if inspect.isroutine(method)}
            else:
                found[f"{module.__name__}.{name}"] = each
    return {
        name: [f"{each.kind.name} {each.name} {each.default!r}" for each in inspect.signature(one).parameters.values()]
        for name, one in sorted(found.items())
        if callable(one)
    }


@call
def pickles():
    model = rustem.GaussianMixture(3, random_state=0).fit(blobs())
    again = pickle.loads(pickle.dumps(model))
    seg, small, found = (
        pickle.loads(pickle.dumps(each))
        for each in (rustem.segment(photo(), 3), rustem.quantize(photo(), 4), rustem.regions(map_picture()))
    )
    seg.save("seg.png")
    return [segmented(seg), quantized(small), region_facts(found), estimator_facts(again, blobs())]


_IMPORTED = """
import runpy, sys, json
before = set(sys.modules)
sys.argv = sys.argv[1:]
try:
    if len(sys.argv) > 1:
        runpy.run_module("rustem", run_name="__main__", alter_sys=True)
    else:
        import rustem
except SystemExit:
    pass
tops = [name.partition(".")[0] for name in set(sys.modules) - before]
print(json.dumps({top: tops.count(top) for top in sorted(tops) if top not in {*sys.stdlib_module_names, "rustem"}}))
"""


def imported(*arguments):
    """Third-party packages that a new process loads, with the number of modules of each."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED, "rustem", *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@call
def imported_alone():
    return {"import": imported(), "version": imported("--version"), "help": imported("--help")}


@call
def imported_by_commands():
    save_pictures()
    lines = {
        "segment --help": imported("segment", "--help"),
        "segment": imported("segment", "in/map.png", "-k", "3", "--quiet"),
        "quantize": imported("quantize", "in/map.png", "-n", "3", "--quiet"),
        "palette": imported("palette", "in/map.png", "-k", "3", "--quiet"),
        "regions": imported("regions", "in/map.png", "--quiet"),
        "select": imported("select", "in/map.png", "--max", "3", "--quiet"),
    }
    return lines
