"""A file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
from collections.abc import Callable
from typing import BinaryIO

from rustem.exceptions import ImageError

if sys.platform != "win32":
    import fcntl

_TEMPORARY = re.compile(r"\.rustem-[0-9a-f]{16}\.tmp(\.\w+)?")


def write_atomically(path: str | os.PathLike[str], write_to: Callable[[BinaryIO], object], overwrite: bool) -> None:
    """Give ``write_to`` a file of another name, and rename it when all went well; what went wrong is an ImageError.

    A file that is replaced hands its permissions on.
    """
    name, folder, temporary = os.fsdecode(path), "", ""
    try:
        target = os.path.realpath(name)
        folder = os.path.dirname(target)
        if os.path.isdir(target):
            raise ImageError(f"{name}: this is a folder; name a file in it")
        if not overwrite and os.path.lexists(target):
            raise ImageError(f"{name}: the file exists; choose another name, or allow to overwrite it")
        # With the ending of the target: Pillow imports the one writer it needs.
        ending = os.path.splitext(name)[1]
        with contextlib.ExitStack() as opened:
            while not os.path.lexists(temporary):  # again, if it was taken for a leftover before it was locked
                temporary = os.path.join(folder, f".rustem-{os.urandom(8).hex()}.tmp{ending}")
                file = opened.enter_context(open(temporary, "xb"))
                _lock(file)
            write_to(file)
            file.flush()
            with contextlib.suppress(OSError):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            if sys.platform != "win32":
                os.replace(temporary, target)  # while it is still locked
        if sys.platform == "win32":
            os.replace(temporary, target)  # open files keep their names
    except ImageError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"{name}: there is no folder {folder or '.'}; create it first") from error
    except PermissionError as error:
        raise ImageError(f"{name}: no permission to write in {folder}; choose another folder") from error
    except Exception as error:
        reason = (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: cannot be written ({reason}); try .png or another folder") from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.remove(temporary)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes have left in a folder: files of our own naming that nobody holds locked."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError), open(entry.path, "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.remove(entry.path)


def _lock(file: BinaryIO) -> None:
    """Hold a new file until it is closed, so that `remove_leftovers` of other processes leaves it alone."""
    if sys.platform != "win32":
        # A file system without locks: there, leftovers cannot be locked either, and stay.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
