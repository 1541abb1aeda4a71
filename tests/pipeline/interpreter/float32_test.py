"""float32 in integers against the processor's float32."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.interpreter.float32 import Float32
from tests.pipeline.interpreter import conformance

_COUNT = 500


def _numbers(rng: np.random.Generator) -> np.ndarray:
    """float32 of all sizes that occur, many with few bits, so that ties are frequent."""
    fractions = rng.integers(-(2 ** rng.integers(1, 25)), 2**24, _COUNT)
    return np.float32(fractions * 2.0 ** rng.integers(-40, 20, _COUNT))


def _real(value: Float32) -> np.ndarray:
    return np.ldexp(value.significand.astype(np.float64), value.exponent)


@given(conformance.generators())
def test_product(rng: np.random.Generator) -> None:
    a, b = _numbers(rng), _numbers(rng)
    actual = _real(Float32.of_real(a).times(Float32.of_real(b)))
    np.testing.assert_array_equal(actual, a * b)


@given(conformance.generators())
def test_sum(rng: np.random.Generator) -> None:
    a, b = _numbers(rng), _numbers(rng)
    a[: _COUNT // 2] = -b[: _COUNT // 2] * np.float32(2.0) ** rng.integers(-3, 3, _COUNT // 2)
    a[::7] = 0
    np.testing.assert_array_equal(_real(Float32.of_real(a).plus(Float32.of_real(b))), a + b)


@given(conformance.generators())
def test_fused_multiply_add(rng: np.random.Generator) -> None:
    a, b, c = (np.float32(rng.integers(-(2**12), 2**12, _COUNT)) for _ in range(3))
    c *= np.float32(2.0) ** rng.integers(-3, 20, _COUNT)
    # Exact in double: 24 bits of product, and a sum of 53 at most.
    expected = np.float32(a.astype(np.float64) * b + c)
    fused = Float32.of_real(a).times_plus(Float32.of_real(b), Float32.of_real(c))
    np.testing.assert_array_equal(_real(fused), expected)


@given(conformance.generators())
def test_reciprocal(rng: np.random.Generator) -> None:
    a = np.abs(_numbers(rng))
    a = a[a > 0]
    np.testing.assert_array_equal(_real(Float32.of_real(a).reciprocal()), np.float32(1) / a)


@given(conformance.generators())
def test_integers(rng: np.random.Generator) -> None:
    integers = rng.integers(-(2**31), 2**31, _COUNT)
    np.testing.assert_array_equal(_real(Float32.of_integers(integers)), np.float32(integers))


@given(st.integers(-(2**24), 2**24), st.integers(-30, 10))
def test_to_integers(significand: int, exponent: int) -> None:
    value = Float32(np.array(significand), np.array(exponent))
    real = significand * 2.0**exponent
    assert value.to_integers() == np.rint(real)
    assert value.to_integers(ties_to_even=False) == np.copysign(np.floor(abs(real) + 0.5), real)
    assert value.floor() == np.floor(real)
