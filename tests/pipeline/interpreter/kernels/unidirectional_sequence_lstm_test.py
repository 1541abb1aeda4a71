"""UNIDIRECTIONAL_SEQUENCE_LSTM against worked examples and the runtimes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError, UnsupportedOpError
from pipeline.interpreter import Interpreter
from tests.pipeline.interpreter import conformance, recurrent
from tests.pipeline.interpreter.one_op import Operand, constant, model
from tests.pipeline.interpreter.oracle import Oracle

# tflite-micro has the plain form only.
ENGINES = {
    "int8": ("reference", "ruy", "xnnpack"),
    "int8, plain": ("reference", "tflm", "ruy", "xnnpack"),
}
_NUM_INVOCATIONS = 2


@dataclasses.dataclass(frozen=True)
class _Form:
    """Which parts an LSTM has, and its sizes."""

    batch: int = 1
    time: int = 2
    depth: int = 2
    cells: int = 2
    outputs: int = 2
    has_input_gate: bool = True
    has_peephole: bool = False
    has_projection: bool = False
    has_norm: bool = False
    time_major: bool = False
    cell_clip: float = 0.0
    proj_clip: float = 0.0
    cell_scale: float = 2.0**-11
    zero_points: Sequence[int] = (0, 0, 0)
    scales: Sequence[float] = (2.0**-7, 2.0**-7, 2.0**-7, 2.0**-7)


def _operands(form: _Form, rng: np.random.Generator) -> dict[int, Operand]:
    """Returns every operand by position; scales are of input, state, hidden and weights."""
    cells, outputs, depth = form.cells, form.outputs, form.depth
    input_scale, state_scale, _, weights_scale = form.scales
    gates = range(0 if form.has_input_gate else 1, 4)
    time_and_batch = (form.time, form.batch) if form.time_major else (form.batch, form.time)

    def weights(shape: tuple[int, ...], dtype: str, scale: float) -> Operand:
        return constant(conformance.codes(rng, shape, dtype), scale)

    def bias(count: int, scale: float) -> Operand:
        return constant(rng.integers(-5000, 5000, count).astype(np.int32), scale)

    operands = {0: Operand((*time_and_batch, depth), input_scale, form.zero_points[0])}
    for gate in gates:
        operands[1 + gate] = weights((cells, depth), "int8", weights_scale)
        operands[5 + gate] = weights((cells, outputs), "int8", weights_scale)
        operands[12 + gate] = bias(cells, input_scale * weights_scale)
        if form.has_peephole and gate != 2:
            operands[9 + min(gate, 2)] = weights((cells,), "int16", 2.0**-15)
        if form.has_norm:
            operands[20 + gate] = weights((cells,), "int16", 2.0**-14)
    if form.has_projection:
        operands[16] = weights((outputs, cells), "int8", weights_scale)
        operands[17] = bias(outputs, weights_scale)
    operands[18] = Operand(
        (form.batch, outputs), state_scale, form.zero_points[1], is_variable=True
    )
    operands[19] = Operand((form.batch, cells), form.cell_scale, 0, "int16", is_variable=True)
    return operands


def _model(
    form: _Form | None = None,
    replaced: Mapping[int, Operand | None] | None = None,
    seed: int = 0,
    **options: Any,
) -> bytes:
    """Returns an LSTM of this form; operands can be replaced by position, options by name."""
    form = form or _Form()
    operands = {**_operands(form, np.random.default_rng(seed)), **(replaced or {})}
    # tflite-micro wants intermediates without elements.
    gate_sums = [Operand((0,), 2.0**-12, 0, "int16")] * 4
    hidden = Operand((0,), form.scales[2], form.zero_points[2])
    input_ = operands[0] or Operand(())
    state = operands[18] or Operand(())
    options = {
        "fused_activation_function": "TANH",
        "cell_clip": form.cell_clip,
        "proj_clip": form.proj_clip,
        "time_major": form.time_major,
    } | options
    return model(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        [operands.get(position) for position in range(24)],
        dataclasses.replace(state, shape=(*input_.shape[:2], form.outputs), is_variable=False),
        intermediates=[*gate_sums, hidden],
        **options,
    )


def _constant_gates(output_bias: int) -> dict[int, Operand]:
    """Returns operands of one cell whose gates ignore input and state.

    Input and forget gate are 1/2, the update is tanh(1); the bias of a gate has 2**14 steps to 1,
    a quarter of which is kept by the gate's sum.
    """
    zeros = constant(np.zeros((1, 1), np.int8), 2.0**-7)
    biases = [0, 0, 2**14, output_bias]
    return dict.fromkeys(range(1, 9), zeros) | {
        12 + gate: constant(np.array([value], np.int32), 2.0**-14)
        for gate, value in enumerate(biases)
    }


def test_a_cell_that_ignores_its_input() -> None:
    # c = 1/2 * tanh(1) = 0.38080, then 1/2 * 0.38080 + 0.38080 = 0.57120. The output gate is 1 but
    # for 2**-12 or so: h = tanh(c) = 0.36341 and 0.51621, in steps of 1/128: 46.5 and 66.1.
    form = _Form(time=1, depth=1, cells=1, outputs=1)
    interpreter = Interpreter(_model(form, _constant_gates(output_bias=8 * 2**14)))
    codes = np.zeros((1, 1, 1), np.int8)
    assert interpreter.run(codes)[0].tolist() == [[[46]]]
    assert interpreter.run(codes)[0].tolist() == [[[66]]]
    interpreter.reset()
    assert interpreter.run(codes)[0].tolist() == [[[46]]]


def test_a_clip_bounds_the_cell() -> None:
    # tanh(1/4) = 0.24492, 31.3 steps of 1/128.
    form = _Form(time=1, depth=1, cells=1, outputs=1, cell_clip=0.25)
    interpreter = Interpreter(_model(form, _constant_gates(output_bias=8 * 2**14)))
    assert interpreter.run(np.zeros((1, 1, 1), np.int8))[0].tolist() == [[[31]]]


def test_steps_in_one_run_equal_runs_of_one_step() -> None:
    codes = np.array([[[100, -100], [50, 20]]], np.int8)
    (together,) = Interpreter(_model()).run(codes)
    interpreter = Interpreter(_model(_Form(time=1)))
    apart = [interpreter.run(codes[:, time : time + 1])[0] for time in range(2)]
    np.testing.assert_array_equal(together, np.concatenate(apart, axis=1))


def test_c1_types() -> None:
    conformance.refuses("C1", _model(replaced={1: constant(np.zeros((2, 2), np.int16), 1.0)}))
    conformance.refuses("C1", _model(replaced={13: constant(np.zeros(2, np.int64), 1.0)}))
    conformance.refuses("C1", _model(replaced={0: Operand((1, 2, 2), 1.0, 0, "int16")}))


@pytest.mark.parametrize(
    ("form", "absent"),
    [
        (_Form(), 2),
        (_Form(), 5),
        (_Form(), 12),
        (_Form(), 1),
        (_Form(has_peephole=True), 10),
        (_Form(has_norm=True), 22),
        (_Form(has_projection=True), 16),
    ],
    ids=str,
)
def test_c2_parts(form: _Form, absent: int) -> None:
    conformance.refuses("C2", _model(form, {absent: None}))


@pytest.mark.parametrize(
    ("position", "operand"),
    [
        (0, Operand((1, 2), 1.0)),
        (2, constant(np.zeros((3, 2), np.int8), 1.0)),
        (6, constant(np.zeros((2, 3), np.int8), 1.0)),
        (13, constant(np.zeros(3, np.int32), 1.0)),
        (18, Operand((1, 3), 1.0, is_variable=True)),
        (18, Operand((1, 2), 1.0)),
        (19, Operand((2, 2), 2.0**-11, 0, "int16", is_variable=True)),
    ],
)
def test_c3_shapes(position: int, operand: Operand) -> None:
    conformance.refuses("C3", _model(replaced={position: operand}))


def test_c3_cells_without_projection() -> None:
    conformance.refuses("C3", _model(_Form(cells=3)))


def test_c4_zero_points() -> None:
    weights = Operand((2, 2), 1.0, 1, data=np.zeros((2, 2), np.int8))
    conformance.refuses("C4", _model(replaced={7: weights}))


def test_scale_of_a_layer_norm_that_leads_to_no_integer() -> None:
    weights = constant(np.ones(2, np.int16), 1e30)
    with pytest.raises(ModelError, match="its scales lead to no multiplier"):
        Interpreter(_model(_Form(has_norm=True), {21: weights}))


@pytest.mark.parametrize("scale", [2.0**-8, 2.0**-16, 1.5 * 2.0**-11])
def test_c5_cell_scale(scale: float) -> None:
    conformance.refuses("C5", _model(_Form(cell_scale=scale)))


@pytest.mark.parametrize(
    "option",
    [
        {"fused_activation_function": "NONE"},
        {"diagonal_recurrent_tensors": True},
        {"cell_clip": -1.0},
        {"proj_clip": float("nan")},
        {"cell_clip": float("inf")},
    ],
    ids=str,
)
def test_c6_options(option: dict[str, Any]) -> None:
    conformance.refuses("C6", _model(**option))


def test_c7_intermediates() -> None:
    operands = _operands(_Form(), np.random.default_rng(0))
    content = model(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        [operands.get(position) for position in range(24)],
        Operand((1, 2, 2), 2.0**-7),
        fused_activation_function="TANH",
    )
    conformance.refuses("C7", content)


@pytest.mark.parametrize(
    "form",
    [
        _Form(has_peephole=True),
        _Form(has_projection=True),
        _Form(has_norm=True),
        _Form(has_input_gate=False),
    ],
    ids=str,
)
def test_c8_tflite_micro_has_the_plain_form_only(form: _Form) -> None:
    Interpreter(_model(form))
    with pytest.raises(UnsupportedOpError, match="C8: needed a plain LSTM"):
        Interpreter(_model(form), "tflm")


@pytest.mark.parametrize("position", [0, 18, 19])
def test_input_and_states_must_be_there(position: int) -> None:
    with pytest.raises(ModelError, match=f"input {position} is missing"):
        Interpreter(_model(replaced={position: None}))


@st.composite
def _cases(draw: st.DrawFn, is_plain: bool) -> recurrent.Case:
    sizes = st.integers(1, 4)
    has_projection = not is_plain and draw(st.booleans())
    cells = draw(sizes)
    form = _Form(
        batch=draw(st.integers(1, 3)),
        time=draw(st.integers(1, 2)),
        depth=draw(sizes),
        cells=cells,
        outputs=draw(st.integers(1, cells)) if has_projection else cells,
        has_input_gate=is_plain or draw(st.booleans()),
        has_peephole=not is_plain and draw(st.booleans()),
        has_projection=has_projection,
        has_norm=not is_plain and draw(st.booleans()),
        time_major=draw(st.booleans()),
        cell_clip=draw(st.sampled_from([0.0, 0.7, 10.0])),
        proj_clip=draw(st.sampled_from([0.0, 0.3])) if has_projection else 0.0,
        cell_scale=2.0 ** draw(st.integers(-15, -9)),
        zero_points=tuple(draw(conformance.zero_points()) for _ in range(3)),
        scales=tuple(draw(st.floats(2.0**-9, 2.0**-6)) for _ in range(4)),
    )
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    shape = (form.batch, form.time, form.depth)
    shape = (form.time, form.batch, form.depth) if form.time_major else shape
    steps = tuple(conformance.codes(rng, shape) for _ in range(_NUM_INVOCATIONS))
    return recurrent.Case(_model(form, seed=seed), steps)


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_the_engines(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    case = data.draw(_cases(is_plain="tflm" in ENGINES[dtype]))
    recurrent.check(oracle, case, ENGINES[dtype])
