"""Which pictures a command works on, where its results go, and what stands in the way."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

# What is taken for a picture in a folder; a file that is named itself may end in anything.
_PICTURE = re.compile(r"[^.].*\.(avif|bmp|gif|jfif|jp2|jpe?g|p[bgnp]m|png|tga|tiff?|webp)", re.IGNORECASE)
_RESULT = re.compile(r"(.+)-(k\d+|kauto|q\d+|shared\d+|sharedauto|regions)(-pair|-labels)?")

# What results may end in: a wrong name should be refused before the fit.
_OUTPUTS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
_LABELS = (".npy", ".png", ".tif", ".tiff")


class Job(NamedTuple):
    """One picture, and what is to be written of it."""

    photo: Path
    output: Path
    labels: Path | None

    @property
    def targets(self) -> tuple[Path, ...]:
        """The files that will be written."""
        return (self.output,) if self.labels is None else (self.output, self.labels)


def plan(
    args: argparse.Namespace,
    ending: str | Callable[[Path], str],
    labels_ending: str,
    outputs: tuple[str, ...] = _OUTPUTS,
    several: str = "",
) -> tuple[list[Job], list[str]]:
    """Find the pictures, name their results, and refuse now what would fail after the fit.

    Where the options name no file, results are named after their picture, with ``ending``, which may depend on the
    picture, or ``labels_ending``. ``several`` is further advice for those who give one file for several pictures.
    """
    photos, problems = find_photos(args.photos)
    single = len(args.photos) == 1 and photos == [Path(args.photos[0])]
    for option, target, suffixes in (("-o", args.output, outputs), ("--labels", args.labels, _LABELS)):
        if target is not None and not _is_folder(target, single):
            if not single:
                advice = f"end a folder in /{several}"
                args.fail(f"argument {option}: {target} is one file, but there are several pictures; {advice}")
            if Path(target).suffix.lower() not in suffixes:
                args.fail(f"argument {option}: {target} ends in none of {' '.join(suffixes)}; end a folder in /")

    jobs = []
    inputs = {_identity(photo) for photo in photos if os.path.exists(photo)}
    claimed: dict[Path, Path] = {}
    for photo in photos:
        output = _place(args.output, photo, ending if isinstance(ending, str) else ending(photo), single)
        labels = None if args.labels is None else _place(args.labels, photo, labels_ending, single)
        job = Job(photo, output, labels)
        obstacle = _obstacle(job, inputs, claimed, force=args.force)
        if obstacle:
            problems.append(f"{photo}: {obstacle}")
        else:
            jobs.append(job)
    return jobs, problems


def plan_one(args: argparse.Namespace) -> tuple[list[Path], Job | None, list[str]]:
    """Find the pictures that become one result, in the natural order of their names, and refuse what would fail."""
    photos, problems = find_photos(args.photos)
    output = Path(args.output)
    # The result of an earlier run in the folder of the pictures is none of them, unless it is named itself.
    place = os.path.realpath(output)
    named = {os.path.realpath(argument) for argument in args.photos}
    photos = [photo for photo in photos if place in named or os.path.realpath(photo) != place]
    photos.sort(key=lambda photo: natural_order(str(photo)))
    if photos and not problems:
        job = Job(Path(args.photos[0]) if len(args.photos) == 1 else photos[0], output, None)
        inputs = {_identity(photo) for photo in photos if os.path.exists(photo)}
        obstacle = _obstacle(job, inputs, {}, force=args.force)
        if not obstacle:
            return photos, job, []
        problems.append(f"{job.photo}: {obstacle}")
    return photos, None, problems or [f"{args.photos[0]}: no pictures in this folder"]


def natural_order(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """A key by which frame2 comes before frame10.

    Examples
    --------
    >>> sorted(["b1", "a10", "a2", "A3"], key=natural_order)
    ['a2', 'A3', 'a10', 'b1']
    """
    parts = [(part[0] in "0123456789", part) for part in re.split(r"([0-9]+)", name) if part]
    return [(number, int(part) if number else 0, part.casefold()) for number, part in parts], name


def find_photos(arguments: Iterable[str]) -> tuple[list[Path], list[str]]:
    """List the pictures that files, folders and globs stand for, each once, and the arguments that hold none."""
    photos: dict[str, Path] = {}
    problems = []
    for argument in arguments:
        path = Path(argument)
        try:
            if os.path.isdir(path):
                found, lack = _pictures_in(path), "no pictures in this folder"
            elif os.path.exists(path) or not any(sign in argument for sign in "*?["):
                found, lack = [path], ""
            else:
                from glob import glob

                found, lack = sorted(filter(Path.is_file, map(Path, glob(argument, recursive=True)))), "no file matches"
        except OSError as error:
            found, lack = [], f"{error.strerror}"
        if not found:
            problems.append(f"{argument}: {lack}")
        for photo in found:
            photos.setdefault(os.path.realpath(photo), photo)
    return list(photos.values()), problems


def _pictures_in(folder: Path) -> list[Path]:
    """List the pictures in a folder, but not what earlier runs have made of the others."""
    pictures = sorted(path for path in folder.iterdir() if _PICTURE.fullmatch(path.name) and path.is_file())
    stems = {path.stem for path in pictures}

    def is_result(path: Path) -> bool:
        match = _RESULT.fullmatch(path.stem)
        return match is not None and match[1] in stems

    return [path for path in pictures if not is_result(path)]


def _is_folder(target: str, single: bool) -> bool:
    """Tell whether results go into `target` under their own names, or `target` is the name of the one result."""
    return os.path.isdir(target) or target.endswith(("/", os.sep)) or not (single or Path(target).suffix)


def _place(target: str | None, photo: Path, ending: str, single: bool) -> Path:
    name = photo.stem + ending
    if target is None:
        return photo.with_name(name)
    return Path(target, name) if _is_folder(target, single) else Path(target)


def _obstacle(job: Job, inputs: set[tuple[int, int]], claimed: dict[Path, Path], *, force: bool) -> str | None:
    """Say why the results of a job cannot be written, or claim their names."""
    for target in job.targets:
        place = Path(os.path.realpath(target))
        if os.path.exists(target):
            if os.path.isdir(target):
                return f"{target} is a folder; name a file"
            if _identity(target) in inputs:
                return f"{target} is an input and would be overwritten; name another file with -o"
            if not force:
                return f"{target} exists already; add --force to overwrite it"
        if place in claimed:
            return f"{target} is already the result of {claimed[place]}; write it to another folder"
        folder = next(folder for folder in place.parents if os.path.exists(folder))
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
            return f"{folder} is not a folder that can be written to; name another with -o"
        claimed[place] = job.photo
    return None


def _identity(path: Path) -> tuple[int, int]:
    """Identify a file under all its names: links, other cases of its letters, ways round through folders."""
    status = path.stat()
    return status.st_dev, status.st_ino
