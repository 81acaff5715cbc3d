"""Let ``python -m rustem`` do what ``rustem`` does."""

import sys

from rustem.cli import main

if __name__ == "__main__":
    sys.exit(main())
