"""The int16 softmax as evaluation computes it, against the interpreter's kernel."""

import numpy as np
import pytest

from pipeline.interpreter import Interpreter
from pipeline.legacy_keras import tf
from pipeline.qat import layers
from pipeline.qat.layers.base import ActivationSpec
from pipeline.qat.phase import Phase
from tests.pipeline.interpreter.one_op import Operand, model

_INT16 = ActivationSpec(num_bits=16, storage="int16")


def _codes(num_classes: int, spread: float) -> tuple[np.ndarray, float]:
    """Returns int16[32, classes] logits, and their scale."""
    logits = np.random.default_rng(num_classes).normal(0.0, spread, (32, num_classes))
    scale = float(np.abs(logits).max().astype(np.float32) / np.float32(32767))
    return np.rint(logits / scale).astype(np.int16), scale


def _layer(rounding, codes: np.ndarray, scale: float) -> tuple[tf.Tensor, tf.Tensor]:
    layer = layers.QuantizedSoftmax(_INT16, phase=Phase(rounding=rounding))
    grid = tf.constant([-32768 * scale, 32767 * scale, scale], tf.float32)
    return layer(tf.constant(codes * np.float32(scale)), grid)


def _kernel(codes: np.ndarray, scale: float) -> np.ndarray:
    logits = Operand(codes.shape, scale, dtype="int16")
    shares = Operand(codes.shape, 1 / 32768, dtype="int16")
    (result,) = Interpreter(model("SOFTMAX", [logits], shares, beta=1.0)).run(codes)
    return result.astype(np.int32)


@pytest.mark.parametrize("num_classes", [2, 10, 1000])
@pytest.mark.parametrize("spread", [1.0, 12.0, 40.0])
def test_evaluation_rounds_as_the_kernel(num_classes, spread):
    codes, scale = _codes(num_classes, spread)
    shares, grid = _layer("reference", codes, scale)
    np.testing.assert_array_equal(np.rint(shares.numpy() * 32768), _kernel(codes, scale))
    np.testing.assert_array_equal(grid, np.array([-1.0, 32767 / 32768, 1 / 32768], np.float32))


def test_kernel_is_percents_off_with_a_thousand_classes():
    """Why evaluation has to know the kernel: the plain function is not what it computes."""
    codes, scale = _codes(1000, 12.0)
    plain, _ = _layer("single", codes, scale)
    off = np.abs(plain.numpy() - _kernel(codes, scale) / 32768).max()
    assert 0.02 < off < 0.06
