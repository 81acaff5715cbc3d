"""Palettes to look at: what a picture of swatches shows, notebooks, one line."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from rustem import ImageError, InvalidInputError, palettes
from rustem.palettes.palette import as_palette

COLORS = np.array([[228, 0, 43], [255, 255, 255], [0, 0, 0], [12, 200, 99]], np.uint8)


def test_the_palette_of_a_picture(folder):
    Image.fromarray(COLORS[[0, 0, 1, 3]][None]).save(folder / "x.bmp")
    np.testing.assert_array_equal(palettes.read(folder / "x.bmp").colors, COLORS[[0, 1, 3]])


def shown_in_html(palette):
    """The swatches' colours, and all text, as an XML parser reads them."""
    root = ET.fromstring(f"<x>{palette._repr_html_().replace('<br>', ' ')}</x>")
    styles = [each.get("style", "") for each in root.iter("div")]
    return [found[1] for style in styles if (found := re.search("background:(#[0-9a-f]{6})", style))], list(
        root.itertext()
    )


def test_notebooks_show_swatches_numbers_shares_and_names():
    names = ['<b>red</b> & "co"', "white", "", "grün"]
    palette = as_palette(COLORS, names=names, shares=[0.5, 0.25, 0.2, 0.05], title="<i>flag</i>")
    colors, text = shown_in_html(palette)
    assert colors == palette.hex
    assert text[0] == "<i>flag</i>: 4 colours"
    assert text[1:] == ['#e4002b 50.0% <b>red</b> & "co"', "#ffffff 25.0% white", "#000000 20.0%", "#0cc863 5.0% grün"]
    as_palette(COLORS[:1], names=["\udce9"])._repr_html_().encode()
    assert not re.search(r"<(b|i|img|link|script)\b|url|http", palette._repr_html_())


@pytest.mark.parametrize(("k", "drawn"), [(1, 1), (64, 64), (65, 65), (3000, 1024)])
def test_notebooks_show_large_palettes_as_swatches_alone(k, drawn):
    palette = as_palette(np.random.default_rng(0).integers(0, 256, (k, 3)))
    colors, text = shown_in_html(palette)
    assert colors == palette.hex[:drawn]
    assert text[0] == f"{k} colour{'s' if k > 1 else ''}"
    assert len(text) - 1 == (k if k <= 64 else k > drawn)
    assert (text[-1] == "… and 1976 more") == (k == 3000)


def test_palettes_in_one_line():
    assert repr(as_palette(COLORS[:2])) == "Palette(['#e4002b', '#ffffff'])"
    assert repr(as_palette(COLORS[:2], names=["a", ""])) == "Palette(['#e4002b', '#ffffff'], names=['a', ''])"
    many = repr(as_palette(np.repeat(COLORS[:1], 300, axis=0), names=["red"] * 300))
    assert many == "Palette([" + "'#e4002b', " * 8 + "…], 300 colours)"


def test_palettes_save_themselves(folder):
    palette = as_palette(COLORS, names=["a", "b", "c", "d"], title="flag")
    for kind in palettes.FORMATS:
        palette.save(folder / "one", kind)
        palettes.write(folder / "other", palette, format=kind)
        assert (folder / "one").read_bytes() == (folder / "other").read_bytes()
    palette.save(folder / "x.gpl")
    assert palettes.read(folder / "x.gpl").names == palette.names
    with pytest.raises(ImageError, match="exists"):
        palette.save(folder / "x.gpl", overwrite=False)
    with pytest.raises(InvalidInputError, match="no palette format"):
        palette.save(folder / "x.doc")
