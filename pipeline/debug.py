"""Which layer of an integer model errs, and why?

Each quantization-aware layer is computed on the integer model's own input of its op, so that it
answers for itself alone, step by step from the unrounded layer to the integer op:

  float                 convolution, then batch normalization; nothing rounded
  folding               batch normalization inside the weights
  weight rounding       the flatbuffer's weights
  bias rounding         the flatbuffer's bias
  clipping              its output's range
  activation rounding   its output's grid
  kernel arithmetic     the integer op itself

What a step adds to the error is its part. Layers without weights begin at clipping. How the errors
of all layers add up on their way through the network is told beside: accumulated_error.py.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from pipeline import accumulated_error, flatbuffer, layer_ops, noise, qat
from pipeline.accumulated_error import AccumulatedError
from pipeline.errors import ModelError
from pipeline.graph import ABSENT, Operator, Subgraph, Tensor
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.layers import FoldedLayer
from pipeline.quant_params import QUANTIZED_LIMITS

# A layer without folded weights has none that a step of its own could round.
_UNROUNDED = dataclasses.replace(qat.EVALUATION, quantize_activations=False)

# Where an op keeps its weights and bias, and the axes that make the layer's kernel of its weights;
# of a depthwise convolution, a reshape does.
_WEIGHTS_BIAS_AXES: dict[str, tuple[int, int, tuple[int, ...] | None]] = {
    "CONV_2D": (1, 2, (1, 2, 3, 0)),
    "DEPTHWISE_CONV_2D": (1, 2, None),
    "FULLY_CONNECTED": (1, 2, (1, 0)),
    "TRANSPOSE_CONV": (1, 3, (1, 2, 0, 3)),
}
_NUM_WORST = 3


@dataclasses.dataclass(frozen=True)
class LayerErrors:
    """How far one layer's op is from the unrounded layer on the same input.

    Attributes:
      layer: Keras layer.
      op_index, op: The op that it became.
      integer_db: Signal-to-noise ratio of the integer op's output; None without signal or noise.
      fake_quant_db: Likewise of the fake-quantized layer's.
      cosine: Of the angle between the integer op's output and the unrounded layer's.
      parts: Share of each step's own noise in that of all steps, by its name; 0 to 1.
      worst_channels: Up to three (channel, share of the noise), the worst first.
      network: Against the unrounded network from the same pictures: the errors of all layers up to
        this one.
    """

    layer: str
    op_index: int
    op: str
    integer_db: float | None
    fake_quant_db: float | None
    cosine: float | None
    parts: Mapping[str, float]
    worst_channels: tuple[tuple[int, float], ...]
    network: AccumulatedError

    @property
    def cause(self) -> str:
        """The step with the largest part; "" where nothing errs."""
        worst = max(self.parts, key=lambda name: self.parts[name])
        return worst if self.parts[worst] > 0 else ""


def measure(model: bytes, qat_model: tf_keras.Model, *codes: np.ndarray) -> tuple[LayerErrors, ...]:
    """Returns the errors of each layer that became an op, in order of execution.

    Args:
      model: The flatbuffer.
      qat_model: The quantization-aware model that it was converted from, from `qat.load`; left in
        the phase of evaluation.
      *codes: Of each input of the model: integers[N, *shape of one example].

    Raises:
      ModelError: The flatbuffer was not converted from this model.
    """
    graph = flatbuffer.read(model).main
    pairs = layer_ops.pair(graph, qat_model)
    values = layer_ops.record(model, graph, codes)
    qat.set_phase(qat_model, qat.EVALUATION)
    accumulated = accumulated_error.measure(graph, pairs, values, qat_model, codes)
    return tuple(
        _errors(_Place(graph, op, values), layer, network)
        for (op, layer), network in zip(pairs, accumulated, strict=True)
    )


def suspects(errors: tuple[LayerErrors, ...]) -> list[LayerErrors]:
    """Returns the layers that err, the one with the worst signal-to-noise ratio first."""
    erring = [it for it in errors if it.integer_db is not None]
    return sorted(erring, key=lambda it: it.integer_db or 0.0)


@dataclasses.dataclass(frozen=True, eq=False)
class _Place:
    """An op, and the integer model's values around it."""

    graph: Subgraph
    op: Operator
    values: Mapping[int, np.ndarray]

    @property
    def inputs(self) -> list[Tensor]:
        return layer_ops.inputs(self.graph, self.op, self.values)

    @property
    def output(self) -> Tensor:
        return layer_ops.result(self.graph, self.op)

    def operand(self, position: int) -> Tensor | None:
        indices = self.op.inputs[position : position + 1]
        return self.graph.tensors[indices[0]] if indices and indices[0] != ABSENT else None


