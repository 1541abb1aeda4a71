"""The table of layers that tools.train ends with and tools.layers shows again."""

import rich.box
from rich.table import Table

from pipeline import layer_rows, layer_warnings
from pipeline.layer_file import LayerFile
from tools import cli

# (title, whether numbers stand below it)
_COLUMNS = (
    ("layer", False),
    ("learner", False),
    ("range", False),
    ("scale", True),
    ("zero\npoint", True),
    ("bits", True),
    ("codes\nused", True),
    ("satu-\nrated", True),
    ("SQNR, dB\nlayer", True),
    ("\nnetwork", True),
    ("\nto float", True),
    ("BN\ndrift", True),
    ("dead\nchannels", True),
    ("weight\nbits", True),
    ("fewest\ncodes", True),
)


def show(content: LayerFile) -> None:
    """Prints the table and the warnings below it."""
    table = Table(
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=f"layers, measured on {content.num_examples} held-out pictures",
        title_justify="left",
    )
    for title, is_number in _COLUMNS:
        table.add_column(title, justify="right" if is_number else "left", vertical="bottom")
    for layer in content.layers:
        table.add_row(*layer_rows.row(layer))
    cli.console().print(table)
    for warning in layer_warnings.check(content.layers):
        print(f"warning: {warning}")
