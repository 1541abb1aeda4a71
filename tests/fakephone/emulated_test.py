"""The phone that runs arm64 programs: Android's own shell and tools, and LiteRT's real kernels."""

import numpy as np
import pytest

from android_bench.adb import Adb, Completed
from android_bench.run_directory import RunDirectory
from pipeline.errors import CommandError
from pipeline.interpreter import Interpreter
from tests.fakephone.phone import STORAGE, phone
from tests.fakephone.scenario import Scenario
from tests.pipeline.interpreter import one_op
from tests.pipeline.interpreter.one_op import Operand

_TIMEOUT_S = 120.0

# python3 PROGRAM FOLDER MODEL...: raw bytes in and out, through XNNPACK and the reference kernels.
# Input 0 of net.tflite is net.tflite.0 there; its outputs become net.tflite.xnnpack and .reference.
_RUN = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
_, folder, *models = sys.argv
RESOLVERS = {"xnnpack": OpResolverType.BUILTIN, "reference": OpResolverType.BUILTIN_REF}
for model in models:
    stem = f"{folder}/{model}"
    for name, resolver in RESOLVERS.items():
        interpreter = Interpreter(stem, num_threads=1, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        for number, detail in enumerate(interpreter.get_input_details()):
            value = np.fromfile(f"{stem}.{number}", detail["dtype"]).reshape(detail["shape"])
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        output = interpreter.get_output_details()[0]["index"]
        interpreter.get_tensor(output).tofile(f"{stem}.{name}")
"""

# CONV_2D, DEPTHWISE_CONV_2D, ADD, AVERAGE_POOL_2D, FULLY_CONNECTED, SOFTMAX; the last is uint8.
_SHARED_MODELS = (
    "mlperf_tiny/pretrainedResnet_quant.tflite",
    "mlperf_tiny/kws_ref_model.tflite",
    "mobilenet/mobilenet_v1_0.25_224_quant.tflite",
)


@pytest.fixture(scope="module")
def dotprod():
    with phone(Scenario(processor="dotprod")) as p:
        yield p


def test_commands_under_mksh_and_toybox(dotprod):
    adb = Adb(dotprod.serial)
    words = ["a b", "", "'", '"', "$HOME", "\\", "*", "a\nb", "é"]
    done = adb.shell(["printf", r"%s\0", *words], timeout_s=_TIMEOUT_S)
    assert done.stdout.split("\0")[:-1] == words
    script = "case $KSH_VERSION in *MIRBSD*) echo mksh;; esac; echo err >&2; exit 255"
    assert adb.shell(script, timeout_s=_TIMEOUT_S, check=False) == Completed("mksh\n", "err\n", 255)
    assert adb.shell("getprop ro.boot.qemu", timeout_s=_TIMEOUT_S).stdout == "1\n"
    pinned = adb.shell("taskset f0 sh -c 'grep ^Cpus /proc/$$/status'", timeout_s=_TIMEOUT_S)
    assert pinned.stdout == "Cpus_allowed:\tf0\nCpus_allowed_list:\t4-7\n"


def test_mksh_stops_what_passes_its_time(dotprod):
    with pytest.raises(CommandError, match="did not end within"):
        Adb(dotprod.serial).shell("sleep 4321 & sleep 4321; true", timeout_s=2)
    deadline = Adb(dotprod.serial).shell
    while dotprod.has_process("sleep 4321"):
        deadline(["true"], timeout_s=_TIMEOUT_S)


def test_run_directory_with_toybox(dotprod, tmp_path):
    content = bytes(range(256)) * 1000
    (tmp_path / "it's").write_bytes(content)
    with RunDirectory(Adb(dotprod.serial)) as directory:
        remote = directory.put(tmp_path / "it's", "it's")
        directory.get(remote, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == content
    assert dotprod.files() == []


@pytest.fixture(scope="module")
def nets(shared_dir):
    """Name -> content and inputs; the first is a net whose bits differ from x86-64's.

    XNNPACK's int8 MUL rounds halves up on arm64, and to even on x86-64.
    """
    operand = Operand((256,), 0.5)
    product = one_op.model("MUL", [operand, operand], operand, fused_activation_function="NONE")
    codes = np.arange(-128, 128, dtype=np.int8)
    found = {"mul.tflite": (product, (codes, np.ones_like(codes)))}
    rng = np.random.default_rng(0)
    for name in _SHARED_MODELS:
        path = shared_dir / "tflite_models" / name
        content = path.read_bytes()
        inputs = tuple(
            rng.integers(*_limits(detail.dtype), detail.shape, detail.dtype, endpoint=True)
            for detail in Interpreter(content).input_details
        )
        found[path.name] = (content, inputs)
    return found


def _limits(dtype):
    return np.iinfo(dtype).min, np.iinfo(dtype).max


def _predicted(net, kernels, target):
    content, inputs = net
    return Interpreter(content, kernels=kernels, target=target).run(*inputs)[0].tobytes()


def test_a_net_tells_arm64_from_this_machine(nets):
    arm64, x86_64 = (
        _predicted(nets["mul.tflite"], "xnnpack", target) for target in ("arm64", "x86_64")
    )
    assert arm64 != x86_64


@pytest.mark.parametrize("processor", ["dotprod", "neon"])
def test_outputs_are_the_bytes_predicted_for_arm64(processor, nets):
    with phone(Scenario(processor=processor)) as p:
        (p.storage / "run.py").write_text(_RUN)
        for name, (content, inputs) in nets.items():
            (p.storage / name).write_bytes(content)
            for number, value in enumerate(inputs):
                (p.storage / f"{name}.{number}").write_bytes(value.tobytes())
        command = ["python3", f"{STORAGE}/run.py", STORAGE, *nets]
        Adb(p.serial).shell(command, timeout_s=_TIMEOUT_S)
        for name, net in nets.items():
            for kernels in ("xnnpack", "reference"):
                computed = (p.storage / f"{name}.{kernels}").read_bytes()
                assert computed == _predicted(net, kernels, "arm64"), (name, kernels)
