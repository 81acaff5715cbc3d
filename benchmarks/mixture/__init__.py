"""The fit of mixtures, and `segment`."""
