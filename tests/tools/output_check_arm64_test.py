"""--check_outputs on an emulated phone: the arm64 runner with LiteRT's real NEON kernels.

`make bench-phone-arm64` fetches what this needs.
"""

import os
import pathlib
import shutil

import numpy as np
import pytest

from android_bench import benchmark_binary, runner_binary
from pipeline import expose, flatbuffer, random_inputs
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.interpreter import Interpreter
from pipeline.quant_params import QuantParams
from tests.conftest import REPO
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario
from tools import bench_models, output_check

_ARM64 = pathlib.Path(os.environ.get("INTONLY_ARM64", REPO / "out" / "arm64"))
_LIBRARY = _ARM64 / "site" / "ai_edge_litert" / "libLiteRt.so"


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> benchmark_binary.Binary:
    if shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.skip("no compiler for arm64: apt-get install gcc-aarch64-linux-gnu")
    if not _LIBRARY.is_file():
        pytest.skip(f"no {_LIBRARY}: run make bench-phone-arm64")
    program = runner_binary.build("linux-arm64", tmp_path_factory.mktemp("runner"))
    return benchmark_binary.inspect(program, _LIBRARY)


@pytest.fixture(scope="module", params=["dotprod", "neon"])
def emulated(request):
    with phone(Scenario(processor=request.param)) as running:
        yield running


def _mul_mean_softmax(folder: pathlib.Path) -> pathlib.Path:
    """A net whose bits under XNNPACK are others on arm64 and on x86-64."""
    values = QuantParams((0.5,), (0,))
    axes = np.array([1, 2], np.int32)
    tensors = (
        Tensor(0, "one", (1, 7, 9, 10), "int8", values),
        Tensor(1, "other", (1, 7, 9, 10), "int8", values),
        Tensor(2, "product", (1, 7, 9, 10), "int8", QuantParams((32.0,), (0,))),
        Tensor(3, "axes", (2,), "int32", None, axes),
        Tensor(4, "mean", (1, 10), "int8", QuantParams((5.0,), (3,))),
        Tensor(5, "output", (1, 10), "int8", QuantParams((1 / 256,), (-128,))),
    )
    operators = (
        Operator(0, "MUL", 2, (0, 1), (2,), {"fused_activation_function": "NONE"}),
        Operator(1, "MEAN", 2, (2, 3), (4,), {"keep_dims": False}),
        Operator(2, "SOFTMAX", 2, (4,), (5,), {"beta": 0.05}),
    )
    path = folder / "mul_mean_softmax.tflite"
    path.write_bytes(flatbuffer.write(Graph((Subgraph("main", tensors, (0, 1), (5,), operators),))))
    return path


def _mobilenet(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "mobilenet_v1_0.25_128.tflite"
    path.write_bytes(bench_models.mobilenet_v1(0.25, 128))
    return path


def _assert_equal(emulated, binary, model: pathlib.Path, **engine_of_runtime: str) -> None:
    engine_of_runtime = engine_of_runtime or {"xnnpack": "xnnpack"}
    found = output_check.check(
        [emulated.serial], [model], list(engine_of_runtime), binary, num_threads=1, seed=0
    )
    rows = [row for row in found if row.is_asked]
    assert {row.runtime: row.engine for row in rows} == engine_of_runtime
    for row in rows:
        assert row.is_emulated
        assert row.is_equal, (row.engine, row.tensors.first or row.outputs.first)
        assert row.tensors.num_tensors == len(flatbuffer.read(model).main.operators)


def test_mobilenet(emulated, binary, tmp_path):
    _assert_equal(emulated, binary, _mobilenet(tmp_path))


def test_ops_whose_bits_are_others_on_x86(emulated, binary, tmp_path):
    model = _mul_mean_softmax(tmp_path)
    twin = expose.expose_all(model).content
    inputs = [codes[0] for codes in random_inputs.codes(twin, 1, 0)]
    of_arm64, of_x86 = (
        Interpreter(twin, "xnnpack", target).run(*inputs) for target in ("arm64", "x86_64")
    )
    assert any((one != other).any() for one, other in zip(of_arm64, of_x86, strict=True))
    _assert_equal(emulated, binary, model, xnnpack="xnnpack", no_xnnpack="ruy")


def test_uint8(emulated, binary, shared_dir):
    folder = shared_dir / "tflite_models" / "mobilenet"
    _assert_equal(emulated, binary, folder / "mobilenet_v1_0.25_224_quant.tflite")


def test_the_demo_model(emulated, binary):
    model = REPO / "out" / "demo" / "model_int8.tflite"
    if not model.is_file():
        pytest.skip(f"no {model}: run make demo")
    _assert_equal(emulated, binary, model)
