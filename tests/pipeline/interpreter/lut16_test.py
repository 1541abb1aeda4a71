"""int16 tables against worked entries, real functions, and the tables of TFLite's EXP."""

import numpy as np
import pytest

from pipeline.interpreter import lut16
from tests.pipeline.interpreter.integer_array import watch
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

_CODES = np.arange(-(2**15), 2**15).astype(np.int16)


def _exp(x: np.ndarray) -> np.ndarray:
    return np.exp(x.astype(np.float64)).astype(x.dtype)


@pytest.mark.parametrize("double", [False, True])
def test_a_line_is_itself(double: bool) -> None:
    table = lut16.build(lambda x: x, (2.0**-10, 0), (2.0**-10, 0), double=double)
    # Entries are -32768.5 + 128 * i, rounded away from zero.
    assert table[[0, 1, 256, 512]].tolist() == [-32768, -32641, -1, 32767]
    assert table.dtype == np.int16
    values = np.asarray(lut16.look_up(table, watch(_CODES)))
    assert np.abs(values - _CODES.astype(np.int32)).max() <= 1


def test_samples_take_back_half_of_the_error_in_the_middle() -> None:
    # x**2 at scale 1 is 64**2 = 4096 below its chord in the middle of a step; beyond |x| = 181 it
    # saturates. Steps are 127.998 codes wide and start at -32768.
    table = lut16.build(lambda x: x * x, (1.0, 0), (1.0, 0), double=True)
    step = 65535 / 512
    starts = -32768 + np.array([255, 256, 257]) * step
    expected = [round(start**2) - round((step / 2) ** 2 / 2) for start in starts]
    np.testing.assert_allclose(table[255:258], expected, atol=1)
    assert table[[0, 512]].tolist() == [32767, 32767]


def test_between_entries_ties_go_up() -> None:
    table = np.zeros(513, np.int16)
    table[256:259] = [0, 1, -1]
    # Entry 256 starts at code 0, entry 257 at 128: 64 / 128 and 1 - 2 * 32 / 128 are ties.
    assert lut16.look_up(table, np.array([63, 64, 160], np.int16)).tolist() == [0, 1, 1]


def test_what_is_infinite_saturates() -> None:
    def steep(x: np.ndarray) -> np.ndarray:
        return np.where(x < 0, x.dtype.type(0), x.dtype.type(np.inf))

    table = lut16.build(steep, (1.0, 0), (1.0, 0))
    # Entry 256 starts at -0.5, where the function is 0; half a step on it is infinite.
    assert table[[0, 255, 256, 257, 512]].tolist() == [0, 0, 0, 0, 32767]


def test_a_rise_of_more_than_int16_wraps() -> None:
    table = np.zeros(513, np.int16)
    table[256:258] = [-32768, 0]
    # -32768 - 32768 / 128 + 2**16
    assert lut16.look_up(table, np.array([0, 1], np.int16)).tolist() == [-32768, 32512]


@pytest.mark.parametrize("scale", [1e-4, 0.000244140625, 0.002, 0.01, 0.1, 1.0])
def test_equals_the_table_of_exp(oracle: Oracle, scale: float) -> None:
    output_scale = float(np.float32(0.01))
    content = model(
        "EXP", [Operand(_CODES.shape, scale, 0, "int16")], Operand(_CODES.shape, 0.01, 0, "int16")
    )
    (expected,) = oracle.run(content, _CODES)
    table = lut16.build(_exp, (float(np.float32(scale)), 0), (output_scale, 0))
    np.testing.assert_array_equal(lut16.look_up(table, watch(_CODES)), expected)
