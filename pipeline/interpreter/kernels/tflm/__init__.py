"""tflite-micro's kernels, where their bits differ from the reference beyond the arithmetic."""

from pipeline.interpreter.kernel import Kernel
from pipeline.interpreter.kernels.tflm import (
    conv_2d,
    fully_connected,
    relu6,
    space_to_batch_nd,
    svdf,
    unidirectional_sequence_lstm,
)

KERNELS: dict[str, Kernel] = {
    "CONV_2D": conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "RELU6": relu6,
    "SPACE_TO_BATCH_ND": space_to_batch_nd,
    "SVDF": svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": unidirectional_sequence_lstm,
}
