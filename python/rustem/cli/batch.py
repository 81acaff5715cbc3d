"""One picture after the other: one that fails is reported, and the others are still done."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from rustem.atomic_write import remove_leftovers
from rustem.cli.jobs import STANDARD, Job
from rustem.cli.options import as_options
from rustem.cli.process import explain
from rustem.cli.screen import Display
from rustem.cli.streams import OutputLostError, one_line


def run_batch(jobs: list[Job], problems: list[str], display: Display, run_one: Callable[[Job], None]) -> int:
    """Report the problems, run all jobs, and give the exit code: 1 if anything failed, else 0."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        display.warning(as_options(one_line(str(message))))

    for folder in {target.parent for job in jobs for target in job.targets}:
        remove_leftovers(folder)
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
    try:
        with contextlib.ExitStack() as temporary:
            if job.photo is STANDARD:
                job = job._replace(source=_copy(sys.stdin.buffer, temporary))
            elif job.photo.is_fifo():
                job = job._replace(source=_copy(temporary.enter_context(open(job.photo, "rb")), temporary))
            run_one(job)
    except OutputLostError:
        raise  # no fault of the picture's
    except Exception as error:
        display.error(explain_for(job, error))
        return False
    finally:
        display.advance()
    return True


def _copy(pipe: BinaryIO, temporary: contextlib.ExitStack) -> Path:
    """What comes through a pipe as a file, as readers go back and forth in it."""
    import shutil
    import tempfile

    path = Path(temporary.enter_context(tempfile.TemporaryDirectory()), "piped")
    with open(path, "wb") as file:
        shutil.copyfileobj(pipe, file)
    return path


def explain_for(job: Job, error: Exception) -> str:
    """Put an error in one line that names the picture."""
    text, name = as_options(explain(error)), "standard input" if job.photo is STANDARD else str(job.photo)
    if job.source is not job.photo:
        text = text.replace(str(job.source), name)
    return text if job.photo.name in text or name in text else f"{name}: {text}"
