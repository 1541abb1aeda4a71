"""CONV_2D against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, filtered, sliding
from tests.pipeline.interpreter.one_op import Operand, constant, integers, model
from tests.pipeline.interpreter.oracle import Oracle

_OPTIONS = {"padding": "SAME", "stride_h": 1, "stride_w": 1}

ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "int8, int4 filter": ("reference", "tflm", "ruy", "xnnpack"),
    "uint8": ("reference", "ruy", "xnnpack"),
    "int16": ("reference", "tflm", "ruy", "xnnpack"),
    "int16, int32 bias": ("reference", "tflm", "ruy", "xnnpack"),
}


_INT16: dict[str, Operand] = {
    "input_": Operand((1, 3, 3, 1), 1.0, 0, "int16"),
    "output": Operand((1, 3, 3, 1), 1.0, 0, "int16"),
}


def _model(
    input_: Operand | None = None,
    filter_: Operand | None = None,
    bias: Operand | None = None,
    output: Operand | None = None,
    **options: object,
) -> bytes:
    """Returns a 3x3 box filter over a 3x3 image that doubles the sum; parts can be replaced."""
    return model(
        "CONV_2D",
        [
            input_ or Operand((1, 3, 3, 1), 1.0, -1),
            filter_ or constant(np.ones((1, 3, 3, 1), np.int8), 1.0),
            bias or integers([10]),
        ],
        output or Operand((1, 3, 3, 1), 0.5, 5),
        **_OPTIONS | options,
    )


def test_sums_taps_inside_the_image_and_rescales() -> None:
    # Centered, the image is all ones: sums are the numbers of taps inside, plus a bias of 10.
    output = conformance.run(_model(), np.zeros((1, 3, 3, 1)))
    taps = np.array([[4, 6, 4], [6, 9, 6], [4, 6, 4]])
    assert np.reshape(output, (3, 3)).tolist() == (5 + 2 * (taps + 10)).tolist()


def test_dilation_spreads_taps() -> None:
    # Only the centre tap stays inside: 2 steps from the middle of a 3x3 image lead out of it.
    output = conformance.run(
        _model(dilation_h_factor=3, dilation_w_factor=3), np.zeros((1, 3, 3, 1))
    )
    assert np.unique(output).tolist() == [5 + 2 * 11]


def test_halves_round_away_from_zero_after_ties_up() -> None:
    # acc * 0.25: 2 -> 0.5 -> 1 and -2 -> -0.5 -> -1; the right shift rounds away from zero.
    halves = _model(
        input_=Operand((1, 1, 2, 1), 1.0, 0),
        filter_=constant(np.ones((1, 1, 1, 1), np.int8), 1.0),
        bias=integers([0]),
        output=Operand((1, 1, 2, 1), 4.0, 0),
    )
    assert conformance.run(halves, [[[[2], [-2]]]]) == [[[[1], [-1]]]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(input_=Operand((1, 3, 3, 1), 1.0, 1, "uint8")))
    conformance.refuses("C1", _model(filter_=constant(np.ones((1, 3, 3, 1), np.int16), 1.0)))
    conformance.refuses(
        "C1",
        _model(
            input_=Operand((1, 3, 3, 1), 1.0, 1, "int16"),
            bias=integers([10], dtype="int64"),
            output=_INT16["output"],
        ),
    )


def test_c2_depth_of_input_and_filter() -> None:
    conformance.refuses("C2", _model(input_=Operand((1, 3, 3, 2), 1.0)))
    conformance.refuses("C2", _model(input_=Operand((3, 3, 1), 1.0)))
    empty = constant(np.zeros((1, 3, 3, 0), np.int8), 1.0)
    conformance.refuses("C2", _model(input_=Operand((1, 3, 3, 0), 1.0), filter_=empty))


def test_c3_filter_quantization() -> None:
    ones = np.ones((1, 3, 3, 1), np.int8)
    asymmetric = Operand(ones.shape, 1.0, 3, "int8", ones)
    conformance.refuses("C3", _model(filter_=asymmetric))
    conformance.refuses("C3", _model(filter_=constant(ones, [1.0, 1.0, 1.0], axis=1)))


def test_c4_bias_length() -> None:
    conformance.refuses("C4", _model(bias=integers([1, 2])))


def test_c4_bias_type() -> None:
    conformance.refuses("C4", _model(bias=integers([10], dtype="int64")))
    conformance.refuses("C4", _model(**_INT16))


def test_c4_bias_left_out_of_all_but_tflite_micro(oracle: Oracle) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-127, 128, (2, 3, 3, 1)).astype(np.int8)
    content = model(
        "CONV_2D",
        [Operand((1, 3, 3, 1), 1.0, -1), constant(codes, [0.3, 0.7], 0), None],
        Operand((1, 3, 3, 2), 300.0, 5),
        **_OPTIONS,
    )
    conformance.refuses("C4", content)
    values = rng.integers(-128, 128, (1, 3, 3, 1)).astype(np.int8)
    conformance.check(oracle, conformance.Case(content, (values,)), ["tflm"])


@pytest.mark.parametrize(
    "options",
    [{"stride_h": 0}, {"dilation_w_factor": -1}, {"padding": "VALID", "dilation_h_factor": 2}],
    ids=str,
)
def test_c5_windows(options: dict[str, object]) -> None:
    conformance.refuses("C5", _model(**options))


def test_c5_output_shape() -> None:
    conformance.refuses("C5", _model(output=Operand((1, 2, 3, 1), 0.5)))


def test_c6_activation() -> None:
    conformance.refuses("C6", _model(fused_activation_function="TANH"))


@st.composite
def _cases(draw: st.DrawFn, types: filtered.Types) -> conformance.Case:
    geometry = draw(sliding.geometries(dilated=True))
    batch, depth, channels = (draw(st.integers(1, limit)) for limit in (2, 6, 8))
    operands = draw(
        filtered.operands(
            (batch, *geometry.image, depth),
            (channels, *geometry.size, depth),
            (batch, *geometry.output, channels),
            channel_axis=0,
            types=types,
        )
    )
    inputs = [operands.input_, operands.filter_, operands.bias]
    activation = draw(st.sampled_from(filtered.ACTIVATIONS))
    options = geometry.options | types.options | {"fused_activation_function": activation}
    return conformance.Case(
        model("CONV_2D", inputs, operands.output, **options), (operands.values,)
    )


@pytest.mark.parametrize("types", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, types: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(filtered.TYPES[types])), ENGINES[types])
