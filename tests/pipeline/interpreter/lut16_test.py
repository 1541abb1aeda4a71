"""Tables of int16 against worked examples and real numbers."""

import numpy as np

from pipeline.interpreter import lut16
from tests.pipeline.interpreter.integer_array import watch

_CODES = np.arange(-(2**15), 2**15, dtype=np.int16)


def test_a_straight_line_is_kept() -> None:
    table = lut16.build(lambda reals: reals, (2.0**-8, 0), (2.0**-8, 0))
    # The middle sample lies midway between both ends, at code -1/2.
    assert (table[0], table[256], table[512]) == (-32768, -1, 32767)
    assert np.abs(np.asarray(lut16.lookup(table, watch(_CODES))) - _CODES).max() <= 1


def test_samples_are_lowered_by_half_the_error_midway() -> None:
    # For f(x) = 64 * x**2 / 2**15 in codes, the chord between samples 128 apart lies, midway,
    # f'' * 128**2 / 8 = 8 too high; samples give up 4 of them.
    scale = (2.0**-15, 0)
    assert lut16.build(lambda reals: 64 * reals * reals, scale, scale, np.float64)[256] == -4


def test_lookup_rounds_ties_up() -> None:
    table = np.zeros(513, np.int32)
    table[256:] = 1
    # From -128 to 0 the line climbs by 1; a half is reached at -64.
    assert lut16.lookup(table, np.array([-128, -65, -64, 0])).tolist() == [0, 0, 1, 1]
    assert lut16.lookup(-table, np.array([-128, -64, -63, 0])).tolist() == [0, 0, -1, -1]


def test_samples_without_a_value_are_0() -> None:
    with np.errstate(over="ignore"):
        table = lut16.build(lambda reals: np.exp(reals), (1.0, 0), (1.0, 0))
    assert table[0] == 0
    assert set(table[260:512].tolist()) <= {0, 32767}


def test_half_away_from_zero() -> None:
    reals = np.array([-1.5, -0.5, -0.49, 0.49999997, 0.5, 2.5, 8388609.0], np.float32)
    expected = [-2, -1, 0, 0, 1, 3, 8388609]
    assert lut16.half_away_from_zero(reals).tolist() == expected
