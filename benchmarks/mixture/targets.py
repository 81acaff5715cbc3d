"""Every target for speed beside the figure that the results hold.

    python -m benchmarks.mixture.targets --docs docs/theory/performance.md

Reads what kernels.py, scaling.py, likelihood.py passes and palette_speed.py have written; measures nothing itself.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.shared.pages import replace_table
from benchmarks.shared.results import RESULTS


class Figure(NamedTuple):
    """One figure and its target; the figure has to stay at or below it, or else reach it."""

    what: str
    unit: str
    found: float
    target: float
    at_least: bool = False

    def row(self) -> str:
        met = self.found >= self.target if self.at_least else self.found <= self.target
        target = f"{'≥' if self.at_least else '≤'} {self.target:g}{self.unit}"
        return f"| {self.what} | {target} | {self.found:.3g}{self.unit} | {'yes' if met else 'no'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, help="page whose table is replaced")
    args = parser.parse_args()
    figures = [
        *kernels(read("kernels")),
        *scaling(read("scaling")),
        *passes(read("likelihood")),
        *palettes(read("palette_speed")),
    ]
    table = "\n".join(["| | target | found | met |", "|---|---|---|---|", *(figure.row() for figure in figures)])
    print(table)
    if args.docs:
        replace_table(args.docs, "targets", table)


def read(name: str) -> list | dict:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def kernels(tables: list) -> Iterator[Figure]:
    """The fused pass, threads, components and bands."""
    levels, photographs, components, _, threads, bands = (table["rows"] for table in tables)
    found = {(level, name): cells for level, name, *cells in levels}
    for column, family, left_out in ((0, "spherical", 2), (2, "full", 4)):
        for level in ("avx512", "avx2"):
            what = f"a pass, all components, {family}, k = 32, {level}: ns per sample"
            target = float(found[level, "1.25 × the floor"][column])
            yield Figure(what, "", float(found[level, "all components"][column]), target)
        each = {row[0]: float(row[left_out]) for row in photographs}
        what = f"the same on photographs, far components left out, {family}, avx512"
        yield Figure(what, "", each[32], float(found["avx512", "1.25 × the floor"][column]))
    for column, family in ((1, "spherical"), (2, "full")):
        each = {row[0]: float(row[column]) for row in components}
        dearest = max(each[k] for k in each if k > 64)
        yield Figure(f"a component of up to 1024, {family}, beside one of 64", " ×", dearest / each[64], 1.5)
    speedup = {int(row[0].replace(",", "")): float(row[4]) for row in threads}
    least = min(ratio for n, ratio in speedup.items() if n >= 300_000)
    yield Figure("two threads, 300,000 samples and more, the least", " ×", least, 1.8, at_least=True)
    yield Figure("two threads, 100 samples (no slower)", " ×", round(speedup[100], 1), 1, at_least=True)
    times = float(bands[0][2])
    yield Figure("200 bands, k = 16, full: times as fast as scikit-learn", " ×", times, 10, at_least=True)


def scaling(rows: list) -> Iterator[Figure]:
    """Counting, whole pictures, start-up."""
    kind = {name: [row for row in rows if row["kind"] == name] for name in ("counting", "noise", "road", "startup")}
    classic = next(row for row in kind["counting"] if row["pixels"] < 200_000)
    yield Figure("counting the classic picture, first call", " ms", 1e3 * classic["cold"], 3)
    for dtype in ("uint8", "uint16"):
        each = [
            1e9 * row["seconds"] / row["pixels"]
            for row in kind["counting"]
            if row["dtype"] == dtype and row["pixels"] > 1e6
        ]
        yield Figure(f"counting large pictures, 1 to 4 × {dtype}: ns per pixel, the most", "", max(each), 10)
    share = max(row["count"] / row["seconds"] for row in kind["noise"])
    yield Figure("noise: counting in vain, of a short segment()", " %", 100 * share, 10)
    large = [row for row in kind["road"] if row["pixels"] > 1e7]
    rest = max(1e9 * (row["seconds"] - row["fit"]) / row["pixels"] for row in large)
    yield Figure("segment() of 12 to 58 MP without the fit: ns per pixel, the most", "", rest, 25)
    extra = max(row["peak_mb"] - row["input_output_index_mb"] for row in kind["road"])
    yield Figure("memory beyond input, output and index, the most", " MB", extra, 100)
    [start] = kind["startup"]
    added = start["import_rustem"]["wall"] - start["import_numpy"]["wall"]
    yield Figure("import rustem, beyond NumPy", " ms", 1e3 * added, 15)
    for family in ("spherical", "full"):
        ratio = start[family]["wall"] / start["floor"]["wall"]
        yield Figure(f"command line, {family}, file to file, beside its bare floor", " ×", ratio, 1.35)


def passes(results: dict) -> Iterator[Figure]:
    """Acceleration on the Kodak photographs."""
    for family, k in (("full", 8), ("full", 32), ("spherical", 8), ("spherical", 32)):
        rows = [row for key, row in results.items() if key.startswith(f"passes {family} {k} ")]
        fewer = median(row["plain"] / row["fast"] for row in rows)
        yield Figure(f"fewer passes, {family}, k = {k}, the median photograph", " ×", fewer, 3, at_least=True)
        for name, what in (("lower", "from the same start"), ("searched_lower", "after a search for the start")):
            no_lower = 100 * sum(row[name] <= 1e-4 for row in rows) / len(rows)
            yield Figure(f"no lower than EM, {family}, k = {k}, {what}", " %", no_lower, 90, at_least=True)


def palettes(summary: dict) -> Iterator[Figure]:
    """Palettes of large photographs."""
    for row in summary["decoding"]:
        size = f"{row['megapixels']:.0f} MP"
        for name, what in (
            ("palette, oklab", "a palette of 256 of"),
            ("oklab", "256 colours and the picture in them, of"),
        ):
            # A report from before palettes were measured alone has the picture only.
            if name in row:
                yield Figure(f"{what} {size}, beside decoding the JPEG", " ×", row[name] / row["decoding"], 1)


if __name__ == "__main__":
    main()
