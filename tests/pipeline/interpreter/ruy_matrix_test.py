"""Matrices on arm64 under TFLite's optimized kernels: who multiplies, and how it rounds."""

import numpy as np
import pytest

from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import one_op
from tests.pipeline.interpreter.one_op import Operand

_OPTIONS = {"fused_activation_function": "NONE"}
_WINDOW = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
_DILATION = {"dilation_h_factor": 1, "dilation_w_factor": 1}


def _fully_connected(rows: int, channels: int = 4, depth: int = 8) -> bytes:
    """Returns a layer that multiplies the sums of its rows by 1/4."""
    filter_ = np.ones((channels, depth), np.int8)
    bias = one_op.integers(np.zeros(channels, np.int32))
    return one_op.model(
        "FULLY_CONNECTED",
        [Operand((rows, depth), 0.5), one_op.constant(filter_, 0.5), bias],
        Operand((rows, channels), 1.0),
        keep_num_dims=False,
        weights_format="DEFAULT",
        **_OPTIONS,
    )


def _convolution(width: int) -> bytes:
    filter_ = one_op.constant(np.ones((4, 1, 1, 8), np.int8), 0.5)
    return one_op.model(
        "CONV_2D",
        [Operand((1, 1, width, 8), 0.5), filter_, one_op.integers(np.zeros(4, np.int32))],
        Operand((1, 1, width, 4), 1.0),
        **_OPTIONS,
        **_WINDOW,
        **_DILATION,
    )


def _output_of_one(model: bytes, engine: str, target: str) -> int:
    """Returns the output code where the accumulator is 1."""
    interpreter = Interpreter(model, engine, target)
    (details,) = interpreter.input_details
    codes = np.zeros(details.shape, np.int8)
    codes[..., 0] = 1
    (output,) = interpreter.run(codes)
    assert len(np.unique(output)) == 1
    return int(output.flat[0])


@pytest.mark.parametrize(
    ("model", "on_arm64"),
    [
        (_fully_connected(rows=2), 0),
        (_fully_connected(rows=1), 1),
        (_fully_connected(rows=1, channels=3), 0),
        (_fully_connected(rows=1, depth=7), 0),
        (_convolution(width=2), 0),
        (_convolution(width=1), 1),
    ],
)
def test_one_quarter(model: bytes, on_arm64: int) -> None:
    """1/4 rounds to 0; but rounded to 1/2 * 1 first, and up each time, to 1."""
    assert _output_of_one(model, "ruy", "x86_64") == 1
    assert _output_of_one(model, "ruy", "arm64") == on_arm64
    # The delegate takes it.
    assert _output_of_one(model, "xnnpack", "arm64") == 0
