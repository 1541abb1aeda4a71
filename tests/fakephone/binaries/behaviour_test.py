import base64
import dataclasses
import hashlib
import pathlib
import subprocess
import sys

import pytest

from android_bench import benchmark_binary, benchmark_result, parse, runtimes
from android_bench.benchmark_binary import Run
from android_bench.runtimes import RUNTIMES
from pipeline.errors import DelegationError, LogError
from tests.fakephone.binaries import behaviour
from tests.fakephone.binaries.behaviour import PHONE_NOISE, Behaviour

_PYTHON = (sys.executable, "-IS")  # On the phone the script's first line finds it.
_RUN = Run(model="", num_runs=30, min_time_s=0.1, warmup_runs=1, warmup_time_s=0.05)


@dataclasses.dataclass(frozen=True)
class _Phone:
    """A folder with a binary and a model."""

    folder: pathlib.Path

    def run(self, how: Behaviour, runtime: str = "xnnpack", **changes):
        """Returns how a process ended, and what it was told."""
        binary = behaviour.write(self.folder / "benchmark_model", how)
        model = self.folder / "m.tflite"
        model.write_bytes(bytes(4000))
        run = dataclasses.replace(_RUN, model=str(model), **changes)
        command = benchmark_binary.command(how.tool, str(binary), runtimes.from_name(runtime), run)
        done = subprocess.run(
            [*_PYTHON, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout.decode(errors="replace"), command[1:]

    def log(self, how: Behaviour, runtime: str = "xnnpack", **changes):
        code, text, arguments = self.run(how, runtime, **changes)
        assert code == 0, text
        return parse.parse(text), arguments


@pytest.fixture
def phone(tmp_path) -> _Phone:
    return _Phone(tmp_path)


@pytest.mark.parametrize(
    ("tool", "generation"), [("tflite", generation) for generation in "ABCDE"] + [("litert", "E")]
)
def test_every_generation_parses_without_an_unknown_line(phone, tool, generation):
    how = Behaviour(tool=tool, generation=generation, noise=PHONE_NOISE, clusters=())
    log, arguments = phone.log(how)
    assert log.tool == tool
    assert log.inference.count >= 30
    assert log.inference.mean_us == pytest.approx(9000, rel=0.2)
    assert (log.inference.median_us is not None) == (generation == "E")
    assert log.warm_up.count >= 1
    assert log.first_inference_us > log.inference.mean_us
    assert {*log.unknown_lines} <= {"Peak memory usage not available. (peak_mem_mb <= 0)"}
    assert runtimes.prove(RUNTIMES["xnnpack"], log, arguments=arguments).nodes_taken == 31


def test_the_binary_says_what_it_is(phone):
    for tool in ("tflite", "litert"):
        path = behaviour.write(phone.folder / tool, Behaviour(tool=tool))
        binary = benchmark_binary.inspect(path)
        assert (binary.tool, binary.abi) == (tool, "script")


@pytest.mark.parametrize(
    ("tool", "runtime"),
    [
        ("tflite", "xnnpack"),
        ("tflite", "no_xnnpack"),
        ("tflite", "gpu"),
        ("tflite", "nnapi"),
        ("tflite", "external:/lib.so?a:1"),
        ("litert", "xnnpack"),
        ("litert", "gpu"),
    ],
)
def test_full_delegation_is_proved(phone, tool, runtime):
    log, arguments = phone.log(Behaviour(tool=tool), runtime)
    chosen = runtimes.from_name(runtime)
    evidence = runtimes.prove(chosen, log, arguments=arguments)
    assert evidence.nodes_taken == (0 if runtime == "no_xnnpack" else 31)


@pytest.mark.parametrize("tool", ["tflite", "litert"])
def test_partial_delegation(phone, tool):
    log, _ = phone.log(Behaviour(tool=tool, delegation={"gpu": "partial"}), "gpu")
    with pytest.raises(DelegationError, match="23 of 31 nodes"):
        runtimes.prove(RUNTIMES["gpu"], log)
    evidence = runtimes.prove(RUNTIMES["gpu"], log, allow_partial=True)
    assert (evidence.nodes_taken, evidence.others) == (23, ("TfLiteXNNPackDelegate",))


@pytest.mark.parametrize("tool", ["tflite", "litert"])
@pytest.mark.parametrize("extent", ["none", "silent"])
def test_fallback_is_refused(phone, tool, extent):
    log, _ = phone.log(Behaviour(tool=tool, delegation={"gpu": extent}), "gpu")
    with pytest.raises(DelegationError, match="the model ran elsewhere"):
        runtimes.prove(RUNTIMES["gpu"], log)


def test_an_unknown_flag_is_refused(phone):
    how = Behaviour(unknown_flags=("use_xnnpack",))
    log, arguments = phone.log(how, "xnnpack")
    with pytest.raises(LogError, match="does not know --use_xnnpack=true"):
        runtimes.prove(RUNTIMES["xnnpack"], log, arguments=arguments)


@pytest.mark.parametrize(
    ("fault", "code"), [("fail", 1), ("crash", -6), ("truncate", 0), ("garbage", 0)]
)
@pytest.mark.parametrize("tool", ["tflite", "litert"])
def test_faults(phone, tool, fault, code):
    got, text, _ = phone.run(Behaviour(tool=tool, fault=fault, seed=3))
    assert got == code
    if fault != "garbage":  # Which may strike where nothing is lost.
        with pytest.raises(LogError):
            parse.parse(text)


def test_a_fault_of_one_process_only(phone):
    how = Behaviour(faults={2: "fail"})
    assert [phone.run(how)[0] for _ in range(3)] == [0, 1, 0]


def test_a_model_that_is_not_there(phone):
    binary = behaviour.write(phone.folder / "b", Behaviour())
    done = subprocess.run(
        [*_PYTHON, binary, "--graph=/nowhere"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 1
    with pytest.raises(LogError, match="Failed to initialize model loader"):
        parse.parse(done.stdout + done.stderr)


def test_the_same_seed_gives_the_same_output(tmp_path):
    texts = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        phone = _Phone(tmp_path / name)
        how = Behaviour(noise=PHONE_NOISE, seed=5)
        texts.append([phone.run(how)[1].replace(f"/{name}/", "/") for _ in range(2)])
    assert texts[0] == texts[1]
    assert texts[0][0] != texts[0][1]


def test_threads_make_it_faster_and_a_planted_slowdown_slower(phone):
    def mean_us(how: Behaviour, **changes) -> float:
        return phone.log(how, **changes)[0].inference.mean_us

    no_clusters = Behaviour(clusters=())
    assert mean_us(no_clusters, num_threads=1) == 9000
    slower = dataclasses.replace(no_clusters, slowdown=1.03)
    assert mean_us(slower, num_threads=1) == 9270
    larger = dataclasses.replace(no_clusters, us_per_model_kb=100)
    assert mean_us(larger, num_threads=1) == 9400


def test_heat_makes_it_slower_and_a_pause_faster_again(phone):
    noise = behaviour.Noise(heating_s=1.0, equilibrium=2.0, throttled=1.5, pause_s=0.0)
    how = Behaviour(noise=noise, clusters=())
    log, _ = phone.log(how, min_time_s=3.0)
    assert (log.inference.min_us, log.inference.max_us) == (9000, 13500)
    rested = dataclasses.replace(how, noise=dataclasses.replace(noise, pause_s=9.0))
    assert phone.log(rested)[0].inference.max_us == 9000


def test_it_writes_the_files_that_it_is_told_to(phone):
    outputs = bytes(range(7))
    digest = hashlib.sha256(bytes(4000)).hexdigest()
    how = Behaviour(noise=PHONE_NOISE, outputs={digest: base64.b64encode(outputs).decode()})
    log, arguments = phone.log(
        how,
        output_path=str(phone.folder / "out"),
        result_path=str(phone.folder / "result"),
        profile_ops=True,
        peak_memory=True,
    )
    runtimes.prove(RUNTIMES["xnnpack"], log, arguments=arguments)
    assert (phone.folder / "out").read_bytes() == outputs
    result = benchmark_result.parse((phone.folder / "result").read_bytes())
    assert result.inference.count == log.inference.count
    assert result.inference.median_us == pytest.approx(log.inference.median_us, rel=1e-6)
    assert result.init_us == pytest.approx(log.init_us, rel=1e-6)
    (profile,) = log.op_profiles
    assert len(profile.run_order) == 31
    total_ms = sum(row.mean_ms for row in profile.run_order)
    assert total_ms == pytest.approx(log.inference.mean_us / 1e3, rel=0.01)
    assert log.memory.peak_mb > log.memory.overall_mb


def test_it_does_not_sleep(phone):
    log, _ = phone.log(Behaviour(clusters=()), min_time_s=100.0)  # Subprocesses get 60 s here.
    assert log.inference.count == 11112
