"""The tables of palettes.py: means over pictures, and what they say about quantize()'s claims."""

from __future__ import annotations

from itertools import product

from benchmarks.quantization.palette_peers import BEST_OF_TEN, DITHERED, OURS, UNDITHERED

MEASURES = {"psnr": ".3f", "ssim": ".4f", "ciede2000": ".3f", "afar": ".3f", "used": ".1f", "seconds": ".3f"}
BETTER = {"psnr": max, "ssim": max, "ciede2000": min, "afar": min}
TITLES = {
    "psnr": "PSNR in dB, sRGB",
    "ssim": "SSIM",
    "ciede2000": "CIEDE2000",
    "afar": "CIEDE2000 seen from afar (both pictures blurred in linear light, σ = 2 pixels)",
    "used": "colours really used",
    "seconds": "CPU seconds",
}
NAMES = {"kodak": "Kodak", "cq100": "CQ100"}


def tables(rows: list[dict], shown: set[tuple[str, str]]) -> tuple[list[dict], str]:
    """Means of each contender over the pictures named (folder, picture) in `shown`; and the page's text."""
    means = averaged([row for row in rows if (row["folder"], row["picture"]) in shown])
    folders = list(dict.fromkeys(row["folder"] for row in means))
    lines = claims(rows, means)
    for folder in folders:
        pictures = max(row["pictures"] for row in means if row["folder"] == folder)
        lines += ["", f"**{NAMES[folder]}, {pictures} pictures, mean of each measure**"]
        for measure, format_ in MEASURES.items():
            chosen = [row for row in means if row["folder"] == folder and measure in row]
            lines += ["", f"{TITLES[measure]}:", "", *grid(chosen, measure, format_)]
    return means, "\n".join(lines)


def averaged(rows: list[dict]) -> list[dict]:
    """One row for each folder, contender and k."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row["folder"], row["who"], row["k"]), []).append(row)
    means = []
    for (folder, who, k), group in groups.items():
        shared = [measure for measure in MEASURES if all(measure in row for row in group)]
        mean = {measure: sum(row[measure] for row in group) / len(group) for measure in shared}
        means.append({"folder": folder, "who": who, "k": k, "pictures": len(group), **mean})
    return means


def grid(means: list[dict], measure: str, format_: str) -> list[str]:
    """Contenders by number of colours; the best of the undithered ones in bold."""
    ks = sorted({row["k"] for row in means})
    value = {(row["who"], row["k"]): row[measure] for row in means}
    dithered = measure in ("psnr", "afar", "ciede2000", "seconds")
    names = [name for name in (*UNDITHERED, *(DITHERED if dithered else ())) if any((name, k) in value for k in ks)]
    best = {}
    if measure in BETTER:
        pool = {key: format(x, format_) for key, x in value.items() if measure == "afar" or key[0] in UNDITHERED}
        best = {k: BETTER[measure]((x for (_, at), x in pool.items() if at == k), key=float) for k in ks}
    lines = [f"| k | {' | '.join(map(str, ks))} |", "|---" * (len(ks) + 1) + "|"]
    for name in names:
        texts = [format(value[name, k], format_) if (name, k) in value else "–" for k in ks]
        marked = [
            f"**{text}**" if best.get(k) == text and (measure == "afar" or name in UNDITHERED) else text
            for k, text in zip(ks, texts, strict=True)
        ]
        lines.append(f"| {name} | {' | '.join(marked)} |")
    return lines


def claims(rows: list[dict], means: list[dict]) -> list[str]:
    """What is above what, picture by picture and on average."""
    psnr = {(row["folder"], row["picture"], row["who"], row["k"]): row["psnr"] for row in rows}
    value = {(row["folder"], row["who"], row["k"]): row for row in means}
    places = sorted({(row["folder"], row["k"]) for row in means}, key=lambda place: (place[0] != "kodak", place[1]))
    lines = [
        f"**{OURS} beside the others, dB of mean PSNR; and its CPU time beside libimagequant's**",
        "",
        "| pictures | k | − best of ten | worst picture | − best other peer | which | time ÷ libimagequant's |",
        "|---|---|---|---|---|---|---|",
    ]
    others = [name for name in UNDITHERED if not name.startswith("rustem") and name != BEST_OF_TEN]
    for folder, k in places:
        pairs = [
            psnr[folder, picture, OURS, k] - x
            for (where, picture, who, at), x in psnr.items()
            if (where, who, at) == (folder, BEST_OF_TEN, k) and (folder, picture, OURS, k) in psnr
        ]
        gain = f"{sum(pairs) / len(pairs):+.4f} | {min(pairs):+.3f}" if pairs else "– | –"
        found = {name: value[folder, name, k]["psnr"] for name in others if (folder, name, k) in value}
        best = max(found, key=lambda name: found[name])
        margin = value[folder, OURS, k]["psnr"] - found[best]
        ratio = "–"
        if "libimagequant" in found:
            ratio = f"{value[folder, OURS, k]['seconds'] / value[folder, 'libimagequant', k]['seconds']:.2f}"
        lines.append(f"| {NAMES[folder]} ({len(pairs)}) | {k} | {gain} | {margin:+.3f} | {best} | {ratio} |")
    lines += ["", "What protecting rare colours costs, dB of mean PSNR:", "", *protection(value)]
    return lines


def protection(value: dict[tuple, dict]) -> list[str]:
    ks = sorted({k for _, _, k in value})
    lines = [f"| k | {' | '.join(map(str, ks))} |", "|---" * (len(ks) + 1) + "|"]
    variants = (
        (OURS, "rustem, srgb, rare colours protected"),
        ("rustem, oklab", "rustem, oklab, rare colours protected (default)"),
    )
    for folder, (plain, protected) in product(NAMES, variants):
        costs = [
            f"{value[folder, plain, k]['psnr'] - value[folder, protected, k]['psnr']:.3f}"
            if (folder, plain, k) in value and (folder, protected, k) in value
            else "–"
            for k in ks
        ]
        lines.append(f"| {NAMES[folder]}, {plain.removeprefix('rustem, ')} | {' | '.join(costs)} |")
    return lines
