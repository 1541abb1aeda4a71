"""tflite-micro's kernels, where their bits differ from the reference beyond the arithmetic."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.tflm import (
    elu,
    logistic,
    relu6,
    rsqrt,
    space_to_batch_nd,
    svdf,
    tanh,
    unidirectional_sequence_lstm,
)

KERNELS: dict[str, Kernel] = {
    "ELU": elu,
    "LOGISTIC": logistic,
    "RELU6": relu6,
    "RSQRT": rsqrt,
    "SPACE_TO_BATCH_ND": space_to_batch_nd,
    "SVDF": svdf,
    "TANH": tanh,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm,
}
