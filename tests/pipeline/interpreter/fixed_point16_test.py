"""The int16 exponentials over every code, against real numbers."""

import numpy as np
import pytest

from pipeline.interpreter import fixed_point16
from tests.pipeline.interpreter.integer_array import watch

_CODES = np.arange(-(2**15), 2**15, dtype=np.int32)


def test_logistic_is_near_the_real_one() -> None:
    values = np.asarray(fixed_point16.logistic(watch(_CODES)))
    real = 1 / (1 + np.exp(-_CODES / 2**12))
    assert np.abs(values - real * 2**15).max() < 14
    assert values.min() >= 0
    assert values.max() <= 2**15 - 1
    assert values[_CODES == 0] == 2**14


@pytest.mark.parametrize("integer_bits", range(7))
def test_tanh_is_near_the_real_one_and_odd(integer_bits: int) -> None:
    values = np.asarray(fixed_point16.tanh(watch(_CODES), integer_bits))
    real = np.tanh(_CODES / 2.0 ** (15 - integer_bits))
    assert np.abs(values - real * 2**15).max() < 20
    np.testing.assert_array_equal(values[1:], -values[1:][::-1])
