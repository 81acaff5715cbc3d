"""Palette files: back and forth, against independent readers, hostile ones; names."""

import contextlib
import io
import json
import struct
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import skimage.color
import swatch
import tinycss2
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.GimpPaletteFile import GimpPaletteFile

from rustem import ImageError, InvalidInputError, palettes
from rustem.palettes.css import css_identifiers

NAMED = ("gpl", "ase", "aco", "json", "svg")
COLORS = np.array([[228, 0, 43], [255, 255, 255], [0, 0, 0], [12, 200, 99]], np.uint8)
NAMES = ["brand <red> & co", "white", "black", "grün"]


def saved(folder, kind, colors=COLORS, names=NAMES):
    path = folder / f"palette.{'pal' if kind == 'riff' else kind}"
    palettes.write(path, colors, format=kind, names=names, title="Flags")
    return path


@pytest.mark.parametrize("kind", palettes.FORMATS)
@pytest.mark.parametrize("k", [1, 2, 16, 255, 256])
def test_what_is_written_is_read_again(folder, kind, k):
    # Distinct colours: a PNG of swatches cannot tell equal ones apart.
    numbers = np.random.default_rng(k).choice(2**24, k, replace=False)
    colors = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=1).astype(np.uint8)
    names = [f"Nr. {number}" for number in range(k)]
    palette = palettes.read(saved(folder, kind, colors, names))
    np.testing.assert_array_equal(palette.colors, colors)
    assert palette.names == (tuple(names) if kind in NAMED else palette.names)
    assert len(palette.names) == k


@pytest.mark.parametrize("kind", ["gpl", "ase", "json", "hex", "css", "pal"])
def test_five_thousand_colours(folder, kind):
    colors = np.random.default_rng(0).integers(0, 256, (5000, 3)).astype(np.uint8)
    np.testing.assert_array_equal(palettes.read(saved(folder, kind, colors, None)).colors, colors)


def test_gimp_palette_as_pillow_reads_it(folder):
    with open(saved(folder, "gpl"), "rb") as file:
        data, mode = GimpPaletteFile(file).getpalette()
    assert mode == "RGB"
    assert data[: COLORS.size] == COLORS.tobytes()


def test_swatch_exchange_as_another_reader_reads_it(folder):
    entries = swatch.parse(str(saved(folder, "ase")))
    assert [entry["name"] for entry in entries] == NAMES
    values = np.array([entry["data"]["values"] for entry in entries])
    np.testing.assert_array_equal(np.rint(values * 255), COLORS)


def test_swatch_exchange_that_another_writer_wrote(folder):
    path = folder / "other.ase"
    red = {"name": "red", "type": "Process", "data": {"mode": "RGB", "values": [1.0, 0.0, 0.0]}}
    ink = {"name": "ink", "type": "Process", "data": {"mode": "CMYK", "values": [1.0, 0.0, 0.0, 0.5]}}
    lab = {"name": "lab", "type": "Process", "data": {"mode": "LAB", "values": [0.5, 20.0, -30.0]}}
    grey = {"name": "grey", "type": "Process", "data": {"mode": "Gray", "values": [0.5]}}
    group = {"name": "group", "type": "Color Group", "swatches": [red, ink, lab, grey]}
    swatch.write([group], str(path))
    palette = palettes.read(path)
    from_lab = np.rint(skimage.color.lab2rgb([50.0, 20, -30]) * 255)
    assert (palette.title, palette.names) == ("group", ("red", "ink", "lab", "grey"))
    np.testing.assert_allclose(palette.colors, [[255, 0, 0], [0, 128, 128], from_lab, [128] * 3], atol=1)


def test_css_as_a_css_parser_reads_it(folder):
    (rule,) = tinycss2.parse_stylesheet(saved(folder, "css").read_text(), skip_whitespace=True)
    declarations = tinycss2.parse_blocks_contents(rule.content, skip_whitespace=True)
    values = {each.name: tinycss2.serialize(each.value).strip() for each in declarations}
    assert list(values.values()) == ["#e4002b", "#ffffff", "#000000", "#0cc863"]
    assert list(values)[:2] == ["--brand-red-co", "--white"]


