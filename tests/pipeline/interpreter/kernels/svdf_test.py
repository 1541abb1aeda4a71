"""SVDF against worked examples and the runtimes."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, recurrent
from tests.pipeline.interpreter.one_op import Operand, constant, model
from tests.pipeline.interpreter.oracle import Oracle

# An int8 state is tflite-micro's alone.
ENGINES = {
    "int8": ("reference", "tflm", "ruy", "xnnpack"),
    "int8 with int8 state": ("tflm",),
}
_STATE_DTYPES = {"int8": "int16", "int8 with int8 state": "int8"}
_NUM_STEPS = 4


def _array(values: object, dtype: str = "int8") -> np.ndarray:
    return np.array(values, dtype)


def _model(
    input_: Operand | None = None,
    features: Operand | None = None,
    times: Operand | None = None,
    bias: Operand | None = None,
    state: Operand | None = None,
    output: Operand | None = None,
    rank: int = 1,
    activation: str = "RELU",
) -> bytes:
    """Returns one unit that looks at two features over two steps; parts can be replaced.

    All scales are 1, so that output = 1 * sum of the last input + 10 * sum of this input, the
    inputs' zero point 1 taken off.
    """
    return model(
        "SVDF",
        [
            input_ or Operand((1, 2), 1.0, 1),
            features or constant(_array([[1, 1]]), 1.0),
            times or constant(_array([[1, 10]], "int16"), 1.0),
            bias,
            state or Operand((1, 2), 1.0, 0, "int16", is_variable=True),
        ],
        output or Operand((1, 1), 1.0, 0),
        rank=rank,
        fused_activation_function=activation,
        version=3,
    )


def _steps(content: bytes, *inputs: list[int], kernels: str = "reference") -> list[list[int]]:
    interpreter = Interpreter(content, kernels)
    return [interpreter.run(_array([values]))[0][0].tolist() for values in inputs]


def test_looks_back_over_its_memory() -> None:
    # Sums over features are 3, 0, 5: 10*3, then 3 + 10*0, then 0 + 10*5.
    assert _steps(_model(), [2, 3], [1, 1], [4, 3]) == [[30], [3], [50]]


def test_rank_filters_make_a_unit_and_bias_is_added() -> None:
    content = _model(
        features=constant(_array([[1, 0], [0, 1]]), 1.0),
        times=constant(_array([[0, 1], [0, 2]], "int16"), 1.0),
        state=Operand((1, 4), 1.0, 0, "int16", is_variable=True),
        bias=constant(_array([100], "int32"), 1.0),
        rank=2,
    )
    # Centered inputs 3 and 4: 100 + 3 + 2*4.
    assert _steps(content, [4, 5]) == [[111]]


def test_negative_outputs_are_not_clamped_at_0() -> None:
    assert _steps(_model(), [-2, -3]) == [[-70]]


def test_reset_forgets_earlier_steps() -> None:
    interpreter = Interpreter(_model())
    for _ in range(2):
        assert interpreter.run(_array([[2, 3]]))[0].tolist() == [[30]]
        interpreter.reset()


def test_an_int8_state_begins_at_its_zero_point() -> None:
    content = _model(
        times=constant(_array([[1, 10]]), 1.0),
        state=Operand((1, 2), 1.0, 7, "int8", is_variable=True),
        bias=constant(_array([0], "int32"), 1.0),
    )
    assert _steps(content, [2, 3], [1, 1], kernels="tflm") == [[30], [3]]


def test_c1_types() -> None:
    conformance.refuses("C1", _model(input_=Operand((1, 2), 1.0, 0, "int16")))
    conformance.refuses(
        "C1",
        _model(
            times=constant(_array([[1, 10]]), 1.0),
            state=Operand((1, 2), 1.0, 0, "int8", is_variable=True),
        ),
    )


def test_tflite_micro_needs_a_bias() -> None:
    with pytest.raises(UnsupportedOpError, match="C1: needed a bias in tflite-micro"):
        Interpreter(_model(), "tflm")


def test_c2_shapes() -> None:
    conformance.refuses("C2", _model(input_=Operand((2,), 1.0)))
    conformance.refuses("C2", _model(features=constant(_array([[1, 1, 1]]), 1.0)))
    conformance.refuses("C2", _model(bias=constant(_array([1, 1], "int32"), 1.0)))
    conformance.refuses("C2", _model(output=Operand((1, 2), 1.0)))
    for shape, is_variable in (((1, 3), True), ((1, 2), False)):
        state = Operand(shape, 1.0, 0, "int16", is_variable=is_variable)
        conformance.refuses("C2", _model(state=state))


@pytest.mark.parametrize("rank", [0, -1, 2])
def test_c3_rank(rank: int) -> None:
    conformance.refuses("C3", _model(rank=rank))


def test_c4_zero_points() -> None:
    conformance.refuses("C4", _model(state=Operand((1, 2), 1.0, 1, "int16", is_variable=True)))
    features = Operand((1, 2), 1.0, 1, data=_array([[1, 1]]))
    conformance.refuses("C4", _model(features=features))


def test_c5_activation() -> None:
    conformance.refuses("C5", _model(activation="NONE"))


def test_a_state_that_was_left_out() -> None:
    content = model(
        "SVDF", [Operand((1, 2), 1.0)] * 4, Operand((1, 1), 1.0), fused_activation_function="RELU"
    )
    with pytest.raises(UnsupportedOpError, match="C1"):
        Interpreter(content)


@st.composite
def _cases(draw: st.DrawFn, state_dtype: str, engines: Sequence[str]) -> recurrent.Case:
    rng = draw(conformance.generators())
    batch, depth, units, rank, memory = (draw(st.integers(1, 4)) for _ in range(5))
    filters = units * rank
    extreme = draw(st.booleans())
    input_scale, features_scale, times_scale = (draw(conformance.scales()) for _ in range(3))
    times_scale /= 2**20  # So that 1e-5 is wide for the scale of the bias, see below.
    state_range = np.iinfo(state_dtype).max
    largest_feature = 128 * 128 * depth * input_scale * features_scale
    state_scale = largest_feature / state_range * draw(st.sampled_from([0.2, 0.7, 1.0, 1.5]))
    largest_sum = state_range * np.iinfo(state_dtype).max * memory * rank * state_scale
    output_scale = largest_sum * times_scale / 128 * draw(st.floats(0.05, 1.0))
    zero_point = draw(conformance.zero_points()) if state_dtype == "int8" else 0
    # tflite-micro wants the bias, and with this scale within 1e-5.
    bias = constant(
        rng.integers(-(2**20), 2**20, units).astype(np.int32),
        float(np.float32(state_scale) * np.float32(times_scale)),
    )
    content = model(
        "SVDF",
        [
            Operand((batch, depth), input_scale, draw(conformance.zero_points())),
            constant(conformance.codes(rng, (filters, depth), "int8", extreme), features_scale),
            constant(conformance.codes(rng, (filters, memory), state_dtype, extreme), times_scale),
            bias if "tflm" in engines or draw(st.booleans()) else None,
            Operand(
                (batch, filters * memory), state_scale, zero_point, state_dtype, is_variable=True
            ),
        ],
        Operand((batch, units), output_scale, draw(conformance.zero_points())),
        rank=rank,
        fused_activation_function="RELU",
        version=3,
    )
    steps = tuple(
        conformance.codes(rng, (batch, depth), "int8", extreme) for _ in range(_NUM_STEPS)
    )
    return recurrent.Case(content, steps)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_the_engines(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(_cases(_STATE_DTYPES[dtype], ENGINES[dtype]))
    recurrent.check(oracle, case, ENGINES[dtype])
