"""XNNPACK's kernels: each says by takes() which ops TFLite's delegate hands to it."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.xnnpack import (
    add,
    batch_matmul,
    conv_2d,
    depthwise_conv_2d,
    elu,
    fully_connected,
    leaky_relu,
    logistic,
    max_pool_2d,
    mean,
    mul,
    quantize,
    resize_bilinear,
    sub,
    sum,
    tanh,
    transpose_conv,
)

KERNELS: dict[str, Kernel] = {
    "ADD": add,
    "BATCH_MATMUL": batch_matmul,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "ELU": elu,
    "FULLY_CONNECTED": fully_connected,
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": logistic,
    "MAX_POOL_2D": max_pool_2d,
    "MEAN": mean,
    "MUL": mul,
    "QUANTIZE": quantize,
    "RESIZE_BILINEAR": resize_bilinear,
    "SUB": sub,
    "SUM": sum,
    "TANH": tanh,
    "TRANSPOSE_CONV": transpose_conv,
}
