"""Between picture files and arrays: orientation, depth, alpha, colour models and profiles, indexed PNG."""

from rustem.images.picture import Metadata, Picture
from rustem.images.reading import from_pil, read
from rustem.images.writing import write, write_indexed, write_labels

__all__ = ["Metadata", "Picture", "from_pil", "read", "write", "write_indexed", "write_labels"]
