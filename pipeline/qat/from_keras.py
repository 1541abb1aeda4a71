"""What each Keras layer becomes under quantization-aware training: constructors and weights.

The layers are those that `expand` leaves.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from pipeline.errors import UnsupportedLayerError
from pipeline.legacy_keras import tf_keras
from pipeline.qat import activation_names, layers
from pipeline.qat.expand.affine import ChannelScale
from pipeline.qat.expand.convolutions import ChannelSlice
from pipeline.qat.expand.hard_swish import HardSwish
from pipeline.qat.keras_graph import Call
from pipeline.qat.layer_spec import LayerSpec

_keras = tf_keras.layers

# They move values without changing them, so their output lies on their input's grid.
GRID_KEEPING = (
    _keras.MaxPooling2D,
    _keras.GlobalMaxPooling2D,
    _keras.ZeroPadding1D,
    _keras.ZeroPadding2D,
    _keras.Cropping1D,
    _keras.Cropping2D,
    _keras.Reshape,
    _keras.Flatten,
    _keras.Permute,
    ChannelSlice,
    # Nothing outside training.
    _keras.Dropout,
    _keras.SpatialDropout1D,
    _keras.SpatialDropout2D,
    _keras.AlphaDropout,
    _keras.GaussianDropout,
    _keras.GaussianNoise,
    _keras.ActivityRegularization,
)

_SUPPORTED = (
    "Conv1D, Conv2D, Conv2DTranspose, DepthwiseConv2D, SeparableConv2D and Dense (each with "
    "BatchNormalization and a ReLU behind it), BatchNormalization anywhere, Add, Subtract, "
    "Multiply, Average, Concatenate, average, max and global pooling, UpSampling2D, Resizing, "
    "ReLU, LeakyReLU, PReLU, Softmax, sigmoid, tanh, swish, hard_sigmoid, hard-swish, Rescaling, "
    "Normalization, ZeroPadding2D, Cropping2D, Reshape, Flatten, Permute, Dropout"
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


def _conv_2d_transpose(layer: _keras.Conv2DTranspose, **common) -> layers.FoldedLayer:
    return layers.QuantizedConv2DTranspose(
        layer.filters, layer.kernel_size, layer.strides, layer.padding, **common
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


# By exact type: layers that derive from these are something else.
FOLDABLE: dict[type, Callable[..., layers.FoldedLayer]] = {
    _keras.Conv2D: _conv_2d,
    _keras.Conv2DTranspose: _conv_2d_transpose,
    _keras.DepthwiseConv2D: _depthwise_conv_2d,
    ChannelScale: _depthwise_conv_2d,
    _keras.Dense: _dense,
}

# TFLite's quantization specification has FULLY_CONNECTED weights per tensor. The converter fails on
# per-channel fake quantization in front of the transpose that it inserts there, and likewise where
# the channels of Conv2DTranspose's kernel have to be moved.
_ALWAYS_PER_TENSOR = (_keras.Dense, _keras.Conv2DTranspose)


def weight_spec(layer: _keras.Layer, spec: LayerSpec) -> layers.WeightSpec:
    """Returns how the layer's weights are quantized."""
    scheme = spec.scheme
    per_channel = type(layer) is ChannelScale or (
        scheme.weight_granularity == "per_channel" and type(layer) not in _ALWAYS_PER_TENSOR
    )
    return layers.WeightSpec(
        scheme.weight_bits,
        per_channel and scheme.symmetric_weights,
        layer.trainable,
        scheme.symmetric_weights,
        learner=spec.weight_learner,
        quant_noise=spec.quant_noise,
    )


def _without_range(output: layers.ActivationSpec) -> layers.ActivationSpec:
    return dataclasses.replace(output, quantize=False)


def _fixed(output: layers.ActivationSpec) -> layers.ActivationSpec:
    """Returns the output of a kernel with a fixed range: all bits of its storage, none learned."""
    return dataclasses.replace(_without_range(output), num_bits=8)


