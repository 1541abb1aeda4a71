"""Layers over sequences, as those over images of height 1.

A stride or dilation of (s, s) does along a height of 1 what (1, s) does, and depthwise convolutions
take no other.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf_keras
from pipeline.qat.expand.steps import Made, Steps
from pipeline.qat.keras_graph import Call, Ref

_keras = tf_keras.layers

_CONVOLUTIONS: dict[type, type] = {
    _keras.Conv1D: _keras.Conv2D,
    _keras.DepthwiseConv1D: _keras.DepthwiseConv2D,
    _keras.SeparableConv1D: _keras.SeparableConv2D,
    _keras.Conv1DTranspose: _keras.Conv2DTranspose,
}
_POOLS: dict[type, type] = {
    _keras.MaxPooling1D: _keras.MaxPooling2D,
    _keras.AveragePooling1D: _keras.AveragePooling2D,
}
_GLOBAL_POOLS: dict[type, type] = {
    _keras.GlobalAveragePooling1D: _keras.GlobalAveragePooling2D,
    _keras.GlobalMaxPooling1D: _keras.GlobalMaxPooling2D,
}


def convolution(call: Call, made: Made) -> list[Call]:
    """Returns the convolution with a kernel of height 1."""
    layer = call.layer
    steps = Steps(call, made)
    x = _as_image(steps)
    config: dict[str, Any] = layer.get_config()
    for name in ("strides", "dilation_rate"):
        (size,) = config[name]
        config[name] = (1, size) if isinstance(layer, _keras.Conv1DTranspose) else (size, size)
    (kernel_size,) = config["kernel_size"]
    config["kernel_size"] = (1, kernel_size)
    if config.get("output_padding") is not None:
        raise UnsupportedLayerError(
            f"layer {call.name!r}: needed no output_padding, got {config['output_padding']}; crop "
            "or pad with a layer of its own"
        )
    if config["padding"] == "causal":
        (dilation,) = layer.dilation_rate
        config["padding"] = "valid"
        width = ((0, 0), ((kernel_size - 1) * dilation, 0))
        x = steps.add(_keras.ZeroPadding2D(width, name=steps.name("causal")), x)
    image_layer = steps.weighted(
        "2d",
        lambda: _CONVOLUTIONS[type(layer)].from_config(config),
        x.shape,
        lambda: [
            weights if weights.ndim == 1 else weights[np.newaxis] for weights in layer.get_weights()
        ],
    )
    return _back(steps, steps.add(image_layer, x))


def pooling(call: Call, made: Made) -> list[Call]:
    """Returns the pooling over windows of height 1."""
    layer = call.layer
    steps = Steps(call, made)
    pool = _POOLS[type(layer)](
        (1, *layer.pool_size),
        (1, *layer.strides),
        layer.padding,
        layer.data_format,
        name=call.name,
    )
    return _back(steps, steps.add(pool, _as_image(steps)))


def global_pooling(call: Call, made: Made) -> list[Call]:
    """Returns the pooling over an image of height 1."""
    layer = call.layer
    steps = Steps(call, made)
    pool: Callable[..., Any] = _GLOBAL_POOLS[type(layer)]
    y = steps.add(pool(layer.data_format, name=call.name), _as_image(steps))
    if layer.keepdims:
        steps.add(_keras.Reshape((1, y.shape[-1]), name=steps.name("back")), y)
    return steps.finished()


def upsampling(call: Call, made: Made) -> list[Call]:
    """Returns the upsampling of the width alone."""
    steps = Steps(call, made)
    resize = _keras.UpSampling2D((1, int(call.layer.size)), name=call.name)
    return _back(steps, steps.add(resize, _as_image(steps)))


def _as_image(steps: Steps) -> Ref:
    (x,) = steps.call.operands
    _, length, channels = x.shape
    if length is None:
        raise UnsupportedLayerError(
            f"layer {steps.call.name!r}: needed sequences of known length, got {list(x.shape)}; "
            "give tf_keras.Input a full shape"
        )
    return steps.add(_keras.Reshape((1, length, channels), name=steps.name("as_image")), x)


def _back(steps: Steps, image: Ref) -> list[Call]:
    steps.add(_keras.Reshape(image.shape[2:], name=steps.name("back")), image)
    return steps.finished()
