"""tflite-micro's kernels, where their bits differ from the reference beyond the arithmetic."""

from pipeline.interpreter.kernel import Kernels

KERNELS = Kernels(
    __name__,
    (
        "ADD",
        "CONV_2D",
        "CUMSUM",
        "ELU",
        "FULLY_CONNECTED",
        "LOGISTIC",
        "RELU6",
        "RSQRT",
        "SOFTMAX",
        "SPACE_TO_BATCH_ND",
        "SUB",
        "SUM",
        "SVDF",
        "TANH",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
    ),
)
