"""TFLite's builtin optimized kernels where their bits differ from the reference."""

from pipeline.interpreter.kernel import Kernels

KERNELS = Kernels(
    __name__,
    (
        "ADD",
        "BATCH_MATMUL",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LOGISTIC",
        "LOG_SOFTMAX",
        "MEAN",
        "MUL",
        "QUANTIZE",
        "REDUCE_PROD",
        "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR",
        "SOFTMAX",
        "SUM",
        "TANH",
        "TRANSPOSE_CONV",
    ),
)
