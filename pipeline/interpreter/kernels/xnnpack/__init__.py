"""XNNPACK's kernels: each says by takes() which ops TFLite's delegate hands to it."""

from pipeline.interpreter.kernel import Kernels

KERNELS = Kernels(
    __name__,
    (
        "ADD",
        "BATCH_MATMUL",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "ELU",
        "FULLY_CONNECTED",
        "LEAKY_RELU",
        "LOGISTIC",
        "MAX_POOL_2D",
        "MEAN",
        "MUL",
        "QUANTIZE",
        "RESIZE_BILINEAR",
        "SUB",
        "SUM",
        "TANH",
        "TRANSPOSE_CONV",
    ),
)
