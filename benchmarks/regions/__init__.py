"""Regions against what people drew."""
