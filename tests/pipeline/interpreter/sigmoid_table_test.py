"""Logistic and tanh by table over every code, against real numbers."""

import numpy as np
import pytest

from pipeline.interpreter import sigmoid_table
from tests.pipeline.interpreter.integer_array import watch

_CODES = np.arange(-(2**15), 2**15, dtype=np.int16)


def test_logistic_is_near_the_real_one() -> None:
    values = np.asarray(sigmoid_table.logistic(watch(_CODES), 3, 0))
    real = 1 / (1 + np.exp(_CODES / -(2.0**12)))
    assert np.abs(values - real * 2**15).max() < 8
    assert np.all(np.diff(values) >= 0)


@pytest.mark.parametrize(
    ("multiplier", "shift", "fraction_bits"), [(3, 0, 12), (3, 3, 15), (24, 0, 9)]
)
def test_tanh_is_near_the_real_one(multiplier: int, shift: int, fraction_bits: int) -> None:
    values = np.asarray(sigmoid_table.tanh(watch(_CODES), multiplier, shift))
    real = np.tanh(_CODES / 2.0**fraction_bits)
    assert np.abs(values - real * 2**15).max() < 16
    assert np.all(np.diff(values) >= 0)
