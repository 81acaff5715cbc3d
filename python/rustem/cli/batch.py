"""One picture after the other: one that fails is reported, and the others are still done."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rustem.cli.jobs import Job
from rustem.cli.screen import Display, one_line


def run_batch(jobs: list[Job], problems: list[str], display: Display, run_one: Callable[[Job], None]) -> int:
    """Report the problems, run all jobs, and give the exit code: 1 if anything failed, else 0."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        display.warning(one_line(str(message)))

    with warnings.catch_warnings():
        warnings.showwarning = show  # one line, without the place in the code
        try:
            for problem in problems:
                display.error(problem)
                display.advance()
            failures = len(problems) + sum(not _succeeds(job, display, run_one) for job in jobs)
        finally:
            display.close()
    return 1 if failures else 0


def _succeeds(job: Job, display: Display, run_one: Callable[[Job], None]) -> bool:
    from rustem.exceptions import RustemError

    try:
        run_one(job)
    except BrokenPipeError:
        raise  # the reader of our output has gone: no fault of the picture's
    except (RustemError, OSError, MemoryError) as error:
        display.error(explain(job.photo, error))
        return False
    finally:
        display.advance()
    return True


def explain(photo: Path, error: Exception) -> str:
    """Put an error in one line that names the picture."""
    if isinstance(error, MemoryError) and not str(error):
        text = "not enough memory; make the picture smaller"
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    else:
        text = one_line(str(error))
    return text if photo.name in text else f"{photo}: {text}"