def _errors(place: _Place, layer: qat.QuantizedLayer, network: AccumulatedError) -> LayerErrors:
    output = place.output
    integer = layer_ops.real_values(output, place.values[output.index]).astype(np.float64)
    shape = integer.shape
    fake_quant_ = _call(place, layer, qat.EVALUATION).reshape(shape)
    stages = {
        name: layer_ops.fused(place.op, y).astype(np.float64).reshape(shape)
        for name, y in _real_stages(place, layer)
    }
    reference = stages["float"]
    last = list(stages.values())[-1]
    low, high, scale = _limits(place)
    stages["clipping"] = np.clip(last, low, high)
    stages["activation rounding"] = np.rint(stages["clipping"] / scale) * scale
    stages["kernel arithmetic"] = integer
    error = integer - reference
    return LayerErrors(
        layer=layer.name,
        op_index=place.op.index,
        op=place.op.op,
        integer_db=noise.decibel(reference, error),
        fake_quant_db=noise.decibel(reference, fake_quant_ - reference),
        cosine=noise.cosine(integer, reference),
        parts=_parts(stages),
        worst_channels=_worst_channels(error),
        network=network,
    )


def _real_stages(place: _Place, layer: qat.QuantizedLayer) -> Iterator[tuple[str, np.ndarray]]:
    """Yields what a layer computes before its output is rounded, from "float" on."""
    if not isinstance(layer, FoldedLayer):
        yield "float", _call(place, layer, _UNROUNDED)
        return
    (tensor,) = place.inputs
    real = layer_ops.real_values(tensor, place.values[tensor.index])
    x = tf.constant(layer_ops.padded(place.op, layer, real))
    weights, bias = layer.folded_weights()
    kernel = layer.from_channels_last(weights)
    stored_kernel, stored_bias = _stored(place, layer, tensor)

    def activated(y: tf.Tensor) -> np.ndarray:
        return fake_quant.activate(y, layer.output_spec.activation).numpy()

    yield "float", activated(_unfolded(layer, x))
    yield "folding", activated(layer.kernel_op(x, kernel) + bias)
    yield "weight rounding", activated(layer.kernel_op(x, stored_kernel) + bias)
    yield "bias rounding", activated(layer.kernel_op(x, stored_kernel) + stored_bias)


def _unfolded(layer: FoldedLayer, x: tf.Tensor) -> tf.Tensor:
    """Returns the convolution, and then its batch normalization by moving statistics."""
    y = layer.kernel_op(x, layer.kernel)
    if layer.bias is not None:
        y = y + layer.bias
    if layer.batch_norm is None:
        return y
    deviation = (layer.moving_variance + layer.batch_norm.epsilon) ** 0.5
    return (y - layer.moving_mean) / deviation * layer.gamma + layer.beta


def _stored(place: _Place, layer: FoldedLayer, x: Tensor) -> tuple[np.ndarray, np.ndarray | float]:
    """Returns kernel and bias as the flatbuffer has them, in real numbers."""
    weights_at, bias_at, axes = _WEIGHTS_BIAS_AXES[place.op.op]
    weights, bias = place.operand(weights_at), place.operand(bias_at)
    assert weights is not None
    assert weights.quantization is not None
    assert x.quantization is not None
    if weights.data is None:
        raise ModelError(
            f"op {place.op.index} {place.op.op}, layer {layer.name}: needed constant weights"
        )
    kernel = weights.quantization.dequantize(weights.data).astype(np.float32)
    kernel = kernel.reshape(layer.kernel.shape) if axes is None else kernel.transpose(axes)
    if bias is None or bias.data is None:
        return kernel, 0.0
    # The kernel adds it to the sum, whatever scale the file gives it.
    scale = x.quantization.per_tensor[0] * np.array(weights.quantization.scale)
    return kernel, (bias.data * scale).astype(np.float32)


def _call(place: _Place, layer: qat.QuantizedLayer, phase: qat.Phase) -> np.ndarray:
    """Returns what a layer computes in a phase of the real values of its op's inputs."""
    with qat.in_phase([layer], phase):
        return layer_ops.call(place.graph, place.op, layer, place.values)


def _limits(place: _Place) -> tuple[float, float, float]:
    """Returns the range of an op's output and its step, as real numbers."""
    output = place.output
    assert output.quantization is not None
    scale, zero_point = output.quantization.per_tensor
    low, high = QUANTIZED_LIMITS[output.dtype]
    for op in place.graph.operators:
        if op.op == "MAXIMUM" and output.index in op.outputs:  # Fewer bits than the type has.
            constants = (place.graph.tensors[index].data for index in op.inputs)
            low = max([low, *(int(data.max()) for data in constants if data is not None)])
    return (low - zero_point) * scale, (high - zero_point) * scale, scale


def _parts(stages: Mapping[str, np.ndarray]) -> dict[str, float]:
    names, values = list(stages), list(stages.values())
    powers = {
        name: float(np.square(after - before).sum())
        for name, before, after in zip(names[1:], values[:-1], values[1:], strict=True)
    }
    total = sum(powers.values())
    return {name: power / total if total else 0.0 for name, power in powers.items()}


def _worst_channels(error: np.ndarray) -> tuple[tuple[int, float], ...]:
    powers = np.square(error).sum(tuple(range(error.ndim - 1)))
    total = float(powers.sum())
    order = np.argsort(-powers, kind="stable")[:_NUM_WORST].tolist()
    return tuple((channel, float(powers[channel]) / total) for channel in order if powers[channel])
