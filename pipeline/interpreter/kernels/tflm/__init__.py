"""tflite-micro's kernels, where their bits differ from the reference beyond the arithmetic."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.tflm import (
    add,
    conv_2d,
    cumsum,
    elu,
    fully_connected,
    logistic,
    relu6,
    rsqrt,
    softmax,
    space_to_batch_nd,
    sub,
    sum,
    svdf,
    tanh,
    unidirectional_sequence_lstm,
)

KERNELS: dict[str, Kernel] = {
    "ADD": add,
    "CONV_2D": conv_2d,
    "CUMSUM": cumsum,
    "ELU": elu,
    "FULLY_CONNECTED": fully_connected,
    "LOGISTIC": logistic,
    "RELU6": relu6,
    "RSQRT": rsqrt,
    "SOFTMAX": softmax,
    "SPACE_TO_BATCH_ND": space_to_batch_nd,
    "SUB": sub,
    "SUM": sum,
    "SVDF": svdf,
    "TANH": tanh,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm,
}
