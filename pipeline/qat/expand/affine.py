"""Layers that scale and shift: a batch normalization that no convolution absorbs, constants.

One scale or one offset for all elements stays what it is. Anything else becomes a 1x1 depthwise
convolution, whose batch normalization, bias and ReLU are folded as those of any other.
"""

import math
from typing import Any

import numpy as np

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf_keras
from pipeline.qat.expand.steps import Made, Steps
from pipeline.qat.keras_graph import Call, Ref

_keras = tf_keras.layers


class ChannelScale(_keras.DepthwiseConv2D):
    """A 1x1 depthwise convolution with fixed weights; channels have one weight each."""

    def __init__(self, use_bias: bool, name: str):
        super().__init__(1, use_bias=use_bias, name=name, trainable=False)


def batch_normalization(call: Call, made: Made) -> list[Call]:
    """Returns a depthwise convolution by 1 with the batch normalization behind it."""
    steps = Steps(call, made)
    scale = _channel_scale(steps, np.ones(_channels(call)), None)
    image = _as_image(steps, call.operands[0])
    normalized = steps.add(call.layer, steps.add(scale, image))
    return _finished(steps, normalized)


def check_axis(call: Call, _made: Made) -> None:
    """Leaves a BatchNormalization as it is, but raises unless it runs over the last axis.

    Raises:
      UnsupportedLayerError: It does not.
    """
    axis = call.layer.axis
    axes = [axis] if isinstance(axis, int) else list(axis)
    rank = len(call.operands[0].shape)
    if [axis % rank for axis in axes] != [rank - 1]:
        raise UnsupportedLayerError(
            f"layer {call.name!r}: needed batch normalization over the last axis, got {axis}; "
            "transpose the model's data"
        )


def rescaling(call: Call, made: Made) -> list[Call] | None:
    """Returns nothing, one step, or a depthwise convolution; None where it is one step already."""
    scale, offset = np.asarray(call.layer.scale), np.asarray(call.layer.offset)
    if scale.size == offset.size == 1:
        if scale == 1.0 and offset == 0.0:
            steps = Steps(call, made)
            steps.add(_keras.Activation("linear", name=call.name), *call.operands)
            return steps.finished()
        if scale == 1.0 or offset == 0.0:
            return None
    return _depthwise(call, made, scale, offset)


def normalization(call: Call, made: Made) -> list[Call]:
    """Returns the rescaling that a Normalization layer is."""
    steps = Steps(call, made)
    per_channel: Any = _normalization_constants(call.layer)
    scale, offset = single_constants(call.layer) or per_channel
    steps.add(_keras.Rescaling(scale, offset, name=call.name), *call.operands)
    return steps.finished()


def single_constants(layer: tf_keras.layers.Layer) -> tuple[float, float] | None:
    """Returns the one scale and the one offset of a Rescaling or Normalization, if it has such."""
    if type(layer) is _keras.Rescaling:
        scale, offset = np.ravel(layer.scale), np.ravel(layer.offset)
    elif type(layer) is _keras.Normalization:
        scale, offset = _normalization_constants(layer)
    else:
        return None
    return (float(scale[0]), float(offset[0])) if scale.size == offset.size == 1 else None


def _normalization_constants(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns scale and offset, one for each channel, or one where all channels have the same."""
    mean, deviation = np.ravel(layer.mean), np.sqrt(np.ravel(layer.variance))
    deviation = np.maximum(deviation, tf_keras.backend.epsilon())
    scale = deviation if layer.invert else 1.0 / deviation
    offset = mean if layer.invert else -mean / deviation
    if np.all(mean == mean[0]) and np.all(deviation == deviation[0]):
        return scale[:1], offset[:1]
    return scale, offset


def _depthwise(call: Call, made: Made, scale: np.ndarray, offset: np.ndarray) -> list[Call]:
    channels = _channels(call)
    try:
        weights, bias = (
            np.broadcast_to(np.squeeze(values), [channels]) for values in (scale, offset)
        )
    except ValueError as error:
        raise UnsupportedLayerError(
            f"layer {call.name!r}: needed one constant, or one per channel of {channels}, got "
            f"constants of shapes {scale.shape} and {offset.shape}; scale with a layer of its own"
        ) from error
    steps = Steps(call, made)
    layer = _channel_scale(steps, weights, bias)
    return _finished(steps, steps.add(layer, _as_image(steps, call.operands[0])))


def _channels(call: Call) -> int:
    shape = call.operands[0].shape
    if len(shape) < 2 or any(size is None for size in shape[1:]):
        raise UnsupportedLayerError(
            f"layer {call.name!r}: needed an input of known shape [batch, ..., channels], got "
            f"{list(shape)}; give tf_keras.Input a full shape"
        )
    return int(shape[-1] or 0)


def _channel_scale(
    steps: Steps, weights: np.ndarray, bias: np.ndarray | None
) -> tf_keras.layers.Layer:
    kernel = np.reshape(weights, (1, 1, -1, 1))
    return steps.weighted(
        "scale",
        lambda: ChannelScale(bias is not None, steps.name("scale")),
        (None, None, None, len(weights)),
        lambda: [kernel] if bias is None else [kernel, bias],
    )


def _as_image(steps: Steps, x: Ref) -> Ref:
    if len(x.shape) == 4:
        return x
    sizes = [size or 0 for size in x.shape[1:]]
    shape = (1, math.prod(sizes[:-1]), sizes[-1])
    return steps.add(_keras.Reshape(shape, name=steps.name("as_image")), x)


def _finished(steps: Steps, x: Ref) -> list[Call]:
    """Undoes _as_image."""
    shape = steps.call.operands[0].shape
    if len(shape) != 4:
        steps.add(_keras.Reshape(shape[1:], name=steps.name("back")), x)
    return steps.finished()
