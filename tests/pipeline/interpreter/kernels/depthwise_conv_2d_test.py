"""DEPTHWISE_CONV_2D against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, filtered, sliding
from tests.pipeline.interpreter.one_op import Operand, constant, integers, model
from tests.pipeline.interpreter.oracle import Oracle

_OPTIONS = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "depth_multiplier": 2}
_FILTER = np.array([1, 2, 3, 4], np.int8).reshape(1, 1, 1, 4)

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "int8, int4 filter": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
}


def _model(
    input_: Operand | None = None,
    filter_: Operand | None = None,
    bias: Operand | None = None,
    output: Operand | None = None,
    **options: object,
) -> bytes:
    """Returns a 1x1 filter that makes two channels of each of two; parts can be replaced."""
    return model(
        "DEPTHWISE_CONV_2D",
        [
            input_ or Operand((1, 1, 1, 2), 1.0, 0),
            filter_ or constant(_FILTER, 1.0),
            bias or integers([0, 0, 0, 100]),
        ],
        output or Operand((1, 1, 1, 4), 1.0, 0),
        **_OPTIONS | options,
    )


def test_depth_multiplier_orders_channels_by_input_channel() -> None:
    assert conformance.run(_model(), [[[[10, 1]]]]) == [[[[10, 20, 3, 104]]]]


def test_each_channel_has_its_scale() -> None:
    filter_ = constant(_FILTER, [1.0, 0.5, 2.0, 1.0], axis=3)
    assert conformance.run(_model(filter_=filter_), [[[[10, 1]]]]) == [[[[10, 10, 6, 104]]]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(input_=Operand((1, 1, 1, 2), 1.0, 0, "uint8")))


@pytest.mark.parametrize("multiplier", [0, 1, 3])
def test_c2_depth_multiplier(multiplier: int) -> None:
    conformance.refuses("C2", _model(depth_multiplier=multiplier))


def test_c2_filter_of_one_image() -> None:
    two = constant(np.ones((2, 1, 1, 4), np.int8), 1.0)
    conformance.refuses("C2", _model(filter_=two))


def test_c3_filter_quantization() -> None:
    conformance.refuses("C3", _model(filter_=Operand(_FILTER.shape, 1.0, 1, "int8", _FILTER)))


def test_c4_bias_length() -> None:
    conformance.refuses("C4", _model(bias=integers([1, 2])))
    conformance.refuses("C4", _model(bias=integers([0, 0, 0, 0], dtype="int64")))


def test_c4_bias_operand_left_out() -> None:
    inputs = [Operand((1, 1, 1, 2), 1.0, 0), constant(_FILTER, 1.0), None]
    output = Operand((1, 1, 1, 4), 1.0, 0)
    conformance.refuses("C4", model("DEPTHWISE_CONV_2D", inputs, output, **_OPTIONS))


def test_c7_no_bias(oracle: Oracle) -> None:
    content = model(
        "DEPTHWISE_CONV_2D",
        [Operand((1, 1, 1, 2), 1.0, 0), constant(_FILTER, 1.0)],
        Operand((1, 1, 1, 4), 1.0, 0),
        **_OPTIONS,
    )
    values = np.array([10, 1], np.int8).reshape(1, 1, 1, 2)
    conformance.check(oracle, conformance.Case(content, (values,)), ["reference", "tflm"])
    for engine in ("ruy", "xnnpack"):
        with pytest.raises(UnsupportedOpError, match="C7: needed a bias"):
            Interpreter(content, engine)


def test_ruy_rounds_ties_up_in_vectors_of_8_and_away_from_zero_after() -> None:
    # -2 * 0.25 = -1/2 in each of 9 channels.
    channels = (1, 1, 1, 9)
    content = model(
        "DEPTHWISE_CONV_2D",
        [
            Operand(channels, 1.0, 0),
            constant(np.ones(channels, np.int8), 1.0),
            integers([0] * 9),
        ],
        Operand(channels, 4.0, 0),
        **_OPTIONS | {"depth_multiplier": 1},
    )
    values = np.full(channels, -2)
    assert np.ravel(conformance.run(content, values, kernels="ruy")).tolist() == [0] * 8 + [-1]
    assert np.ravel(conformance.run(content, values)).tolist() == [-1] * 9


def test_c5_windows() -> None:
    conformance.refuses("C5", _model(stride_w=0))
    conformance.refuses("C5", _model(output=Operand((1, 2, 1, 4), 1.0)))


def test_c6_activation() -> None:
    conformance.refuses("C6", _model(fused_activation_function="SIGN_BIT"))


@st.composite
def _cases(draw: st.DrawFn, types: filtered.Types) -> conformance.Case:
    geometry = draw(sliding.geometries(dilated=True))
    batch, depth, multiplier = (draw(st.integers(1, limit)) for limit in (2, 6, 3))
    channels = depth * multiplier
    operands = draw(
        filtered.operands(
            (batch, *geometry.image, depth),
            (1, *geometry.size, channels),
            (batch, *geometry.output, channels),
            channel_axis=3,
            types=types,
        )
    )
    inputs = [operands.input_, operands.filter_, operands.bias]
    options = (
        geometry.options
        | types.options
        | {
            "depth_multiplier": multiplier,
            "fused_activation_function": draw(st.sampled_from(filtered.ACTIVATIONS)),
        }
    )
    content = model("DEPTHWISE_CONV_2D", inputs, operands.output, **options)
    return conformance.Case(content, (operands.values,))


@pytest.mark.parametrize("types", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, types: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(filtered.TYPES[types])), ENGINES[types])
