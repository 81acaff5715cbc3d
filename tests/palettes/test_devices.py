"""Palettes of devices, by name, and files that go before."""

import json
from pathlib import Path

import numpy as np
import pytest

from rustem import ImageError, InvalidInputError, images, palettes, quantize
from rustem.palettes.devices import read_or_named

COUNTS = {
    "black-white": 2,
    "grey-4": 4,
    "grey-16": 16,
    "eink-red": 3,
    "eink-yellow": 3,
    "eink-7color": 7,
    "eink-7color-inks": 7,
    "eink-spectra6": 6,
    "eink-spectra6-inks": 6,
    "game-boy": 4,
    "pico-8": 16,
    "cga-16": 16,
    "ega-64": 64,
    "zx-spectrum": 15,
    "commodore-64": 16,
    "web-safe": 216,
}


def test_every_device_has_its_number_of_colours():
    assert {name: len(palettes.named(name)) for name in palettes.NAMED} == COUNTS
    for name in palettes.NAMED:
        palette = palettes.named(name)
        assert len(np.unique(palette.colors, axis=0)) == len(palette)
        assert palette.title


def test_colours_by_their_numbers():
    # EGA's default palette holds CGA's colours, by these numbers.
    ega, cga = palettes.named("ega-64").hex, palettes.named("cga-16").hex
    assert [ega[number] for number in (0, 1, 2, 3, 4, 5, 20, 7, *range(56, 64))] == cga
    spectrum = palettes.named("zx-spectrum").hex
    assert spectrum[:4] == ["#000000", "#0000d7", "#d70000", "#d700d7"]
    assert spectrum[7:] == "#d7d7d7 #0000ff #ff0000 #ff00ff #00ff00 #00ffff #ffff00 #ffffff".split()  # noqa: SIM905
    assert palettes.named("grey-4").hex == ["#000000", "#555555", "#aaaaaa", "#ffffff"]
    assert palettes.named("grey-16").colors[:, 0].tolist() == list(range(0, 256, 17))
    assert set(np.unique(palettes.named("web-safe").colors).tolist()) == {0, 51, 102, 153, 204, 255}
    assert palettes.named("commodore-64").hex[2] == "#68372b"


def test_inks_are_in_the_order_of_their_drivers():
    for name in ("eink-7color", "eink-spectra6"):
        assert palettes.named(name).names == palettes.named(f"{name}-inks").names
    assert palettes.named("eink-spectra6").names == ("black", "white", "yellow", "red", "blue", "green")


def test_unknown_names_are_told_the_others(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(InvalidInputError, match=r"named 'amiga'; choose one of black-white, .*, web-safe$"):
        palettes.named("amiga")
    with pytest.raises(ImageError, match=r"amiga: there is no such file, and no palette of this name; .*pico-8"):
        quantize(np.zeros((2, 2, 3), np.uint8), palette="amiga")
    for file in ("./pico-8", "pico-8.gpl", Path("pico-8")):
        with pytest.raises(ImageError, match="No such file"):
            read_or_named(file)


def test_a_file_of_the_name_goes_before(folder, monkeypatch):
    monkeypatch.chdir(folder)
    Path("pico-8").mkdir()
    assert len(read_or_named("pico-8")) == 16
    Path("pico-8").rmdir()
    palettes.write("pico-8", ["#123456"], format="gpl")
    assert read_or_named("pico-8").hex == ["#123456"]


def test_pictures_in_the_colours_of_devices(photograph):
    for name in palettes.NAMED:
        result = quantize(photograph, palette=name)
        np.testing.assert_array_equal(result.palette, palettes.named(name).colors)
    assert quantize(photograph[..., 0], palette="grey-16").palette.shape == (16, 1)


def test_a_picture_for_a_panel(photograph, folder):
    shown = quantize(photograph, palette="eink-spectra6-inks", dither=True)
    device = palettes.named("eink-spectra6").colors
    images.write_indexed(folder / "panel.png", shown.labels, device)
    np.testing.assert_array_equal(images.read(folder / "panel.png").pixels, device[shown.labels])


def test_names_on_the_command_line(picture_file, monkeypatch, capsys):
    from rustem.cli import main

    monkeypatch.chdir(picture_file.parent)
    assert main(["quantize", "photo.png", "--palette", "eink-7color", "--dither", "--json", "--quiet"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["output"] == "photo-q7.png"
    assert [color["hex"] for color in record["palette"]] == palettes.named("eink-7color").hex
    assert main(["palette", "pico-8", "--format", "hex"]) == 0
    assert capsys.readouterr().out.split() == [color[1:] for color in palettes.named("pico-8").hex]
    with pytest.raises(SystemExit) as caught:
        main(["quantize", "photo.png", "--palette", "amiga"])
    assert caught.value.code == 2
    assert "eink-7color" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["palette", "--list-named"])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [[name, str(count)] for name, count in COUNTS.items()]
