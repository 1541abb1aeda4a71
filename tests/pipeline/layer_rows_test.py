"""Cells of a layer, for tables."""

import dataclasses

from pipeline import layer_rows
from pipeline.layer_figures import LayerFigures, NoiseFigures, RangeFigures, WeightFigures

_LAYER = LayerFigures(
    layer="conv",
    kind="Conv2D",
    output=RangeFigures("ema", True, -1.0, 2.0, 0.0117, -43, 256, 128, 10_000_000, 3),
    noise=NoiseFigures(40.06, None, 20.0),
    num_channels=8,
    dead_channels=(1, 2),
    rounded_to_death=(),
    weights=WeightFigures(8, True, 0.1, 0.2, 9, (9, 5)),
    batch_norm=None,
)


def test_all_cells():
    row = layer_rows.row(_LAYER)
    assert row[:8] == ["conv", "ema", "-1 to 2", "0.0117", "-43", "8", "50%", "<0.01%"]
    assert row[8:] == ["40.1", "", "20.0", "", "2 of 8", "8", "5"]


def test_as_many_cells_without_range_and_weights():
    bare = dataclasses.replace(_LAYER, output=None, weights=None)
    assert len(layer_rows.row(bare)) == len(layer_rows.row(_LAYER)) == 15
