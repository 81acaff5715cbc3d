"""Which pictures a command works on, where its results go, and what stands in the way."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rustem.cli.streams import complain

if TYPE_CHECKING:
    from rustem.cli.screen import Display

# A hyphen, as standard input or output, is this very object: a file may have the name too, as ./-.
STANDARD = Path("-")
_RESULT = re.compile(r"(.+)-(k\d+|kauto|q\d+|shared\d+|sharedauto|regions|selection)(-pair|-labels)?")

# What results may end in: a wrong name should be refused before the fit.
_OUTPUTS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
MOST_IN_GIF = 256
_LABELS = (".npy", ".png", ".tif", ".tiff")


class Job(NamedTuple):
    """One picture, and what is to be written of it."""

    photo: Path
    """What it is called."""
    output: Path
    labels: Path | None
    source: Path
    """Where it is read from."""

    @property
    def targets(self) -> tuple[Path, ...]:
        """The files that will be written."""
        return tuple(target for target in (self.output, self.labels) if target is not None and target is not STANDARD)

    @contextlib.contextmanager
    def written(self, display: Display) -> Iterator[Path]:
        """The path to write the result to, in a folder that exists; what is for standard output goes there then."""
        for target in self.targets:
            target.parent.mkdir(parents=True, exist_ok=True)
        if self.output is not STANDARD:
            yield self.output
            return
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder, "result.png")
            yield draft
            display.contents(draft.read_bytes())


def plan(
    args: argparse.Namespace,
    ending: str | Callable[[Path], str],
    labels_ending: str | Callable[[Path], str],
    outputs: tuple[str, ...] = _OUTPUTS,
    several: str = "",
    reads: Iterable[str | None] = (),
    option: str = "-o",
) -> tuple[list[Job], list[str]]:
    """Find the pictures, name their results, and refuse now what would fail after the fit.

    Where the options name no file, results are named after their picture, with ``ending`` or ``labels_ending``, which
    may depend on the picture. ``several`` is further advice for those who give one file for several pictures;
    ``reads`` are further files that are read, and must not be overwritten. ``option`` is the one that names the result.
    """
    photos, problems = find_photos(args.photos)
    single = len(args.photos) == 1 and photos == [Path(args.photos[0])]
    _check_input(args)
    _check_targets(args, outputs, several, option, single=single)

    def place(photo: Path, stem: str) -> tuple[Path, Path | None]:
        output = _place(args.output, photo, stem, ending, single)
        return output, None if args.labels is None else _place(args.labels, photo, stem, labels_ending, single)

    # Where a.jpg and a.png would have one result, theirs are a.jpg-k16.png and a.png-k16.png.
    owners: dict[Path, set[str]] = {}
    for photo in photos:
        for target in filter(None, place(photo, _stem(photo))):
            owners.setdefault(target, set()).add(photo.name)

    jobs = []
    inputs = {_identity(path) for path in (*map(str, photos), *filter(None, reads)) if os.path.exists(path)}
    claimed: dict[Path, Path] = {}
    for photo in photos:
        output, labels = place(photo, _stem(photo))
        if any(len(owners[target]) > 1 for target in (output, labels) if target is not None):
            output, labels = place(photo, photo.name)
        job = Job(photo, output, labels, photo)
        obstacle = _obstacle(job, inputs, claimed, force=args.force)
        if args.output is None and photo is not STANDARD and photo.is_fifo():
            obstacle = f"a pipe has no place for a result beside it; name one with {option}"
        if obstacle:
            problems.append(f"{photo}: {obstacle}")
        else:
            jobs.append(job)
    return jobs, problems


def _check_targets(
    args: argparse.Namespace, outputs: tuple[str, ...], several: str, option: str, *, single: bool
) -> None:
    """Refuse names that no result can have."""
    if args.output == "-" or (args.output is None and "-" in args.photos):
        _check_output(args, single=single)
    for name, target, suffixes in ((option, args.output, outputs), ("--labels", args.labels, _LABELS)):
        if target == "":
            args.fail(f"argument {name}: the name is empty; name a file or folder")
        if target is not None and not (name == "-o" and target == "-") and not _is_folder(target, single):
            if not single:
                advice = f"end a folder in /{several}"
                args.fail(f"argument {name}: {target} is one file, but there are several pictures; {advice}")
            if Path(target).suffix.lower() not in suffixes:
                args.fail(f"argument {name}: {target} ends in none of {' '.join(suffixes)}; end a folder in /")


def plan_reading(args: argparse.Namespace) -> tuple[list[Job], list[str]]:
    """Find the pictures of a command that writes no files."""
    photos, problems = find_photos(args.photos)
    _check_input(args)
    return [Job(photo, STANDARD, None, photo) for photo in photos], problems


def is_one(photos: list[str]) -> bool:
    """Whether the arguments name one file: what folders and globs hold is one picture only by chance."""
    if len(photos) != 1 or os.path.isdir(photos[0]):
        return False
    return photos[0] == "-" or os.path.exists(photos[0]) or not any(sign in photos[0] for sign in "*?[")


def check_gif(args: argparse.Namespace, n_colors: int | str) -> None:
    """Refuse what GIF would change further."""
    if args.output is None or Path(args.output).suffix.lower() != ".gif" or os.path.isdir(args.output):
        return
    if args.side_by_side or (isinstance(n_colors, int) and n_colors > MOST_IN_GIF):
        args.fail(f"argument -o: GIF holds {MOST_IN_GIF} colors, and there may be more; name a .png or .webp file")


def _check_input(args: argparse.Namespace) -> None:
    """Refuse a hyphen that is one of several pictures, or stands for nothing."""
    if "-" in args.photos:
        if len(args.photos) > 1:
            args.fail("argument PHOTO: - is one picture, from standard input; give the others in a run of their own")
        if sys.stdin is None or sys.stdin.isatty():
            args.fail("argument PHOTO: - is standard input, but nothing is piped into it")


def _check_output(args: argparse.Namespace, *, single: bool) -> None:
    """Refuse results on standard output that cannot go there."""
    if not single:
        args.fail("argument -o: - is standard output, for one picture; name a folder")
    for option in ("json", "palette", "skip_if_larger"):
        if getattr(args, option, None) is True:
            flag = f"--{option.replace('_', '-')}"
            args.fail(f"argument {flag}: not allowed where the result goes to standard output; name a file with -o")
    if sys.stdout is None or sys.stdout.isatty():
        args.fail("argument -o: the result is no text for a terminal; pipe it into a file, or name one with -o")


def plan_one(args: argparse.Namespace) -> tuple[list[Path], Job | None, list[str]]:
    """Find the pictures that become one result, in the natural order of their names, and refuse what would fail."""
    photos, problems = find_photos(args.photos)
    if "-" in args.photos:
        args.fail("argument PHOTO: - is one picture, from standard input; name the pictures of an animation")
    output = Path(args.output)
    # The result of an earlier run in the folder of the pictures is none of them, unless it is named itself.
    place = os.path.realpath(output)
    named = {os.path.realpath(argument) for argument in args.photos}
    photos = [photo for photo in photos if place in named or os.path.realpath(photo) != place]
    photos.sort(key=lambda photo: natural_order(str(photo)))
    if photos and not problems:
        first = Path(args.photos[0]) if len(args.photos) == 1 else photos[0]
        job = Job(first, output, None, first)
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
            if argument == "-":
                photos["-"] = STANDARD
                continue
            if not argument:
                found, lack = [], "an empty name is no picture; name a file or folder"
            elif os.path.isdir(path):
                found, lack = _pictures_in(path), "no pictures in this folder"
            elif os.path.exists(path) or not any(sign in argument for sign in "*?["):
                found, lack = [path], ""
            else:
                from glob import glob

                found, lack = sorted(filter(Path.is_file, map(Path, glob(argument, recursive=True)))), "no file matches"
        except OSError as error:
            found, lack = [], f"{error.strerror}"
        if not found:
            problems.append(f"{argument or repr(argument)}: {lack}")
        for photo in found:
            photos.setdefault(os.path.realpath(photo), photo)
    return list(photos.values()), problems


def _pictures_in(folder: Path) -> list[Path]:
    """List the pictures in a folder, but not what earlier runs have made of the others; name what is left out."""
    from rustem.images.formats import endings

    taken, other = endings()
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and _is_file_or_lost(path))
    pictures = [path for path in files if path.suffix.lower() in taken]
    names = {name for path in pictures for name in (path.stem, path.name)}

    def is_result(path: Path) -> bool:
        match = _RESULT.fullmatch(path.stem)
        return match is not None and match[1] in names

    left_out = [path.name for path in files if path.suffix.lower() in other and not is_result(path)]
    if left_out:
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        complain(f"{folder}: left out {', '.join(left_out[:3])}{more}: no kind that folders stand for", "warning")
    return [path for path in pictures if not is_result(path)]


def _is_file_or_lost(path: Path) -> bool:
    """Whether it is a file, or a link to nothing, which reading will tell of."""
    return path.is_file() or (path.is_symlink() and not path.exists())


def _is_folder(target: str, single: bool) -> bool:
    """Tell whether results go into `target` under their own names, or `target` is the name of the one result."""
    return os.path.isdir(target) or target.endswith(("/", os.sep)) or not (single or Path(target).suffix)


def _stem(photo: Path) -> str:
    return "stdin" if photo is STANDARD else photo.stem


def _place(target: str | None, photo: Path, stem: str, ending: str | Callable[[Path], str], single: bool) -> Path:
    if target == "-" or (target is None and photo is STANDARD):
        return STANDARD
    if target is not None and not _is_folder(target, single):
        return Path(target)
    name = stem + (ending if isinstance(ending, str) else ending(photo))
    return photo.with_name(name) if target is None else Path(target, name)


def _obstacle(job: Job, inputs: set[tuple[int, int]], claimed: dict[Path, Path], *, force: bool) -> str | None:
    """Say why the results of a job cannot be written, or claim their names."""
    for target in job.targets:
        place = Path(os.path.realpath(target))
        taken = _why_taken(target, inputs, force=force)
        if taken:
            return f"{target} {taken}"
        if place in claimed:
            return f"{target} is already the result of {claimed[place]}; write it to another folder"
        folder = next(folder for folder in place.parents if os.path.exists(folder))
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} is not a folder that can be written to; name another with -o"
        claimed[place] = job.photo
    return None


def _why_taken(target: Path, inputs: set[tuple[int, int]], *, force: bool) -> str | None:
    """Say why a name is not for a result, unless it is."""
    try:
        os.stat(target)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"cannot be written ({error.strerror}); name another file with -o"
    if os.path.isdir(target):
        return "is a folder; name a file"
    if _identity(target) in inputs:
        return "is an input and would be overwritten; name another file with -o"
    return None if force else "exists already; add --force to overwrite it"


def _identity(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Identify a file under all its names: links, other cases of its letters, ways round through folders."""
    status = os.stat(path)
    return status.st_dev, status.st_ino
