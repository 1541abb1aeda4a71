"""The interpreter as its callers see it, and whole models against BUILTIN_REF."""

import dataclasses
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from pipeline import flatbuffer
from pipeline.errors import InputError, ModelError, UnsupportedOpError
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.interpreter import Interpreter, TensorDetails
from pipeline.interpreter.kernels import KERNELS, relu
from pipeline.quant_params import QuantParams
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

_HALVES = QuantParams((0.5,), (3,))
_NUM_EXAMPLES = 4


def _chain(batch: int = 2) -> bytes:
    """Returns a model of two ops: RELU, then the transposition of rows into columns."""
    tensors = (
        Tensor(0, "input", (batch, 3), "int8", _HALVES),
        Tensor(1, "model/relu/Relu", (batch, 3), "int8", _HALVES),
        Tensor(2, "permutation", (2,), "int32", data=np.array([1, 0], np.int32)),
        Tensor(3, "output", (3, batch), "int8", _HALVES),
    )
    operators = (
        Operator(0, "RELU", 1, (0,), (1,)),
        Operator(1, "TRANSPOSE", 1, (1, 2), (3,)),
    )
    return flatbuffer.write(Graph((Subgraph("main", tensors, (0,), (3,), operators),)))


def _add() -> bytes:
    operand = Operand((1, 2), 1.0, 0)
    return model("ADD", [operand, operand], operand)


def test_runs_ops_in_order() -> None:
    (output,) = Interpreter(_chain()).run(np.array([[1, 2, 3], [4, 5, 6]], np.int8))
    assert output.dtype == np.int8
    assert output.tolist() == [[3, 4], [3, 5], [3, 6]]