def css_variables(path):
    (rule,) = tinycss2.parse_stylesheet(path.read_text(), skip_whitespace=True)
    return [each.name for each in tinycss2.parse_blocks_contents(rule.content, skip_whitespace=True)]


def test_css_variables_of_equal_names_are_numbered_past_those_of_others(folder):
    names = ["Dark red", "dark-red", "", "", "color 4", "dark red 2", "DARK RED!", "Grün", "3d", "—"]
    expected = [
        "dark-red",
        "dark-red-3",
        "color-3",
        "color-4",
        "color-4-2",
        "dark-red-2",
        "dark-red-4",
        "grun",
        "3d",
        "color-10",
    ]
    colors = np.arange(30).reshape(10, 3)
    assert css_variables(saved(folder, "css", colors, names)) == [f"--{name}" for name in expected]
    # Read and written again, they are the same.
    palette = palettes.read(folder / "palette.css")
    assert palette.names == tuple(expected)
    np.testing.assert_array_equal(palette.colors, colors)
    before = (folder / "palette.css").read_bytes()
    palettes.write(folder / "palette.css", palette)
    assert (folder / "palette.css").read_bytes() == before


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=6) | st.sampled_from(["", "a", "a-2", "a 2", "color-2"]), min_size=1, max_size=12))
def test_css_variables_are_unique_identifiers(names):
    found = css_identifiers(names)
    assert len(set(found)) == len(found) == len(names)
    for identifier in found:
        (token,) = tinycss2.parse_component_value_list(f"--{identifier}")
        assert token.type == "ident"
    assert css_identifiers(found) == found


def test_very_many_equal_names_have_css_variables_of_their_own():
    assert css_identifiers(["a"] * 65536)[-1] == "a-65536"


def test_svg_as_an_xml_parser_reads_it(folder):
    rects = ET.parse(saved(folder, "svg")).getroot().findall("{http://www.w3.org/2000/svg}rect")
    assert [rect.get("fill") for rect in rects] == ["#e4002b", "#ffffff", "#000000", "#0cc863"]
    assert [rect[0].text for rect in rects] == NAMES


def test_png_as_pillow_reads_it(folder):
    with Image.open(saved(folder, "png")) as image:
        assert image.mode == "P"
        found = [image.convert("RGB").getpixel((32 * number + 5, 5)) for number in range(4)]
    assert found == [tuple(color) for color in COLORS.tolist()]


def test_photoshop_swatches_by_the_published_layout(folder):
    data = saved(folder, "aco", COLORS[:1], ["ab"]).read_bytes()
    entry = struct.pack(">5H", 0, 228 * 257, 0, 43 * 257, 0)
    assert data == b"\0\1\0\1" + entry + b"\0\2\0\1" + entry + b"\0\0\0\3\0a\0b\0\0"
    # Version 1 alone, in Lab, CMYK, grey and HSB.
    colors = [
        (7, 5000, 2000, 65536 - 3000, 0),
        (2, 0, 65535, 65535, 32767),
        (8, 5000, 0, 0, 0),
        (1, 21845, 65535, 65535, 0),
    ]
    path = folder / "one.aco"
    path.write_bytes(struct.pack(">HH", 1, 4) + b"".join(struct.pack(">5H", *color) for color in colors))
    expected = [np.rint(skimage.color.lab2rgb([50.0, 20, -30]) * 255), [0x80, 0, 0], [128] * 3, [0, 255, 0]]
    np.testing.assert_allclose(palettes.read(path).colors[[0, 2, 3]], np.array(expected)[[0, 2, 3]], atol=1)


def test_colour_tables_by_the_published_layout(folder):
    data = saved(folder, "act").read_bytes()
    assert data[:12] == COLORS.tobytes()
    assert data[768:] == b"\0\4\xff\xff"
    (folder / "full.act").write_bytes(bytes(768))
    assert len(palettes.read(folder / "full.act")) == 256


