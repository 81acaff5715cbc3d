"""Files whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rustem.atomic_write import remove_leftovers, write_atomically
from rustem.exceptions import ImageError

pytestmark = pytest.mark.usefixtures("empty_folder")

LEFTOVER = ".rustem-0123456789abcdef.tmp.png"


def names():
    return sorted(os.listdir())


def fail(error):
    def write_to(file):
        file.write(b"half")
        raise error

    return write_to


def test_a_file_appears_when_it_is_whole():
    seen = []

    def write_to(file):
        file.write(b"half")
        seen.extend(names())

    write_atomically("out.png", write_to, overwrite=False)
    assert names() == ["out.png"]
    assert seen[0].startswith(".rustem-")
    assert seen[0].endswith(".tmp.png")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("a\nb"), MemoryError()])
def test_what_fails_leaves_the_old_file(error):
    Path("out.png").write_bytes(b"old")
    with pytest.raises(ImageError, match=r"^out\.png: cannot be written \([^\n]+\)"):
        write_atomically("out.png", fail(error), overwrite=True)
    assert names() == ["out.png"]
    assert Path("out.png").read_bytes() == b"old"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143)])
def test_what_breaks_off_leaves_nothing(error):
    with pytest.raises(type(error)):
        write_atomically("out.png", fail(error), overwrite=True)
    assert names() == []


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o444])
def test_a_replaced_file_keeps_its_mode(mode):
    Path("out.png").write_bytes(b"old")
    Path("out.png").chmod(mode)
    write_atomically("out.png", lambda file: file.write(b"new"), overwrite=True)
    assert Path("out.png").stat().st_mode & 0o777 == mode
    assert Path("out.png").read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_link_stays_one():
    Path("real").mkdir()
    Path("link.png").symlink_to("real/target.png")
    write_atomically("link.png", lambda file: file.write(b"one"), overwrite=False)
    write_atomically("link.png", lambda file: file.write(b"two"), overwrite=True)
    assert Path("link.png").is_symlink()
    assert Path("real/target.png").read_bytes() == b"two"
    assert os.listdir("real") == ["target.png"]


@pytest.mark.skipif(os.name == "nt", reason="open files cannot be removed there")
class TestLeftovers:
    def test_only_our_own_names_are_removed(self):
        others = [".rustem-0123.tmp.png", "rustem-0123456789abcdef.tmp.png", ".0123456789abcdef.tmp.png"]
        for name in [LEFTOVER, ".rustem-fedcba9876543210.tmp", *others]:
            Path(name).write_bytes(b"half")
        Path(".rustem-1111111111111111.tmp.png").mkdir()
        remove_leftovers(".")
        assert names() == sorted([*others, ".rustem-1111111111111111.tmp.png"])
        remove_leftovers("no such folder")

    def test_what_is_being_written_is_left_alone(self):
        def write_to(file):
            remove_leftovers(".")
            file.write(b"whole")

        write_atomically("out.png", write_to, overwrite=False)
        assert Path("out.png").read_bytes() == b"whole"

    def test_what_a_killed_process_left_goes(self):
        code = (
            "import sys, time; from rustem.atomic_write import write_atomically\n"
            "def write_to(file): file.write(b'half'); file.flush(); print('now', flush=True); time.sleep(60)\n"
            "write_atomically('out.png', write_to, True)"
        )
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout.readline().strip() == b"now"
        remove_leftovers(".")
        assert len(names()) == 1
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert len(names()) == 1
        remove_leftovers(".")
        assert names() == []

    def test_a_file_that_was_taken_for_a_leftover_is_begun_anew(self, monkeypatch):
        from rustem import atomic_write

        lock, removed = atomic_write._lock, []

        def late(file):
            if not removed:
                removed.append(file.name)
                os.remove(file.name)
            lock(file)

        monkeypatch.setattr(atomic_write, "_lock", late)
        write_atomically("out.png", lambda file: file.write(b"whole"), overwrite=False)
        assert names() == ["out.png"]
        assert Path("out.png").read_bytes() == b"whole"