def test_reads_a_path(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(_chain())
    codes = np.full((2, 3), 9, np.int8)
    for model_path in (path, str(path)):
        np.testing.assert_array_equal(Interpreter(model_path).run(codes)[0], codes.T)


def test_details() -> None:
    interpreter = Interpreter(_chain())
    int8 = np.dtype("int8")
    assert interpreter.input_details == (TensorDetails("input", 0, (2, 3), int8, _HALVES),)
    assert interpreter.output_details == (TensorDetails("output", 3, (3, 2), int8, _HALVES),)


def test_outputs_belong_to_the_caller() -> None:
    operand = Operand((2, 2), 1.0)
    interpreter = Interpreter(
        model("RESHAPE", [operand, integers([4])], Operand((4,), 1.0)), keep_tensors=True
    )
    codes = np.ones((2, 2), np.int8)
    (output,) = interpreter.run(codes)
    output[:] = 5
    interpreter.tensor(0)[:] = 6
    assert codes.tolist() == [[1, 1], [1, 1]]
    assert interpreter.tensor(0).tolist() == [[1, 1], [1, 1]]
    codes[:] = 7
    assert interpreter.tensor(2).tolist() == [1, 1, 1, 1]


def test_keeps_every_tensor_when_asked() -> None:
    interpreter = Interpreter(_chain(), keep_tensors=True)
    interpreter.run(np.array([[1, 2, 3], [4, 5, 6]], np.int8))
    assert interpreter.tensor(0).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert interpreter.tensor(1).tolist() == [[3, 3, 3], [4, 5, 6]]
    assert interpreter.tensor(2).tolist() == [1, 0]
    with pytest.raises(InputError, match="tensor 9 has no value"):
        interpreter.tensor(9)


def test_tensor_needs_a_run_and_keep_tensors() -> None:
    interpreter = Interpreter(_chain(), keep_tensors=True)
    with pytest.raises(InputError, match="after a run"):
        interpreter.tensor(0)
    interpreter.run(np.zeros((2, 3), np.int8))
    interpreter.tensor(0)
    interpreter.reset()
    with pytest.raises(InputError, match="after a run"):
        interpreter.tensor(0)
    with pytest.raises(InputError, match="keep_tensors=True"):
        Interpreter(_chain()).tensor(0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], r"needed 1 inputs \('input'\), got 0"),
        ([np.zeros((2, 3), np.int8)] * 2, "got 2"),
        ([np.zeros((3, 2), np.int8)], r"'input' needs int8\[2, 3\], got int8\[3, 2\]"),
        ([np.zeros((2, 3), np.uint8)], r"needs int8\[2, 3\], got uint8\[2, 3\]"),
        ([np.zeros((2, 3))], r"got float64\[2, 3\]"),
        ([[[1, 2, 3], [4, 5, 6]]], r"got list\[2, 3\]"),
    ],
)
def test_inputs_that_do_not_fit(inputs: list[np.ndarray], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Interpreter(_chain()).run(*inputs)


def test_batches_are_runs_one_after_the_other() -> None:
    interpreter = Interpreter(_add())
    rng = np.random.default_rng(0)
    first, second = (rng.integers(-60, 60, (5, 2)).astype(np.int8) for _ in range(2))
    (output,) = interpreter.run_batch(first, second)
    np.testing.assert_array_equal(output, first + second)


def test_batches_are_cut_to_the_batch_of_the_model() -> None:
    codes = np.arange(3, 21, dtype=np.int8).reshape(6, 3)
    (output,) = Interpreter(_chain(batch=2)).run_batch(codes)
    np.testing.assert_array_equal(output, np.concatenate([codes[i : i + 2].T for i in (0, 2, 4)]))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 2)], "needed 2 inputs"),
        ([(2, 2), (3, 2)], r"as many runs for every input, got \[2, 3\]"),
        ([(0, 2), (0, 2)], "multiple of 1 >= 1"),
        ([(), ()], "multiple of 1 >= 1"),
        ([(2, 3), (2, 3)], r"needs int8\[1, 2\], got int8\[1, 3\]"),
    ],
)
def test_batches_that_do_not_fit(shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Interpreter(_add()).run_batch(*(np.zeros(shape, np.int8) for shape in shapes))


def test_a_batch_must_be_a_multiple_of_the_models() -> None:
    with pytest.raises(InputError, match="multiple of 2 >= 1"):
        Interpreter(_chain(batch=2)).run_batch(np.zeros((3, 3), np.int8))


def test_scalar_outputs_cannot_be_batched() -> None:
    content = model("MEAN", [Operand((1, 2), 1.0), integers([0, 1])], Operand((), 1.0))
    interpreter = Interpreter(content)
    assert interpreter.run(np.array([[4, 6]], np.int8))[0].tolist() == 5
    with pytest.raises(InputError, match=r"output'\] have no dimension 0"):
        interpreter.run_batch(np.zeros((2, 2), np.int8))


@pytest.mark.parametrize(
    "argument",
    [{"kernels": "gemmlowp"}, {"target": "armv7"}, {"backend": "cuda"}],
    ids=str,
)
def test_what_is_not_supported_yet(argument: dict[str, Any]) -> None:
    (name,) = argument
    with pytest.raises(UnsupportedOpError, match=rf"{name}=.* is not supported yet; needed one of"):
        Interpreter(_chain(), **argument)


def test_no_thread_at_all() -> None:
    with pytest.raises(UnsupportedOpError, match="num_threads=0; needed at least 1"):
        Interpreter(_chain(), num_threads=0)


def test_all_unknown_ops_are_named_with_what_is_known() -> None:
    tensors = tuple(Tensor(index, f"t{index}", (1,), "int8", _HALVES) for index in range(3))
    operators = (
        Operator(0, "COS", 1, (0,), (1,)),
        Operator(1, "TFLite_Custom", 1, (1,), (2,), is_custom=True),
    )
    content = flatbuffer.write(Graph((Subgraph("main", tensors, (0,), (2,), operators),)))
    with pytest.raises(UnsupportedOpError) as caught:
        Interpreter(content)
    message = str(caught.value)
    assert "op 0 COS (output 't1')" in message
    assert "op 1 TFLite_Custom (output 't2')" in message
    assert all(op in message for op in KERNELS)


@pytest.mark.parametrize("dtype", ["int4", "string"])
def test_types_that_no_kernel_computes_with(dtype: str) -> None:
    operand = Operand((4,), dtype=dtype)
    with pytest.raises(UnsupportedOpError, match=f"tensor 0 'model/layer/input0' is {dtype}; need"):
        Interpreter(model("RESHAPE", [operand], operand))


def test_outputs_are_not_packed() -> None:
    content = model("RELU", [Operand((4,), 1.0)], Operand((4,), 1.0))
    graph = flatbuffer.read(content)
    packed = Tensor(2, "packed", (4,), "int4", None, np.zeros(4, np.int8))
    main = dataclasses.replace(graph.main, tensors=(*graph.main.tensors, packed), outputs=(1, 2))
    with pytest.raises(UnsupportedOpError, match="tensor 2 'packed' is int4"):
        Interpreter(flatbuffer.write(Graph((main,))))


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        (Operand((4,)), ModelError, "'model/layer/output' has no scale and zero point"),
        (
            Operand((4,), [1.0] * 4, axis=0),
            UnsupportedOpError,
            "'model/layer/output' must have one scale, got 4",
        ),
    ],
)
def test_quantization_that_an_op_cannot_have(
    output: Operand, error: type[ModelError], message: str
) -> None:
    with pytest.raises(error, match=message):
        Interpreter(model("RELU", [Operand((4,), 1.0)], output))


