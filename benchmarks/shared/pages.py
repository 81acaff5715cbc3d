"""Tables of pages, each between two markers of its name."""

from __future__ import annotations

from pathlib import Path


def replace_table(page: Path, name: str, table: str) -> None:
    """Replace what stands between the page's markers."""
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"{page}: {begin} and {end} must stand in it once each")
    head, tail = text.split(begin)[0], text.split(end)[1]
    page.write_text(f"{head}{begin}\n{table}\n{end}{tail}", encoding="utf-8")
