"""Command-line tools, one per stage: `python -m tools.NAME --help`."""