@pytest.mark.parametrize(
    ("op", "inputs", "message"),
    [
        ("ADD", [Operand((1, 2), 1.0)], "C1: needed types int8, int8, int8 or .*, got int8, int8$"),
        ("TRANSPOSE", [Operand((1, 2), 1.0)], "input 1 is missing"),
        ("TRANSPOSE", [Operand((1, 2), 1.0), None], "input 1 is missing"),
        ("PAD", [Operand((1, 2), 1.0), Operand((2, 2), dtype="int32")], "must be a constant"),
        ("RELU", [Operand((1, 2), 1.0)] * 2, "RELU .*: needed at most 1 inputs, got 2"),
    ],
)
def test_operands_that_are_missing_or_too_many(
    op: str, inputs: list[Operand | None], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        Interpreter(model(op, inputs, Operand((1, 2), 1.0)))


def test_scales_that_lead_to_no_multiplier() -> None:
    content = model("RELU", [Operand((4,), 1e38)], Operand((4,), 1e-38))
    with pytest.raises(ModelError, match=r"RELU .*its scales lead to no multiplier"):
        Interpreter(content)


def test_scales_that_lead_to_no_multiplier_while_a_kernel_is_chosen() -> None:
    operand = Operand((40,), 1e38)
    content = model("MUL", [operand, operand], Operand((40,), 1e-38))
    with pytest.raises(ModelError, match=r"MUL .*its scales lead to no multiplier"):
        Interpreter(content, "ruy")


def test_scales_whose_quotient_is_no_float32() -> None:
    inputs = [Operand((1, 4, 4, 2), 1e38), integers([1, 2])]
    content = model("SUM", inputs, Operand((1, 1, 1, 2), 1e-38), keep_dims=True)
    with pytest.raises(ModelError, match=r"SUM .*its scales lead to no multiplier: needed finite"):
        Interpreter(content, "xnnpack")


def test_a_result_that_is_not_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    class Widening:
        prepare = staticmethod(relu.prepare)

        @staticmethod
        def evaluate(params: object, input_: np.ndarray) -> np.ndarray:
            return input_.astype(np.int32)

    monkeypatch.setitem(sys.modules, relu.__name__, Widening)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ModelError, match=r"computes int32\[2, 3\].*declared int8\[2, 3\]"):
        Interpreter(_chain()).run(np.zeros((2, 3), np.int8))


@pytest.mark.parametrize(
    "name",
    [
        "mlperf_tiny/pretrainedResnet_quant.tflite",
        "mlperf_tiny/kws_ref_model.tflite",
        "mlperf_tiny/model_ToyCar_quant_fullint_micro_intio.tflite",
        "mlperf_tiny/str_ww_ref_model.tflite",
    ],
)
def test_every_tensor_of_a_real_model(shared_dir: pathlib.Path, oracle: Oracle, name: str) -> None:
    content = (shared_dir / "tflite_models" / name).read_bytes()
    interpreter = Interpreter(content, keep_tensors=True)
    computed = [index for op in flatbuffer.read(content).main.operators for index in op.outputs]
    rng = np.random.default_rng(0)
    for _ in range(_NUM_EXAMPLES):
        inputs = [
            rng.integers(-128, 128, details.shape).astype(details.dtype)
            for details in interpreter.input_details
        ]
        interpreter.run(*inputs)
        expected = oracle.tensors(content, computed, *inputs)
        for index, value in zip(computed, expected, strict=True):
            np.testing.assert_array_equal(interpreter.tensor(index), value, f"tensor {index}")


def test_import_brings_neither_tensorflow_nor_a_compiler() -> None:
    program = (
        "import sys, pipeline.interpreter; print(*{name.split('.')[0] for name in sys.modules})"
    )
    imported = subprocess.run(
        [sys.executable, "-c", program],
        cwd=pathlib.Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    packages = {name.partition(".")[0] for name in imported if not name.startswith("_")}
    # Of ai_edge_litert the flatbuffer's schema alone.
    assert packages - sys.stdlib_module_names == {
        "ai_edge_litert",
        "flatbuffers",
        "numpy",
        "pipeline",
    }
