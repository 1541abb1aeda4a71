"""Which batch normalizations a convolution absorbs; the others are given one."""

import collections
import dataclasses
from collections.abc import Collection, Iterator

from pipeline.legacy_keras import tf_keras
from pipeline.qat import activation_names
from pipeline.qat.expand import affine
from pipeline.qat.expand.steps import Made
from pipeline.qat.flow import Flow
from pipeline.qat.keras_graph import Call, Graph, Ref

_keras = tf_keras.layers


def expand(graph: Graph, convolutions: Collection[type], made: Made) -> Graph:
    """Returns the graph with a convolution in front of every batch normalization.

    Args:
      graph: A graph in which all else is expanded.
      convolutions: Types of the layers that can absorb one.
      made: See Steps.
    """
    graph = _with_reshapes_behind(graph, convolutions)
    absorbed = _absorbed(graph, convolutions)
    calls = [
        part
        for call in graph.calls
        for part in (
            affine.batch_normalization(call, made)
            if _is_batch_norm(call) and call.layer not in absorbed
            else [call]
        )
    ]
    return dataclasses.replace(graph, calls=tuple(calls))


def _absorbed(graph: Graph, convolutions: Collection[type]) -> set[tf_keras.layers.Layer]:
    """Returns the batch normalizations that in each of their calls follow one and the same layer.

    One that follows different layers belongs to none of them: its statistics are of all.
    """
    flow = Flow(graph)
    in_front: dict[tf_keras.layers.Layer, set[Call | None]] = collections.defaultdict(set)
    for call in filter(_is_batch_norm, graph.calls):
        maker = flow.maker_for_one(call.inputs[0])
        is_linear = (
            maker is not None
            and type(maker.layer) in convolutions
            and maker.is_ours
            and activation_names.of_layer(maker.layer) == "linear"
        )
        in_front[call.layer].add(maker if is_linear else None)
    return {
        norm
        for norm, makers in in_front.items()
        if None not in makers and len({maker and maker.layer for maker in makers}) == 1
    }


def _with_reshapes_behind(graph: Graph, convolutions: Collection[type]) -> Graph:
    """Moves reshapes behind the batch normalization and the ReLU after them.

    They run over the last axis, or over none, so that it does not matter what comes first; and a
    convolution of one dimension, which ends in a reshape, can absorb them.
    """
    while (pair := next(_movable(graph, convolutions), None)) is not None:
        reshape, behind = pair
        between = Ref(object(), reshape.operands[0].shape)
        moved = {
            behind: [
                dataclasses.replace(behind, args=reshape.operands, outputs=(between.tensor,)),
                dataclasses.replace(reshape, args=(between,), outputs=behind.outputs),
            ],
            reshape: [],
        }
        calls = (part for call in graph.calls for part in moved.get(call, [call]))
        graph = dataclasses.replace(graph, calls=tuple(calls))
    return graph


def _movable(graph: Graph, convolutions: Collection[type]) -> Iterator[tuple[Call, Call]]:
    """Yields (reshape, the layer behind it) where a convolution is in front of both."""
    flow = Flow(graph)
    for call in graph.calls:
        if not (call.is_ours and isinstance(call.layer, _keras.Reshape)):
            continue
        behind, maker = flow.only_reader(call.outputs[0]), flow.maker(call.inputs[0])
        is_folded = type(maker.layer) in convolutions or _is_batch_norm(maker)
        if behind is None or not (maker.is_ours and is_folded and behind.is_ours):
            continue
        keeps_channels = call.operands[0].shape[-1] == behind.operands[0].shape[-1]
        is_relu = isinstance(behind.layer, _keras.ReLU | _keras.Activation) and (
            activation_names.is_relu(activation_names.of_layer(behind.layer))
        )
        if keeps_channels and (_is_batch_norm(behind) or is_relu):
            yield call, behind


def _is_batch_norm(call: Call) -> bool:
    return call.is_ours and isinstance(call.layer, _keras.BatchNormalization)
