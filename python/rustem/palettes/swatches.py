"""Palettes to look at: swatches in SVG, PNG and HTML; and the colours of any picture."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from rustem.exceptions import ImageError
from rustem.palettes.entries import MOST_COLORS, Parsed

if TYPE_CHECKING:
    from rustem.palettes.entries import Entries

_SWATCH = 32  # pixels
_COLUMNS = 16
# In a notebook, which keeps what it shows in its file.
_MOST_TOLD = 64
_MOST_DRAWN = 1024


def read_picture(name: str) -> Parsed:
    """The palette of an indexed picture, or each distinct colour of another, in the order of their first pixels."""
    from PIL import Image

    from rustem import _core
    from rustem.images import from_pil, read
    from rustem.images.decoding import reading
    from rustem.images.formats import open_image
    from rustem.images.picture import white_level

    with reading(name), open(name, "rb") as file, open_image(file) as image:
        indexed = image.mode == "P" and image.palette is not None
        if indexed:
            # A picture of the entries that pixels have: others fill the palette up. It is converted as others are.
            image.load()
            used = np.flatnonzero(image.histogram()[:256]).astype(np.uint8)
            swatches = Image.fromarray(used[np.newaxis])
            swatches.putpalette(image.getpalette("RGB") or [])
            swatches.info = {key: value for key, value in image.info.items() if "exif" not in key and "xmp" not in key}
            picture = from_pil(swatches, name)
    if not indexed:
        picture = read(name)
    pixels, unit = picture.pixels, white_level(picture.pixels.dtype)
    if pixels.shape[2:] not in ((), (3,)) or (pixels.dtype.kind == "f" and not ((pixels >= 0) & (pixels <= 1)).all()):
        raise ImageError(f"{name}: this is no picture in grey or RGB; convert it to PNG")
    if pixels.dtype != np.uint8:
        pixels = np.rint(pixels * (255 / unit)).astype(np.uint8)
    colors = np.repeat(pixels[..., np.newaxis], 3, axis=2) if pixels.ndim == 2 else pixels
    # What is fully transparent is no colour.
    colors = np.ascontiguousarray(colors.reshape(-1, 3) if picture.alpha is None else colors[picture.alpha > 0])
    if indexed or len(colors) == 0:
        return Parsed(colors)
    counted = _core.count_colors(colors, 1)
    if counted is None or len(counted[0]) > MOST_COLORS:
        raise ImageError(f"{name}: the picture has too many colours for a palette; quantize it first")
    colors, _, index = counted
    _, first = np.unique(index, return_index=True)
    return Parsed(colors[np.argsort(first)])  # in the order of their first pixels: that of the swatches


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
