"""Logarithms of integers against real ones."""

import numpy as np

from pipeline.interpreter import logarithm
from pipeline.interpreter.float32 import Float32
from tests.pipeline.interpreter.integer_array import watch


def test_fixed_is_near_the_real_one() -> None:
    rng = np.random.default_rng(0)
    x = (2 ** rng.uniform(19, 31, 5000)).astype(np.int32)
    x[:5] = [2**19, 2**19 + 1, 2**20, 2**31 - 1, 741455]
    found = np.asarray(logarithm.fixed(watch(x))) / 2**26
    np.testing.assert_allclose(found, np.log(x / 2**19), atol=3e-6)
    assert found[0] == 0


def test_float32_is_the_nearest_one() -> None:
    rng = np.random.default_rng(0)
    x = np.exp2(rng.uniform(0, rng.choice([1e-6, 1, 20], 3000))).astype(np.float32)
    x[:3] = [1, 1 + 2**-23, 2]
    value = logarithm.float32(Float32.of_real(x))
    found = np.ldexp(value.significand.astype(np.float64), value.exponent)
    # Rounded twice, first to a double: no number drawn here lies that near to a tie.
    np.testing.assert_array_equal(found, np.log(x.astype(np.float64)).astype(np.float32))


def test_float32_keeps_the_shape() -> None:
    value = logarithm.float32(Float32.of_integers(np.full((2, 0, 1), 1)))
    assert value.significand.shape == value.exponent.shape == (2, 0, 1)
