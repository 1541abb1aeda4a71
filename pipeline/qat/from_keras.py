"""What each Keras layer becomes under quantization-aware training: constructors and weights."""

import dataclasses
from collections.abc import Callable

import numpy as np

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf_keras
from pipeline.qat import layers
from pipeline.quant_params import QuantScheme

_keras = tf_keras.layers

# They move values without changing them, so their output lies on their input's grid.
GRID_KEEPING = (
    _keras.MaxPooling2D,
    _keras.ZeroPadding2D,
    _keras.Reshape,
    _keras.Flatten,
    _keras.Dropout,
    _keras.Permute,
)

_SUPPORTED = (
    "Conv2D, DepthwiseConv2D and Dense (each with BatchNormalization and ReLU or ReLU6 behind it), "
    "Add of two tensors, Concatenate, AveragePooling2D, GlobalAveragePooling2D, MaxPooling2D, "
    "ReLU, ReLU6, Softmax, ZeroPadding2D, Reshape, Flatten, Permute, Dropout"
)


def _conv_2d(layer: _keras.Conv2D, **common) -> layers.FoldedLayer:
    return layers.QuantizedConv2D(
        layer.filters,
        layer.kernel_size,
        layer.strides,
        layer.padding,
        layer.dilation_rate,
        **common,
    )


def _depthwise_conv_2d(layer: _keras.DepthwiseConv2D, **common) -> layers.FoldedLayer:
    return layers.QuantizedDepthwiseConv2D(
        layer.kernel_size,
        layer.strides,
        layer.padding,
        layer.dilation_rate,
        layer.depth_multiplier,
        **common,
    )


def _dense(layer: _keras.Dense, **common) -> layers.FoldedLayer:
    return layers.QuantizedDense(layer.units, **common)


# By exact type: Conv2DTranspose and others derive from Conv2D and are something else.
FOLDABLE: dict[type, Callable[..., layers.FoldedLayer]] = {
    _keras.Conv2D: _conv_2d,
    _keras.DepthwiseConv2D: _depthwise_conv_2d,
    _keras.Dense: _dense,
}


def weight_spec(layer: _keras.Layer, scheme: QuantScheme) -> layers.WeightSpec:
    """Returns how the layer's weights are quantized; FULLY_CONNECTED always per tensor.

    TFLite's quantization specification has FULLY_CONNECTED weights per tensor, and its converter
    fails on per-channel fake quantization in front of the transpose that it inserts there.
    """
    per_channel = scheme.weight_granularity == "per_channel" and type(layer) is not _keras.Dense
    return layers.WeightSpec(scheme.weight_bits, per_channel, scheme.symmetric_weights)


def _without_range(output: layers.ActivationSpec) -> layers.ActivationSpec:
    return dataclasses.replace(output, quantize=False)


def _average_pooling_2d(
    layer: _keras.AveragePooling2D, output: layers.ActivationSpec, **common
) -> layers.QuantizedLayer:
    return layers.QuantizedAveragePooling2D(
        layer.pool_size,
        layer.strides,
        layer.padding,
        output=_without_range(output),
        **common,
    )


def _global_average_pooling_2d(
    layer: _keras.GlobalAveragePooling2D, **common
) -> layers.QuantizedLayer:
    return layers.QuantizedGlobalAveragePooling2D(layer.keepdims, **common)


def _concatenate(layer: _keras.Concatenate, **common) -> layers.QuantizedLayer:
    return layers.QuantizedConcatenate(layer.axis, **common)


def _softmax(layer: _keras.Layer, output: layers.ActivationSpec, **common) -> layers.QuantizedLayer:
    if getattr(layer, "axis", -1) != -1:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed Softmax over the last axis, as the integer op computes "
            f"it, got axis {layer.axis}; permute its input"
        )
    return layers.QuantizedSoftmax(output=_without_range(output), **common)


def quantized(
    layer: _keras.Layer, output: layers.ActivationSpec, **common
) -> layers.QuantizedLayer:
    """Returns the quantization-aware twin of a layer that no convolution absorbs.

    Args:
      layer: The Keras layer.
      output: Of the layer; its range is dropped where the integer op has none.
      **common: Other constructor arguments of QuantizedLayer.

    Raises:
      UnsupportedLayerError: The layer has no integer counterpart.
    """
    if type(layer) in _STRUCTURAL:
        return _STRUCTURAL[type(layer)](layer, output=output, **common)
    if activation_of(layer) == "softmax":
        return _softmax(layer, output, **common)
    if activation_of(layer) in ("relu", "relu6"):
        return layers.QuantizedActivation(output=_without_range(output), **common)
    raise UnsupportedLayerError(
        f"layer {layer.name!r}: quantization-aware training has no integer counterpart of "
        f"{_describe(layer)}; supported: {_SUPPORTED}. Replace the layer, or leave it unannotated "
        "with quantize_annotate_layer (it then stays in float and convert will refuse the model)"
    )


