"""The expose-all twin: own outputs keep their bytes, and every op's output can be had."""

import pathlib

import numpy as np
import pytest

from pipeline import expose, flatbuffer
from pipeline.graph import Graph, Operator, Signature, Subgraph, Tensor
from pipeline.interpreter import Interpreter
from pipeline.litert import Litert
from pipeline.quant_params import QuantParams

_REAL = (
    "mobilenet/mobilenet_v1_0.25_224_quant.tflite",
    "mlperf_tiny/pretrainedResnet_quant.tflite",
    "mlperf_tiny/kws_ref_model.tflite",
    "micro/trained_lstm_int8.tflite",
    "wake_word/okay_nabu.tflite",
)
_NUM_RUNS = 3  # State that lives from run to run must stay the same, too.


def _chain(signature_outputs: dict[str, int] | None = None, names: tuple[str, ...] = "abcd"):
    """Three RELUs; the second's output is the model's, the third's value nobody reads."""
    quantization = QuantParams((0.5,), (0,))
    tensors = tuple(
        Tensor(index, name, (1, 4), "int8", quantization) for index, name in enumerate(names)
    )
    operators = tuple(
        Operator(index, "RELU", 2, (index,), (index + 1,)) for index in range(len(names) - 1)
    )
    signatures = (
        () if signature_outputs is None else (Signature("f", 0, {"x": 0}, signature_outputs),)
    )
    subgraph = Subgraph("main", tensors, (0,), (2,), operators)
    return flatbuffer.write(Graph((subgraph,), signatures))


def test_own_outputs_come_first_then_the_others_as_computed():
    twin = expose.expose_all(_chain())
    assert [(output.name, output.step) for output in twin.outputs] == [("c", 1), ("b", 0), ("d", 2)]
    assert twin.num_own == 1
    graph = flatbuffer.read(twin.content)
    assert graph.main.outputs == (2, 1, 3)
    assert graph.main.operators == flatbuffer.read(_chain()).main.operators


def test_a_signature_names_all_outputs():
    content = _chain({"b": 2}, names=("a", "b", "c", "b"))
    (signature,) = flatbuffer.read(expose.expose_all(content).content).signatures
    assert signature.outputs == {"b": 2, "b_1": 1, "b_3": 3}
    twin = Interpreter(expose.expose_all(content).content, signature="f")
    assert [detail.name for detail in twin.output_details] == ["b", "b_1", "b_3"]


def test_the_twin_of_a_twin_is_the_twin():
    twin = expose.expose_all(_chain())
    again = expose.expose_all(twin.content)
    assert again.content == twin.content
    assert again.num_own == 3


def test_handles_are_not_exposed(shared_dir):
    twin = expose.expose_all(shared_dir / "tflite_models/wake_word/okay_nabu.tflite")
    graph = flatbuffer.read(twin.content)
    handles = {tensor.index for tensor in graph.main.tensors if tensor.dtype == "resource"}
    assert handles
    assert not handles & {output.index for output in twin.outputs}


@pytest.mark.parametrize("kernels", ["reference", "xnnpack"])
@pytest.mark.parametrize("name", _REAL)
def test_own_outputs_keep_their_bytes_in_litert(shared_dir: pathlib.Path, name, kernels):
    content = (shared_dir / "tflite_models" / name).read_bytes()
    twin = expose.expose_all(content)
    model, exposed = Litert(content, kernels), Litert(twin.content, kernels)
    assert exposed.output_indices == tuple(output.index for output in twin.outputs)
    inputs = _inputs(content)
    for _ in range(_NUM_RUNS):
        own, all_ = model.run(*inputs), exposed.run(*inputs)
        for left, right in zip(own, all_[: twin.num_own], strict=True):
            assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize("name", _REAL)
def test_exposed_values_are_those_that_litert_keeps(shared_dir: pathlib.Path, name):
    content = (shared_dir / "tflite_models" / name).read_bytes()
    twin = expose.expose_all(content)
    kept, exposed = (
        Litert(content, "reference", keep_tensors=True),
        Litert(twin.content, "reference"),
    )
    inputs = _inputs(content)
    for _ in range(_NUM_RUNS):
        kept.run(*inputs)
        values = exposed.run(*inputs)
        for output, value in zip(twin.outputs, values, strict=True):
            assert kept.tensor(output.index).tobytes() == value.tobytes(), output.name


@pytest.mark.parametrize("name", ["pretrainedResnet_quant", "kws_ref_model"])
def test_xnnpack_tensor_by_tensor_is_what_the_interpreter_predicts(shared_dir, name):
    name = f"tflite_models/mlperf_tiny/{name}.tflite"
    twin = expose.expose_all(shared_dir / name)
    predicted = Interpreter((shared_dir / name).read_bytes(), kernels="xnnpack", keep_tensors=True)
    inputs = _inputs(twin.content)
    values = Litert(twin.content, "xnnpack").run(*inputs)
    predicted.run(*inputs)
    for output, value in zip(twin.outputs, values, strict=True):
        np.testing.assert_array_equal(predicted.tensor(output.index), value, output.name)


def _inputs(content: bytes) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    main = flatbuffer.read(content).main
    return [
        rng.integers(-128, 128, main.tensors[index].shape).astype(main.tensors[index].dtype)
        for index in main.inputs
    ]
