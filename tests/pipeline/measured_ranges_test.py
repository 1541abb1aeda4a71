"""Bounds after a run on data: above what the data reaches, below the certificate's."""

import numpy as np
import pytest

from pipeline import certificate, flatbuffer, measured_ranges
from tests.pipeline.interpreter.one_op import Operand, constant, model

_ZERO_POINT = 3
_RNG = np.random.default_rng(0)
_FILTERS = {
    "CONV_2D": _RNG.integers(-127, 128, (5, 2, 2, 4)).astype(np.int8),
    "DEPTHWISE_CONV_2D": _RNG.integers(-127, 128, (1, 2, 2, 8)).astype(np.int8),
}
_OPTIONS = {
    "CONV_2D": {},
    "DEPTHWISE_CONV_2D": {"depth_multiplier": 2},
}


def _model(op: str) -> bytes:
    filters = _FILTERS[op]
    channels = filters.shape[0] if op == "CONV_2D" else filters.shape[3]
    bias = _RNG.integers(-500, 500, channels).astype(np.int32)
    return model(
        op,
        [Operand((1, 4, 4, 4), 0.5, _ZERO_POINT), constant(filters, 0.25), constant(bias, 0.125)],
        Operand((1, 3, 3, channels), 8.0),
        padding="VALID",
        stride_h=1,
        stride_w=1,
        dilation_h_factor=1,
        dilation_w_factor=1,
        fused_activation_function="NONE",
        **_OPTIONS[op],
    )


def _examples(count: int) -> np.ndarray:
    """Channels of very different ranges, so that a bound by tensor would be far too wide."""
    widths = np.array([2, 10, 40, 100])
    codes = _RNG.integers(-widths, widths + 1, (count, 1, 4, 4, 4)) + _ZERO_POINT
    return codes.astype(np.int8)


def _reached(op: str, content: bytes, examples: np.ndarray) -> int:
    """Returns the largest |accumulator| of the examples, by an independent computation."""
    filters = _FILTERS[op].astype(np.int64)
    bias = next(
        tensor.data for tensor in flatbuffer.read(content).main.tensors if tensor.dtype == "int32"
    )
    x = examples[:, 0].astype(np.int64) - _ZERO_POINT
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2))
    if op == "CONV_2D":
        sums = np.einsum("nyxchw,ohwc->nyxo", windows, filters)
    else:
        by_channel = filters[0].reshape(2, 2, 4, 2)
        sums = np.einsum("nyxchw,hwcm->nyxcm", windows, by_channel).reshape(*x.shape[:1], 3, 3, 8)
    return int(np.abs(sums + bias).max())


@pytest.mark.parametrize("op", list(_FILTERS))
def test_lies_between_what_is_reached_and_what_is_possible(op: str) -> None:
    content, examples = _model(op), _examples(200)
    (measured,) = measured_ranges.measure(content, [examples])
    (proved,) = certificate.certify(flatbuffer.read(content)).accumulators
    assert _reached(op, content, examples) <= measured.bound < proved.bound
    assert measured.op == op


@pytest.mark.parametrize("op", list(_FILTERS))
def test_codes_at_the_ends_of_the_type_give_the_proof(op: str) -> None:
    ends = np.full((2, 1, 4, 4, 4), 127, np.int8)
    ends[1] = -128
    content = _model(op)
    (measured,) = measured_ranges.measure(content, [ends])
    (proved,) = certificate.certify(flatbuffer.read(content)).accumulators
    assert measured == proved


def test_one_channel_of_a_fully_connected_op() -> None:
    weights = np.array([[1, -2, 3, 4], [100, -100, 50, 7]], np.int8)
    bias = constant(np.array([10, -20], np.int32), 0.125)
    content = model(
        "FULLY_CONNECTED",
        [Operand((1, 4), 0.5, _ZERO_POINT), constant(weights, 0.25), bias],
        Operand((1, 2), 0.75, -1),
        fused_activation_function="NONE",
    )
    examples = np.full((3, 1, 4), _ZERO_POINT, np.int8)
    examples[1:, 0, 1] += np.array([5, -7], np.int8)
    (measured,) = measured_ranges.measure(content, [examples])
    # Channel 1: -100 * 5 - 20 below, -100 * -7 above, where the bias may come last.
    assert (measured.channel, measured.bound) == (1, 700)


def test_ops_without_weights_have_no_bound() -> None:
    content = model("RELU", [Operand((1, 4), 0.5)], Operand((1, 4), 0.5))
    assert measured_ranges.measure(content, [np.zeros((2, 1, 4), np.int8)]) == ()
