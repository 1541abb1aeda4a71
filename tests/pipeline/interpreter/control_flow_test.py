"""Subgraphs, signatures and shared variables, against the runtimes."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from pipeline import flatbuffer
from pipeline.errors import InputError, ModelError, NotIntegerOnlyError, UnsupportedOpError
from pipeline.graph import Graph, Operator, Signature, Subgraph, Tensor
from pipeline.interpreter import Interpreter, machine
from pipeline.quant_params import QuantParams
from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.oracle import Oracle

_ENGINES = ("reference", "ruy", "xnnpack", "tflm")
_STEPS_OF_ONE = QuantParams((1.0,), (5,))
_NAME = {"container": "", "shared_name": "state"}
_ADD = {"fused_activation_function": "NONE"}

_Op = tuple[str, tuple[int, ...], tuple[int, ...], Mapping[str, object]]
_Steps = Sequence[Sequence[np.ndarray]]


def _codes(index: int, data: Sequence[int] | None = None, length: int = 3) -> Tensor:
    value = None if data is None else np.array(data, np.int8)
    shape = (length,) if value is None else value.shape
    return Tensor(index, f"codes{index}", shape, "int8", _STEPS_OF_ONE, value)


def _flag(index: int, shape: tuple[int, ...] = (1,)) -> Tensor:
    return Tensor(index, f"flag{index}", shape, "bool")


def _handle(index: int, shape: tuple[int, ...] = ()) -> Tensor:
    return Tensor(index, f"handle{index}", shape, "resource")


def _subgraph(
    tensors: Sequence[Tensor], inputs: Sequence[int], outputs: Sequence[int], *ops: _Op
) -> Subgraph:
    operators = tuple(
        Operator(index, op, 1, op_inputs, op_outputs, dict(options))
        for index, (op, op_inputs, op_outputs, options) in enumerate(ops)
    )
    return Subgraph("", tuple(tensors), tuple(inputs), tuple(outputs), operators)


def _model(*subgraphs: Subgraph, signatures: Sequence[Signature] = ()) -> bytes:
    return flatbuffer.write(Graph(subgraphs, tuple(signatures)))


def _delay(*first_ops: _Op) -> Subgraph:
    """Returns a subgraph that gives what the last run was given."""
    return _subgraph(
        [_codes(0), _handle(1), _codes(2)],
        [0],
        [2],
        *first_ops,
        ("VAR_HANDLE", (), (1,), _NAME),
        ("READ_VARIABLE", (1,), (2,), {}),
        ("ASSIGN_VARIABLE", (1, 0), (), {}),
    )


def _initialization() -> Subgraph:
    return _subgraph(
        [_handle(0), _codes(1, [7, 8, 9])],
        [],
        [],
        ("VAR_HANDLE", (), (0,), _NAME),
        ("ASSIGN_VARIABLE", (0, 1), (), {}),
    )


_ONCE: _Op = ("CALL_ONCE", (), (), {"init_subgraph_index": 1})


def _identity(tensors: Sequence[Tensor]) -> Subgraph:
    every = range(len(tensors))
    return _subgraph(tensors, every, every)


def _choice(then: Subgraph, otherwise: Subgraph) -> bytes:
    main = _subgraph(
        [_flag(0), _codes(1), _codes(2)],
        [0, 1],
        [2],
        ("IF", (0, 1), (2,), {"then_subgraph_index": 1, "else_subgraph_index": 2}),
    )
    return _model(main, then, otherwise)


def _plus_one() -> Subgraph:
    """Returns codes + 1: code 6 stands for 1."""
    return _subgraph([_codes(0), _codes(1, [6]), _codes(2)], [0], [2], ("ADD", (0, 1), (2,), _ADD))


def _loop(condition: Subgraph | None = None, body: Subgraph | None = None) -> bytes:
    """Returns a loop that adds 1 for as long as the first of two flags is true, then shifts them.

    The flag that is shifted in is the last one, so that two true flags make an endless loop.
    """
    carried = [_flag(0), _flag(1), _codes(2)]
    main = _subgraph(
        [*carried, _flag(3), _flag(4), _codes(5)],
        [0, 1, 2],
        [3, 4, 5],
        ("WHILE", (0, 1, 2), (3, 4, 5), {"cond_subgraph_index": 1, "body_subgraph_index": 2}),
    )
    adding = _subgraph(
        [*carried, _codes(3, [6]), _codes(4)],
        [0, 1, 2],
        [1, 1, 4],
        ("ADD", (2, 3), (4,), _ADD),
    )
    return _model(main, condition or _subgraph(carried, [0, 1, 2], [0]), body or adding)


def _ours(model: bytes, steps: _Steps, kernels: str = "reference") -> list[list[object]]:
    interpreter = Interpreter(model, kernels, "x86_64")
    return [[output.tolist() for output in interpreter.run(*step)] for step in steps]


def _check(oracle: Oracle, model: bytes, steps: _Steps) -> list[list[object]]:
    """Compares every engine, step by step; returns the outputs."""
    conformance.collect(model, _ENGINES, *steps)
    for kernels in _ENGINES:
        expected = oracle.steps(model, *steps, kernels=kernels)
        ours = _ours(model, steps, kernels)
        assert ours == [[output.tolist() for output in outputs] for outputs in expected], kernels
    return _ours(model, steps)


def _array(*values: int) -> np.ndarray:
    return np.array(values, np.int8)


def _bool(value: bool) -> np.ndarray:
    return np.array([value])


_COUNT = [[_array(step, step + 1, step + 2)] for step in range(3)]


def test_variables_live_from_run_to_run(oracle: Oracle) -> None:
    model = _model(_delay(_ONCE), _initialization())
    assert _check(oracle, model, _COUNT) == [[[7, 8, 9]], [[0, 1, 2]], [[1, 2, 3]]]


def test_reset_forgets_variables_and_initializes_again() -> None:
    interpreter = Interpreter(_model(_delay(_ONCE), _initialization()))
    for _ in range(2):
        assert [interpreter.run(*step)[0][0] for step in _COUNT] == [7, 0, 1]
        interpreter.reset()


def test_interpreters_of_one_model_share_nothing() -> None:
    model = _model(_delay(_ONCE), _initialization())
    first, second = Interpreter(model), Interpreter(model)
    first.run(_array(1, 2, 3))
    assert second.run(_array(1, 2, 3))[0].tolist() == [7, 8, 9]


def test_names_tell_variables_apart(oracle: Oracle) -> None:
    other = {"container": "", "shared_name": "other"}
    ops: list[_Op] = [("VAR_HANDLE", (), (3,), other), ("ASSIGN_VARIABLE", (3, 0), (), {})]
    delay = _delay(_ONCE, *ops)
    main = dataclasses.replace(delay, tensors=(*delay.tensors, _handle(3)))
    assert _check(oracle, _model(main, _initialization()), _COUNT)[0] == [[7, 8, 9]]


def test_call_once_counts_subgraphs_and_in_tflite_micro_ops(oracle: Oracle) -> None:
    assigned: list[_Op] = [("VAR_HANDLE", (), (3,), _NAME), ("ASSIGN_VARIABLE", (3, 0), (), {})]
    ops: list[_Op] = [_ONCE, *assigned, _ONCE, ("READ_VARIABLE", (3,), (2,), {})]
    main = _subgraph([_codes(0), _codes(1), _codes(2), _handle(3)], [0], [2], *ops)
    model = _model(main, _initialization())
    _check(oracle, model, _COUNT)
    assert _ours(model, _COUNT, "reference")[0] == [[0, 1, 2]]
    assert _ours(model, _COUNT, "tflm")[0] == [[7, 8, 9]]


def test_tflite_micro_reads_what_was_never_assigned(oracle: Oracle) -> None:
    model = _model(_delay())
    expected = oracle.steps(model, *_COUNT, kernels="tflm")
    assert [outputs[0].tolist() for outputs in expected] == [[5, 5, 5], [0, 1, 2], [1, 2, 3]]
    assert [outputs for (outputs,) in _ours(model, _COUNT, "tflm")] == [
        outputs[0].tolist() for outputs in expected
    ]
    with pytest.raises(ModelError, match=r"variable .*'state'.* is read before"):
        _ours(model, _COUNT)


def test_if_runs_one_of_two_subgraphs(oracle: Oracle) -> None:
    steps = [[_bool(value), _array(1, 2, 3)] for value in (True, False)]
    outputs = _check(oracle, _choice(_plus_one(), _identity([_codes(0)])), steps)
    assert outputs == [[[2, 3, 4]], [[1, 2, 3]]]


def test_branches_share_variables(oracle: Oracle) -> None:
    main = _subgraph(
        [_flag(0), _codes(1), _codes(2)],
        [0, 1],
        [2],
        _ONCE,
        ("IF", (0, 1), (2,), {"then_subgraph_index": 2, "else_subgraph_index": 3}),
    )
    model = _model(main, _initialization(), _delay(), _delay())
    steps = [[_bool(step % 3 == 0), values[0]] for step, values in enumerate(_COUNT)]
    assert _check(oracle, model, steps) == [[[7, 8, 9]], [[0, 1, 2]], [[1, 2, 3]]]


@pytest.mark.parametrize(
    ("flags", "sums"),
    [((False, True), [1, 2, 3]), ((True, False), [2, 3, 4]), ((False, False), [1, 2, 3])],
)
def test_while_repeats_its_body(oracle: Oracle, flags: Sequence[bool], sums: list[int]) -> None:
    steps = [[*map(_bool, flags), _array(1, 2, 3)]]
    assert _check(oracle, _loop(), steps)[0][2] == sums


def test_handles_go_into_subgraphs(oracle: Oracle) -> None:
    reading = _subgraph([_handle(0), _codes(1)], [0], [1], ("READ_VARIABLE", (0,), (1,), {}))
    main = _subgraph(
        [_flag(0), _codes(1), _handle(2), _codes(3)],
        [0, 1],
        [3],
        ("VAR_HANDLE", (), (2,), _NAME),
        ("ASSIGN_VARIABLE", (2, 1), (), {}),
        ("IF", (0, 2), (3,), {"then_subgraph_index": 1, "else_subgraph_index": 1}),
    )
    steps = [[_bool(True), _array(4, 5, 6)], [_bool(False), _array(7, 8, 9)]]
    model = _model(main, reading)
    assert _check(oracle, model, steps) == [[[4, 5, 6]], [[7, 8, 9]]]


def test_an_endless_loop_ends_in_an_error() -> None:
    with pytest.raises(ModelError, match=r"WHILE.*never ends: its values repeat"):
        Interpreter(_loop()).run(_bool(True), _bool(True), _array(1, 2, 3))


def test_an_input_is_no_state() -> None:
    graph = flatbuffer.read(_loop())
    body = graph.subgraphs[2]
    tensors = [dataclasses.replace(tensor, is_variable=tensor.index < 2) for tensor in body.tensors]
    body = dataclasses.replace(body, tensors=tuple(tensors))
    interpreter = Interpreter(_model(*graph.subgraphs[:2], body))
    with pytest.raises(ModelError, match="its values repeat"):
        interpreter.run(_bool(True), _bool(True), _array(1, 2, 3))


def test_loops_that_go_in_circles_end_in_an_error() -> None:
    # The codes turn by one place, so that they repeat after three iterations.
    carried = [_flag(0), _codes(1, length=5)]
    indices = Tensor(2, "indices", (5,), "int32", None, np.array([1, 2, 0, 3, 4], np.int32))
    main = _subgraph(
        [*carried, _flag(2), _codes(3, length=5)],
        [0, 1],
        [2, 3],
        ("WHILE", (0, 1), (2, 3), {"cond_subgraph_index": 1, "body_subgraph_index": 2}),
    )
    turning = _subgraph(
        [*carried, indices, _codes(3, length=5)],
        [0, 1],
        [0, 3],
        ("GATHER", (1, 2), (3,), {"axis": 0, "batch_dims": 0}),
    )
    interpreter = Interpreter(_model(main, _subgraph(carried, [0, 1], [0]), turning))
    with pytest.raises(ModelError, match="its values repeat"):
        interpreter.run(_bool(True), _array(1, 2, 3, 4, 5))


def test_a_long_loop_ends_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MAX_CALLS", 100)
    interpreter = Interpreter(_loop())
    with pytest.raises(ModelError, match=r"more than 100 times in one run.*WHILE"):
        interpreter.run(_bool(True), _bool(True), _array(1, 2, 3))
    # The count is of one run.
    interpreter.run(_bool(True), _bool(False), _array(1, 2, 3))


def test_calls_are_not_nested_deeply() -> None:
    once = [
        _subgraph([], [], [], ("CALL_ONCE", (), (), {"init_subgraph_index": k}))
        for k in range(1, 200)
    ]
    with pytest.raises(UnsupportedOpError, match="subgraph 17 is called through 16 others"):
        Interpreter(_model(*once, _subgraph([], [], [])))


def test_an_input_too_many() -> None:
    main = _subgraph([_codes(0)], [0], [0], ("CALL_ONCE", (0,), (), {"init_subgraph_index": 1}))
    with pytest.raises(ModelError, match=r"CALL_ONCE.*needed at most 0 inputs, got 1"):
        Interpreter(_model(main, _subgraph([], [], [])))


def test_c1_a_handle_is_one_element() -> None:
    main = _subgraph([_handle(0, (2,))], [], [], ("VAR_HANDLE", (), (0,), _NAME))
    with pytest.raises(UnsupportedOpError, match="C1: needed one element"):
        Interpreter(_model(main))


def test_c1_a_condition_is_one_bool() -> None:
    for condition, needed in ((_flag(0, (2,)), "one element"), (_codes(0), "a bool condition")):
        main = _subgraph(
            [condition, _codes(1), _codes(2)],
            [0, 1],
            [2],
            ("IF", (0, 1), (2,), {"then_subgraph_index": 1, "else_subgraph_index": 1}),
        )
        with pytest.raises(UnsupportedOpError, match=f"C1: needed {needed}"):
            Interpreter(_model(main, _identity([_codes(0)])))


def test_c1_variables_are_reached_by_handles() -> None:
    main = _subgraph([_codes(0), _codes(1)], [0], [1], ("READ_VARIABLE", (0,), (1,), {}))
    with pytest.raises(UnsupportedOpError, match="C1: needed types resource"):
        Interpreter(_model(main))


def test_c2_subgraphs_take_and_give_what_their_caller_declares() -> None:
    other = _identity([_codes(0, length=4)])
    with pytest.raises(UnsupportedOpError, match="C2"):
        Interpreter(_choice(_plus_one(), other))
    with pytest.raises(UnsupportedOpError, match="C2"):
        Interpreter(_loop(condition=_identity([_flag(0), _flag(1), _codes(2)])))
    with pytest.raises(UnsupportedOpError, match="C2"):
        Interpreter(_loop(body=_plus_one()))
    with pytest.raises(UnsupportedOpError, match="C2"):
        Interpreter(_model(_delay(_ONCE), _plus_one()))


def test_other_ops_take_no_handles() -> None:
    main = _subgraph(
        [_handle(0), _handle(1)],
        [],
        [],
        ("VAR_HANDLE", (), (0,), _NAME),
        ("RESHAPE", (0,), (1,), {}),
    )
    with pytest.raises(UnsupportedOpError, match="'handle0' is resource"):
        Interpreter(_model(main))


def test_handles_do_not_leave_the_model() -> None:
    with pytest.raises(UnsupportedOpError, match="'handle0' is the handle of a variable"):
        Interpreter(_model(_identity([_handle(0)])))


def test_floats_in_a_called_subgraph_are_refused() -> None:
    floats = [Tensor(index, "real", (3,), "float32") for index in range(2)]
    initialization = _subgraph(
        [_handle(0), Tensor(1, "real", (3,), "float32", data=np.ones(3, np.float32))],
        [],
        [],
        ("VAR_HANDLE", (), (0,), _NAME),
        ("ASSIGN_VARIABLE", (0, 1), (), {}),
    )
    with pytest.raises(NotIntegerOnlyError, match="op 1 ASSIGN_VARIABLE uses float32"):
        Interpreter(_model(_delay(_ONCE), initialization))
    with pytest.raises(NotIntegerOnlyError, match="float32"):
        Interpreter(_choice(_plus_one(), _identity(floats[:1])))


def test_a_variable_of_another_type_is_noticed() -> None:
    wider = _subgraph(
        [_handle(0), Tensor(1, "wide", (3,), "int16", data=np.zeros(3, np.int16))],
        [],
        [],
        ("VAR_HANDLE", (), (0,), _NAME),
        ("ASSIGN_VARIABLE", (0, 1), (), {}),
    )
    with pytest.raises(ModelError, match=r"READ_VARIABLE.*computes int16"):
        Interpreter(_model(_delay(_ONCE), wider)).run(_array(1, 2, 3))


def test_huge_variables_are_refused() -> None:
    huge = Tensor(1, "huge", (2**30,), "int8", is_variable=True)
    with pytest.raises(UnsupportedOpError, match="variables take 1073741824 bytes"):
        Interpreter(_model(_subgraph([_codes(0), huge], [0], [0])))


def _two_signatures() -> bytes:
    return _model(
        _identity([_codes(0)]),
        _subgraph(
            [_codes(0), _codes(1), _codes(2, length=6)],
            [0, 1],
            [2],
            ("CONCATENATION", (0, 1), (2,), {**_ADD, "axis": 0}),
        ),
        signatures=[
            Signature("same", 0, {"x": 0}, {"y": 0}),
            Signature("join", 1, {"right": 1, "left": 0}, {"joined": 2}),
        ],
    )


def test_signatures_have_their_own_names_and_order() -> None:
    model = _two_signatures()
    assert Interpreter(model).run(_array(1, 2, 3))[0].tolist() == [1, 2, 3]
    interpreter = Interpreter(model, signature="join")
    assert [details.name for details in interpreter.input_details] == ["right", "left"]
    assert [details.name for details in interpreter.output_details] == ["joined"]
    (output,) = interpreter.run(_array(4, 5, 6), _array(1, 2, 3))
    assert output.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_signature_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no signature 'other'; it has 'same', 'join'"):
        Interpreter(_two_signatures(), signature="other")


def test_a_signature_that_leaves_inputs_out() -> None:
    signature = Signature("key", 0, {}, {"y": 0})
    with pytest.raises(ModelError, match="signature 'key' names tensors"):
        Interpreter(_model(_identity([_codes(0)]), signatures=[signature]), signature="key")
