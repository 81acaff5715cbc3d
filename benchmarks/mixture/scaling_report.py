"""Tables and plot of what scaling.py measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks.shared.pages import replace_table


def write_page(path: Path, rows: list[dict]) -> None:
    """Replace the page's tables of what was measured."""
    tables = {"counting": counting_table, "road": road_table, "scaling": scaling_table, "startup": startup_table}
    for name, table in tables.items():
        lines = table(rows)
        if lines:
            replace_table(path, name, "\n".join(lines))


def of_kind(rows: list[dict], kind: str) -> list[dict]:
    return [row for row in rows if row["kind"] == kind]


def counting_table(rows: list[dict]) -> list[str]:
    """Counting and painting by picture and type, and what noise costs."""
    lines = [
        "| picture | type | pixels | distinct colours | first call, ms | counting, ns per pixel | labels | k colours |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in of_kind(rows, "counting"):
        each = {
            name: f"{1e9 * row[name] / row['pixels']:.1f}" for name in ("seconds", "labels", "image") if name in row
        }
        light = ", linear light" if row.get("linear") else ""
        found = f"{row['distinct_colours']:,}" if "distinct_colours" in row else "not counted"
        lines.append(
            f"| {row['picture']} | {row['channels']} × {row['dtype']}{light} | {row['pixels']:,} | {found} "
            f"| {1e3 * row['cold']:.1f} | {each['seconds']} | {each.get('labels', '')} | {each.get('image', '')} |"
        )
    lines += [
        "",
        "| noise | pixels | attempt, ms | `segment()`, k = 8, 10 iterations, ms | share |",
        "|---|---|---|---|---|",
    ]
    for row in of_kind(rows, "noise"):
        lines.append(
            f"| {row['channels']} × {row['dtype']} | {row['n']:,} | {1e3 * row['count']:.1f} "
            f"| {1e3 * row['seconds']:.0f} | {100 * row['count'] / row['seconds']:.1f} % |"
        )
    return lines if len(lines) > 5 else []


def road_table(rows: list[dict]) -> list[str]:
    """Whole segment() by picture and threads."""
    lines = [
        "| picture | pixels | distinct colours | threads | count, s | fit, s | whole, s | ns per pixel without the fit "
        "| peak, MB | input + output + index, MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in of_kind(rows, "road"):
        rest = 1e9 * (row["seconds"] - row["fit"]) / row["pixels"]
        distinct = f"{row['distinct_colours']:,}" if row["distinct_colours"] else "not counted"
        part = "" if row["crop"] is None else ", part"
        lines.append(
            f"| {row['picture']}{part} | {row['pixels']:,} | {distinct} | {row['threads']} | {row['count']:.3f} "
            f"| {row['fit']:.3f} | {row['seconds']:.3f} | {rest:.1f} | {row['peak_mb']:.0f} "
            f"| {row['input_output_index_mb']:.0f} |"
        )
    return lines if len(lines) > 2 else []


def scaling_table(rows: list[dict]) -> list[str]:
    """Ten iterations by components and by features, on one thread and on two."""
    lines: list[str] = []
    for kind, variable, title in (("components", "k", "components k"), ("features", "d", "features d")):
        values = list(dict.fromkeys(row[variable] for row in of_kind(rows, kind)))
        if not values:
            continue
        lines += [f"| {title} | " + " | ".join(map(str, values)) + " |", "|---" * (1 + len(values)) + "|"]
        for threads in dict.fromkeys(row["threads"] for row in of_kind(rows, kind)):
            found = [row for row in of_kind(rows, kind) if row["threads"] == threads]
            cells = " | ".join(f"{1e3 * row['seconds']:.3g}" for row in found)
            lines.append(f"| ms, {threads} thread{'s' * (threads > 1)} | {cells} |")
        lines.append("")
    return lines


def startup_table(rows: list[dict]) -> list[str]:
    """Imports and the command line."""
    lines: list[str] = []
    for row in of_kind(rows, "startup"):
        lines += ["| | target | by the clock | CPU time, all threads |", "|---|---|---|---|"]
        for name, title, target in (
            ("import_rustem", "`import rustem`, beyond NumPy", "15 ms"),
            ("import_segment", "`from rustem import segment`, beyond NumPy", ""),
        ):
            cells = [f"{1e3 * (row[name][clock] - row['import_numpy'][clock]):.1f} ms" for clock in ("wall", "cpu")]
            lines.append(f"| {title} | {target} | {' | '.join(cells)} |")
        floor = row["floor"]
        lines.append(
            "| bare floor: Python, NumPy, Pillow, decode, encode | "
            f"| {1e3 * floor['wall']:.0f} ms | {1e3 * floor['cpu']:.0f} ms |"
        )
        for family in ("spherical", "full"):
            cells = [f"{1e3 * row[family][c]:.0f} ms, {row[family][c] / floor[c]:.2f} ×" for c in ("wall", "cpu")]
            lines.append(f"| `rustem segment`, {family}, file to file | 1.35 × | {' | '.join(cells)} |")
    return lines


def plot(path: Path, rows: list[dict]) -> None:
    """Time against pixels, components and features, on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "rustem", "font.size": 9}
    import matplotlib.pyplot as plt

    panels = [
        ("road", "pixels", "seconds", "segment(), k = 32, 30 iterations", "pixels", "seconds"),
        ("components", "k", "seconds", "fit of 10 iterations, 12 MP photograph", "components", "seconds"),
        ("features", "d", "seconds", "fit of 10 iterations, 5,000 samples, k = 16", "features", "seconds"),
    ]
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for axis, (kind, x, y, title, x_label, y_label) in zip(axes, panels, strict=True):
        for threads, colour in ((1, "tab:blue"), (2, "tab:orange")):
            found = sorted((row[x], row[y]) for row in of_kind(rows, kind) if row["threads"] == threads)
            if found:
                label = f"{threads} thread{'s' * (threads > 1)}"
                axis.loglog(*zip(*found, strict=True), "o-", color=colour, label=label)
        axis.set(title=title, xlabel=x_label, ylabel=y_label)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, metadata={"Date": None})
