"""TRANSPOSE_CONV against worked examples and every engine."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, filtered, sliding
from tests.pipeline.interpreter.one_op import Operand, constant, integers, model
from tests.pipeline.interpreter.oracle import Oracle

_OPTIONS = {"padding": "VALID", "stride_h": 2, "stride_w": 2}
_FILTER = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.int8).reshape(1, 3, 3, 1)

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
    # tflite-micro reads an int32 bias of int16 data as garbage.
    "int16, int32 bias": ("reference", "ruy", "xnnpack"),
}


def _model(
    shape: Operand | None = None,
    filter_: Operand | None = None,
    input_: Operand | None = None,
    bias: Operand | None = None,
    output: Operand | None = None,
    **options: object,
) -> bytes:
    """Returns a 3x3 filter that spreads 2x1 elements over 5x3 of them; parts can be replaced."""
    return model(
        "TRANSPOSE_CONV",
        [
            shape or integers([1, 5, 3, 1]),
            filter_ or constant(_FILTER, 1.0),
            input_ or Operand((1, 2, 1, 1), 1.0, -1),
            bias,
        ],
        output or Operand((1, 5, 3, 1), 1.0, 5),
        **_OPTIONS | options,
    )


def test_windows_overlap_and_add() -> None:
    # Centered: 1 and 10; the filter's last row meets the other window's first.
    output = conformance.run(_model(bias=integers([-5])), [[[[0]], [[9]]]])
    rows = [[1, 2, 3], [4, 5, 6], [7 + 10, 8 + 20, 9 + 30], [40, 50, 60], [70, 80, 90]]
    assert np.reshape(output, (5, 3)).tolist() == rows


def test_same_drops_what_falls_outside() -> None:
    content = _model(
        shape=integers([1, 4, 2, 1]),
        output=Operand((1, 4, 2, 1), 1.0, 0),
        padding="SAME",
    )
    # 4 steps are covered by 2 windows of 3 with one step too many, which lies behind.
    output = conformance.run(content, [[[[0]], [[9]]]])
    assert np.reshape(output, (4, 2)).tolist() == [[1, 2], [4, 5], [17, 28], [40, 50]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(input_=Operand((1, 2, 1, 1), 1.0, 1, "uint8")))
    int4 = dataclasses.replace(constant(_FILTER, 1.0), dtype="int4")
    conformance.refuses("C1", _model(filter_=dataclasses.replace(int4, data=_FILTER % 8)))


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(shape=integers([1, 5, 2, 1])))
    conformance.refuses("C2", _model(input_=Operand((1, 2, 1, 2), 1.0)))
    conformance.refuses("C2", _model(input_=Operand((2, 2, 1, 1), 1.0)))
    conformance.refuses("C2", _model(filter_=constant(_FILTER.reshape(3, 3, 1), 1.0)))


def test_c2_output_shape_computed_at_run_time() -> None:
    content = _model(shape=Operand((4,), dtype="int32"))
    assert conformance.run(content, [1, 5, 3, 1], [[[[0]], [[9]]]]) == conformance.run(
        _model(), [[[[0]], [[9]]]]
    )
    conformance.fails(0, content, [1, 5, 4, 1], [[[[0]], [[9]]]])
    conformance.refuses("C2", _model(shape=Operand((3,), dtype="int32")))


def test_c3_filter_quantization() -> None:
    conformance.refuses("C3", _model(filter_=Operand(_FILTER.shape, 1.0, 1, "int8", _FILTER)))


def test_c4_bias() -> None:
    conformance.refuses("C4", _model(bias=integers([1, 2])))
    conformance.refuses("C4", _model(bias=integers([1], dtype="int64")))


def test_c5_as_many_windows_as_input_elements() -> None:
    conformance.refuses("C5", _model(input_=Operand((1, 2, 2, 1), 1.0)))
    conformance.refuses("C5", _model(stride_h=0))


def test_c6_activation() -> None:
    conformance.refuses("C6", _model(fused_activation_function="TANH"))


@st.composite
def _cases(draw: st.DrawFn, types: filtered.Types) -> conformance.Case:
    geometry = draw(sliding.geometries(dilated=False))
    batch, depth, channels = (draw(st.integers(1, limit)) for limit in (2, 6, 8))
    operands = draw(
        filtered.operands(
            (batch, *geometry.output, depth),
            (channels, *geometry.size, depth),
            (batch, *geometry.image, channels),
            channel_axis=0,
            types=types,
        )
    )
    bias = operands.bias if draw(st.booleans()) else None
    inputs = [integers(operands.output.shape), operands.filter_, operands.input_, bias]
    activation = draw(st.sampled_from(filtered.ACTIVATIONS))
    options = geometry.options | types.options | {"fused_activation_function": activation}
    content = model("TRANSPOSE_CONV", inputs, operands.output, version=4, **options)
    return conformance.Case(content, (operands.values,))


@pytest.mark.parametrize("types", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, types: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(filtered.TYPES[types])), ENGINES[types])