_STRUCTURAL: dict[type, Callable[..., layers.QuantizedLayer]] = {
    _keras.AveragePooling2D: _average_pooling_2d,
    _keras.GlobalAveragePooling2D: _global_average_pooling_2d,
    _keras.Concatenate: _concatenate,
}


def activation_of(layer: _keras.Layer) -> str | None:
    """Returns "linear", "relu", "relu6", "softmax", another function's name, or None.

    None means that the layer is not an activation and has none of its own.
    """
    if isinstance(layer, _keras.ReLU):
        return _relu_name(layer)
    if isinstance(layer, _keras.Softmax):
        return "softmax"
    function = getattr(layer, "activation", None)
    return None if function is None else getattr(function, "__name__", str(function))


def _relu_name(layer: _keras.ReLU) -> str | None:
    if layer.negative_slope == 0.0 and layer.threshold == 0.0:
        if layer.max_value is None:
            return "relu"
        if layer.max_value == 6.0:
            return "relu6"
    return None


def check_foldable(layer: _keras.Layer) -> None:
    """Checks that a Conv2D, DepthwiseConv2D or Dense has an integer counterpart.

    Raises:
      UnsupportedLayerError: It has not; says which setting is in the way.
    """

    def needed(what: str, got: object, remedy: str) -> None:
        raise UnsupportedLayerError(f"layer {layer.name!r}: needed {what}, got {got}; {remedy}")

    if getattr(layer, "data_format", "channels_last") != "channels_last":
        needed("data_format channels_last", layer.data_format, "transpose the model's input")
    if getattr(layer, "groups", 1) != 1:
        needed("groups=1", layer.groups, "split the convolution, or use DepthwiseConv2D")
    if getattr(layer, "padding", "valid") not in ("valid", "same"):
        needed("padding valid or same", layer.padding, "pad with ZeroPadding2D")
    if activation_of(layer) not in ("linear", "relu", "relu6", "softmax"):
        needed("activation linear, relu, relu6 or softmax", activation_of(layer), "replace it")


def batch_norm_spec(layer: _keras.BatchNormalization) -> layers.BatchNormSpec:
    """Returns the hyperparameters of a BatchNormalization that is to be folded."""
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    rank = len(layer.input_shape)
    if [axis % rank for axis in axes] != [rank - 1]:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed batch normalization over the last axis, got {layer.axis}"
        )
    return layers.BatchNormSpec(layer.momentum, layer.epsilon, layer.center, layer.scale)


def kernel_regularizer(layer: _keras.Layer):
    """Returns the regularizer of the layer's kernel, or None."""
    if isinstance(layer, _keras.DepthwiseConv2D):
        return layer.depthwise_regularizer
    return layer.kernel_regularizer


def copy_folded_weights(
    target: layers.FoldedLayer,
    layer: _keras.Layer,
    norm: _keras.BatchNormalization | None,
) -> None:
    """Copies the weights of a float layer and its batch normalization into their folded twin."""
    kernel = layer.depthwise_kernel if isinstance(layer, _keras.DepthwiseConv2D) else layer.kernel
    pairs = [(target.kernel, kernel)]
    if layer.use_bias:
        pairs.append((target.bias, layer.bias))
    if norm is not None:
        if norm.scale:
            pairs.append((target.gamma, norm.gamma))
        if norm.center:
            pairs.append((target.beta, norm.beta))
        pairs.append((target.moving_mean, norm.moving_mean))
        pairs.append((target.moving_variance, norm.moving_variance))
    for variable, value in pairs:
        variable.assign(np.asarray(value))


def _describe(layer: _keras.Layer) -> str:
    kind = type(layer).__name__
    if isinstance(layer, _keras.BatchNormalization):
        return "a BatchNormalization that follows no annotated Conv2D, DepthwiseConv2D or Dense"
    activation = activation_of(layer)
    return kind if activation is None else f"{kind} (activation {activation!r})"
