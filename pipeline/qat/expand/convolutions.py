"""Convolutions that are no op of their own: as those that are."""

import math
from typing import Any

import numpy as np

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf_keras
from pipeline.qat.expand.steps import Made, Steps
from pipeline.qat.keras_graph import Call

_keras = tf_keras.layers

# What a convolution keeps from the layer that it stands for.
_SHARED = ("activation", "use_bias", "data_format", "trainable")


@tf_keras.utils.register_keras_serializable("intonly")
class ChannelSlice(tf_keras.layers.Layer):
    """float32[..., channels] -> float32[..., end - begin]; STRIDED_SLICE."""

    def __init__(self, begin: int, end: int, **kwargs):
        super().__init__(**kwargs)
        self.begin = begin
        self.end = end

    def call(self, x):
        return x[..., self.begin : self.end]

    def compute_output_shape(self, input_shape) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.end - self.begin)

    def get_config(self) -> dict:
        return {**super().get_config(), "begin": self.begin, "end": self.end}


def separable(call: Call, made: Made) -> list[Call]:
    """Returns the depthwise and the 1x1 convolution of a SeparableConv2D."""
    steps = Steps(call, made)
    layer = call.layer
    (x,) = call.operands
    depthwise = steps.weighted(
        "depthwise",
        lambda: _keras.DepthwiseConv2D(
            layer.kernel_size,
            layer.strides,
            layer.padding,
            layer.depth_multiplier,
            dilation_rate=layer.dilation_rate,
            use_bias=False,
            depthwise_regularizer=layer.depthwise_regularizer,
            data_format=layer.data_format,
            trainable=layer.trainable,
            name=steps.name("depthwise"),
        ),
        x.shape,
        lambda: layer.get_weights()[:1],
    )
    y = steps.add(depthwise, x)
    pointwise = steps.weighted(
        "pointwise",
        lambda: _keras.Conv2D(
            layer.filters,
            1,
            kernel_regularizer=layer.pointwise_regularizer,
            name=call.name,
            **_settings(layer),
        ),
        y.shape,
        lambda: layer.get_weights()[1:],
    )
    steps.add(pointwise, y)
    return steps.finished()


def dense(call: Call, made: Made) -> list[Call] | None:
    """Returns a 1x1 convolution for a Dense over images or sequences; None for vectors."""
    (x,) = call.operands
    if len(x.shape) == 2:
        return None
    if any(size is None for size in x.shape[1:-1]):
        raise UnsupportedLayerError(
            f"layer {call.name!r}: needed an input of known shape, got {list(x.shape)}; give "
            "tf_keras.Input a full shape"
        )
    steps = Steps(call, made)
    layer = call.layer
    image = (1, math.prod(size or 0 for size in x.shape[1:-1]), x.shape[-1])
    if len(x.shape) != 4:
        x = steps.add(_keras.Reshape(image, name=steps.name("as_image")), x)
    conv = steps.weighted(
        "conv",
        lambda: _keras.Conv2D(
            layer.units,
            1,
            activation=layer.activation,
            use_bias=layer.use_bias,
            kernel_regularizer=layer.kernel_regularizer,
            trainable=layer.trainable,
            name=call.name,
        ),
        x.shape,
        lambda: _with_kernel(layer.get_weights(), lambda kernel: kernel[np.newaxis, np.newaxis]),
    )
    y = steps.add(conv, x)
    shape = call.operands[0].shape
    if len(shape) != 4:
        steps.add(_keras.Reshape((*shape[1:-1], layer.units), name=steps.name("back")), y)
    return steps.finished()


def grouped(call: Call, made: Made) -> list[Call] | None:
    """Returns one convolution per group, concatenated; None where there is one group."""
    layer = call.layer
    if layer.groups == 1:
        return None
    steps = Steps(call, made)
    (x,) = call.operands
    depth, filters = int(x.shape[-1] or 0) // layer.groups, layer.filters // layer.groups
    parts = []
    for group in range(layer.groups):
        name = steps.name(f"group{group}")
        slice_ = ChannelSlice(group * depth, (group + 1) * depth, name=f"{name}_slice")
        part = steps.add(slice_, x)
        conv = steps.weighted(
            f"group{group}",
            lambda name=name: _keras.Conv2D(
                filters,
                layer.kernel_size,
                layer.strides,
                layer.padding,
                dilation_rate=layer.dilation_rate,
                kernel_regularizer=layer.kernel_regularizer,
                name=name,
                **_settings(layer),
            ),
            part.shape,
            lambda group=group: [
                weights[..., group * filters : (group + 1) * filters]
                for weights in layer.get_weights()
            ],
        )
        parts.append(steps.add(conv, part))
    steps.add(_keras.Concatenate(name=call.name), *parts)
    return steps.finished()


def _settings(layer: tf_keras.layers.Layer) -> dict[str, Any]:
    return {name: getattr(layer, name) for name in _SHARED}


def _with_kernel(weights: list[np.ndarray], change) -> list[np.ndarray]:
    return [change(weights[0]), *weights[1:]]
