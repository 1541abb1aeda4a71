"""Which op of a flatbuffer a quantization-aware layer has become, and what goes into it."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline import qat, tensor_names
from pipeline.errors import ModelError
from pipeline.graph import Operator, Subgraph, Tensor
from pipeline.interpreter import Interpreter
from pipeline.legacy_keras import tf_keras
from pipeline.qat import layers as qat_layers
from pipeline.quant_params import QUANTIZED_LIMITS

# The ops that a layer becomes. The converter may fuse a ReLU that keeps its input's grid into any.
_OPS = {
    qat_layers.QuantizedConv2D: ("CONV_2D",),
    qat_layers.QuantizedConv2DTranspose: ("TRANSPOSE_CONV",),
    qat_layers.QuantizedDepthwiseConv2D: ("DEPTHWISE_CONV_2D",),
    qat_layers.QuantizedDense: ("FULLY_CONNECTED",),
    qat_layers.QuantizedAdd: ("ADD",),
    qat_layers.QuantizedShift: ("ADD",),
    qat_layers.QuantizedSubtract: ("SUB",),
    qat_layers.QuantizedMultiply: ("MUL",),
    qat_layers.QuantizedScale: ("MUL",),
    qat_layers.QuantizedConcatenate: ("CONCATENATION",),
    qat_layers.QuantizedActivation: ("RELU",),
    qat_layers.QuantizedLeakyReLU: ("LEAKY_RELU",),
    qat_layers.QuantizedPReLU: ("PRELU",),
    qat_layers.QuantizedHardSwish: ("HARD_SWISH",),
    qat_layers.QuantizedSigmoid: ("LOGISTIC",),
    qat_layers.QuantizedTanh: ("TANH",),
    qat_layers.QuantizedAveragePooling2D: ("AVERAGE_POOL_2D",),
    qat_layers.QuantizedGlobalAveragePooling2D: ("MEAN",),
    qat_layers.QuantizedResize: ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
    qat_layers.QuantizedSoftmax: ("SOFTMAX",),
}
# They round to a grid that is not learned.
_RANGELESS = (
    qat_layers.QuantizedAveragePooling2D,
    qat_layers.QuantizedResize,
    qat_layers.QuantizedScale,
    qat_layers.QuantizedSigmoid,
    qat_layers.QuantizedTanh,
    qat_layers.QuantizedSoftmax,
)


def pair(graph: Subgraph, qat_model: tf_keras.Model) -> list[tuple[Operator, qat.QuantizedLayer]]:
    """Returns the ops that layers of a quantization-aware model have become, each with its layer.

    Raises:
      ModelError: There is none: the flatbuffer was not converted from this model.
    """
    layers = {layer.name: layer for layer in qat.quantized_layers(qat_model)}
    pairs = [
        (op, layer) for op in graph.operators if (layer := _layer_of(graph, op, layers)) is not None
    ]
    if not pairs:
        raise ModelError(
            f"model {qat_model.name!r}: no op of the flatbuffer is named after a layer of the run; "
            "needed the flatbuffer that tools.convert made of it"
        )
    return pairs


def _layer_of(
    graph: Subgraph, op: Operator, layers: Mapping[str, qat.QuantizedLayer]
) -> qat.QuantizedLayer | None:
    """Returns the layer that an op came from, if it is to be compared.

    It is the last of those that the op fuses which becomes such an op: a Reshape or a ReLU behind
    it may come before it in the name.
    """
    parts = graph.tensors[op.outputs[0]].name.split(";")
    names = (tensor_names.keras_layer(part, layers) or "" for part in parts)
    found = (layers[name] for name in names if name in layers)
    return next((layer for layer in found if _becomes(layer, op)), None)


def _becomes(layer: qat.QuantizedLayer, op: Operator) -> bool:
    has_grid = layer.output_range is not None or type(layer) in _RANGELESS
    return has_grid and op.op in _OPS.get(type(layer), ())


def record(model: bytes, graph: Subgraph, codes: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """Returns every computed tensor of the integer model, examples stacked along dimension 0.

    Args:
      model: The flatbuffer.
      graph: Its main subgraph.
      codes: Of each input of the model: int8[N, *shape of one example].
    """
    interpreter = Interpreter(model, keep_tensors=True)
    computed = [index for op in graph.operators for index in op.outputs]
    stacks: dict[int, list[np.ndarray]] = {index: [] for index in (*graph.inputs, *computed)}
    for example in zip(*codes, strict=True):
        interpreter.run(
            *(
                values[np.newaxis].astype(details.dtype)
                for values, details in zip(example, interpreter.input_details, strict=True)
            )
        )
        for index, stack in stacks.items():
            stack.append(interpreter.tensor(index))
    return {index: np.concatenate(stack) for index, stack in stacks.items()}


def real_inputs(graph: Subgraph, codes: Sequence[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    """Returns the real values of a model's inputs as a Keras model takes them.

    Args:
      graph: The main subgraph.
      codes: Of each input of the model.
    """
    reals = [
        real_values(graph.tensors[index], given)
        for index, given in zip(graph.inputs, codes, strict=True)
    ]
    return reals if len(reals) > 1 else reals[0]


def inputs(graph: Subgraph, op: Operator, values: Mapping[int, np.ndarray]) -> list[Tensor]:
    """Returns the inputs of an op that are computed, or the model's."""
    return [graph.tensors[index] for index in op.inputs if index in values]