def test_riff_and_jasc_by_the_published_layouts(folder):
    data = saved(folder, "riff", COLORS[:1], None).read_bytes()
    assert data == b"RIFF\x14\0\0\0PAL data\x08\0\0\0\0\3\1\0\xe4\0\x2b\0"
    assert saved(folder, "pal", COLORS[:1], None).read_bytes() == b"JASC-PAL\r\n0100\r\n1\r\n228 0 43\r\n"


@pytest.mark.parametrize(
    "content",
    [
        '["#e4002b", "#fff"]',
        "[[228, 0, 43], [255, 255, 255]]",
        '{"colors": [{"hex": "e4002b", "name": "x"}, {"rgb": [255, 255, 255]}]}',
        '{"brand": "#e4002b", "paper": "white"}',
    ],
)
def test_json_in_its_usual_forms(folder, content):
    path = folder / "x.json"
    path.write_text(content)
    assert palettes.read(path).hex == ["#e4002b", "#ffffff"]


def test_json_keeps_shares(folder):
    palettes.write(folder / "x.json", ["#000", "#fff"], shares=[0.25, 0.75])
    assert [color["share"] for color in json.loads((folder / "x.json").read_text())["colors"]] == [0.25, 0.75]


def test_lists_of_hex_numbers_and_scss(folder):
    (folder / "paint.txt").write_text("; paint.net Palette File\n\nFF102030\nffe4002b\n")
    (folder / "x.hex").write_text("#102030\n0xe4002b\n")
    (folder / "x.scss").write_text("$a: #102030;\n$b: rgb(228, 0, 43);\n/* $c: #fff; */\n")
    for name in ("paint.txt", "x.hex", "x.scss"):
        assert palettes.read(folder / name).hex == ["#102030", "#e4002b"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.gpl", b"", "empty"),
        ("x.gpl", b"GIMP Palette\nName: none\n#\n", "holds no colours"),
        ("x.gpl", b"GIMP Palette\n1 2\n", "line 2 is no colour"),
        ("x.gpl", b"GIMP Palette\n1 2 300\n", "beyond 255"),
        ("x.gpl", b"GIMP Palette\n" + b"1 2 3\n" * 70000, "holds 70000 colours"),
        ("x.gpl", b"something else", "first line"),
        ("x.pal", b"JASC-PAL\n0100\n3\n1 2 3\n", "truncated"),
        ("x.pal", b"JASC-PAL\n0100\n99999999999999\n", "no number"),
        ("x.pal", b"RIFF\x14\0\0\0PAL data\x08\0\0\0\0\3\2\0\xe4\0", "truncated"),
        ("x.pal", b"RIFF\x14\0\0\0WAVEdata", "no palette"),
        ("x.ase", b"ASEF\0\1\0\0\0\0\0\0", "holds no colours"),
        ("x.ase", b"ASEF\0\1\0\0\xff\xff\xff\xff", "4294967295 blocks"),
        ("x.ase", b"ASEF\0\1\0\0\0\0\0\1\0\1\0\0\0\x0a\0\1\0\0XYZ ab", "model"),
        ("x.ase", b"\xe0\xa5Aseprite", "no Adobe Swatch Exchange"),
        ("x.aco", b"\0\1\xff\xff", "truncated"),
        ("x.aco", b"\0\7\0\1", "version 7"),
        ("x.act", b"\0" * 700, "700"),
        ("x.json", b"{", "no palette"),
        ("x.json", b"[" * 100_000, "no palette"),
        ("x.json", b"[1, 2]", "entry 1"),
        ("x.json", b'["mauve-ish"]', "no colour"),
        ("x.css", b"body { color: red }", "holds no colours"),
        ("x.hex", b"102030\nzz\n", "line 2"),
        ("x.svg", b"<svg/>", "holds no colours"),
        ("x.png", b"\x89PNG", "damaged|picture"),
        ("x.xyz", b"?", "no palette format"),
    ],
)
def test_bad_files_are_refused_in_one_line_that_names_them(folder, name, content, reason):
    (folder / name).write_bytes(content)
    with pytest.raises((ImageError, InvalidInputError), match=reason) as caught:
        palettes.read(folder / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_missing_file(folder):
    with pytest.raises(ImageError, match="No such file"):
        palettes.read(folder / "none.gpl")


@pytest.mark.parametrize("kind", palettes.FORMATS)
def test_truncated_files_raise_or_give_a_palette(folder, kind):
    path = saved(folder, kind)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            palette = palettes.read(path)
        except ImageError:
            continue
        assert len(palette) >= 1


@pytest.mark.parametrize("kind", palettes.FORMATS)
def test_any_bytes_raise_or_give_a_palette(tmp_path_factory, kind):
    path = saved(tmp_path_factory.mktemp("palettes"), kind)
    data = path.read_bytes()

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, len(data)), st.integers(0, 8), st.binary(max_size=12))
    def mutate(place, removed, inserted):
        path.write_bytes(data[:place] + inserted + data[place + removed :])
        with contextlib.suppress(ImageError):
            assert len(palettes.read(path)) >= 1

    mutate()


