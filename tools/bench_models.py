"""Int8 models with random weights for bench_interpreter, written without TensorFlow.

Scales are such that codes spread over their range in every layer, as they do in trained networks.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from pipeline import flatbuffer
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QuantParams

_SEED = 0
_NUM_CLASSES = 1000

_UNIT = QuantParams((1 / 64,), (0,))  # Of linear layers.
_RELU6 = QuantParams((float(np.float32(6 / 255)),), (-128,))
_SOFTMAX = QuantParams((1 / 256,), (-128,))

# Standard deviation of uniform codes, and of the codes that layers shall put out.
_CODE_DEVIATION, _OUTPUT_DEVIATION = 74.0, 50.0


class _Net:
    """A chain of layers; each method appends one and returns the index of its output."""

    def __init__(self, size: int) -> None:
        self._rng = np.random.default_rng(_SEED)
        self._tensors: list[Tensor] = []
        self._operators: list[Operator] = []
        self.input = self._value((1, size, size, 3), _UNIT)

    def write(self, output: int) -> bytes:
        """Returns the .tflite bytes."""
        subgraph = Subgraph(
            "main", tuple(self._tensors), (self.input,), (output,), tuple(self._operators)
        )
        return flatbuffer.write(Graph((subgraph,)))

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self._tensors[tensor].shape

    def conv(
        self, source: int, channels: int, size: int = 1, stride: int = 1, activation: str = "RELU6"
    ) -> int:
        depth = self.shape(source)[3]
        weights = self._codes(channels, size, size, depth)
        options = {"stride_h": stride, "stride_w": stride}
        return self._slide("CONV_2D", source, weights, 0, stride, activation, options)

    def depthwise(self, source: int, stride: int = 1) -> int:
        weights = self._codes(1, 3, 3, self.shape(source)[3])
        options = {"stride_h": stride, "stride_w": stride, "depth_multiplier": 1}
        return self._slide("DEPTHWISE_CONV_2D", source, weights, 3, stride, "RELU6", options)

    def dense(self, source: int, channels: int, activation: str = "NONE") -> int:
        rows, depth = self.shape(source)
        weights = self._codes(channels, depth)
        shape = rows, channels
        return self._filtered("FULLY_CONNECTED", source, weights, 0, shape, activation, {})

    def add(self, first: int, second: int, activation: str = "NONE") -> int:
        quantization = _quantization(activation)
        output = self._value(self.shape(first), quantization)
        return self._op("ADD", (first, second), output, fused_activation_function=activation)

    def max_pool(self, source: int, size: int, stride: int) -> int:
        _, height, width, channels = self.shape(source)
        shape = 1, -(-height // stride), -(-width // stride), channels
        output = self._value(shape, self._quantization(source))
        options = {"stride_h": stride, "stride_w": stride}
        return self._op(
            *("MAX_POOL_2D", (source,), output),
            **options,
            padding="SAME",
            filter_height=size,
            filter_width=size,
        )

    def average_pool(self, source: int) -> int:
        _, height, width, channels = self.shape(source)
        output = self._value((1, 1, 1, channels), self._quantization(source))
        return self._op(
            *("AVERAGE_POOL_2D", (source,), output),
            padding="VALID",
            stride_h=1,
            stride_w=1,
            filter_height=height,
            filter_width=width,
        )

    def mean(self, source: int) -> int:
        axes = self._constant(np.array([1, 2], np.int32))
        output = self._value((1, self.shape(source)[3]), self._quantization(source))
        return self._op("MEAN", (source, axes), output, keep_dims=False)

    def flatten(self, source: int) -> int:
        shape = 1, math.prod(self.shape(source))
        target = self._constant(np.array(shape, np.int32))
        output = self._value(shape, self._quantization(source))
        return self._op("RESHAPE", (source, target), output)

    def softmax(self, source: int) -> int:
        output = self._value(self.shape(source), _SOFTMAX)
        return self._op("SOFTMAX", (source,), output, beta=1.0)

    def _slide(
        self,
        op: str,
        source: int,
        weights: np.ndarray,
        channel_axis: int,
        stride: int,
        activation: str,
        options: Mapping[str, object],
    ) -> int:
        _, height, width, _ = self.shape(source)
        shape = 1, -(-height // stride), -(-width // stride), weights.shape[channel_axis]
        padded = {"padding": "SAME", **options}
        return self._filtered(op, source, weights, channel_axis, shape, activation, padded)

    def _filtered(
        self,
        op: str,
        source: int,
        weights: np.ndarray,
        channel_axis: int,
        shape: tuple[int, ...],
        activation: str,
        options: Mapping[str, object],
    ) -> int:
        channels = weights.shape[channel_axis]
        input_scale, _ = self._quantization(source).per_tensor
        quantization = _quantization(activation)
        deviation = math.sqrt(weights.size / channels) * _CODE_DEVIATION**2
        multipliers = _OUTPUT_DEVIATION / deviation * self._rng.uniform(0.5, 1.5, channels)
        scales = multipliers * quantization.scale[0] / input_scale
        bias = np.round(self._rng.normal(0, deviation, channels)).astype(np.int32)
        axis = channel_axis if channels > 1 else None
        filter_ = self._constant(weights, _per_channel(scales, axis))
        offsets = self._constant(
            bias, _per_channel(scales * input_scale, None if axis is None else 0)
        )
        output = self._value(shape, quantization)
        return self._op(
            op, (source, filter_, offsets), output, fused_activation_function=activation, **options
        )

    def _codes(self, *shape: int) -> np.ndarray:
        return self._rng.integers(-127, 128, shape).astype(np.int8)

    def _quantization(self, tensor: int) -> QuantParams:
        quantization = self._tensors[tensor].quantization
        assert quantization is not None
        return quantization

    def _value(self, shape: tuple[int, ...], quantization: QuantParams) -> int:
        return self._tensor(Tensor(len(self._tensors), "", shape, "int8", quantization))

    def _constant(self, data: np.ndarray, quantization: QuantParams | None = None) -> int:
        index, dtype = len(self._tensors), data.dtype.name
        return self._tensor(Tensor(index, "", data.shape, dtype, quantization, data))

    def _tensor(self, tensor: Tensor) -> int:
        index = tensor.index
        self._tensors.append(
            Tensor(
                index,
                f"tensor{index}",
                tensor.shape,
                tensor.dtype,
                tensor.quantization,
                tensor.data,
            )
        )
        return index

    def _op(self, op: str, inputs: tuple[int, ...], output: int, **options: object) -> int:
        index = len(self._operators)
        self._operators.append(Operator(index, op, 1, inputs, (output,), options))
        return output


def _quantization(activation: str) -> QuantParams:
    return _UNIT if activation == "NONE" else _RELU6


def _per_channel(scales: np.ndarray, axis: int | None) -> QuantParams:
    values = tuple(float(np.float32(scale)) for scale in scales)
    return QuantParams(values, (0,) * len(values), axis)


def mobilenet_v1(alpha: float, size: int) -> bytes:
    """Returns MobileNetV1 of a width, for pictures of size by size."""
    net = _Net(size)
    x = net.conv(net.input, int(32 * alpha), 3, 2)
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5]
    for channels, stride in [*blocks, (1024, 2), (1024, 1)]:
        x = net.conv(net.depthwise(x, stride), int(channels * alpha))
    x = net.conv(net.average_pool(x), _NUM_CLASSES, activation="NONE")
    return net.write(net.softmax(net.flatten(x)))


def _mobilenet_v2(size: int) -> bytes:
    net = _Net(size)
    x = net.conv(net.input, 32, 3, 2)
    rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1)]
    for expansion, channels, count, first_stride in [*rows, (6, 160, 3, 2), (6, 320, 1, 1)]:
        for index in range(count):
            stride = first_stride if index == 0 else 1
            depth = net.shape(x)[3]
            wide = x if expansion == 1 else net.conv(x, expansion * depth)
            narrow = net.conv(net.depthwise(wide, stride), channels, activation="NONE")
            x = net.add(x, narrow) if stride == 1 and depth == channels else narrow
    x = net.mean(net.conv(x, 1280))
    return net.write(net.softmax(net.dense(x, _NUM_CLASSES)))


def _resnet50(size: int) -> bytes:
    net = _Net(size)
    x = net.max_pool(net.conv(net.input, 64, 7, 2, "RELU"), 3, 2)
    for channels, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for index in range(count):
            stride = 2 if index == 0 and channels > 64 else 1
            y = net.conv(x, channels, 1, 1, "RELU")
            y = net.conv(y, channels, 3, stride, "RELU")
            y = net.conv(y, 4 * channels, activation="NONE")
            if index == 0:
                x = net.conv(x, 4 * channels, 1, stride, "NONE")
            x = net.add(x, y, "RELU")
    return net.write(net.softmax(net.dense(net.mean(x), _NUM_CLASSES)))


def _cnn() -> bytes:
    net = _Net(32)
    x = net.input
    for channels in (32, 64, 64):
        x = net.max_pool(net.conv(x, channels, 3, 1, "RELU"), 2, 2)
    x = net.dense(net.flatten(x), 64, "RELU")
    return net.write(net.softmax(net.dense(x, 10)))


# Name -> what writes the model.
MODELS: dict[str, Callable[[], bytes]] = {
    "cnn_32": _cnn,
    "mobilenet_v1_0.25_96": lambda: mobilenet_v1(0.25, 96),
    "mobilenet_v1_1.0_224": lambda: mobilenet_v1(1.0, 224),
    "mobilenet_v2_1.0_224": lambda: _mobilenet_v2(224),
    "resnet50_224": lambda: _resnet50(224),
}
