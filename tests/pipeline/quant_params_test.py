"""How integers stand for real numbers: ranges, nudging, rounding, bad parameters."""

import fractions

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.legacy_keras import tf
from pipeline.quant_params import QUANTIZED_LIMITS, QuantizedMultiplier, QuantParams

_REALS = st.floats(-1e4, 1e4, width=32)


@given(_REALS, _REALS)
def test_zero_has_a_code_of_its_own(first, second):
    low, high = min(first, second), max(first, second)
    assume(high - low > 1e-3 or max(-low, high) > 1e-3)
    params = QuantParams.from_range(low, high, "int8")
    zero = params.quantize(np.zeros(1), "int8")
    assert params.dequantize(zero) == 0.0
    assert zero[0] == params.zero_point[0]


@given(_REALS, _REALS)
def test_equals_tensorflows_fake_quant(first, second):
    low, high = min(first, second, 0.0), max(first, second, 0.0)
    assume(high - low > 1e-3)
    scale, zero_point = QuantParams.from_range(low, high, "int8").per_tensor
    # The smallest value that fake-quant lets through is the code -128.
    smallest = tf.quantization.fake_quant_with_min_max_vars(np.float32(-1e9), low, high).numpy()
    assert smallest == pytest.approx((-128 - zero_point) * scale, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (0.0, 6.0, 6 / 255, -128),
        (-1.0, 0.0, 1 / 255, 127),
        (1.0, 2.0, 2 / 255, -128),
        (-2.0, -1.0, 2 / 255, 127),
        (-127.5, 127.5, 1.0, 0),
    ],
)
def test_worked_ranges(low, high, scale, zero_point):
    assert QuantParams.from_range(low, high, "int8").per_tensor == (
        float(np.float32(scale)),
        zero_point,
    )


@pytest.mark.parametrize(
    ("low", "high"),
    [(1.0, -1.0), (0.0, 0.0), (float("nan"), 1.0), (0.0, float("inf")), (-1e-46, 0.0)],
)
def test_ranges_that_are_none(low, high):
    with pytest.raises(ValueError, match="needed"):
        QuantParams.from_range(low, high, "int8")


@given(st.integers(-400, 400), st.sampled_from(["int8", "uint8", "int16"]))
def test_ties_go_up_then_the_clamp(halves, dtype):
    params = QuantParams((0.5,), (3,))
    code = params.quantize(np.array([halves / 4]), dtype)[0]
    exact = fractions.Fraction(halves, 4) / fractions.Fraction(1, 2) + fractions.Fraction(1, 2)
    low, high = QUANTIZED_LIMITS[dtype]
    assert code == min(max(exact.__floor__() + 3, low), high)


def test_channels_run_along_their_axis():
    params = QuantParams((1.0, 2.0), (0, 10), quantized_dimension=0)
    codes = params.quantize(np.array([[4.0, 6.0], [4.0, 6.0]]), "int8")
    assert codes.tolist() == [[4, 6], [12, 13]]
    assert params.dequantize(codes).tolist() == [[4.0, 6.0], [4.0, 6.0]]
    with pytest.raises(ValueError, match="2 channels"):
        _ = params.per_tensor


@pytest.mark.parametrize(
    ("scale", "zero_point", "axis"),
    [((), (), None), ((1.0,), (0, 0), None), ((1.0, 1.0), (0, 0), None), ((0.0,), (0,), None)],
)
def test_bad_parameters(scale, zero_point, axis):
    with pytest.raises(ValueError, match="scale"):
        QuantParams(scale, zero_point, axis)


@pytest.mark.parametrize("significand", [1, 2**30 - 1, 2**31, -(2**30)])
def test_significands_that_are_not_normalized(significand):
    with pytest.raises(ValueError, match="significand"):
        QuantizedMultiplier(significand, 0)
