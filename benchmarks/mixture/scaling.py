"""How time and memory grow: with pixels, components, features and threads; what counting and starting up cost.

    RUSTEM_DATA=folder python -m benchmarks.mixture.scaling --docs docs/theory/performance.md

RUSTEM_DATA names a folder with seed/img.jpg and large/*.jpg; what is missing is left out. Every case runs in a process
of its own, whose peak memory is read at its end. Prints and writes JSON, replaces the tables between the markers of
the page, and plots the scaling to docs/images/scaling.svg if `--plot` says so.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.shared.results import RESULTS, write_results

K, N_ITER = 32, 30
CLASSIC = "seed/img.jpg"
PHOTOGRAPHS = ("large/sunset_by_Aitzol_Berasategi.jpg", "large/seeding_by_Clements_Engelhardt.jpg")
MAP = "large/shadedrelief.jpg"
SIZES = (100_000, 300_000, 1_000_000, 3_000_000)
COMPONENTS = (2, 4, 8, 16, 32, 64, 128, 256, 512)
FEATURES = (1, 2, 3, 4, 6, 8, 16, 32, 64, 128, 200)
THREADS = (1, 2)
MB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each case, of which the fastest counts (3)")
    parser.add_argument("--report", type=Path, default=RESULTS / "scaling.json")
    parser.add_argument("--docs", type=Path, help="page whose tables are replaced")
    parser.add_argument("--plot", type=Path, help="SVG file to write")
    parser.add_argument("--only", choices=("road", "components", "features", "counting", "noise", "startup"))
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        case = json.loads(args.case)
        print(json.dumps(globals()[f"run_{case['kind']}"](case)))
        return
    rows = json.loads(args.report.read_text(encoding="utf-8")) if args.report.exists() else []
    if args.only is None:
        rows = []
    rows = [row for row in rows if row["kind"] != args.only]
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder), args.runs):
            if args.only in (None, case["kind"]):
                row = {**case, **in_a_process(case)}
                if case["kind"] == "counting" and row["pixels"] < 1_000_000:
                    # One first call tells little: its page faults cost now this, now that.
                    row["cold"] = statistics.median([row["cold"], *(in_a_process(case)["cold"] for _ in range(14))])
                row.pop("path", None)  # of no use on another machine
                rows.append(row)
                print(json.dumps(row), flush=True)
    write_results(args.report, rows)
    if args.docs:
        from benchmarks.mixture import scaling_report

        scaling_report.write_page(args.docs, rows)
    if args.plot:
        from benchmarks.mixture import scaling_report

        scaling_report.plot(args.plot, rows)


def cases(folder: Path, runs: int) -> Iterator[dict]:
    """Everything that is measured."""
    data = Path(os.environ.get("RUSTEM_DATA", "."))
    pictures = {}
    for name in (CLASSIC, *PHOTOGRAPHS, MAP):
        if (data / name).exists():
            pictures[name] = {"picture": Path(name).name, "path": save(folder, data / name), "runs": runs}
        else:
            print(f"{data / name}: not found, left out", file=sys.stderr)
    yield from road_cases(pictures)
    for d, threads in product(FEATURES, THREADS):
        # Milliseconds take more runs to be told from what else the machine does.
        n_runs = 10 * runs if d < 16 else runs
        yield {"kind": "features", "d": d, "k": 16, "n": 5_000, "threads": threads, "runs": n_runs}
    yield from counting_cases(pictures)
    for dtype, channels in (("uint8", 3), ("uint8", 4), ("uint16", 3), ("float32", 3)):
        yield {"kind": "noise", "dtype": dtype, "channels": channels, "n": 1_000_000, "k": 8, "runs": runs}
    if CLASSIC in pictures:
        yield {"kind": "startup", "path": str(data / CLASSIC), "runs": 7 * runs}


def road_cases(pictures: dict[str, dict]) -> Iterator[dict]:
    sizes = [(name, None) for name in pictures] + [(MAP, size) for size in SIZES if MAP in pictures]
    for (name, size), threads in product(sizes, THREADS):
        yield {"kind": "road", "crop": size, "threads": threads, **pictures[name]}
    if PHOTOGRAPHS[0] in pictures:
        for k, threads in product(COMPONENTS, THREADS):
            yield {"kind": "components", "k": k, "threads": threads, **pictures[PHOTOGRAPHS[0]]}


def counting_cases(pictures: dict[str, dict]) -> Iterator[dict]:
    """Each picture as it is, and one photograph in all types."""
    for name, picture in pictures.items():
        every = product(("uint8", "uint16"), (1, 2, 3, 4)) if name == PHOTOGRAPHS[0] else [("uint8", 3)]
        for dtype, channels in every:
            yield {"kind": "counting", "dtype": dtype, "channels": channels, **picture}
        if name == PHOTOGRAPHS[0]:
            yield {"kind": "counting", "dtype": "uint16", "channels": 4, "linear": True, **picture}


def save(folder: Path, path: Path) -> str:
    """The decoded picture as a file that loads without any memory beside the array."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    target = folder / f"{path.stem}.npy"
    np.save(target, np.asarray(Image.open(path).convert("RGB")))
    return str(target)


