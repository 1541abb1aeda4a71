"""1 / sqrt(x) as multiplier and shift."""

import numpy as np

from pipeline.interpreter.inverse_sqrt import quantized_inverse_sqrt
from tests.pipeline.interpreter.integer_array import watch


def test_is_near_the_real_one() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([np.arange(2, 2000), (2 ** rng.uniform(1, 31, 2000)).astype(np.int64)])
    significand, shift = quantized_inverse_sqrt(watch(values.astype(np.int32)))
    found = np.asarray(significand) * 2.0 ** (np.asarray(shift) - 31)
    np.testing.assert_allclose(found, 1 / np.sqrt(values), rtol=2e-6)
    assert np.asarray(shift).max() <= 0


def test_one_and_less() -> None:
    significand, shift = quantized_inverse_sqrt(np.array([1, 0, -5], np.int32))
    assert significand.tolist() == [2**31 - 1] * 3
    assert shift.tolist() == [0, 0, 0]
