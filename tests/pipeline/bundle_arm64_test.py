"""A bundle's golden outputs for arm64 are what LiteRT's arm64 library answers, under QEMU.

`make bench-phone-arm64` fetches what this needs.
"""

import hashlib
import json

import numpy as np
import pytest

from android_bench import runtimes
from android_bench.adb import Adb
from android_bench.output_check import Phone
from android_bench.run_directory import RunDirectory
from pipeline import bundle, flatbuffer
from pipeline.bundle import Contents, Statement
from pipeline.interpreter import Interpreter
from tests import arm64_models
from tests.conftest import REPO
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario
from tests.pipeline import bundles
from tools import bench_models


@pytest.fixture(scope="module", params=["dotprod", "neon"])
def runner(request, arm64_binary):
    """Our benchmark program on a phone with such a processor."""
    with (
        phone(Scenario(processor=request.param)) as running,
        RunDirectory(Adb(running.serial)) as directory,
    ):
        yield Phone(directory, arm64_binary)


def _bundled(model: bytes, seed: int = 0) -> dict[str, bytes]:
    """The files of a bundle with that model and two random vectors."""
    statement = Statement(
        *("net", "", "", "", "", ""), source_sha256=hashlib.sha256(model).hexdigest()
    )
    carried = bundle.with_metadata(model, None, (), statement)
    vectors = bundle.random_vectors(carried, 2, seed)
    return bundle.members(Contents(carried, None, vectors, f"random codes, seed {seed}", statement))


def _assert_golden(runner: Phone, files: dict[str, bytes]) -> None:
    model = files[bundle.MODEL]
    graph = flatbuffer.read(model).main
    count = json.loads(files[bundle.INDEX])["num_vectors"]
    inputs = {
        graph.tensors[index].name: _stack(files, f"input_{number}", graph, index, count)
        for number, index in enumerate(graph.inputs)
    }
    outputs = [
        _stack(files, f"xnnpack_arm64/output_{number}", graph, index, count)
        for number, index in enumerate(graph.outputs)
    ]
    for vector in range(count):
        given = {name: stack[vector] for name, stack in inputs.items()}
        got = runner.run(runtimes.from_name("xnnpack"), model, given)
        assert got.content == b"".join(stack[vector].tobytes() for stack in outputs), vector


def _stack(files, name, graph, index, count) -> np.ndarray:
    tensor = graph.tensors[index]
    return np.frombuffer(files[f"golden/{name}.bin"], tensor.dtype).reshape(count, *tensor.shape)


def test_a_classifier_of_pictures(runner):
    _assert_golden(runner, bundle.members(bundles.contents()))


def test_a_model_whose_bits_are_others_elsewhere(runner):
    """On x86-64, and under the reference kernels: of most inputs, all three answer the same."""
    model, seed = arm64_models.mul_mean_softmax(), 26
    files = _bundled(model, seed)
    interpreter = Interpreter(model, "xnnpack", "x86_64")
    steps = zip(*bundle.random_vectors(model, 2, seed), strict=True)
    of_x86 = b"".join(interpreter.run(*step)[0].tobytes() for step in steps)
    others = {files["golden/reference/output_0.bin"], of_x86}
    assert files["golden/xnnpack_arm64/output_0.bin"] not in others
    _assert_golden(runner, files)


def test_a_whole_network(runner):
    _assert_golden(runner, _bundled(bench_models.mobilenet_v1(0.25, 128)))


def test_the_demo_model(runner):
    model = REPO / "out" / "demo" / "model_int8.tflite"
    if not model.is_file():
        pytest.skip(f"no {model}: run make demo")
    _assert_golden(runner, _bundled(model.read_bytes()))