def in_a_process(case: dict) -> dict:
    # Compiled bytecode is what an installed package has.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "benchmarks.mixture.scaling", "--case", json.dumps(case)]
    return json.loads(subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE).stdout)


def load(case: dict) -> np.ndarray:
    """The picture, or as many pixels from its middle as are asked for."""
    pixels = np.load(case["path"], mmap_mode="r" if case.get("crop") else None)
    size = case.get("crop")
    if size is None:
        return pixels
    width = int((size * pixels.shape[1] / pixels.shape[0]) ** 0.5)
    height = size // width
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def timed(function: Callable, seconds: dict[str, float], name: str) -> Callable:
    """The function, with the time that its last call took left in ``seconds``."""

    def call(*args, **keywords):
        start = time.perf_counter()
        try:
            return function(*args, **keywords)
        finally:
            seconds[name] = time.perf_counter() - start

    return call


def peak_memory() -> float:
    """Largest resident memory of this process, in MB. That of getrusage() may be the parent's: it outlives exec()."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run_road(case: dict) -> dict:
    """The whole of segment() and the k-colour picture, from an array in memory; stages, and memory at its peak."""
    from rustem import segmentation

    stages: dict[str, float] = {}
    for name in ("count_colors", "fit_colors"):
        setattr(segmentation, name, timed(getattr(segmentation, name), stages, name))
    segmentation.segment(np.arange(3000, dtype=np.uint8).reshape(10, 100, 3), 2, tol=0, max_iter=1)
    before = peak_memory()
    pixels = load(case)
    best: dict = {}
    peak = None
    for _ in range(case["runs"]):
        start = time.perf_counter()
        seg = segmentation.segment(pixels, K, tol=0, max_iter=N_ITER, n_threads=case["threads"])
        image = seg.image
        whole = time.perf_counter() - start
        if peak is None:
            peak = peak_memory() - before
            needed = (pixels.nbytes + seg.labels.nbytes + image.nbytes + 4 * seg.labels.size) / MB
        if not best or whole < best["seconds"]:
            best = {"seconds": whole, "count": stages["count_colors"], "fit": stages["fit_colors"]}
        facts = {"pixels": seg.labels.size, "distinct_colours": seg.n_distinct}
        del seg, image
    return {**facts, **best, "peak_mb": peak, "input_output_index_mb": needed}


def run_components(case: dict) -> dict:
    from rustem.mixture import fit_mixture
    from rustem.pipeline.color_table import count_colors
    from rustem.pipeline.inputs import open_inputs

    colours = count_colors(open_inputs(load(case), None, -1).pictures, "srgb", case["threads"])
    options = {"sample_weight": colours.counts, "unit": 255.0, "tol": 0, "n_threads": case["threads"]}
    return {"distinct_colours": len(colours.values), **fit_seconds(fit_mixture, colours.features, case, options)}


def run_features(case: dict) -> dict:
    from rustem.mixture import fit_mixture

    random = np.random.default_rng(0)
    centres = random.normal(size=(case["k"], case["d"]))
    samples = centres[random.integers(case["k"], size=case["n"])] + random.normal(size=(case["n"], case["d"])) / 2
    options = {"covariance_floor": 1e-6, "tol": 0, "n_threads": case["threads"]}
    return fit_seconds(fit_mixture, samples.astype(np.float32), case, options)


def fit_seconds(fit: Callable, samples: np.ndarray, case: dict, options: dict) -> dict:
    """Seconds of ten iterations and their start."""
    times = []
    for _ in range(case["runs"]):
        start = time.perf_counter()
        fit(samples, case["k"], max_iter=10, **options)
        times.append(time.perf_counter() - start)
    return {"seconds": min(times)}


def run_counting(case: dict) -> dict:
    """Distinct colours of the picture's channels, the first call of the process apart; and painting."""
    from rustem import _core
    from rustem.arguments import available_cpus

    pixels = load(case)[..., [0, 1, 2, 1][: case["channels"]]]
    pixels = pixels.reshape(-1, case["channels"]).astype(case["dtype"]) * (257 if case["dtype"] == "uint16" else 1)
    if case.get("linear"):
        # Linear light, as scanners and renderers have it: of the 16 bits none says what another does.
        level = np.arange(256) / 255
        light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
        pixels = np.rint(65535 * light)[pixels // 257]
    pixels = np.ascontiguousarray(pixels.astype(case["dtype"]))
    threads = available_cpus()
    times = []
    for _ in range(case["runs"] + 1):
        start = time.perf_counter()
        found = _core.count_colors(pixels, threads)
        times.append(time.perf_counter() - start)
    result = {"pixels": len(pixels), "threads": threads, "cold": times[0], "seconds": min(times[1:])}
    if found is None:
        return result
    colours, _, index = found
    result |= {"distinct_colours": len(colours)}
    for name, width in (("labels", 2), ("image", 3)):
        table = np.zeros((len(colours), width), np.uint8)
        times = []
        for _ in range(case["runs"]):
            start = time.perf_counter()
            _core.paint(table, index, threads)
            times.append(time.perf_counter() - start)
        result[name] = min(times)
    return result


def run_noise(case: dict) -> dict:
    """What the attempt to count costs where it is given up, beside the whole of a short segment()."""
    from rustem import _core, segment
    from rustem.arguments import available_cpus

    shape, random = (case["n"] // 1000, 1000, case["channels"]), np.random.default_rng(0)
    if case["dtype"] == "float32":  # of 12 bits: each channel takes few values, which has to be found out first
        pixels = random.integers(0, 4096, shape).astype(np.float32) / np.float32(4095)
    else:
        top = np.iinfo(case["dtype"]).max
        pixels = random.integers(0, top, shape, endpoint=True, dtype=case["dtype"])
    times: dict[str, list[float]] = {"count": [], "seconds": []}
    for _ in range(case["runs"]):
        start = time.perf_counter()
        given_up = _core.count_colors(pixels.reshape(-1, case["channels"]), available_cpus()) is None
        times["count"].append(time.perf_counter() - start)
        start = time.perf_counter()
        segment(pixels, case["k"], tol=0, max_iter=10)
        times["seconds"].append(time.perf_counter() - start)
    return {"given_up": given_up, **{name: min(values) for name, values in times.items()}}


def run_startup(case: dict) -> dict:
    """Medians of interleaved runs, by the clock and in CPU time: imports, and the command line beside its floor."""
    floor = "import sys, numpy; from PIL import Image; pixels = numpy.asarray(Image.open(sys.argv[1])); "
    floor += "Image.fromarray(pixels).save(sys.argv[2])"
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder, "target.png"))
        segment = ["-m", "rustem", "segment", case["path"], "-o", target, "--force", "--quiet"]
        segment += ["-k", str(K), "--max-iter", str(N_ITER), "--tol", "0", "--covariance-type"]
        commands = {
            "import_numpy": ["-c", "import numpy"],
            "import_rustem": ["-c", "import numpy; import rustem"],
            "import_segment": ["-c", "import numpy; from rustem import segment"],
            "floor": ["-c", floor, case["path"], target],
            "spherical": [*segment, "spherical"],
            "full": [*segment, "full"],
        }
        clocks: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for run in range(case["runs"] + 1):
            for name, arguments in commands.items():
                start = time.perf_counter()
                process = subprocess.Popen([sys.executable, *arguments])
                _, status, usage = os.wait4(process.pid, 0)
                if status:
                    raise SystemExit(f"{name} failed")
                if run:
                    clocks[name].append((time.perf_counter() - start, usage.ru_utime + usage.ru_stime))
    medians = {
        name: [statistics.median(clock) for clock in zip(*values, strict=True)] for name, values in clocks.items()
    }
    return {name: {"wall": wall, "cpu": cpu} for name, (wall, cpu) in medians.items()}


if __name__ == "__main__":
    main()
