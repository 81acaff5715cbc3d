"""Small made pictures."""

import numpy as np


def blocks(height=120, width=160, channels=3, dtype=np.uint8):
    """Four areas that differ by far, with a little noise."""
    means = np.array([[40, 60, 200], [220, 200, 40], [60, 160, 60], [150, 30, 60]])
    area = (np.arange(height)[:, None] >= height // 2) * 2 + (np.arange(width) >= width // 2)
    noise = np.random.default_rng(0).normal(0, 3, (height, width, 3))
    picture = np.clip(means[area] + noise, 0, 255)[..., np.arange(channels) % 3]
    return (np.rint(picture) * (257 if dtype == np.uint16 else 1)).astype(dtype), area
