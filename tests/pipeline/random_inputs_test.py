import numpy as np
import pytest

from pipeline import random_inputs
from pipeline.errors import InputError
from tests.pipeline.interpreter import one_op
from tests.pipeline.interpreter.one_op import Operand


def _mul(dtype: str) -> bytes:
    operand = Operand((256,), 0.5, dtype=dtype)
    return one_op.model("MUL", [operand, operand], operand, fused_activation_function="NONE")


def test_codes_are_those_of_the_seed():
    first, again, other = (random_inputs.codes(_mul("int8"), 3, seed) for seed in (1, 1, 2))
    assert [(values.shape, values.dtype) for values in first] == 2 * [((3, 256), np.int8)]
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[1])


def test_codes_reach_both_ends():
    (codes, _) = random_inputs.codes(_mul("uint8"), 50, 0)
    assert (codes.min(), codes.max()) == (0, 255)


def test_a_float_input_is_refused():
    operand = Operand((4,), dtype="float32")
    model = one_op.model("ABS", [operand], operand)
    with pytest.raises(InputError, match="is float32, no quantized type"):
        random_inputs.codes(model, 1, 0)
