"""One run for its bits, with TFLite's benchmark_model as the fake phone has it."""

import base64
import hashlib

import numpy as np
import pytest

from android_bench import benchmark_binary, output_check
from android_bench.adb import Adb
from android_bench.run_directory import RunDirectory
from android_bench.runtimes import RUNTIMES
from pipeline.errors import CommandError, DelegationError, DeviceError
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import Behaviour
from tests.fakephone.phone import phone

_MODEL = b"a model"
_OUTPUT = bytes(range(50))
_OUTPUTS = {hashlib.sha256(_MODEL).hexdigest(): base64.b64encode(_OUTPUT).decode()}
_INPUTS = {"a": np.zeros((1, 4), np.int8), "b": np.ones((2, 3), np.uint8)}


@pytest.fixture(scope="module")
def running():
    with phone() as plain:
        yield plain


def _run(running, folder, how, runtime="xnnpack"):
    binary = benchmark_binary.inspect(behaviour.write(folder / "benchmark_model", how))
    with RunDirectory(Adb(running.serial)) as directory:
        prepared = output_check.Phone(directory, binary)
        return prepared.run(RUNTIMES[runtime], _MODEL, _INPUTS)


def test_brings_inputs_and_fetches_the_outputs(running, tmp_path):
    outputs = _run(running, tmp_path, Behaviour(outputs=_OUTPUTS))
    assert outputs.content == _OUTPUT
    assert outputs.evidence.delegate == "TfLiteXNNPackDelegate"
    (command,) = [line for line in running.commands() if "--output_filepath" in line]
    for flag in (
        *("--num_runs=1", "--min_secs=0", "--warmup_runs=0", "--warmup_min_secs=0"),
        *("--input_layer=a,b", "--input_layer_shape=1,4:2,3", "--input_layer_value_files=a:"),
    ):
        assert flag in command
    assert running.files() == []


def test_a_fallback_has_no_bits(running, tmp_path):
    with pytest.raises(DelegationError, match="runtime 'gpu' was asked for"):
        _run(running, tmp_path, Behaviour(delegation={"gpu": "none"}), "gpu")


def test_a_process_that_fails_has_no_bits(running, tmp_path):
    with pytest.raises(CommandError, match="Benchmarking failed"):
        _run(running, tmp_path, Behaviour(fault="fail"))


def test_a_tool_that_cannot_write_outputs(running, tmp_path):
    with pytest.raises(DeviceError, match="needed TFLite's benchmark_model"):
        _run(running, tmp_path, Behaviour(tool="litert"))
