"""Inputs in and outputs back by benchmark_model's flags, LiteRT's real NEON kernels between."""

import numpy as np
import pytest

from android_bench import benchmark_binary, equality, parse, runtimes
from android_bench.adb import Adb
from android_bench.benchmark_binary import Run
from android_bench.equality import Expected
from android_bench.run_directory import RunDirectory
from android_bench.runtimes import RUNTIMES
from pipeline import expose
from pipeline.interpreter import Interpreter
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import Behaviour
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario


@pytest.fixture(scope="module", params=["dotprod", "neon"])
def emulated(request):
    with phone(Scenario(processor=request.param)) as running:
        yield running


@pytest.mark.parametrize("runtime", ["xnnpack", "no_xnnpack"])
def test_every_tensor_is_what_the_interpreter_predicts(emulated, shared_dir, tmp_path, runtime):
    content = (shared_dir / "tflite_models/mlperf_tiny/pretrainedResnet_quant.tflite").read_bytes()
    twin = expose.expose_all(content)
    kernels = {"xnnpack": "xnnpack", "no_xnnpack": "ruy"}[runtime]
    predicted = Interpreter(content, kernels=kernels, target="arm64", keep_tensors=True)
    (detail,) = predicted.input_details
    image = np.random.default_rng(0).integers(-128, 128, detail.shape).astype(np.int8)
    predicted.run(image)
    expected = [Expected(o.name, predicted.tensor(o.index), o.step) for o in twin.outputs]

    for name, data in (("twin.tflite", twin.content), ("image.bin", image.tobytes())):
        (tmp_path / name).write_bytes(data)
    binary = behaviour.write(tmp_path / "benchmark_model", Behaviour(computes=True))
    with RunDirectory(Adb(emulated.serial)) as directory:
        run = Run(
            model=directory.put(tmp_path / "twin.tflite", "twin.tflite"),
            num_runs=1,
            min_time_s=0.0,
            warmup_runs=0,
            warmup_time_s=0.0,
            inputs={"image": (image.shape, directory.put(tmp_path / "image.bin", "image.bin"))},
            output_path=f"{directory.path}/outputs.bin",
        )
        remote = directory.put(binary, binary.name, executable=True)
        command = benchmark_binary.command("tflite", remote, RUNTIMES[runtime], run)
        done = directory.adb.shell(command, timeout_s=250)
        directory.get(run.output_path, tmp_path / "outputs.bin")
    log = parse.parse(done.stdout + done.stderr)
    runtimes.prove(RUNTIMES[runtime], log, arguments=command[1:])
    assert (log.warm_up.count, log.inference.count) == (0, 1)
    comparison = equality.compare((tmp_path / "outputs.bin").read_bytes(), expected)
    assert comparison.first is None
    assert comparison.num_tensors == 16
    assert emulated.files() == []
