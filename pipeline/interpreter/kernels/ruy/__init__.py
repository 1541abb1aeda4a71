"""TFLite's builtin optimized kernels where their bits differ from the reference."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.ruy import (
    add,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    leaky_relu,
    log_softmax,
    logistic,
    mean,
    mul,
    quantize,
    reduce_prod,
    resize_bilinear,
    resize_nearest_neighbor,
    softmax,
    sum,
    tanh,
)

KERNELS: dict[str, Kernel] = {
    "ADD": add,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": logistic,
    "LOG_SOFTMAX": log_softmax,
    "MEAN": mean,
    "MUL": mul,
    "QUANTIZE": quantize,
    "REDUCE_PROD": reduce_prod,
    "RESIZE_BILINEAR": resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor,
    "SOFTMAX": softmax,
    "SUM": sum,
    "TANH": tanh,
}
