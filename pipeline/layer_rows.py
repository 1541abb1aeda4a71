"""The figures of a layer as texts, for every table of them.

Leaf module: imports no stage and no TensorFlow.
"""

import dataclasses

from pipeline.layer_figures import LayerFigures, RangeFigures


def row(layer: LayerFigures) -> list[str]:
    """Returns the cells of one layer.

    They are: layer, learner, range, scale, zero point, bits, codes used, saturated, SQNR of the
    layer, of the network and to the float model, median drift of batch normalization, dead
    channels, bits of the weights, and the fewest codes that the weights of a channel have.
    """
    return [layer.layer, *_range(layer.output), *_others(layer)]


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
