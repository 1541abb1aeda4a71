"""How a fake benchmark binary behaves, and the making of one.

The binary is a script of its own with the behaviour inside, so that binaries that differ in
anything differ in their sha256, as real ones do.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Literal

from android_bench.parse import LITERT, TFLITE

Extent = Literal["full", "partial", "none", "silent"]
Fault = Literal["", "fail", "crash", "truncate", "garbage", "hang"]

_PROGRAM = pathlib.Path(__file__).with_name("program.py")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Cores, as a hexadecimal mask, and how many times as long they take."""

    mask: str
    slowdown: float


@dataclasses.dataclass(frozen=True)
class Noise:
    """What disturbs; strengths are assumptions, not fits. All zero: every run takes the same.

    Attributes:
      jitter: Standard deviation of the log of a run.
      offset: Standard deviation of the log of a process.
      wander: Standard deviation of the step of the log from one process to the next.
      drift_per_process: Step of the log from each process to the next.
      burst_rate_hz: How often something else begins to run.
      burst_s: For how long, in the mean.
      burst_slowdown: Largest factor of the latency meanwhile.
      heating_s: Time constant of heating and cooling.
      equilibrium: Heat that endless work reaches; above 1 the clock steps down.
      resume: Heat at which it steps up again.
      throttled: Factor of the latency when it has stepped down.
      pause_s: Cooling between two processes.
    """

    jitter: float = 0.0
    offset: float = 0.0
    wander: float = 0.0
    drift_per_process: float = 0.0
    burst_rate_hz: float = 0.0
    burst_s: float = 0.4
    burst_slowdown: float = 1.0
    heating_s: float = 20.0
    equilibrium: float = 0.0
    resume: float = 0.7
    throttled: float = 1.0
    pause_s: float = 1.5


PHONE_NOISE = Noise(
    jitter=0.01,
    offset=0.007,
    wander=0.003,
    drift_per_process=0.0005,
    burst_rate_hz=0.1,
    burst_slowdown=3.0,
    equilibrium=1.6,
    throttled=1.08,
)


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """One binary.

    Attributes:
      tool: TFLITE or LITERT.
      generation: Of its output: "A" to "E" of TFLITE, "E" of LITERT (generation F with count=
        lines).
      seed: Of all that is random, with the number of the process.
      latency_us: Of each runtime on one core of the fastest cluster.
      us_per_model_kb: Added, so that models differ.
      slowdown: Factor of all latencies: a planted difference.
      serial_share: Part of the latency that more threads do not make shorter.
      clusters: Where it is how slow; elsewhere the factor is 1.
      first_factor: Of the first run of all.
      init_us: Of initialization.
      noise: What disturbs.
      num_nodes: Of the model.
      delegation: {runtime: what its delegate takes}; "full" where not said. "silent": not a word
        of it, and XNNPACK takes all.
      unknown_flags: Flags that this build does not know.
      fault: Of every process; "hang" sleeps for `hang_s`.
      faults: {number of the process on this phone, from 1: its fault}.
      hang_s: Real seconds.
      is_real_time: Sleep for as long as the runs claim to take.
      computes: Whether --output_filepath gets what the LiteRT of the phone's python3 computes.
      outputs: Otherwise, {sha256 of a model: base64 of what it gets}.
      state_file: Name of the file with the simulated clock, in /fake of the phone or else beside
        the binary; binaries on one phone share it.
    """

    tool: str = TFLITE
    generation: str = "E"
    seed: int = 0
    latency_us: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {
            "xnnpack": 9000.0,
            "no_xnnpack": 15000.0,
            "gpu": 4000.0,
            "nnapi": 5000.0,
            "external": 6000.0,
        }
    )
    us_per_model_kb: float = 0.0
    slowdown: float = 1.0
    serial_share: float = 0.15
    clusters: tuple[Cluster, ...] = (Cluster("f", 2.5), Cluster("f0", 1.0))
    first_factor: float = 1.7
    init_us: float = 20000.0
    noise: Noise = Noise()
    num_nodes: int = 31
    delegation: Mapping[str, Extent] = dataclasses.field(default_factory=dict)
    unknown_flags: tuple[str, ...] = ()
    fault: Fault = ""
    faults: Mapping[int, Fault] = dataclasses.field(default_factory=dict)
    hang_s: float = 600.0
    is_real_time: bool = False
    computes: bool = False
    outputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    state_file: str = "benchmark_state.json"

    def __post_init__(self):
        allowed = {TFLITE: "ABCDE", LITERT: "E"}[self.tool]
        if self.generation not in allowed:
            raise ValueError(f"{self.tool} has generations {allowed}, got {self.generation!r}")


def write(path: os.PathLike[str] | str, behaviour: Behaviour) -> pathlib.Path:
    """Writes the binary, executable, and returns its path."""
    program = _PROGRAM.read_text()
    settings = json.dumps(dataclasses.asdict(behaviour))
    for old, new in (
        ("# benchmark_tool: tflite", f"# benchmark_tool: {behaviour.tool}"),
        ('json.loads("{}")', f"json.loads({settings!r})"),
    ):
        assert program.count(old) == 1
        program = program.replace(old, new)
    binary = pathlib.Path(path)
    binary.write_text(program)
    binary.chmod(0o755)
    return binary
