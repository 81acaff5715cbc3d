"""Write down what all calls give: ``python tests/golden/record.py``; with names, show the parts of these calls."""

import json
import sys
from pathlib import Path

from calls import CALLS, digest, parts, run, surroundings

RESULTS = Path(__file__).with_name("results.json")


def main(names):
    for name in names:
        for part, value in parts(run(name), name):
            print(value, part)
    if not names:
        record = {"surroundings": surroundings(), "results": {name: digest(run(name)) for name in CALLS}}
        RESULTS.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
