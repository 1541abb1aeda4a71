"""A graph of Keras layers as one of fewer kinds: each of them one integer op, or folded into one.

Nothing is quantized here: the expanded graph computes what the given one computes, in float.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator

from pipeline.legacy_keras import tf_keras
from pipeline.qat.expand import (
    activation_functions,
    affine,
    arithmetic,
    batch_norms,
    convolutions,
    hard_swish,
    one_dimensional,
    op_layers,
    pooling,
    settings,
)
from pipeline.qat.expand.steps import Made
from pipeline.qat.keras_graph import Call, Graph, with_unique_names

_keras = tf_keras.layers


def _conv_2d(call: Call, made: Made) -> list[Call] | None:
    return convolutions.grouped(call, made) or activation_functions.behind(call, made)


def _dense(call: Call, made: Made) -> list[Call] | None:
    return convolutions.dense(call, made) or activation_functions.behind(call, made)


# By exact type. A function returns None where the layer stays as it is; what it returns is expanded
# in turn.
_EXPANSIONS: dict[type, Callable[[Call, Made], list[Call] | None]] = {
    _keras.BatchNormalization: affine.check_axis,
    op_layers.OP_LAYER: op_layers.expand,
    _keras.Add: arithmetic.chain,
    _keras.Multiply: arithmetic.chain,
    _keras.Average: arithmetic.average,
    _keras.Rescaling: affine.rescaling,
    _keras.Normalization: affine.normalization,
    _keras.Activation: activation_functions.parts,
    _keras.ReLU: activation_functions.leaky,
    _keras.Dense: _dense,
    _keras.Conv2D: _conv_2d,
    _keras.DepthwiseConv2D: activation_functions.behind,
    _keras.Conv2DTranspose: activation_functions.behind,
    _keras.SeparableConv2D: convolutions.separable,
    _keras.GlobalAveragePooling2D: pooling.global_average,
    _keras.Conv1D: one_dimensional.convolution,
    _keras.DepthwiseConv1D: one_dimensional.convolution,
    _keras.SeparableConv1D: one_dimensional.convolution,
    _keras.Conv1DTranspose: one_dimensional.convolution,
    _keras.MaxPooling1D: one_dimensional.pooling,
    _keras.AveragePooling1D: one_dimensional.pooling,
    _keras.GlobalMaxPooling1D: one_dimensional.global_pooling,
    _keras.GlobalAveragePooling1D: one_dimensional.global_pooling,
    _keras.UpSampling1D: one_dimensional.upsampling,
}


def expand(graph: Graph, convolutions: Collection[type]) -> Graph:
    """Expands the annotated layers of a graph; weights are copied where they change shape.

    Args:
      graph: From keras_graph.flatten.
      convolutions: Types of the layers into which a batch normalization behind them is folded.

    Raises:
      UnsupportedLayerError: A layer has a setting without integer counterpart; names both.
    """
    for call in graph.calls:
        if call.is_ours:
            settings.check(call)
    made: Made = {}
    calls = tuple(expanded for call in graph.calls for expanded in _expanded(call, made))
    graph = hard_swish.recognize(dataclasses.replace(graph, calls=calls))
    graph = batch_norms.expand(graph, convolutions, made)
    return dataclasses.replace(graph, calls=with_unique_names(graph.calls))


def _expanded(call: Call, made: Made) -> Iterator[Call]:
    """Yields the calls in place of one, each in turn expanded."""
    expansion = _EXPANSIONS.get(type(call.layer))
    parts = expansion(call, made) if expansion is not None and call.is_ours else None
    if parts is None:
        yield call
    else:
        for part in parts:
            yield from _expanded(part, made)
