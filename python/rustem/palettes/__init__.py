"""Palettes and their files: read, written, named; palettes of devices.

========================= ============================ =====================================
format                    extension                    holds
========================= ============================ =====================================
GIMP, Inkscape, Krita     .gpl                         names
Adobe Swatch Exchange     .ase                         names
Photoshop swatches        .aco                         names
Photoshop colour table    .act                         up to 256 colours
JASC, Microsoft RIFF      .pal (JASC is written)       RIFF: up to 65535 colours
raw                       .pal (read only)             16, 64, 256 or 512 colours
JSON                      .json                        names, shares
CSS variables             .css (.scss is read)         names; reading needs tinycss2
list of hex numbers       .hex, .txt                   colours only
swatches to look at       .svg, .png                   SVG: names
========================= ============================ =====================================

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     path = Path(folder, "flag.gpl")
...     write(path, ["#000000", "#dd0000", "#ffcc00"], names=["black", "red", "gold"])
...     read(path)
Palette(['#000000', '#dd0000', '#ffcc00'], names=['black', 'red', 'gold'])
"""

from rustem.palettes.color_names import parse_hex
from rustem.palettes.devices import NAMED, named
from rustem.palettes.files import read, write
from rustem.palettes.palette import Palette
from rustem.palettes.writers import FORMATS

__all__ = ["FORMATS", "NAMED", "Palette", "named", "parse_hex", "read", "write"]
