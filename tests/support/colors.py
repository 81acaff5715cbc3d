"""Colours of a picture, and how far they are from a palette's."""

import numpy as np


def k_means_error(samples, weights, centres):
    squares = ((samples[:, None].astype(np.float64) - centres) ** 2).sum(axis=2)
    return squares.argmin(axis=1), np.average(squares.min(axis=1), weights=weights)


def distinct(picture):
    return np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)


def with_alpha(picture, alpha):
    return np.dstack([picture, np.broadcast_to(np.uint8(alpha), picture.shape[:2])])


def error_about_means(values, labels):
    """Mean squared distance of (n, d) values from the mean of all with their label."""
    counts = np.bincount(labels.ravel())[:, np.newaxis]
    sums = np.stack([np.bincount(labels.ravel(), column) for column in np.asarray(values, np.float64).T], axis=1)
    means = sums / np.maximum(counts, 1)
    return float(((values - means[labels.ravel()]) ** 2).sum(axis=1).mean())
