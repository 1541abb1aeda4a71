"""One quantization-aware layer per integer op."""

from pipeline.qat.layers.activation import QuantizedActivation
from pipeline.qat.layers.add import QuantizedAdd
from pipeline.qat.layers.average_pooling_2d import QuantizedAveragePooling2D
from pipeline.qat.layers.base import ActivationSpec, QuantizedLayer
from pipeline.qat.layers.concatenate import QuantizedConcatenate
from pipeline.qat.layers.conv_2d import QuantizedConv2D
from pipeline.qat.layers.conv_2d_transpose import QuantizedConv2DTranspose
from pipeline.qat.layers.dense import QuantizedDense
from pipeline.qat.layers.depthwise_conv_2d import QuantizedDepthwiseConv2D
from pipeline.qat.layers.folded import BatchNormSpec, FoldedLayer, WeightSpec
from pipeline.qat.layers.global_average_pooling_2d import QuantizedGlobalAveragePooling2D
from pipeline.qat.layers.hard_swish import QuantizedHardSwish
from pipeline.qat.layers.input import QuantizedInput
from pipeline.qat.layers.kept_grid import KeptGrid
from pipeline.qat.layers.leaky_relu import QuantizedLeakyReLU
from pipeline.qat.layers.multiply import QuantizedMultiply
from pipeline.qat.layers.prelu import QuantizedPReLU
from pipeline.qat.layers.resize import RESIZE_METHODS, QuantizedResize, Resize
from pipeline.qat.layers.scale import QuantizedScale
from pipeline.qat.layers.shift import QuantizedShift
from pipeline.qat.layers.sigmoid import QuantizedSigmoid
from pipeline.qat.layers.softmax import QuantizedSoftmax
from pipeline.qat.layers.subtract import QuantizedSubtract
from pipeline.qat.layers.tanh import QuantizedTanh

__all__ = [
    "RESIZE_METHODS",
    "ActivationSpec",
    "BatchNormSpec",
    "FoldedLayer",
    "KeptGrid",
    "QuantizedActivation",
    "QuantizedAdd",
    "QuantizedAveragePooling2D",
    "QuantizedConcatenate",
    "QuantizedConv2D",
    "QuantizedConv2DTranspose",
    "QuantizedDense",
    "QuantizedDepthwiseConv2D",
    "QuantizedGlobalAveragePooling2D",
    "QuantizedHardSwish",
    "QuantizedInput",
    "QuantizedLayer",
    "QuantizedLeakyReLU",
    "QuantizedMultiply",
    "QuantizedPReLU",
    "QuantizedResize",
    "QuantizedScale",
    "QuantizedShift",
    "QuantizedSigmoid",
    "QuantizedSoftmax",
    "QuantizedSubtract",
    "QuantizedTanh",
    "Resize",
    "WeightSpec",
]
