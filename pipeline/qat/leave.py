"""Leaves layers of a graph in float, and with each what its op would have taken in."""

import dataclasses
from collections.abc import Callable, Iterator

from pipeline.legacy_keras import tf_keras
from pipeline.qat import activation_names
from pipeline.qat.flow import Flow
from pipeline.qat.from_keras import GRID_KEEPING
from pipeline.qat.keras_graph import Call, Graph

_keras = tf_keras.layers
_ARITHMETIC = (_keras.Add, _keras.Subtract, _keras.Multiply)
_WEIGHTED = (
    _keras.Conv1D,
    _keras.Conv1DTranspose,
    _keras.Conv2D,
    _keras.Conv2DTranspose,
    _keras.DepthwiseConv1D,
    _keras.DepthwiseConv2D,
    _keras.SeparableConv1D,
    _keras.SeparableConv2D,
    _keras.Dense,
)


def leave(graph: Graph, is_left: Callable[[str], bool]) -> Graph:
    """Returns the graph with some layers no longer annotated.

    Args:
      graph: As it was flattened, not expanded.
      is_left: Asked by name of every annotated layer but those that keep their input's grid and
        those that another one takes in: a convolution or Dense its BatchNormalization and ReLU, an
        addition its ReLU.
    """
    flow = Flow(graph)
    taken_in: set[Call] = set()
    left: set[Call] = set()
    for call in graph.calls:
        if call.is_ours and call not in taken_in and not isinstance(call.layer, GRID_KEEPING):
            behind = list(_behind(flow, call))
            taken_in.update(behind)
            if is_left(call.origin):
                left.update((call, *behind))
    calls = (
        dataclasses.replace(call, is_annotated=False) if call in left else call
        for call in graph.calls
    )
    return dataclasses.replace(graph, calls=tuple(calls))


def _behind(flow: Flow, call: Call) -> Iterator[Call]:
    """Yields the BatchNormalization and the ReLU that a call takes in."""
    is_arithmetic = isinstance(call.layer, _ARITHMETIC)
    is_linear = (
        isinstance(call.layer, _WEIGHTED) and activation_names.of_layer(call.layer) == "linear"
    )
    reader = flow.only_reader(call.outputs[0]) if is_arithmetic or is_linear else None
    if reader is not None and is_linear and isinstance(reader.layer, _keras.BatchNormalization):
        yield reader
        reader = flow.only_reader(reader.outputs[0])
    if (
        reader is not None
        and isinstance(reader.layer, _keras.ReLU | _keras.Activation)
        and activation_names.is_relu(activation_names.of_layer(reader.layer))
    ):
        yield reader
