"""TFLite's builtin optimized kernels (x86-64), where their bits differ from the reference."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.ruy import (
    add,
    depthwise_conv_2d,
    leaky_relu,
    mean,
    mul,
    quantize,
    softmax,
)

KERNELS: dict[str, Kernel] = {
    "ADD": add,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "LEAKY_RELU": leaky_relu,
    "MEAN": mean,
    "MUL": mul,
    "QUANTIZE": quantize,
    "SOFTMAX": softmax,
}
