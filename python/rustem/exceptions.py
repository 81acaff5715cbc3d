"""Everything that rustem raises or warns of."""

__all__ = ["ConvergenceWarning", "ImageError", "InvalidInputError", "RustemError"]


class RustemError(Exception):
    """Root of all errors that rustem raises on purpose; each message is one line that says what to do."""


class InvalidInputError(RustemError, ValueError):
    """An argument or an array cannot be used: wrong shape, NaN, a number out of range, and so on."""


class ImageError(RustemError, OSError):
    """A picture cannot be read or written."""


class ConvergenceWarning(UserWarning):
    """The iterations ended before the likelihood settled within ``tol``."""
