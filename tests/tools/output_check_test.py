"""--check_outputs on a fake phone that runs our own runner with LiteRT's real x86-64 kernels."""

import json
import pathlib

import pytest

from android_bench import benchmark_binary
from pipeline import flatbuffer
from pipeline.errors import DeviceError
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario
from tests.pipeline.interpreter import one_op
from tests.pipeline.interpreter.one_op import Operand
from tools import output_check

_OF_THIS_MACHINE = Scenario(properties={"ro.product.cpu.abi": "x86_64"})


@pytest.fixture(scope="module")
def binary(runner_program, litert_library) -> benchmark_binary.Binary:
    return benchmark_binary.inspect(runner_program, litert_library)


def _check(running, model, binary, *runtimes):
    return list(
        output_check.check([running.serial], [model], runtimes, binary, num_threads=1, seed=0)
    )


def _mul(folder: pathlib.Path) -> pathlib.Path:
    """A model whose bits under XNNPACK are others on arm64 and on x86-64."""
    operand = Operand((256,), 0.5)
    path = folder / "mul.tflite"
    path.write_bytes(
        one_op.model("MUL", [operand, operand], operand, fused_activation_function="NONE")
    )
    return path


def test_every_tensor_is_as_predicted(binary, shared_dir):
    model = shared_dir / "tflite_models" / "mobilenet" / "mobilenet_v1_0.25_224_quant.tflite"
    with phone(_OF_THIS_MACHINE) as running:
        rows = _check(running, model, binary, "xnnpack", "no_xnnpack")
        assert running.files() == []
    asked = [row for row in rows if row.is_asked]
    assert [(row.runtime, row.engine) for row in asked] == [
        ("xnnpack", "xnnpack"),
        ("no_xnnpack", "ruy"),
    ]
    num_computed = len(flatbuffer.read(model).main.operators)
    for row in asked:
        assert row.is_equal, row.tensors.first
        assert (row.outputs.num_tensors, row.tensors.num_tensors) == (1, num_computed)
    assert [row.engine for row in rows if not row.is_asked] == ["reference", "reference"]


def test_another_processor_is_found_out(binary, tmp_path, run_tool):
    # It says that it is an arm64, and computes as an x86-64.
    with phone() as liar:
        done = run_tool(
            *("benchmark", "--check_outputs", f"--device={liar.serial}"),
            *(f"--model={_mul(tmp_path)}", f"--report={tmp_path / 'report.json'}"),
            *(f"--benchmark_binary={binary.path}", f"--library={binary.library}"),
        )
        assert liar.files() == []
    assert done.returncode == 1, done.stderr
    assert "0 of 1 equal" in done.stdout
    assert "op 0, model/layer/output" in done.stdout
    of_xnnpack, _ = json.loads((tmp_path / "report.json").read_text())["results"]["rows"]
    assert (of_xnnpack["engine"], of_xnnpack["is_asked"]) == ("xnnpack", True)
    (difference,) = of_xnnpack["tensors"]["differences"]
    assert difference["max_difference"] == 1
    assert 0 < difference["num_different"] < difference["num_elements"] == 256


def test_equal_bits_are_exit_code_0(binary, tmp_path, run_tool):
    with phone(_OF_THIS_MACHINE) as running:
        done = run_tool(
            *("benchmark", "--check_outputs", f"--device={running.serial}"),
            *(f"--model={_mul(tmp_path)}", "--runtime=xnnpack", "--runtime=no_xnnpack"),
            *(f"--benchmark_binary={binary.path}", f"--library={binary.library}"),
        )
    assert done.returncode == 0, done.stderr + done.stdout


def test_what_cannot_be_predicted_is_refused(binary, tmp_path):
    with pytest.raises(DeviceError, match=r"whose bits can be predicted, .* got gpu"):
        list(output_check.check(["x"], [_mul(tmp_path)], ["gpu"], binary, num_threads=1, seed=0))
    with (
        phone(Scenario(properties={"ro.product.cpu.abi": "riscv64"})) as running,
        pytest.raises(DeviceError, match="got riscv64: there is no prediction"),
    ):
        _check(running, _mul(tmp_path), binary, "xnnpack")
