"""LiteRT behind our names. Models that could crash it are left to engine_process_test.py."""

import numpy as np
import pytest

from pipeline import litert
from pipeline.errors import InputError, ModelError
from tests.pipeline.interpreter.one_op import Operand, model

_RELU = model("RELU", [Operand((1, 4), 0.5)], Operand((1, 4), 0.5))
_CODES = np.array([[-128, -1, 0, 127]], np.int8)


@pytest.mark.parametrize("kernels", ["reference", "ruy", "xnnpack"])
def test_every_arithmetic_runs(kernels):
    engine = litert.Litert(_RELU, kernels)
    np.testing.assert_array_equal(engine.run(_CODES)[0], [[0, 0, 0, 127]])
    np.testing.assert_array_equal(engine.tensor(engine.output_indices[0]), [[0, 0, 0, 127]])


def test_delegate_keeps_no_tensors():
    with pytest.raises(ValueError, match="reference"):
        litert.Litert(_RELU, "xnnpack", keep_tensors=True)


def test_wrong_input_is_named():
    with pytest.raises(InputError, match=r"int8.*int16"):
        litert.Litert(_RELU).run(_CODES.astype(np.int16))


def test_no_model():
    with pytest.raises(ModelError, match="LiteRT cannot load"):
        litert.Litert(b"nonsense")
