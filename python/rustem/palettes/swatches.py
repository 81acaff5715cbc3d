"""Palettes to look at: swatches in SVG, PNG and HTML; and the colours of any picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from rustem.exceptions import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rustem.palettes.entries import Entries

_SWATCH = 32  # pixels
_COLUMNS = 16
# In a notebook, which keeps what it shows in its file.
_MOST_TOLD = 64
_MOST_DRAWN = 1024


def read_picture(name: str) -> tuple[NDArray[Any], Sequence[str], str]:
    """The palette of an indexed picture, or each distinct colour of another, in the order of their first pixels."""
    from PIL import Image

    from rustem import _core
    from rustem.images.decoding import reading

    with reading(name), Image.open(name) as image:
        if image.mode == "P" and image.palette is not None:
            image.load()
            entries = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
            used = np.flatnonzero(image.histogram()[:256])
            hidden = image.info.get("transparency")
            # Entries that no pixel has fill the palette up, or stand for transparency.
            return entries[[entry for entry in used if entry != hidden and entry < len(entries)]], (), ""
        pixels = np.ascontiguousarray(image.convert("RGB")).reshape(-1, 3)
    counted = _core.count_colors(pixels, 1)
    if counted is None or len(counted[0]) > 65536:
        raise ImageError(f"{name}: the picture has too many colours for a palette; quantize it first")
    colors, _, index = counted
    _, first = np.unique(index, return_index=True)
    return colors[np.argsort(first)], (), ""  # in the order of their first pixels: that of the swatches


def png_bytes(palette: Entries) -> bytes:
    """Swatches in rows of sixteen, as an indexed PNG where the palette fits."""
    from PIL import Image

    columns, rows = min(len(palette), _COLUMNS), -(-len(palette) // _COLUMNS)
    cells = np.full(columns * rows, len(palette) - 1)
    cells[: len(palette)] = np.arange(len(palette))
    size = _SWATCH if len(palette) <= 4096 else 4
    index = cells.reshape(rows, columns).repeat(size, axis=0).repeat(size, axis=1)
    file, options = io.BytesIO(), {"optimize": True}
    if len(palette) <= 256:
        image = Image.fromarray(index.astype(np.uint8))
        image.putpalette(palette.colors.tobytes())
    else:
        image = Image.fromarray(palette.colors[index])
    image.save(file, "PNG", **options)
    return file.getvalue()


def svg_bytes(palette: Entries) -> bytes:
    """A row of swatches for each sixteen colours, their names as tooltips."""
    columns, rows = min(len(palette), _COLUMNS), -(-len(palette) // _COLUMNS)
    width, height = columns * _SWATCH, rows * _SWATCH
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">']
    for number, (hex_number, name) in enumerate(zip(palette.hex, palette.names, strict=True)):
        x, y = number % _COLUMNS * _SWATCH, number // _COLUMNS * _SWATCH
        title = f"<title>{escape(name)}</title>" if name else ""
        lines.append(f'<rect x="{x}" y="{y}" width="{_SWATCH}" height="{_SWATCH}" fill="{hex_number}">{title}</rect>')
    return "\n".join([*lines, "</svg>", ""]).encode("utf-8", "replace")


def html(palette: Entries) -> str:
    """Swatches for a notebook: up to 64 with number, share and name below, of more colours the swatches alone."""
    told = len(palette) <= _MOST_TOLD
    side = "width:88px;height:40px" if told else "width:20px;height:20px"
    shares = [""] * len(palette) if palette.shares is None else [f"{share:.1%}" for share in palette.shares]
    cells = []
    for color, share, name in list(zip(palette.hex, shares, palette.names, strict=True))[:_MOST_DRAWN]:
        facts = [escape(fact) for fact in (color, share, name) if fact]
        below = f'<div style="width:88px;overflow-wrap:anywhere">{"<br>".join(facts)}</div>' if told else ""
        cells.append(f'<div title="{" ".join(facts)}"><div style="{side};background:{color}"></div>{below}</div>')
    more = f"<div>… and {len(palette) - _MOST_DRAWN} more</div>" if len(palette) > _MOST_DRAWN else ""
    style = f"display:flex;flex-wrap:wrap;gap:{6 if told else 1}px;font:11px/1.4 monospace"
    count = f"{len(palette)} colour" + "s" * (len(palette) != 1)
    heading = ": ".join(filter(None, [escape(palette.title), count]))
    page = f'<div>{heading}</div><div style="{style}">{"".join(cells)}{more}</div>'
    return page.encode("utf-8", "replace").decode()
