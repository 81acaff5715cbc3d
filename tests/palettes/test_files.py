"""Palette files: back and forth, against independent readers, hostile ones; names."""

import contextlib
import io
import json
import struct
import sys
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
    ("value", "expected"),
    [
        ("hsl(210 50% 40%)", "#336699"),
        ("hsla(0.5turn, 100%, 50%, .3)", "#00ffff"),
        ("hwb(60 20% 40%)", "#999933"),
        ("rgb(51 102 153 / 50%)", "#336699"),
        ("rgb(20%, 40%, 60%)", "#336699"),
        ("rgb(300 -5 none)", "#ff0000"),
        ("#369c", "#336699"),
        ("RebeccaPurple", "#663399"),
        ("rgb(228, 0, 43) !important", "#e4002b"),
        ("color(srgb 0.2 0.4 0.6)", "#336699"),
        # Pairs of the web platform's tests, and sRGB's primaries.
        ("lab(44.36% 36.05 -58.99)", "#7654cd"),
        ("lch(44.36% 69.13 301.43)", "#7654cd"),
        ("oklab(62.796% 0.22486 0.12585)", "#ff0000"),
        ("oklch(0.45201 0.31321 264.05)", "#0000ff"),
        ("color(xyz-d65 0.41239 0.21264 0.01933)", "#ff0000"),
        ("color(xyz-d50 0.38515 0.71687 0.09708)", "#00ff00"),
        ("color(display-p3 0.43313 0.50108 0.3795)", "#6a805d"),
        ("color(a98-rgb 0.44091 0.49971 0.37408)", "#6a805d"),
        ("color(prophoto-rgb 0.36589 0.41717 0.31333)", "#6a805d"),
        ("color(srgb-linear 0.2159 1 0)", "#80ff00"),
        ("color(rec2020 0.42210 0.47580 0.35605)", "#728765"),
    ],
)
def test_css_colors_of_every_kind(folder, value, expected):
    (folder / "x.css").write_text(f"@layer base {{ :root {{ --gap: 4px; --x: {value}; --font: Arial, serif }} }}")
    (found,) = palettes.read(folder / "x.css").colors.astype(int)
    assert np.abs(found - list(bytes.fromhex(expected[1:]))).max() <= 1


def test_css_names_and_what_is_no_color(folder):
    text = "--a: red;\n/* --b: blue; */ .dark { --a:#123; color: red; --clear: transparent; --d: var(--a) }\n"
    text += "--e: currentColor; --f: 0 1px red; --g: \n  lime\n--h: url(x)\n--\\1b[31m: navy"
    (folder / "x.css").write_text(text)
    palette = palettes.read(folder / "x.css")
    assert dict(zip(palette.names, palette.hex, strict=True)) == {"a": "#112233", "g": "#00ff00"}
    assert palette.hex == ["#ff0000", "#112233", "#00ff00"]


def test_css_of_colors_that_depend_on_others_is_left_out_with_a_warning(folder):
    (folder / "x.css").write_text("--a: red; --b: color-mix(in srgb, red, blue); --c: rgb(calc(1 + 2) 0 0)")
    with pytest.warns(
        UserWarning, match=r"x\.css: 2 of 3 entries are left out.*color-mix\(\) of --b, rgb\(\)"
    ) as caught:
        assert palettes.read(folder / "x.css").hex == ["#ff0000"]
    assert len(caught) == 1


def test_css_without_its_package_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tinycss2", None)
    with pytest.raises(ImageError, match=r'x\.css: reading CSS needs one more package; pip install "rustem\[css\]"$'):
        palettes.read(saved(folder, "css").rename(folder / "x.css"))


@pytest.mark.filterwarnings("ignore:.*are left out")
@pytest.mark.parametrize(
    "hostile",
    ["--a: " + " " * 20_000, "--a: rgba(" + "(" * 20_000, "--a" * 7_000, "/*" * 10_000, "{" * 20_000, "--a:\n" * 4_000],
)
def test_time_for_css_grows_with_its_length_alone(folder, hostile):
    """A quadratic search of 20 kB, of which there are eight, would take minutes."""
    (folder / "x.css").write_text(":root { --red: #f00; }\n" + hostile * 8)
    with contextlib.suppress(ImageError):
        assert palettes.read(folder / "x.css").hex[0] == "#ff0000"