def call(
    graph: Subgraph, op: Operator, layer: qat.QuantizedLayer, values: Mapping[int, np.ndarray]
) -> np.ndarray:
    """Returns what a layer computes, in its phase, of the integer model's values.

    float32 of the layer's output shape, behind the ReLU of another layer if the op has one.

    Args:
      graph: The subgraph of the op.
      op: The op that the layer has become.
      layer: The layer.
      values: From record().
    """
    operands = inputs(graph, op, values)
    reals = [real_values(tensor, values[tensor.index]) for tensor in operands]
    grids = [grid(tensor) for tensor in operands]
    if len(reals) == 1:
        result_ = layer(padded(op, layer, reals[0]), input_grid=grids[0])
    elif layer.takes_input_grids:
        result_ = layer(reals, input_grids=grids)
    else:
        result_ = layer(reals)
    return fused(op, (result_[0] if isinstance(result_, tuple) else result_).numpy())


def fused(op: Operator, y: np.ndarray) -> np.ndarray:
    """Returns real values behind the ReLU of another layer that the converter made a part of an op.

    It does so where the ReLU keeps its input's grid.
    """
    match op.options.get("fused_activation_function"):
        case "RELU":
            return np.maximum(y, 0.0)
        case "RELU6":
            return np.clip(y, 0.0, 6.0)
        case _:
            return y


def padded(op: Operator, layer: qat.QuantizedLayer, x: np.ndarray) -> np.ndarray:
    """Returns an op's input, float32[n, h, w, c], as its layer read it.

    Where the zeros of a ZeroPadding2D are those that padding SAME stands for, the converter makes
    them a part of the convolution behind it.
    """
    is_convolution = isinstance(
        layer, qat_layers.QuantizedConv2D | qat_layers.QuantizedDepthwiseConv2D
    )
    if not is_convolution or layer.padding != "valid" or op.options["padding"] != "SAME":
        return x
    widths = [(0, 0)]
    for image, kernel, stride, dilation in zip(
        x.shape[1:3], layer.kernel_size, layer.strides, layer.dilation_rate, strict=True
    ):
        count = -(-image // stride)
        missing = max(0, (count - 1) * stride + (kernel - 1) * dilation + 1 - image)
        widths.append((missing // 2, missing - missing // 2))
    return np.pad(x, [*widths, (0, 0)])


def result(graph: Subgraph, op: Operator) -> Tensor:
    """Returns the output of a layer's op, behind the MAXIMUM that keeps it in its codes, if any."""
    readers = [reader for reader in graph.operators if op.outputs[0] in reader.inputs]
    behind = [reader for reader in readers if reader.op == "MAXIMUM"]
    if len(readers) == len(behind) == 1:
        return graph.tensors[behind[0].outputs[0]]
    return graph.tensors[op.outputs[0]]


def real_values(tensor: Tensor, codes: np.ndarray) -> np.ndarray:
    """Returns float32 real values of a tensor's codes."""
    assert tensor.quantization is not None
    return tensor.quantization.dequantize(codes).astype(np.float32)


def grid(tensor: Tensor) -> np.ndarray:
    """Returns a tensor's grid as layers take it: float32[3], minimum, maximum and scale."""
    assert tensor.quantization is not None
    scale, zero_point = tensor.quantization.per_tensor
    low, high = QUANTIZED_LIMITS[tensor.dtype]
    return np.array([(low - zero_point) * scale, (high - zero_point) * scale, scale], np.float32)
