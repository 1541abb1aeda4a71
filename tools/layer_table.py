"""The table of layers that tools.train ends with and tools.layers shows again."""

import dataclasses

import rich.box
from rich.table import Table

from pipeline import layer_warnings
from pipeline.layer_figures import LayerFigures, RangeFigures
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
        table.add_row(layer.layer, *_range(layer.output), *_others(layer))
    cli.console().print(table)
    for warning in layer_warnings.check(content.layers):
        print(f"warning: {warning}")


def _range(output: RangeFigures | None) -> list[str]:
    if output is None:
        return [""] * 7
    return [
        output.learner or "",
        f"{output.minimum:.4g} to {output.maximum:.4g}",
        f"{output.scale:.4g}",
        str(output.zero_point),
        str(output.bits),
        f"{output.used_share:.0%}",
        _small_share(output.saturation),
    ]


def _others(layer: LayerFigures) -> list[str]:
    drift = None if layer.batch_norm is None else layer.batch_norm.median
    dead, weights = len(layer.dead_channels), layer.weights
    return [
        *("" if it is None else f"{it:.1f}" for it in dataclasses.astuple(layer.noise)),
        "" if drift is None else f"{drift:.2f}",
        f"{dead} of {layer.num_channels}" if dead else "",
        *(("", "") if weights is None else (str(weights.bits), str(min(weights.codes_used)))),
    ]


def _small_share(share: float) -> str:
    if share == 0.0:
        return ""
    return f"{share:.2%}" if share >= 0.0001 else "<0.01%"
