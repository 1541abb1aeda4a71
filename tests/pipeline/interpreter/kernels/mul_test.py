"""MUL against worked examples and every engine."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import flatbuffer
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, elementwise
from tests.pipeline.interpreter.one_op import Operand, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = elementwise.ENGINES


def _model(
    first: Operand | None = None,
    second: Operand | None = None,
    output: Operand | None = None,
    **options: object,
) -> bytes:
    """Returns (a - 1) * (b + 2) / 4; parts can be replaced."""
    return model(
        "MUL",
        [first or Operand((1, 3), 0.5, 1), second or Operand((1, 3), 0.5, -2)],
        output or Operand((1, 3), 1.0, 0),
        **options,
    )


def test_multiplies_centered_codes() -> None:
    assert conformance.run(_model(), [[5, 1, 127]], [[6, 50, 127]]) == [[8, 0, 127]]


def test_halves_round_away_from_zero() -> None:
    assert conformance.run(_model(), [[2, 0, 4]], [[0, 0, 0]]) == [[1, -1, 2]]


def test_relu_clamps() -> None:
    content = _model(fused_activation_function="RELU")
    assert conformance.run(content, [[-7, 5, 1]], [[0, 0, 0]]) == [[0, 2, 0]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(second=Operand((1, 3), 0.5, 2, "uint8")))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(second=Operand((1, 2), 0.5)))


def test_c3_activation() -> None:
    conformance.refuses("C3", _model(fused_activation_function="SIGN_BIT"))


def test_c4_int16_zero_points() -> None:
    first = Operand((1, 3), 0.5, 1, "int16")
    other = Operand((1, 3), 0.5, 0, "int16")
    conformance.refuses("C4", _model(first=first, second=other, output=other))


def test_int16_saturates() -> None:
    operand = Operand((3,), 0.5, 0, "int16")
    content = model("MUL", [operand, operand], operand)
    assert conformance.run(content, [300, -300, 3], [300, 300, 3]) == [32767, -32768, 5]


def test_plain_integers_wrap() -> None:
    operand = Operand((2,), dtype="int32")
    content = model("MUL", [operand, operand], operand)
    assert conformance.run(content, [2**16, -5], [2**15, 3]) == [-(2**31), -15]


def test_ruy_overflows_in_vectors_only() -> None:
    operand = Operand((17,), 1.0, 0, "uint8")
    content = model(
        "MUL", [operand, Operand((1,), 1.0, 0, "uint8")], Operand((17,), 1.0, 0, "uint8")
    )
    # 255 * 255 is negative in int16: the first 16 elements saturate at the wrong end.
    answer = conformance.run(content, [255] * 17, [255], kernels="ruy")
    assert answer == [0] * 16 + [255]
    assert conformance.run(content, [255] * 17, [255]) == [255] * 17


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_xnnpack_rounds_halves_to_even_on_x86_64_and_up_on_arm64(dtype: str) -> None:
    operand = Operand((4,), 0.5, 100, dtype)
    content = model("MUL", [operand, Operand((4,), 0.5, 99, dtype)], operand)
    # Products of 1, -1, 3 and -3, in steps of 2 around 100.
    inputs = np.array([101, 99, 103, 97], dtype), np.full(4, 100, dtype)
    answers = [
        Interpreter(content, "xnnpack", target).run(*inputs)[0].tolist()
        for target in ("x86_64", "arm64")
    ]
    assert answers == [[100, 100, 102, 98], [101, 100, 102, 99]]


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(elementwise.cases("MUL", dtype)), ENGINES[dtype])


def _squared(case: conformance.Case) -> conformance.Case:
    """Returns the product of a case's first input with itself."""
    graph = flatbuffer.read(case.model)
    (op,) = graph.main.operators
    first, output = op.inputs[0], op.outputs[0]
    tensors = list(graph.main.tensors)
    tensors[output] = dataclasses.replace(
        tensors[output], shape=tensors[first].shape, shape_signature=tensors[first].shape
    )
    main = dataclasses.replace(
        graph.main,
        tensors=tuple(tensors),
        inputs=(first,),
        operators=(dataclasses.replace(op, inputs=(first, first)),),
    )
    content = flatbuffer.write(dataclasses.replace(graph, subgraphs=(main,)))
    return conformance.Case(content, case.inputs[:1])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@conformance.random_cases
@given(data=st.data())
def test_a_tensor_times_itself(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(elementwise.cases("MUL", dtype))
    conformance.check(oracle, _squared(case), ENGINES[dtype])
