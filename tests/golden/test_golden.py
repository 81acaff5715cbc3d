"""All calls give what they gave when ``record.py`` was run last, to the bit, on the same machine and packages."""

import json
from pathlib import Path

import pytest
from calls import CALLS, digest, run, surroundings

RECORD = json.loads(Path(__file__).with_name("results.json").read_text())
CHANGED = [f"{key} is {value}" for key, value in surroundings().items() if RECORD["surroundings"].get(key) != value]

pytestmark = pytest.mark.skipif(bool(CHANGED), reason=f"recorded elsewhere: here {', '.join(CHANGED)}")


@pytest.mark.parametrize("name", CALLS)
def test_result(name):
    assert digest(run(name)) == RECORD["results"][name], f"see python tests/golden/record.py {name}"


def test_every_call_is_recorded():
    assert list(RECORD["results"]) == list(CALLS)
