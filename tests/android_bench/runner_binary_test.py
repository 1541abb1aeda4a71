"""The runner against LiteRT's own Python interpreter, and what it says when something is wrong."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from android_bench import runner_binary
from pipeline import flatbuffer
from pipeline.errors import DeviceError
from pipeline.litert import Litert

_MODEL = "mobilenet/mobilenet_v1_0.25_224_quant.tflite"
_QUICK = ("--num_runs=3", "--min_secs=0", "--warmup_runs=2", "--warmup_min_secs=0")


def _run(program, *arguments, exit_code=0):
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == exit_code, done.stderr
    return done


@pytest.mark.parametrize(("kernels", "of_litert"), [("xnnpack", "xnnpack"), ("builtin", "ruy")])
def test_outputs_are_those_of_the_interpreter(
    runner_program, litert_library, shared_dir, tmp_path, kernels, of_litert
):
    model = shared_dir / "tflite_models" / _MODEL
    codes = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), np.uint8)
    (tmp_path / "input").write_bytes(codes.tobytes())
    output = tmp_path / "output"
    _run(
        runner_program,
        *(f"--library={litert_library}", f"--graph={model}", f"--kernels={kernels}", *_QUICK),
        *(f"--input_file={tmp_path / 'input'}", f"--output_filepath={output}"),
    )
    expected = Litert(model.read_bytes(), of_litert).run(codes)
    assert output.read_bytes() == b"".join(values.tobytes() for values in expected)


def test_prints_every_sample_and_what_ran_the_nodes(runner_program, litert_library, shared_dir):
    model = shared_dir / "tflite_models" / _MODEL
    done = _run(
        runner_program,
        f"--library={litert_library}",
        f"--graph={model}",
        "--num_threads=2",
        *_QUICK,
    )
    (line,) = done.stdout.splitlines()
    printed = json.loads(line)
    assert len(printed["samples_ns"]) == 3
    assert len(printed["warm_up_ns"]) == 2
    assert min(*printed["samples_ns"], *printed["warm_up_ns"]) > 0
    assert min(printed["load_ns"], printed["compile_ns"]) > 0
    assert printed["num_tasks"] == printed["num_threads"] == 2
    operators = flatbuffer.read(model).main.operators
    assert printed["num_ops"] == len(operators)
    # XNNPACK takes neither from a uint8 model.
    assert printed["cpu_ops"] == ["AVERAGE_POOL_2D", "SOFTMAX"]
    assert printed["num_partitions"] == 4
    assert "Convolution (NHWC, QU8) IGEMM" in printed["delegate_kernels"]
    assert printed["inputs"] == [{"name": "input", "size_bytes": 224 * 224 * 3}]


def test_builtin_kernels_leave_nothing_to_a_delegate(runner_program, litert_library, shared_dir):
    model = shared_dir / "tflite_models" / _MODEL
    done = _run(
        runner_program,
        f"--library={litert_library}",
        f"--graph={model}",
        "--kernels=builtin",
        *_QUICK,
    )
    printed = json.loads(done.stdout)
    assert printed["cpu_ops"] == [op.op for op in flatbuffer.read(model).main.operators]
    assert printed["delegate_kernels"] == []


def test_errors_name_the_call_and_the_file(runner_program, litert_library, tmp_path, shared_dir):
    model = shared_dir / "tflite_models" / _MODEL
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    (tmp_path / "short").write_bytes(b"12")
    here = (f"--library={litert_library}",)
    for arguments, exit_code, message in (
        ((*here, f"--graph={tmp_path}/bad.tflite"), 1, "LiteRtCreateModelFromFile of .*bad.tflite"),
        ((f"--library={tmp_path}/none.so", f"--graph={model}"), 1, "dlopen: .*none.so"),
        ((*here, f"--graph={model}", f"--input_file={tmp_path}/short"), 1, "needed 150528 bytes"),
        ((*here, f"--graph={model}", "--input_file=a", "--input_file=b"), 2, "of 1 inputs, got 2"),
        ((*here, f"--graph={model}", "--num_threads=0"), 2, "needed an integer of 1 or more"),
        ((*here, f"--graph={model}", "--use_gpu=true"), 2, "'--use_gpu=true': no such flag"),
        ((*here, f"--graph={model}", "--kernels=gpu"), 2, "needed xnnpack or builtin"),
        ((*here,), 2, "needed --graph=PATH"),
    ):
        done = _run(runner_program, *arguments, exit_code=exit_code)
        assert done.stdout == ""
        assert re.search(message, done.stderr), done.stderr


def test_a_program_is_built_once(tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler: apt-get install gcc")
    first = runner_binary.build("host", tmp_path)
    made = first.stat()
    again = runner_binary.build("host", tmp_path)
    assert again == first
    assert again.stat().st_mtime_ns == made.st_mtime_ns
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_a_missing_compiler_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_NDK_HOME", raising=False)
    with pytest.raises(DeviceError, match="apt-get install gcc-aarch64-linux-gnu"):
        runner_binary.build("linux-arm64", tmp_path)
    with pytest.raises(DeviceError, match="needed ANDROID_NDK_HOME"):
        runner_binary.build("android-arm64", tmp_path)
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    with pytest.raises(DeviceError, match=r"needed .*android26-clang there, got none"):
        runner_binary.build("android-arm64", tmp_path)


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(monkeypatch, tmp_path):
    compiler = tmp_path / "bin" / "cc"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\necho no room >&2\nexit 3\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(compiler.parent))
    with pytest.raises(DeviceError, match="got exit code 3: no room"):
        runner_binary.build("host", tmp_path / "built")
    assert list((tmp_path / "built").iterdir()) == []