@pytest.mark.parametrize(
    ("colors", "reason"),
    [
        (np.zeros((0, 3), np.uint8), "shape"),
        (np.zeros((70000, 3), np.uint8), "65536"),
        (np.zeros((2, 4), np.uint8), "shape"),
        ([[0.0, 0.5, 1.5]], "from 0 to 1"),
        ([[0.0, np.nan, 1.0]], "from 0 to 1"),
        (["#e4002b", "no"], "no colour"),
    ],
)
def test_bad_colours_are_refused(folder, colors, reason):
    with pytest.raises(InvalidInputError, match=reason):
        palettes.write(folder / "x.gpl", colors)
    assert not (folder / "x.gpl").exists()


def test_formats_with_a_limit(folder):
    for kind, most in (("act", 256), ("aco", 65535), ("riff", 65535)):
        with pytest.raises(ImageError, match=str(most)):
            palettes.write(folder / f"x.{kind}", np.zeros((most + 1, 3), np.uint8), format=kind)
    with pytest.raises(InvalidInputError, match="no palette format"):
        palettes.write(folder / "x.doc", COLORS)
    assert not list(folder.iterdir())


def test_nothing_is_overwritten_where_that_is_not_allowed(folder):
    path = saved(folder, "gpl")
    with pytest.raises(ImageError, match="exists"):
        palettes.write(path, COLORS, overwrite=False)


def test_colours_of_every_type(folder):
    for colors in ([[1.0, 0, 0.5]], np.array([[65535, 0, 32768]], np.uint16), ["#ff0080"], ["FF0080"]):
        palettes.write(folder / "x.hex", colors)
        assert (folder / "x.hex").read_text() == "ff0080\n"
    grey = io.StringIO("".join("808080\n" for _ in range(2))).read()
    palettes.write(folder / "x.hex", np.array([[128], [128]], np.uint8))
    assert (folder / "x.hex").read_text() == grey


@pytest.mark.parametrize("colors", [COLORS, ["#e4002b"], None], ids=["array", "list", "palette"])
def test_arguments_in_the_wrong_order(folder, colors):
    palette = palettes.read(saved(folder, "hex")) if colors is None else colors
    for path in (folder / "x.gpl", str(folder / "x.gpl")):
        with pytest.raises(InvalidInputError, match=r"give the path first: write\(path, palette\)$"):
            palettes.write(palette, path)
    with pytest.raises(InvalidInputError, match="give the name of a file"):
        palettes.write(None, palette)
    with pytest.raises(InvalidInputError, match=r"the palette is 'y.gpl': give a list"):
        palettes.write(folder / "x.gpl", "y.gpl")
    assert not (folder / "x.gpl").exists()
