"""What classic.py tells: a table of text, and one for the README."""

from __future__ import annotations

from pathlib import Path

from benchmarks.mixture.peers import SCIKIT_LEARN, WHOLE
from benchmarks.shared.pages import replace_table

FLOOR, COMMAND = "bare floor, file to file", "rustem segment, file to file"


def text_table(rows: list[dict]) -> str:
    """One line for each contender at each job."""
    columns = ("picture", "family", "who", "seconds", "× sklearn", "log-likelihood", "runs", "note")
    cells = [columns]
    for row in rows:
        likelihood = likelihood_of(row, 5) if "log_likelihood" in row else ""
        facts = row["picture"], row["family"], row["who"], f"{row['seconds']:.4f}", ratio(rows, row), likelihood
        cells.append((*facts, str(len(row["all_seconds"])), row["note"]))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    align = [str.ljust] * 3 + [str.rjust] * 4 + [str.ljust]
    lines = [
        "  ".join(to(cell, width) for to, cell, width in zip(align, line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join(lines)


def ratio(rows: list[dict], row: dict) -> str:
    """How many times faster than scikit-learn at the same job; at least, where that had fewer pixels."""
    base = find(rows, row["picture"], row["family"], SCIKIT_LEARN)
    if base is None or "log_likelihood" not in row or row["step"] > base["step"]:
        return ""
    factor = base["seconds"] / row["seconds"]
    return (">" if base["step"] > row["step"] else "") + (f"{factor:.0f}" if factor >= 10 else f"{factor:.1f}")


def find(rows: list[dict], picture: str, family: str, who: str) -> dict | None:
    """The row of one contender at one job."""
    return next((row for row in rows if (row["picture"], row["family"], row["who"]) == (picture, family, who)), None)


def write_readme(path: Path, summary: dict) -> None:
    """Replace what stands between the benchmark's markers."""
    replace_table(path, "benchmark", readme_table(summary).rstrip())


def readme_table(summary: dict) -> str:
    """The classic job by family, the larger pictures, and how all this was measured."""
    rows = summary["rows"]
    classic = rows[0]
    size = f"{classic['pixels']:,} pixels, {classic['distinct_colours']:,} distinct colours"
    lines = [
        f"One photograph ({size}), k = {summary['k']}, {summary['iterations']} iterations from one common start:",
        "seconds of the fit alone (how many times faster than scikit-learn; final mean log-likelihood, by one scorer).",
        "",
        *job_table(rows, classic["picture"]),
        "",
        *larger_table(rows, classic["picture"]),
    ]
    floor = find(rows, classic["picture"], "", FLOOR)
    command = find(rows, classic["picture"], "", f"{COMMAND}, spherical")
    if floor and command:
        lines += [
            f"The command line takes {command['seconds']:.3f} s from file to file (spherical),",
            f"{command['seconds'] / floor['seconds']:.2f} times what Python needs to start, import NumPy and Pillow,",
            "decode and encode.",
            "",
        ]
    machine = summary["machine"]
    runs = sorted({len(row["all_seconds"]) for row in rows if row["family"]})
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items() if name != "rustem")
    lines += [
        "rustem's time includes counting the distinct colours; `rustem.segment()` goes from array to labels and",
        "k-colour picture, with a start of its own. OpenCV's spherical density counts log|Σ| once instead of d times,",
        "so that it ends elsewhere; OpenCV and Armadillo have no `reg_covar`.",
        f"Medians of {runs[-1]} interleaved runs ({runs[0]} of those that take seconds) on {machine['cpus']} CPUs",
        f"({machine['cpu']}, {machine['simd']});",
        f"Python {machine['python']}, {versions}. Repeat it with `RUSTEM_DATA=… make bench`.",
    ]
    return "\n".join(lines) + "\n"


def job_table(rows: list[dict], picture: str) -> list[str]:
    """Contenders by families."""
    here = [row for row in rows if row["picture"] == picture and row["family"]]
    families = list(dict.fromkeys(row["family"] for row in here))
    lines = ["| | " + " | ".join(families) + " |", "|---" * (1 + len(families)) + "|"]
    for who in dict.fromkeys(row["who"] for row in here):
        found = [find(rows, picture, family, who) for family in families]
        lines.append(f"| {who} | " + " | ".join(job_cell(rows, row) for row in found) + " |")
    return lines


def job_cell(rows: list[dict], row: dict | None) -> str:
    """Seconds, and how they compare."""
    if row is None:
        return "–"
    times = ratio(rows, row)
    compared = f"{times}×" if times else f"on one pixel in {row['step']}"
    return f"{row['seconds']:.3g} ({compared}; {likelihood_of(row, 3)})"


def likelihood_of(row: dict, digits: int) -> str:
    """The mean log-likelihood in so many digits."""
    return "a covariance is singular" if row["log_likelihood"] is None else f"{row['log_likelihood']:.{digits}f}"


def larger_table(rows: list[dict], classic: str) -> list[str]:
    """The larger pictures with full covariances, scikit-learn beside the whole road."""
    pictures = [name for name in dict.fromkeys(row["picture"] for row in rows) if name != classic]
    if not pictures:
        return []
    lines = ["| full covariances | pixels | distinct colours | scikit-learn, fit | `rustem.segment()`, whole |"]
    lines.append("|---" * 5 + "|")
    for picture in pictures:
        ours, theirs = (find(rows, picture, "full", who) for who in (WHOLE, SCIKIT_LEARN))
        if ours is None:
            continue
        them = "–" if theirs is None else f"{theirs['seconds']:.3g}"
        if theirs is not None and theirs["step"] > 1:
            them += f" on one pixel in {theirs['step']}"
        size = f"{ours['pixels']:,} | {ours['distinct_colours']:,}"
        lines.append(f"| {picture} | {size} | {them} | {ours['seconds']:.3g} ({ratio(rows, ours)}×) |")
    return [*lines, ""]
