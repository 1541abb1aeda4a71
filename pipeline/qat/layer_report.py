"""Measures a trained quantization-aware model layer by layer, best on examples it has not seen.

The model runs twice on each batch: unrounded (folded weights as they are, no activation rounded),
then as it evaluates. In the second run each layer also computes, from the rounded input that it
got, what it would give unrounded. Nothing of the model changes. Runs eagerly: few batches take less
time than tracing.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from pipeline.errors import InputError
from pipeline.layer_figures import LayerFigures
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import activation_names, layer_sums
from pipeline.qat.control import in_phase, quantized_layers
from pipeline.qat.layers import FoldedLayer, QuantizedLayer
from pipeline.qat.phase import EVALUATION, FLOAT

# With rounded weights, so that what the range cuts off and what it does not can be told.
_UNCLAMPED = dataclasses.replace(EVALUATION, quantize_activations=False)

_Call = Callable[..., Any]


def measure(
    model: tf_keras.Model, batches: Iterable[Any], float_model: tf_keras.Model | None = None
) -> tuple[LayerFigures, ...]:
    """Returns the figures of every quantized layer, in the order of the model.

    Args:
      model: A trained quantization-aware model; left as it is.
      batches: float32 batches as the model takes them. A few hundred examples tell enough.
      float_model: A model to compare with, whose layers have the same names: that which was
        quantized.

    Raises:
      InputError: There is no batch.
    """
    layers = quantized_layers(model)
    counterparts = None if float_model is None else _counterparts(layers, float_model)
    totals: dict[str, layer_sums.Sums] = {layer.name: {} for layer in layers}
    is_measured = False
    for batch in batches:
        is_measured = True
        for name, sums in _measure_batch(model, layers, counterparts, batch).items():
            layer_sums.add(totals[name], sums)
    if not is_measured:
        raise InputError(f"model {model.name!r}: needed a batch to measure its layers on, got none")
    return tuple(layer_sums.figures(layer, totals[layer.name]) for layer in layers)


def _counterparts(layers: Iterable[QuantizedLayer], float_model: tf_keras.Model) -> tf_keras.Model:
    """Returns a model that gives {layer name: output of that layer in the float model}."""
    by_name = {layer.name: layer for layer in float_model.layers}
    outputs = {}
    for layer in layers:
        # What it has absorbed comes last.
        counterpart = by_name.get((layer.name, *layer.absorbed)[-1])
        if (
            counterpart is not None
            and len(counterpart.inbound_nodes) == 1
            and _activates_alike(layer, counterpart)
        ):
            outputs[layer.name] = counterpart.output
    return tf_keras.Model(float_model.inputs, outputs)


def _activates_alike(layer: QuantizedLayer, counterpart: tf_keras.layers.Layer) -> bool:
    """Returns False of a Dense whose softmax has become a layer of its own, and the like."""
    if not isinstance(layer, FoldedLayer):
        return True
    activation = activation_names.of_layer(counterpart) or activation_names.describe(counterpart)
    return (activation or "linear") == layer.output_spec.activation


def _measure_batch(
    model: tf_keras.Model,
    layers: Sequence[QuantizedLayer],
    counterparts: tf_keras.Model | None,
    batch: Any,
) -> dict[str, layer_sums.Sums]:
    """Returns {layer name: sums over the batch}."""
    in_network: dict[str, list[tf.Tensor]] = {layer.name: [] for layer in layers}
    in_float_model = {} if counterparts is None else counterparts(batch, training=False)
    sums: dict[str, layer_sums.Sums] = {layer.name: {} for layer in layers}

    def run_unrounded(layer: QuantizedLayer, call: _Call, *args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        in_network[layer.name].append(_values(result))
        return result

    def run_rounded(layer: QuantizedLayer, call: _Call, *args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        with in_phase([layer], _UNCLAMPED):
            free = call(*args, **kwargs)
        with in_phase([layer], FLOAT):
            unrounded = call(*args, **kwargs)
        references = {
            "layer": _values(unrounded),
            "network": in_network[layer.name].pop(0),  # A shared layer is called several times.
            "float_model": in_float_model.get(layer.name),
        }
        layer_sums.add(sums[layer.name], layer_sums.of_output(result, _values(free), references))
        if isinstance(layer, FoldedLayer):
            grid = kwargs.get("input_grid")
            input_scale = None if grid is None else grid[2]
            layer_sums.add(sums[layer.name], layer_sums.of_folded(layer, args[0], input_scale))
        return result

    for observer, phase in ((run_unrounded, FLOAT), (run_rounded, EVALUATION)):
        with _observed(layers, observer), in_phase(layers, phase):
            model(batch, training=False)
    return sums


@contextlib.contextmanager
def _observed(layers: Iterable[QuantizedLayer], observer: _Call) -> Generator[None, None, None]:
    """Lets observer(layer, the layer's own call, *args, **kwargs) answer all calls of layers."""

    def answer(layer: QuantizedLayer) -> _Call:
        call = layer.call
        return lambda *args, **kwargs: observer(layer, call, *args, **kwargs)

    try:
        for layer in layers:
            layer.call = answer(layer)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("call", None)  # The class's own shows again.


def _values(result: Any) -> tf.Tensor:
    """Returns the values of what a layer gave: values alone, or (values, grid)."""
    return result[0] if isinstance(result, tuple) else result
