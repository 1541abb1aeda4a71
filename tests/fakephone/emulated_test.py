"""The phone that runs arm64 programs: Android's own shell and tools, and LiteRT's real kernels."""

import numpy as np
import pytest

from android_bench.adb import Adb, Completed
from android_bench.run_directory import RunDirectory
from pipeline.errors import CommandError
from pipeline.interpreter import Interpreter
from tests.fakephone.phone import phone
from tests.fakephone.scenario import Scenario
from tests.pipeline.interpreter import one_op
from tests.pipeline.interpreter.one_op import Operand

_TIMEOUT_S = 120.0

# python3 PROGRAM MODEL INPUT... OUTPUT: raw bytes in, raw bytes out.
_RUN = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
_, model, *inputs, output = sys.argv
interpreter = Interpreter(model, num_threads=1)
interpreter.allocate_tensors()
for detail, path in zip(interpreter.get_input_details(), inputs):
    value = np.fromfile(path, detail["dtype"]).reshape(detail["shape"])
    interpreter.set_tensor(detail["index"], value)
interpreter.invoke()
interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tofile(output)
"""


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


@pytest.mark.parametrize("processor", ["dotprod", "neon"])
def test_litert_gives_the_bits_of_arm64_not_of_this_machine(processor, tmp_path):
    # XNNPACK's int8 MUL rounds halves up on arm64, and to even on x86-64.
    operand = Operand((256,), 0.5)
    model = one_op.model("MUL", [operand, operand], operand, fused_activation_function="NONE")
    codes = np.arange(-128, 128, dtype=np.int8)
    inputs = (codes, np.ones_like(codes))
    of_target = {
        target: Interpreter(model, kernels="xnnpack", target=target).run(*inputs)[0].tobytes()
        for target in ("arm64", "x86_64")
    }
    assert of_target["arm64"] != of_target["x86_64"]

    contents = {"run.py": _RUN.encode(), "mul.tflite": model, "a": codes.tobytes()}
    contents["b"] = inputs[1].tobytes()
    with phone(Scenario(processor=processor)) as p, RunDirectory(Adb(p.serial)) as directory:
        remotes = []
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
            remotes.append(directory.put(tmp_path / name, name))
        output = f"{directory.path}/output"
        directory.adb.shell(["python3", *remotes, output], timeout_s=_TIMEOUT_S)
        directory.get(output, tmp_path / "output")
    assert (tmp_path / "output").read_bytes() == of_target["arm64"]