def _add(_layer: _keras.Layer, **common) -> layers.QuantizedLayer:
    return layers.QuantizedAdd(**common)


def _subtract(_layer: _keras.Layer, **common) -> layers.QuantizedLayer:
    return layers.QuantizedSubtract(**common)


def _multiply(_layer: _keras.Layer, **common) -> layers.QuantizedLayer:
    return layers.QuantizedMultiply(**common)


def _rescaling(layer: _keras.Rescaling, output: layers.ActivationSpec, **common):
    if layer.offset == 0.0:
        return layers.QuantizedScale(float(layer.scale), output=_without_range(output), **common)
    return layers.QuantizedShift(float(layer.offset), output=output, **common)


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
    if layer.axis == 0:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed Concatenate over another axis than the batch's, got "
            "axis 0; join the batches outside of the model"
        )
    return layers.QuantizedConcatenate(layer.axis, **common)


def _leaky_relu(layer: _keras.LeakyReLU, **common) -> layers.QuantizedLayer:
    return layers.QuantizedLeakyReLU(float(layer.alpha), **common)


def _prelu(layer: _keras.PReLU, **common) -> layers.QuantizedLayer:
    return layers.QuantizedPReLU(
        tuple(layer.alpha.shape),
        alpha_regularizer=layer.alpha_regularizer,
        trainable=layer.trainable,
        **common,
    )


def _hard_swish(_layer: _keras.Layer, **common) -> layers.QuantizedLayer:
    return layers.QuantizedHardSwish(**common)


def _up_sampling_2d(layer: _keras.UpSampling2D, **common) -> layers.QuantizedLayer:
    rows, columns = layer.size
    resize = layers.Resize(layer.interpolation, factors=(rows, columns))
    return _resize(layer, resize, **common)


def _resizing(layer: _keras.Resizing, **common) -> layers.QuantizedLayer:
    if layer.crop_to_aspect_ratio:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed crop_to_aspect_ratio=False, got True; crop with "
            "Cropping2D"
        )
    return _resize(
        layer, layers.Resize(layer.interpolation, size=(layer.height, layer.width)), **common
    )


def _resize(
    layer: _keras.Layer, resize: layers.Resize, output: layers.ActivationSpec, **common
) -> layers.QuantizedLayer:
    if resize.method not in layers.RESIZE_METHODS:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed interpolation {' or '.join(layers.RESIZE_METHODS)}, as "
            f"the integer ops have it, got {resize.method!r}; change it"
        )
    return layers.QuantizedResize(resize, output=_without_range(output), **common)


def _softmax(layer: _keras.Layer, output: layers.ActivationSpec, **common) -> layers.QuantizedLayer:
    if getattr(layer, "axis", -1) != -1:
        raise UnsupportedLayerError(
            f"layer {layer.name!r}: needed Softmax over the last axis, as the integer op computes "
            f"it, got axis {layer.axis}; permute its input, or write the last axis as -1"
        )
    return layers.QuantizedSoftmax(output=_fixed(output), **common)


def _activation(
    layer: _keras.Layer, output: layers.ActivationSpec, **common
) -> layers.QuantizedLayer:
    name = activation_names.of_layer(layer)
    if name == "softmax":
        return _softmax(layer, output, **common)
    if name in _FIXED_RANGE:
        return _FIXED_RANGE[name](output=_fixed(output), **common)
    if name in ("relu", "relu6"):
        return layers.QuantizedActivation(output=_without_range(output), **common)
    if activation_names.is_relu(name):
        return layers.QuantizedActivation(output=output, **common)
    raise _unsupported(layer)


_FIXED_RANGE: dict[str, type[layers.QuantizedLayer]] = {
    "sigmoid": layers.QuantizedSigmoid,
    "tanh": layers.QuantizedTanh,
}