@pytest.mark.parametrize(("name", "megabytes"), [("x.css", 2), ("x.gpl", 16), ("x.ase", 16)])
def test_files_that_are_too_large(folder, name, megabytes):
    (folder / name).write_bytes(b"#" * ((megabytes << 20) + 1))
    with pytest.raises(ImageError, match=f"{name}: the file is larger than {megabytes} MB"):
        palettes.read(folder / name)


@pytest.mark.parametrize("name", ["x.css", "x.json", "x.gpl", "x.hex", "x.pal", "x.svg"])
def test_as_many_colors_as_there_can_be_and_more(folder, name):
    colors = np.random.default_rng(0).integers(0, 256, (65536, 3)).astype(np.uint8)
    palettes.write(folder / name, colors)
    np.testing.assert_array_equal(palettes.read(folder / name).colors, colors)


def test_gimp_palette_with_alpha(folder):
    text = "GIMP Palette\r\nChannels: RGBA\r\nName: a\x1bb\r\n#\r\n"
    text += "  0   0   0   0 Clear\r\n1 2 3 255\r\n4 5 6\t7\tSix  seven\r\n"
    (folder / "x.gpl").write_bytes(text.encode())
    palette = palettes.read(folder / "x.gpl")
    assert palette.names == ("Clear", "", "Six seven")
    assert palette.hex == ["#000000", "#010203", "#040506"]
    assert palette.title == "ab"
    (folder / "x.gpl").write_text("GIMP Palette\nChannels: RGBA\n1 2 3\n")
    with pytest.raises(ImageError, match="line 3 is no colour of 4 numbers"):
        palettes.read(folder / "x.gpl")


def test_swatches_of_books_are_left_out_and_wide_ink_is_read(folder):
    entry = struct.Struct(">5H")
    colors = [(0, 65535, 0, 0, 0), (3, 1, 2, 3, 4), (9, 10000, 0, 10000, 5000), (10, 1, 1, 1, 1), (14, 0, 0, 0, 0)]
    plain = b"".join(entry.pack(*color) for color in colors)
    named = b"".join(
        entry.pack(*color) + struct.pack(">I", 3) + f"N{number}\0".encode("utf-16-be")
        for number, color in enumerate(colors)
    )
    (folder / "one.aco").write_bytes(struct.pack(">HH", 1, 5) + plain)
    (folder / "two.aco").write_bytes(struct.pack(">HH", 1, 5) + plain + struct.pack(">HH", 2, 5) + named)
    for name, names in (("one.aco", ("", "")), ("two.aco", ("N0", "N2"))):
        with pytest.warns(
            UserWarning, match=f"{name}: 3 of 5 entries are left out.*: HKS, Pantone, space 14"
        ) as caught:
            palette = palettes.read(folder / name)
        assert len(caught) == 1
        assert (palette.hex, palette.names) == (["#ff0000", "#800080"], names)
    (folder / "books.aco").write_bytes(struct.pack(">HH", 1, 1) + entry.pack(*colors[1]))
    with pytest.raises(ImageError, match=r"books\.aco: the palette holds no colours but such as .*Pantone"):
        palettes.read(folder / "books.aco")


def test_swatch_exchange_of_an_unknown_model(folder):
    def block(model, *values):
        content = b"\0\2\0a\0\0" + model + struct.pack(f">{len(values)}f", *values) + b"\0\0"
        return struct.pack(">HI", 1, len(content)) + content

    data = b"ASEF\0\1\0\0\0\0\0\3" + block(b"HSB ", 0.1, 0.2, 0.3) + block(b"Gray", 1.0) + block(b"RGB ", 0, 1, 0)
    (folder / "x.ase").write_bytes(data)
    with pytest.warns(UserWarning, match=r"1 of 3 entries are left out.*: model b'HSB '"):
        assert palettes.read(folder / "x.ase").hex == ["#ffffff", "#00ff00"]


