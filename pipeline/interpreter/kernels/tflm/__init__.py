"""tflite-micro's kernels, where their bits differ from the reference beyond the arithmetic."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.tflm import (
    add,
    relu6,
    space_to_batch_nd,
    sub,
    svdf,
    unidirectional_sequence_lstm,
)

KERNELS: dict[str, Kernel] = {
    "ADD": add,
    "RELU6": relu6,
    "SPACE_TO_BATCH_ND": space_to_batch_nd,
    "SUB": sub,
    "SVDF": svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm,
}
