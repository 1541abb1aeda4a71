"""Command-line tools, one per stage: `python -m tools.NAME --help`."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - This is what tells it; later syntax would not.
    print(
        f"error: needed Python 3.10 to 3.13, got {sys.version.split()[0]}: run the tools with "
        ".venv/bin/python, which `make test PYTHON=python3.X` makes",
        file=sys.stderr,
    )
    raise SystemExit(2)
