"""FULLY_CONNECTED against worked examples and every engine."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, filtered
from tests.pipeline.interpreter.one_op import Operand, constant, integers, model
from tests.pipeline.interpreter.oracle import Oracle

_FILTER = np.array([[1, 2], [3, 4], [0, -1]], np.int8)

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    # tflite-micro takes one scale only: see C8.
    "int8, int4 filter": ("reference", "ruy", "xnnpack"),
    "int8, int2 filter": ("reference", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
    "int16, int32 bias": ("reference", "tflm", "ruy", "xnnpack"),
}


def _model(
    input_: Operand | None = None,
    filter_: Operand | None = None,
    bias: Operand | None = None,
    output: Operand | None = None,
    **options: object,
) -> bytes:
    """Returns a layer of three channels over rows of two; parts can be replaced."""
    return model(
        "FULLY_CONNECTED",
        [
            input_ or Operand((2, 2), 1.0, 1),
            filter_ or constant(_FILTER, 1.0),
            bias or integers([0, 10, 0]),
        ],
        output or Operand((2, 3), 1.0, -1),
        **options,
    )


def test_multiplies_adds_bias_and_clamps() -> None:
    # Centered rows: (1, 2) and (100, 0); 300 + 10 - 1 clamps.
    assert conformance.run(_model(), [[2, 3], [101, 1]]) == [[4, 20, -3], [99, 127, -1]]


def test_bias_may_be_left_out() -> None:
    content = model(
        "FULLY_CONNECTED",
        [Operand((1, 2), 1.0, 0), constant(_FILTER, 1.0), None],
        Operand((1, 3), 1.0, 0),
    )
    assert conformance.run(content, [[1, 1]]) == [[3, 7, -1]]


def test_filter_zero_point_is_subtracted() -> None:
    content = _model(filter_=Operand((3, 2), 1.0, 1, "int8", _FILTER), bias=integers([0, 0, 0]))
    assert conformance.run(content, [[2, 3], [1, 1]]) == [[1, 7, -6], [-1, -1, -1]]


def test_halves_round_away_from_zero() -> None:
    # The double requantization has one rounding: 1 * 0.5 -> 1, -1 * 0.5 -> -1.
    content = _model(
        input_=Operand((1, 2), 1.0, 0),
        filter_=constant(np.array([[1, 0], [-1, 0], [3, 0]], np.int8), 1.0),
        bias=integers([0, 0, 0]),
        output=Operand((1, 3), 2.0, 0),
    )
    assert conformance.run(content, [[1, 0]]) == [[1, -1, 2]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(input_=Operand((2, 2), 1.0, 1, "uint8")))


def test_c2_depth() -> None:
    conformance.refuses("C2", _model(input_=Operand((1, 3), 1.0)))
    conformance.refuses("C2", _model(filter_=constant(_FILTER.reshape(3, 2, 1), 1.0)))


def test_c3_filter_quantization() -> None:
    asymmetric = dataclasses.replace(
        constant(_FILTER, [1.0, 1.0, 1.0], axis=0), zero_point=[0, 3, 0]
    )
    conformance.refuses("C3", _model(filter_=asymmetric))
    conformance.refuses("C3", _model(filter_=constant(_FILTER, [1.0, 1.0], axis=1)))


def test_c4_bias_length() -> None:
    conformance.refuses("C4", _model(bias=integers([0, 0])))
    conformance.refuses("C4", _model(bias=integers([0, 0, 0], dtype="int64")))


def test_c5_output_shape() -> None:
    conformance.refuses("C5", _model(output=Operand((3, 2), 1.0)))
    conformance.refuses("C5", _model(input_=Operand((1, 2, 2), 1.0), keep_num_dims=True))
    conformance.refuses("C5", _model(input_=Operand((2, 4), 1.0), keep_num_dims=True))


def test_c6_activation() -> None:
    conformance.refuses("C6", _model(fused_activation_function="TANH"))


def test_c7_weights_format() -> None:
    conformance.refuses("C7", _model(weights_format="SHUFFLED4x16INT8"))


def test_c8_packed_filters_in_tflite_micro(oracle: Oracle) -> None:
    for dtype, scale in (("int4", [1.0] * 3), ("int2", 1.0)):
        filter_ = Operand((3, 2), scale, 0, dtype, _FILTER % 2, 0)
        with pytest.raises(UnsupportedOpError, match="C8: needed a filter of 8 bits"):
            Interpreter(_model(filter_=filter_), "tflm")
    bias = constant(np.array([0, 10, 0], np.int32), 1.0)
    content = _model(filter_=Operand((3, 2), 1.0, 0, "int4", _FILTER), bias=bias)
    values = np.array([[2, 3], [101, 1]], np.int8)
    conformance.check(oracle, conformance.Case(content, (values,)), ["tflm"])


@st.composite
def _cases(draw: st.DrawFn, types: filtered.Types) -> conformance.Case:
    rows, depth, channels = (draw(st.integers(1, limit)) for limit in (3, 40, 20))
    keep_num_dims = draw(st.booleans())
    leading = (1, rows) if keep_num_dims else (rows,)
    operands = draw(
        filtered.operands((*leading, depth), (channels, depth), (*leading, channels), 0, types)
    )
    filter_ = operands.filter_
    if (
        types.filter_ == "int8"
        and types.data == "int8"
        and isinstance(filter_.scale, list)
        and len(filter_.scale) == 1
    ):
        zero_point = draw(st.one_of(st.just(0), conformance.zero_points()))
        filter_ = dataclasses.replace(filter_, zero_point=zero_point)
    bias = operands.bias if draw(st.booleans()) else None
    content = model(
        "FULLY_CONNECTED",
        [operands.input_, filter_, bias],
        operands.output,
        **types.options,
        keep_num_dims=keep_num_dims,
        fused_activation_function=draw(st.sampled_from(filtered.ACTIVATIONS)),
    )
    return conformance.Case(content, (operands.values,))


@pytest.mark.parametrize("types", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, types: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(filtered.TYPES[types])), ENGINES[types])
