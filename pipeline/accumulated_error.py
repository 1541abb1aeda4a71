"""Where does the integer model's error enter, and where does it grow?

The integer model and the unrounded quantization-aware model run from the same pictures; each
layer's output in the one is compared with its output in the other. What the layers before it erred
is in it, which pipeline/debug.py's errors of single layers leave out.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import layer_ops, noise, qat
from pipeline.graph import Operator, Subgraph
from pipeline.legacy_keras import tf_keras


@dataclasses.dataclass(frozen=True)
class AccumulatedError:
    """How far the integer model has come off at a layer; None where nothing can be compared.

    Attributes:
      db: Signal-to-noise ratio; None without signal or noise, and for a layer that the model calls
        several times.
      cosine: Of the angle between both outputs; None as `db` and where one is all 0.
      change_db: `db` less the lowest one of the layers that it reads from; below 0 the error grows.
    """

    db: float | None
    cosine: float | None
    change_db: float | None


def measure(
    graph: Subgraph,
    pairs: Sequence[tuple[Operator, qat.QuantizedLayer]],
    values: Mapping[int, np.ndarray],
    qat_model: tf_keras.Model,
    codes: Sequence[np.ndarray],
) -> list[AccumulatedError]:
    """Returns the error at each of `pairs`.

    Args:
      graph: The subgraph of the ops.
      pairs: From layer_ops.pair().
      values: From layer_ops.record().
      qat_model: The quantization-aware model; left as it is.
      codes: What `values` follow from, of each input of the model.
    """
    outputs = _unrounded_outputs(qat_model, layer_ops.real_inputs(graph, codes))
    ratios: dict[int, float | None] = {}
    cosines: dict[int, float | None] = {}
    for op, layer in pairs:
        ratios[op.index] = cosines[op.index] = None
        if layer.name in outputs:
            tensor = layer_ops.result(graph, op)
            integer = layer_ops.real_values(tensor, values[tensor.index]).astype(np.float64)
            real = layer_ops.fused(op, outputs[layer.name]).astype(np.float64)
            real = real.reshape(integer.shape)
            ratios[op.index] = noise.decibel(real, integer - real)
            cosines[op.index] = noise.cosine(real, integer)
    return [
        AccumulatedError(ratios[op.index], cosines[op.index], _change(graph, op, ratios))
        for op, _ in pairs
    ]


def _unrounded_outputs(qat_model: tf_keras.Model, inputs: Any) -> dict[str, np.ndarray]:
    """Returns what each layer gives that is called once, by its name."""
    layers = qat.quantized_layers(qat_model)
    outputs = {it.name: _values(it.output) for it in layers if len(it.inbound_nodes) == 1}
    with qat.in_phase(layers, qat.FLOAT):
        found = tf_keras.Model(qat_model.inputs, outputs)(inputs, training=False)
    return {name: value.numpy() for name, value in found.items()}


def _values(output: Any) -> Any:
    """Returns the values of a layer's output: values alone, or values and their grid."""
    return output[0] if isinstance(output, list | tuple) else output


def _change(graph: Subgraph, op: Operator, ratios: Mapping[int, float | None]) -> float | None:
    before = [ratio for it in _sources(graph, op, ratios) if (ratio := ratios[it]) is not None]
    own = ratios[op.index]
    return own - min(before) if before and own is not None else None


def _sources(graph: Subgraph, op: Operator, known: Mapping[int, object]) -> set[int]:
    """Returns the nearest ops in `known` that an op's inputs come from."""
    makers = {index: maker for maker in graph.operators for index in maker.outputs}
    found: set[int] = set()
    waiting = list(op.inputs)
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is not None and maker.index in known:
            found.add(maker.index)
        elif maker is not None:
            waiting.extend(maker.inputs)
    return found