# By exact type.
_TWINS: dict[type, Callable[..., layers.QuantizedLayer]] = {
    _keras.Add: _add,
    _keras.Subtract: _subtract,
    _keras.Multiply: _multiply,
    _keras.Rescaling: _rescaling,
    _keras.AveragePooling2D: _average_pooling_2d,
    _keras.GlobalAveragePooling2D: _global_average_pooling_2d,
    _keras.Concatenate: _concatenate,
    _keras.UpSampling2D: _up_sampling_2d,
    _keras.Resizing: _resizing,
    _keras.LeakyReLU: _leaky_relu,
    _keras.PReLU: _prelu,
    HardSwish: _hard_swish,
    _keras.Activation: _activation,
    _keras.ReLU: _activation,
    _keras.Softmax: _softmax,
}

_ON_INPUT_GRID = (_keras.AveragePooling2D, _keras.UpSampling2D, _keras.Resizing)

# Their op ends in a RELU, RELU6 or a range that does the same.
_FUSES_RELU = (_keras.Add, _keras.Subtract, _keras.Multiply)


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
    if type(layer) not in _TWINS:
        raise _unsupported(layer)
    return _TWINS[type(layer)](layer, output=output, **common)


def fuses_relu(layer: _keras.Layer) -> bool:
    """Whether the op of a layer that is not foldable takes in a ReLU behind it."""
    shifts = type(layer) is _keras.Rescaling and layer.offset != 0.0
    return type(layer) in _FUSES_RELU or shifts


def keeps_bits(layer: _keras.Layer) -> bool:
    """Whether the op of a layer that is not foldable writes codes of its input's bits."""
    if type(layer) is _keras.Rescaling:
        return layer.offset == 0.0
    return type(layer) in _ON_INPUT_GRID or activation_names.of_layer(layer) in ("relu", "relu6")


def _unsupported(layer: _keras.Layer) -> UnsupportedLayerError:
    return UnsupportedLayerError(
        f"layer {layer.name!r}: quantization-aware training has no integer counterpart of "
        f"{_describe(layer)}; supported: {_SUPPORTED}. Replace the layer, or leave it unannotated "
        "with quantize_annotate_layer (it then stays in float and convert will refuse the model)"
    )


def check_foldable(layer: _keras.Layer) -> None:
    """Checks that a layer of FOLDABLE has an integer counterpart.

    Raises:
      UnsupportedLayerError: It has not; says which setting is in the way.
    """

    def needed(what: str, got: object, remedy: str) -> None:
        raise UnsupportedLayerError(f"layer {layer.name!r}: needed {what}, got {got}; {remedy}")

    if getattr(layer, "padding", "valid") not in ("valid", "same"):
        needed("padding valid or same", layer.padding, "pad with ZeroPadding2D")
    activation = activation_names.of_layer(layer)
    if activation != "linear" and not activation_names.is_relu(activation):
        needed("a known activation", activation_names.describe(layer), "replace it")
    if isinstance(layer, _keras.Conv2DTranspose):
        if layer.output_padding is not None:
            needed("no output_padding", layer.output_padding, "pad with ZeroPadding2D")
        if layer.dilation_rate != (1, 1):
            needed("dilation_rate 1", layer.dilation_rate, "use a larger kernel")


def batch_norm_spec(call: Call) -> layers.BatchNormSpec:
    """Returns the hyperparameters of a BatchNormalization that is to be folded."""
    layer = call.layer
    trainable = layer.trainable and call.in_training
    return layers.BatchNormSpec(layer.momentum, layer.epsilon, layer.center, layer.scale, trainable)


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
    target.reset_weight_range()


def _describe(layer: _keras.Layer) -> str:
    kind = type(layer).__name__
    symbol = getattr(layer, "symbol", None)
    if symbol is not None:
        return f"the function tf.{symbol} with these arguments"
    activation = activation_names.describe(layer)
    return f"{kind} (activation {activation!r})" if activation else kind
