"""tflite-micro's kernels, where their bits differ from the reference beyond the arithmetic."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.tflm import (
    relu6,
    softmax,
    space_to_batch_nd,
    svdf,
    unidirectional_sequence_lstm,
)

KERNELS: dict[str, Kernel] = {
    "RELU6": relu6,
    "SOFTMAX": softmax,
    "SPACE_TO_BATCH_ND": space_to_batch_nd,
    "SVDF": svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm,
}
