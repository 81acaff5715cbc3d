"""The classic job, side by side: k = 32, exactly 30 iterations, everybody from the same start, in one run.

    RUSTEM_DATA=folder python -m benchmarks.mixture.classic --readme README.md

RUSTEM_DATA names a folder with seed/img.jpg, kodak/kodim05.png, kodak/kodim23.png and large/*.jpg; what is missing is
left out, and without it a photograph from scikit-image stands in. Prints a table, writes a JSON report, and replaces
the README's table if asked. The log-likelihood of everybody's final parameters is calculated by one scorer, on all
pixels, so that nobody wins by doing less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.mixture import classic_report
from benchmarks.mixture.peers import FAST, OPENCV, REG_COVAR, SLOW, Job, UnavailableError, scratch_folder
from benchmarks.shared.machine import machine
from benchmarks.shared.results import RESULTS, write_results
from rustem import reference

K, N_ITER = 32, 30
FAMILIES = ("spherical", "diag", "full")
# What slow contenders are given of a larger picture: one pixel in so many, up to about as many. OpenCV would take ten
# minutes for the classic job.
SLOW_PIXELS, OPENCV_PIXELS = 160_000, 10_000


@dataclass(frozen=True)
class Picture:
    """A picture, and its distinct colours (m, 3) in [0, 1] with their counts (m,), for the start and the scorer."""

    name: str
    pixels: np.ndarray
    colours: np.ndarray
    counts: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs, of which the median counts (5)")
    parser.add_argument(
        "--slow-runs", type=int, default=3, help="as many for slow contenders (3); 1 on larger pictures"
    )
    parser.add_argument("--quick", action="store_true", help="one run, the classic picture only")
    parser.add_argument("--report", type=Path, default=RESULTS / "classic.json")
    parser.add_argument("--readme", type=Path, help="file whose benchmark table is replaced")
    args = parser.parse_args()
    runs, slow_runs = (1, 1) if args.quick else (args.runs, min(args.runs, args.slow_runs))
    rows = []
    for number, picture in enumerate(pictures()):
        for family in FAMILIES:
            rows += fits(picture, family, runs, 1 if number else slow_runs)
        if number == 0:
            rows += command_line(picture, 3 * runs)
            if args.quick:
                break
    summary = {"machine": machine(), "k": K, "iterations": N_ITER, "reg_covar": REG_COVAR, "rows": rows}
    print(classic_report.text_table(rows))
    write_results(args.report, summary)
    if args.readme:
        classic_report.write_readme(args.readme, summary)


def pictures() -> Iterator[Picture]:
    """All there are, the classic one first."""
    data = os.environ.get("RUSTEM_DATA")
    if data is None:
        import skimage.data

        print("RUSTEM_DATA is not set: scikit-image's astronaut, at half its size, stands in for all pictures")
        yield load("astronaut, half size", skimage.data.astronaut()[::2, ::2])
        return
    for name in ("seed/img.jpg", "kodak/kodim05.png", "kodak/kodim23.png", "large/sunset_by_Aitzol_Berasategi.jpg"):
        path = Path(data, name)
        if path.exists():
            yield load(path.name, np.asarray(Image.open(path).convert("RGB")))
        else:
            print(f"{path}: not found, left out")


def load(name: str, pixels: np.ndarray) -> Picture:
    pixels = np.ascontiguousarray(pixels)
    keys, counts = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    return Picture(name, pixels, np.stack([keys >> 16, keys >> 8 & 255, keys & 255], axis=1) / 255.0, counts)


def shared_start(picture: Picture, family: str) -> Job:
    """k-means++ centres of the weighted colours, then the moments of the nearest assignment: plain NumPy for all."""
    random = np.random.default_rng(0)
    colours, counts = picture.colours, picture.counts
    distance = np.ones(len(colours))
    nearest = np.zeros(len(colours), dtype=int)
    for j in range(K):
        mass = counts * distance
        centre = colours[random.choice(len(colours), p=mass / mass.sum())]
        to_centre = ((colours - centre) ** 2).sum(axis=1)
        nearer = to_centre < distance if j else np.ones(len(colours), dtype=bool)
        nearest[nearer], distance[nearer] = j, to_centre[nearer]
    responsibilities = np.eye(K)[nearest] * counts[:, np.newaxis]
    return Job(picture.pixels, family, *reference.maximise(colours, responsibilities, family, 1e-4), N_ITER)


def fits(picture: Picture, family: str, runs: int, slow_runs: int) -> list[dict]:
    """All contenders at one job, interleaved."""
    job = shared_start(picture, family)
    steps = {who: step_of(who, picture) for who in (*SLOW, *FAST)}
    prepared = {}
    for who, prepare in {**SLOW, **FAST}.items():
        try:
            prepared[who] = prepare(job.every(steps[who]) if steps[who] > 1 else job)
        except (ImportError, UnavailableError) as error:
            print(f"{picture.name}, {family}: {who} left out: {error}")
    times: dict[str, list[float]] = {who: [] for who in prepared}
    outcomes = {}
    for run in range(runs):
        for who, fit in prepared.items():
            if who in SLOW and run >= slow_runs:
                continue
            start = time.perf_counter()
            outcome = outcomes[who] = fit()
            elapsed = time.perf_counter() - start
            times[who].append(elapsed if outcome.seconds is None else outcome.seconds)
    rows = []
    for who, outcome in outcomes.items():
        sampled = f"on one pixel in {steps[who]}" if steps[who] > 1 else ""
        row = row_of(picture, family, who, times[who], "; ".join(filter(None, [sampled, outcome.note])))
        rows.append({**row, "log_likelihood": score(picture, family, outcome), "step": steps[who]})
    return rows


def step_of(who: str, picture: Picture) -> int:
    """Every so many-th pixel is what a contender is given."""
    if who in FAST:
        return 1
    return -(-int(picture.counts.sum()) // (OPENCV_PIXELS if who == OPENCV else SLOW_PIXELS))


def score(picture: Picture, family: str, outcome) -> float | None:
    """Mean log-likelihood of the final parameters over all pixels, in nats, by the reference in float64.

    None where a covariance is singular, as it may be with those who have no floor.
    """
    parameters = outcome.weights, outcome.means, outcome.covariances, family
    parts = np.array_split(picture.colours, -(-len(picture.colours) // 100_000))
    try:
        densities = np.concatenate([reference.log_densities(part, *parameters) for part in parts])
    except np.linalg.LinAlgError:
        return None
    return float(np.average(densities, weights=picture.counts))


def command_line(picture: Picture, runs: int) -> list[dict]:
    """File to file, beside the bare floor: start Python, import NumPy and Pillow, decode, encode."""
    folder = Path(scratch_folder().name)
    source, target = folder / "source.jpg", folder / "target.png"
    data = os.environ.get("RUSTEM_DATA")
    if data is None:
        Image.fromarray(picture.pixels).save(source, quality=95)
    else:
        source = Path(data, "seed", picture.name)
    code = "import sys, numpy; from PIL import Image; pixels = numpy.asarray(Image.open(sys.argv[1])); "
    code += "Image.fromarray(pixels).save(sys.argv[2])"
    command = [sys.executable, "-m", "rustem", "segment", str(source), "-k", str(K), "--max-iter", str(N_ITER)]
    command += ["--tol", "0", "-o", str(target), "--force", "--quiet", "--covariance-type"]
    commands = {classic_report.FLOOR: [sys.executable, "-c", code, str(source), str(target)]}
    commands |= {f"{classic_report.COMMAND}, {family}": [*command, family] for family in FAMILIES}
    # Compiled bytecode is what an installed package has.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {who: [] for who in commands}
    for run in range(runs + 1):
        for who, arguments in commands.items():
            start = time.perf_counter()
            subprocess.run(arguments, check=True, env=environment)
            if run:
                times[who].append(time.perf_counter() - start)
    rows = [row_of(picture, "", who, seconds) for who, seconds in times.items()]
    for row in rows[1:]:
        row["note"] = f"{row['seconds'] / rows[0]['seconds']:.2f} times the bare floor"
    return rows


def row_of(picture: Picture, family: str, who: str, times: list[float], note: str = "") -> dict:
    return {
        "picture": picture.name,
        "pixels": int(picture.counts.sum()),
        "distinct_colours": len(picture.colours),
        "family": family,
        "who": who,
        "seconds": statistics.median(times),
        "all_seconds": times,
        "note": note,
    }


if __name__ == "__main__":
    main()
