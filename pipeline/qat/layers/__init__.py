"""One quantization-aware layer per integer op."""

from pipeline.qat.layers.activation import QuantizedActivation
from pipeline.qat.layers.add import QuantizedAdd
from pipeline.qat.layers.average_pooling_2d import QuantizedAveragePooling2D
from pipeline.qat.layers.base import ActivationSpec, QuantizedLayer
from pipeline.qat.layers.concatenate import QuantizedConcatenate
from pipeline.qat.layers.conv_2d import QuantizedConv2D
from pipeline.qat.layers.dense import QuantizedDense
from pipeline.qat.layers.depthwise_conv_2d import QuantizedDepthwiseConv2D
from pipeline.qat.layers.folded import BatchNormSpec, FoldedLayer, WeightSpec
from pipeline.qat.layers.global_average_pooling_2d import QuantizedGlobalAveragePooling2D
from pipeline.qat.layers.input import QuantizedInput
from pipeline.qat.layers.softmax import QuantizedSoftmax

__all__ = [
    "ActivationSpec",
    "BatchNormSpec",
    "FoldedLayer",
    "QuantizedActivation",
    "QuantizedAdd",
    "QuantizedAveragePooling2D",
    "QuantizedConcatenate",
    "QuantizedConv2D",
    "QuantizedDense",
    "QuantizedDepthwiseConv2D",
    "QuantizedGlobalAveragePooling2D",
    "QuantizedInput",
    "QuantizedLayer",
    "QuantizedSoftmax",
    "WeightSpec",
]
