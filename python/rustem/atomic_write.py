"""A file whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import BinaryIO

from rustem.exceptions import ImageError


def write_atomically(path: str | os.PathLike[str], write_to: Callable[[BinaryIO], object], overwrite: bool) -> None:
    """Give ``write_to`` a file of another name, and rename it when all went well; what went wrong is an ImageError."""
    name, target = os.fsdecode(path), os.path.realpath(os.fsdecode(path))
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        raise ImageError(f"{name}: this is a folder; name a file in it")
    if not overwrite and os.path.lexists(target):
        raise ImageError(f"{name}: the file exists; choose another name, or allow to overwrite it")
    # With the ending of the target: Pillow imports the one writer it needs.
    temporary = os.path.join(folder, f".{os.urandom(8).hex()}.tmp{os.path.splitext(name)[1]}")
    try:
        with open(temporary, "xb") as file:
            write_to(file)
        os.replace(temporary, target)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"{name}: there is no folder {folder}; create it first") from error
    except PermissionError as error:
        raise ImageError(f"{name}: no permission to write in {folder}; choose another folder") from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: cannot be written ({reason}); try .png or another folder") from error
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)
