"""Where measurements are kept, apart from the scripts: the folder of results."""

from __future__ import annotations

import json
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"


def write_results(path: Path, results: list | dict) -> None:
    """Write measurements as JSON, with the line breaks that make differences readable."""
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