def test_color_tables_with_count_and_transparent_entry(folder):
    table = np.arange(768).astype(np.uint8).tobytes()
    for tail, expected in ((">HH", 4), (">Hh", 5)):
        (folder / "x.act").write_bytes(table + struct.pack(tail, 5, 1 if expected == 4 else -1))
        palette = palettes.read(folder / "x.act")
        assert len(palette) == expected
        assert ("#030405" in palette.hex) == (expected == 5)
    (folder / "x.act").write_bytes(table + b"\0\0\xff\xff")
    assert len(palettes.read(folder / "x.act")) == 256


@pytest.mark.parametrize("k", [16, 64, 256, 512])
def test_raw_tables(folder, k):
    colors = np.random.default_rng(k).integers(0, 256, (k, 3)).astype(np.uint8)
    (folder / "x.pal").write_bytes(colors.tobytes())
    np.testing.assert_array_equal(palettes.read(folder / "x.pal").colors, colors)


def test_jasc_with_alpha_and_svg_by_style(folder):
    (folder / "x.pal").write_text("JASC-PAL\n0100\n2\n1 2 3 255\n4 5 6 0\n")
    assert palettes.read(folder / "x.pal").hex == ["#010203", "#040506"]
    rects = '<g><rect style="stroke:none; fill: #010203"/><!-- c --><rect fill="none"/><rect fill="Navy"/></g>'
    (folder / "x.svg").write_text(f'<?xml version="1.0" encoding="utf-8"?><svg>{rects}</svg>')
    assert palettes.read(folder / "x.svg").hex == ["#010203", "#000080"]


def test_fully_transparent_entries_and_pixels_are_no_colors(folder):
    image = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2))
    image.putpalette([9, 9, 9, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(folder / "list.png", transparency=bytes([0, 255, 128, 255]))
    image.save(folder / "one.png", transparency=0)
    image.convert("RGB").save(folder / "key.png", transparency=(9, 9, 9))
    rgba = image.convert("RGBA")
    rgba.putpixel((0, 0), (9, 9, 9, 0))
    rgba.save(folder / "rgba.png")
    for name in ("list.png", "one.png", "key.png", "rgba.png"):
        assert palettes.read(folder / name).hex == ["#ff0000", "#00ff00", "#0000ff"]


HOSTILE_NAMES = [
    "\x1b]0;owned\x07red",
    "\ud800half",
    "a\u202eb",
    "two\r\nlines",
    "\x9b31m",
    "\u00a0 grün\t\u2028",
    "\0",
]
CLEAN_NAMES = ("]0;ownedred", "half", "ab", "two lines", "31m", "grün", "")


@pytest.mark.parametrize("kind", NAMED)
def test_names_are_cleaned(folder, kind):
    colors = np.arange(21).reshape(7, 3)
    palettes.write(folder / f"x.{kind}", colors, names=HOSTILE_NAMES, title="\x1b[2Jtitle\udfff")
    data = (folder / f"x.{kind}").read_bytes()
    assert b"\x1b" not in data
    palette = palettes.read(folder / f"x.{kind}")
    assert palette.names[:6] == CLEAN_NAMES[:6]
    assert palette.names[6] in ("", palette.hex[6])
    made = palettes.Palette(palette.colors, tuple(HOSTILE_NAMES), None, "\x1b[2Jtitle\udfff")
    assert (made.names, made.title) == (CLEAN_NAMES, "[2Jtitle")


def test_names_in_files_are_cleaned(folder):
    (folder / "x.json").write_text(json.dumps([{"hex": "#fff", "name": name} for name in HOSTILE_NAMES]))
    assert palettes.read(folder / "x.json").names == CLEAN_NAMES
    (folder / "x.gpl").write_bytes(b"GIMP Palette\nName: \x1b[31mt\n#\n1 2 3\t\x1b[5mblink\xff\n")
    palette = palettes.read(folder / "x.gpl")
    assert (palette.title, palette.names) == ("[31mt", ("[5mblink\ufffd",))


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


@pytest.mark.filterwarnings("ignore:.*are left out")
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
