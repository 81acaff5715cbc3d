"""Usage: what may have been meant, what is too much, what cannot be written, which files are taken."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command_line import python, run, save_photo, written
from PIL import Image

from rustem import arguments, images, quantization
from rustem.cli import main, options
from rustem.images import formats
from rustem.palettes import entries

pytestmark = pytest.mark.usefixtures("empty_folder")


def refused(*words):
    with pytest.raises(SystemExit) as caught:
        main(words)
    return caught.value.code


class TestMeant:
    @pytest.mark.parametrize(
        ("words", "usage", "error"),
        [
            (["quantise", "a.png"], "rustem [-h]", "rustem: error: 'quantise' is no command; did you mean quantize?"),
            (["segmnet"], "rustem [-h]", "rustem: error: 'segmnet' is no command; did you mean segment?"),
            (["photo.png"], "rustem [-h]", "is no command; choose one of segment, regions, quantize, palette, select"),
            (["quantize", "a.png", "--colours", "4"], "rustem quantize", "--colours 4; did you mean --colors?"),
            (["palette", "a.png", "--colour=4"], "rustem palette", "--colour=4; did you mean --colors?"),
            (["segment", "a.png", "--treads", "2"], "rustem segment", "; did you mean --threads?"),
            (["regions", "a.png", "--nregions", "2"], "rustem regions", "; did you mean --n-regions?"),
            (["select", "a.png", "--q9w8"], "rustem select", "rustem select: error: unrecognized arguments: --q9w8\n"),
        ],
    )
    def test_the_nearest_is_named(self, capfd, words, usage, error):
        assert refused(*words) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith(f"usage: {usage}")
        assert error in err

    def test_no_command_shows_the_help(self, capfd):
        assert refused() == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert "the fewest colours that look best" in err

    @pytest.mark.parametrize("command", ["segment", "quantize", "regions", "palette", "select"])
    def test_an_empty_name_is_not_the_folder(self, photo, capfd, command):
        assert main([command, ""]) == 1
        assert capfd.readouterr().err == "rustem: error: '': an empty name is no picture; name a file or folder\n"
        assert written() == [str(photo)]

    @pytest.mark.usefixtures("photo")
    @pytest.mark.parametrize("options", [["-o", ""], ["--labels", ""]])
    def test_empty_names_of_results(self, options):
        assert refused("segment", "photo.png", *options) == 2
        assert refused("segment", "photo.png", "other.png", *options) == 2


class TestNumbers:
    @pytest.mark.usefixtures("photo")
    @pytest.mark.parametrize("number", ["65537", "1000000", "4294967296", "9" * 30])
    @pytest.mark.parametrize(
        "words",
        ["segment -k", "quantize -n", "quantize --colors", "palette -k", "select --max", "regions --n-components"],
    )
    def test_the_most_is_named(self, capfd, words, number):
        command, option = words.split()
        assert refused(command, "photo.png", option, number) == 2
        assert (
            f"{number!r} is not a whole number from 1 to 65536, the most that label maps hold\n"
            in capfd.readouterr().err
        )

    def test_the_most_is_that_of_the_package(self):
        assert options._MOST == arguments.MAX_COMPONENTS == entries.MOST_COLORS


class TestPalettes:
    @pytest.mark.usefixtures("photo")
    @pytest.mark.parametrize("colors", ["#000,#fff", " #000 , #ffffff,", "black,#fff", "#000000"])
    def test_a_palette_may_be_a_list(self, colors):
        assert main(["quantize", "photo.png", "--palette", colors, "-o", "x.png"]) == 0
        with Image.open("x.png") as picture:
            found = {color for _, color in picture.convert("RGB").getcolors()}
        assert found <= {(0, 0, 0), (255, 255, 255)}

    def test_a_file_of_that_name_goes_before(self):
        save_photo("photo.png")
        Path("#a,b.gpl").write_text("GIMP Palette\n#\n1 2 3\tink\n")
        assert main(["quantize", "photo.png", "--palette", "#a,b.gpl", "-o", "x.png"]) == 0
        with Image.open("x.png") as picture:
            assert picture.convert("RGB").getcolors() == [(64 * 40, (1, 2, 3))]

    @pytest.mark.usefixtures("photo")
    @pytest.mark.parametrize(
        "words", [["--palette", ""], ["--palette", ","], ["--fixed", ""], ["--palette", "#zz,#000"]]
    )
    def test_what_is_no_list(self, capfd, words):
        assert refused("quantize", "photo.png", *words) == 2
        assert "color" in capfd.readouterr().err.splitlines()[1].replace("colour", "color")

    @pytest.mark.usefixtures("photo")
    def test_fixed_colors_beside_a_whole_palette_would_be_lost(self, capfd):
        assert refused("quantize", "photo.png", "--palette", "pico-8", "--fixed-colors", "#123") == 2
        assert "not allowed with --palette" in capfd.readouterr().err

    def test_the_palette_is_never_overwritten(self, photo, capfd):
        shutil.copy(photo, "brand.png")
        before = Path("brand.png").read_bytes()
        assert main(["quantize", "photo.png", "--palette", "brand.png", "-o", "brand.png", "--force"]) == 1
        assert "is an input and would be overwritten" in capfd.readouterr().err
        assert Path("brand.png").read_bytes() == before


class TestBeforeTheFit:
    @pytest.mark.usefixtures("photo", "no_fit")
    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (["segment", "photo.png", "-k", "300", "-o", "x.gif"], "GIF holds 256 colors"),
            (["segment", "photo.png", "-o", "x.gif", "--side-by-side"], "GIF holds 256 colors"),
            (["quantize", "photo.png", "-n", "257", "-o", "x.GIF"], "GIF holds 256 colors"),
            (["quantize", "photo.png", "-n", "999", "-o", "x.gif", "--fps", "9"], "GIF holds 256 colors"),
            (["select", "photo.png", "--plot", "x.gif"], "argument --plot: x.gif ends in none of .png .svg"),
        ],
    )
    def test_what_a_format_cannot_hold(self, capfd, words, complaint):
        assert refused(*words) == 2
        assert complaint in capfd.readouterr().err
        assert written() == ["photo.png"]

    @pytest.mark.usefixtures("photo")
    def test_a_plot_needs_matplotlib(self, tmp_path):
        package = tmp_path / "fake" / "matplotlib"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise ImportError('none here')")
        environ = {**os.environ, "PYTHONPATH": str(package.parent)}
        done = python("-m", "rustem", "select", "photo.png", "--plot", "x.png", env=environ)
        assert (done.returncode, done.stdout) == (2, "")
        assert 'pip install "rustem[plot]"' in done.stderr.splitlines()[1]
        assert python("-m", "rustem", "select", "photo.png", "--max", "2", env=environ).returncode == 0

    @pytest.mark.usefixtures("no_fit")
    @pytest.mark.parametrize("name", ["x" * 300 + ".png", "loop/x.png"])
    def test_names_that_no_file_can_have(self, photo, capfd, name):
        Path("loop").symlink_to("loop")
        assert run(photo, "-o", name) == 1
        assert " cannot be written (" in capfd.readouterr().err

    def test_a_picture_in_a_folder_of_others_can_be_looked_at(self, photo, capfd, monkeypatch):
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert main(["select", str(photo), "--max", "2"]) == 0
        assert main(["palette", str(photo)]) == 0
        assert capfd.readouterr().err == ""

    def test_only_the_first_frame_is_said_to_be_kept(self, capfd):
        frames = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (0, 99)]
        frames[0].save("move.gif", save_all=True, append_images=frames[1:])
        assert main(["quantize", "move.gif", "-n", "2", "-o", "x.bmp"]) == 0
        assert "warning: move.gif: only the first of 2 frames is kept" in capfd.readouterr().err


def _many_channels(n):
    return np.random.default_rng(0).integers(0, 256, (20, 18, n), dtype=np.uint8)


def _volume():
    return np.random.default_rng(0).integers(0, 256, (3, 20, 18, 2), dtype=np.uint8)


class TestStorable:
    """What a format cannot hold is refused before the fit, and what it holds is written."""

    @pytest.fixture
    def no_search(self, monkeypatch, no_fit):  # noqa: ARG002
        monkeypatch.setattr(quantization, "quantize", lambda *_, **__: pytest.fail("nothing should be fitted"))

    @pytest.mark.usefixtures("no_search")
    @pytest.mark.parametrize("command", ["segment", "quantize"])
    @pytest.mark.parametrize("ending", [".png", ".webp", ".JPG"])
    @pytest.mark.parametrize("n", [5, 7])
    def test_channels(self, capfd, command, ending, n):
        np.save("many.npy", _many_channels(n))
        tifffile.imwrite("many.tif", _many_channels(n), photometric="minisblack", planarconfig="contig")
        for name in ("many.npy", "many.tif"):
            assert main([command, name, "-o", f"x{ending}"]) == 1
            expected = f"{name}: {n} channels do not fit into {ending.lower()}; name a .tif file by -o"
            assert capfd.readouterr().err == f"rustem: error: {expected}\n"

    @pytest.mark.usefixtures("no_search")
    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["-o", "x.png"], "goes into .tif; name such a file by -o"),
            (["-o", "x.tif", "--labels", "x.png"], "goes into .tif; name such a file by --labels"),
            (["-o", "x.tif", "--side-by-side"], "has no side by side; leave that out"),
        ],
    )
    def test_volumes(self, capfd, options, complaint):
        np.save("volume.npy", _volume())
        assert main(["segment", "volume.npy", *options]) == 1
        assert capfd.readouterr().err == f"rustem: error: volume.npy: a volume of shape (3, 20, 18) {complaint}\n"

    def test_what_fits_is_written(self, capfd):
        np.save("volume.npy", _volume())
        np.save("many.npy", _many_channels(5))
        np.save("alpha.npy", _many_channels(2))
        assert main(["segment", "volume.npy", "-k", "2", "-o", "v.tif", "--labels", "v.npy", "--quiet"]) == 0
        assert main(["segment", "many.npy", "-k", "2", "-o", "m.tif", "--labels", "m.png", "--quiet"]) == 0
        assert main(["quantize", "alpha.npy", "-n", "2", "-o", "a.png", "--quiet"]) == 0
        assert main(["segment", "many.npy", "alpha.npy", "-k", "2", "--shared"]) == 1
        assert "many.npy has 5 channels of uint8" in capfd.readouterr().err
        assert {"v.tif", "v.npy", "m.tif", "m.png", "a.png"} <= set(written())


class TestFolders:
    @pytest.mark.parametrize("order", [("a.png", "a.jpg"), ("a.jpg", "a.png")])
    def test_pictures_of_one_stem_have_results_of_their_own(self, order):
        for name in ("a.png", "a.jpg", "a.webp", "b.png"):
            save_photo(f"f/{name}")
        assert main(["quantize", *[f"f/{name}" for name in order], "-n", "4"]) == 0
        assert main(["quantize", "f", "-n", "4", "-o", "out"]) == 0
        assert main(["segment", "f", "-k", "2", "-o", "seg/", "--labels", "maps/"]) == 0
        assert written("out") == ["a-q4.webp", "a.jpg-q4.png", "a.png-q4.png", "b-q4.png"]
        assert written("seg") == ["a.jpg-k2.png", "a.png-k2.png", "a.webp-k2.png", "b-k2.png"]
        assert written("maps") == [
            "a.jpg-k2-labels.png",
            "a.png-k2-labels.png",
            "a.webp-k2-labels.png",
            "b-k2-labels.png",
        ]
        assert {"f/a.jpg-q4.png", "f/a.png-q4.png"} <= {f"f/{name}" for name in written("f")}

    def test_results_under_full_names_are_results_too(self):
        for name in ("a.png", "a.jpg"):
            save_photo(f"f/{name}")
        for _ in range(2):
            assert main(["quantize", "f", "-n", "4", "--force"]) == 0
        assert written("f") == ["a.jpg", "a.jpg-q4.png", "a.png", "a.png-q4.png"]

    def test_every_ending_that_is_read_is_taken(self, capfd):
        picture = Image.effect_noise((16, 16), 50).convert("RGB")
        endings = [
            "apng",
            "avif",
            "bmp",
            "dds",
            "gif",
            "ico",
            "jfif",
            "jp2",
            "jpe",
            "JPEG",
            "pcx",
            "PNG",
            "ppm",
            "qoi",
            "sgi",
            "tga",
            "tif",
            "tiff",
            "webp",
        ]
        Path("f").mkdir()
        for ending in endings:
            picture.save(f"f/{ending}.{ending}")
        assert main(["palette", "f", "-k", "2", "--json"]) == 0
        out, err = capfd.readouterr()
        assert len(out.splitlines()) == len(endings)
        assert err == ""

    def test_what_is_left_out_is_named(self, capfd):
        save_photo("f/a.png")
        for name in ("x.npy", "x.npz", "x.EPS", "x.pdf", "x.wmf", ".h.npy", "notes.txt", "a-k2-labels.npy"):
            Path("f", name).write_bytes(b"")
        assert run("f", "-k", 2, "-o", "out") == 0
        err = capfd.readouterr().err.splitlines()
        assert err[0] == "rustem: warning: f: left out x.EPS, x.npy, x.npz and 2 more: no kind that folders stand for"
        assert len(err) == 2

    def test_pictures_that_need_a_package_and_links_to_nothing_are_told_of(self, capfd):
        save_photo("f/a.png")
        Path("f/lost.jpg").symlink_to("nothing")
        Path("f/b.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
        assert run("f", "-k", 2, "-o", "out") == 1
        err = capfd.readouterr().err
        assert "error: f/lost.jpg: there is no such file" in err
        assert "error: f/b.HEIC: " in err
        assert written("out") == ["a-k2.png"]

    def test_folders_that_look_like_pictures_are_none(self):
        save_photo("f/a.png")
        save_photo("f/b.png/c.png")
        assert run("f", "-k", 2, "-o", "out") == 0
        assert written("out") == ["a-k2.png"]


class TestFormats:
    @pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.gif", "x.tif", "x.eps", "x"])
    def test_programs_are_no_pictures(self, name, monkeypatch):
        from PIL import EpsImagePlugin

        monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started"))
        Image.new("RGB", (9, 9), "red").save("x.eps")
        if name != "x.eps":
            os.rename("x.eps", name)
        with pytest.raises(images.reading.ImageError, match="this is no picture that can be read here"):
            images.read(name)
        for command in ("quantize", "segment", "palette", "select"):
            assert main([command, name, "--quiet"]) == 1

    def test_what_is_opened_is_named(self):
        Image.init()
        opened = set(formats._COMMON + formats._RARER)
        assert not opened & {"EPS", "WMF", "HDF5", "GRIB", "BUFR", "MPEG", "PDF"}
        assert opened - set(Image.OPEN) <= {"AVIF", "HEIF", "JXL", "MPO"}


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
class TestSignals:
    CODE = (
        "import signal, sys; from rustem import atomic_write; from rustem.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from rustem.images import writing\n"
        "def slow(path, write_to, overwrite):\n"
        "    def both(file):\n"
        "        import time; write_to(file); file.flush(); print('now', flush=True); time.sleep(30)\n"
        "    atomic_write.write_atomically(path, both, overwrite)\n"
        "writing.write_atomically = slow\n"
        "sys.exit(main())"
    )

    @pytest.mark.usefixtures("photo")
    @pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
    def test_what_is_half_written_goes(self, name, code):
        command = [sys.executable, "-c", self.CODE, "segment", "photo.png", "-k", "2", "-o", "out/"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout.readline() == b"now\n"
        assert len(written("out")) == 1
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=30)
        assert process.returncode == code
        assert err == (b"rustem: interrupted\n" if name == "SIGINT" else b"")
        assert written("out") == []

    @pytest.mark.usefixtures("photo")
    def test_the_next_run_removes_what_a_killed_one_left(self):
        command = [sys.executable, "-c", self.CODE, "segment", "photo.png", "-k", "2", "-o", "out/"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"now\n"
        process.kill()
        process.communicate(timeout=30)
        assert len(written("out")) == 1
        assert run("photo.png", "-k", 3, "-o", "out/") == 0
        assert written("out") == ["photo-k3.png"]

    @pytest.mark.usefixtures("photo")
    def test_ignored_signals_stay_ignored(self):
        code = (
            "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); from rustem.cli import main\n"
            "from rustem import segmentation; segment = segmentation.segment\n"
            "def late(*a, **k): os.kill(os.getpid(), signal.SIGHUP); return segment(*a, **k)\n"
            "segmentation.segment = late; sys.exit(main())"
        )
        assert python("-c", code, "segment", "photo.png", "-k", "2").returncode == 0

    def test_callers_keep_their_handlers(self, photo):
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
        assert run(photo, "-k", 2) == 0
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before

    @pytest.mark.parametrize("init", ["random_from_data", "k-means++"])
    def test_what_a_handler_raises_comes_out(self, init):
        from rustem import fit_mixture

        class LateError(Exception):
            pass

        def ring(*_):
            raise LateError("time is up")

        before = signal.signal(signal.SIGALRM, ring)
        try:
            samples = np.random.default_rng(0).random((200_000, 3))
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            start = time.perf_counter()
            with pytest.raises(LateError, match="time is up"):
                fit_mixture(samples, 50_000, init_params=init, covariance_type="spherical", max_iter=1)
            assert time.perf_counter() - start < 10
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
