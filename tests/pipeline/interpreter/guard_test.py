"""Floats are refused wherever they could come in."""

import dataclasses
import sys

import numpy as np
import pytest

from pipeline.errors import NotIntegerOnlyError
from pipeline.graph import Operator, Tensor
from pipeline.interpreter import Interpreter, guard
from pipeline.interpreter.kernels import relu
from pipeline.interpreter.rescale import Params
from tests.pipeline.interpreter import integer_array
from tests.pipeline.interpreter.one_op import Operand, model

_OP = Operator(index=3, op="ADD", version=1, inputs=(), outputs=())


@dataclasses.dataclass(frozen=True)
class _Inner:
    value: object


@dataclasses.dataclass(frozen=True)
class _Outer:
    inner: tuple[_Inner, ...]


@pytest.mark.parametrize(
    "value",
    [1, True, None, np.int32(1), np.zeros(2, np.uint8), np.dtype("int8"), (1, (2, 3))],
    ids=str,
)
def test_integers_may_be_kept(value: object) -> None:
    guard.check_params(_OP, _Outer((_Inner(value),)))


@pytest.mark.parametrize(
    "value",
    [1.0, np.float32(1), np.zeros(2, np.float64), np.dtype("float32"), (1, (2, 3.0)), 1j, "0.5"],
    ids=str,
)
def test_anything_else_may_not(value: object) -> None:
    with pytest.raises(NotIntegerOnlyError, match=r"op 3 ADD keeps _Outer\.inner\[0\]\.value"):
        guard.check_params(_OP, _Outer((_Inner(value),)))


def test_float_values_are_refused() -> None:
    tensor = Tensor(7, "model/dense/MatMul", (1,), "int8")
    guard.check_values(_OP, [tensor], [np.zeros(1, np.int8)])
    with pytest.raises(NotIntegerOnlyError, match=r"op 3 ADD.*7.*layer 'dense'.*float32"):
        guard.check_values(_OP, [tensor], [np.zeros(1, np.float32)])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_a_model_with_floats_is_refused_with_op_tensor_and_layer(dtype: str) -> None:
    content = model("RELU", [Operand((4,), dtype=dtype)], Operand((4,), dtype=dtype))
    with pytest.raises(NotIntegerOnlyError) as caught:
        Interpreter(content)
    message = str(caught.value)
    assert "op 0 RELU" in message
    assert f"{dtype} tensor 0 'model/layer/input0' (Keras layer 'layer')" in message
    assert f"model output is {dtype}" in message


def _replace(monkeypatch: pytest.MonkeyPatch, kernel: type) -> None:
    monkeypatch.setitem(sys.modules, relu.__name__, kernel)  # pyright: ignore[reportArgumentType]


def test_a_kernel_that_returns_floats_is_caught_at_run_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Floating:
        prepare = staticmethod(relu.prepare)

        @staticmethod
        def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
            return relu.evaluate(params, input_).astype(np.float32)

    _replace(monkeypatch, Floating)
    interpreter = Interpreter(model("RELU", [Operand((4,), 0.5)], Operand((4,), 0.5)))
    with pytest.raises(NotIntegerOnlyError, match=r"op 0 RELU.*model/layer/output.*float32"):
        interpreter.run(np.zeros(4, np.int8))


def test_a_kernel_that_keeps_floats_is_caught_at_load(monkeypatch: pytest.MonkeyPatch) -> None:
    class Keeping:
        evaluate = staticmethod(relu.evaluate)

        @staticmethod
        def prepare(_: object) -> _Inner:
            return _Inner(0.5)

    _replace(monkeypatch, Keeping)
    with pytest.raises(NotIntegerOnlyError, match=r"op 0 RELU keeps _Inner\.value"):
        Interpreter(model("RELU", [Operand((4,), 0.5)], Operand((4,), 0.5)))


def test_watched_arrays_notice_floats() -> None:
    watched = integer_array.watch(np.arange(6).reshape(2, 3))
    assert isinstance(np.einsum("ij,kj->ik", watched, watched), integer_array.IntegerArray)
    assert isinstance(np.clip(watched + 1, 0, 3).astype(np.int8), integer_array.IntegerArray)
    with pytest.raises(AssertionError, match="divide"):
        np.divide(watched, 2)
    with pytest.raises(AssertionError, match="made float64"):
        np.mean(watched)
