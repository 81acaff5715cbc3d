"""Palettes, dithering, indexed PNG."""
