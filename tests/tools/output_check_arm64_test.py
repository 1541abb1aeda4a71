"""--check_outputs on an emulated phone: the arm64 runner with LiteRT's real NEON kernels.

`make bench-phone-arm64` fetches what this needs.
"""

import pathlib

import pytest

from pipeline import expose, flatbuffer, random_inputs
from pipeline.interpreter import Interpreter
from tests import arm64_models
from tests.conftest import REPO
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario
from tools import bench_models, output_check


@pytest.fixture(scope="module", params=["dotprod", "neon"])
def emulated(request):
    with phone(Scenario(processor=request.param)) as running:
        yield running


def _mobilenet(folder: pathlib.Path) -> pathlib.Path:
    path = folder / "mobilenet_v1_0.25_128.tflite"
    path.write_bytes(bench_models.mobilenet_v1(0.25, 128))
    return path


def _assert_equal(emulated, arm64_binary, model: pathlib.Path, **engine_of_runtime: str) -> None:
    engine_of_runtime = engine_of_runtime or {"xnnpack": "xnnpack"}
    found = output_check.check(
        [emulated.serial], [model], list(engine_of_runtime), arm64_binary, num_threads=1, seed=0
    )
    rows = [row for row in found if row.is_asked]
    assert {row.runtime: row.engine for row in rows} == engine_of_runtime
    for row in rows:
        assert row.is_emulated
        assert row.is_equal, (row.engine, row.tensors.first or row.outputs.first)
        assert row.tensors.num_tensors == len(flatbuffer.read(model).main.operators)


def test_mobilenet(emulated, arm64_binary, tmp_path):
    _assert_equal(emulated, arm64_binary, _mobilenet(tmp_path))


def test_ops_whose_bits_are_others_on_x86(emulated, arm64_binary, tmp_path):
    model = tmp_path / "mul_mean_softmax.tflite"
    model.write_bytes(arm64_models.mul_mean_softmax())
    twin = expose.expose_all(model).content
    inputs = [codes[0] for codes in random_inputs.codes(twin, 1, 0)]
    of_arm64, of_x86 = (
        Interpreter(twin, "xnnpack", target).run(*inputs) for target in ("arm64", "x86_64")
    )
    assert any((one != other).any() for one, other in zip(of_arm64, of_x86, strict=True))
    _assert_equal(emulated, arm64_binary, model, xnnpack="xnnpack", no_xnnpack="ruy")


def test_uint8(emulated, arm64_binary, shared_dir):
    folder = shared_dir / "tflite_models" / "mobilenet"
    _assert_equal(emulated, arm64_binary, folder / "mobilenet_v1_0.25_224_quant.tflite")


def test_the_demo_model(emulated, arm64_binary):
    model = REPO / "out" / "demo" / "model_int8.tflite"
    if not model.is_file():
        pytest.skip(f"no {model}: run make demo")
    _assert_equal(emulated, arm64_binary, model)
