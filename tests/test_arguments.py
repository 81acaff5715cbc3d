"""Checks of arguments that all rooms share."""

import pytest

from rustem import InvalidInputError


def test_thread_count_from_the_environment(monkeypatch):
    from rustem.arguments import available_cpus, check_threads

    monkeypatch.delenv("RUSTEM_NUM_THREADS", raising=False)
    assert check_threads(None) == available_cpus() >= 1
    monkeypatch.setenv("RUSTEM_NUM_THREADS", "3")
    assert check_threads(None) == 3
    assert check_threads(5) == 5
    monkeypatch.setenv("RUSTEM_NUM_THREADS", "many")
    with pytest.raises(InvalidInputError, match="RUSTEM_NUM_THREADS is 'many'"):
        check_threads(None)
