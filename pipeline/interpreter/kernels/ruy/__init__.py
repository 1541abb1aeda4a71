"""TFLite's builtin optimized kernels (x86-64), where their bits differ from the reference."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.ruy import (
    add,
    depthwise_conv_2d,
    log_softmax,
    mean,
    mul,
    quantize,
    softmax,
)

KERNELS: dict[str, Kernel] = {
    "ADD": add,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "LOG_SOFTMAX": log_softmax,
    "MEAN": mean,
    "MUL": mul,
    "QUANTIZE": quantize,
    "SOFTMAX": softmax,
}
