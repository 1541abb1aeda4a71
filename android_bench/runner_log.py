"""The line of JSON that our own runner prints (runner/runner.c) -> typed results."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from android_bench.timing import Timing

TOOL = "intonly_litert_runner"

_START = f'{{"tool": "{TOOL}"'
_MAX_NS = 10**15  # Of one run: eleven days.


@dataclasses.dataclass(frozen=True)
class RunnerLog:
    """What one process of the runner measured.

    Attributes:
      graph: The model's path.
      kernels: "xnnpack" or "builtin".
      num_threads: That the runtime was asked for.
      load_us: Of the library's environment and of the model.
      compile_us: Of all between loading and the first run.
      warm_up_us: Untimed runs; the first run of all is the first of them.
      samples_us: Timed runs.
      num_ops: Of the graph.
      cpu_ops: Ops of the nodes that no delegate took, as executed.
      delegate_kernels: What the delegate executed, in its own words.
      num_partitions: Pieces that the graph fell into, the delegate's and the others.
    """

    graph: str
    kernels: str
    num_threads: int
    load_us: float
    compile_us: float
    warm_up_us: tuple[float, ...]
    samples_us: tuple[float, ...]
    num_ops: int
    cpu_ops: tuple[str, ...]
    delegate_kernels: tuple[str, ...]
    num_partitions: int


def parse_line(line: str) -> RunnerLog | None:
    """Returns what a line says, None where it is none of the runner's or not whole."""
    if not line.startswith(_START):
        return None
    try:
        return _converted(json.loads(line))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _converted(fields: Mapping[str, Any]) -> RunnerLog:
    samples_us = _series_us(fields["samples_ns"])
    if not samples_us:
        raise ValueError("no timed run")
    return RunnerLog(
        graph=_text(fields["graph"]),
        kernels=_text(fields["kernels"]),
        num_threads=_count(fields["num_threads"]),
        load_us=_us(fields["load_ns"]),
        compile_us=_us(fields["compile_ns"]),
        warm_up_us=_series_us(fields["warm_up_ns"]),
        samples_us=samples_us,
        num_ops=_count(fields["num_ops"]),
        cpu_ops=tuple(_text(name) for name in fields["cpu_ops"]),
        delegate_kernels=tuple(_text(name) for name in fields["delegate_kernels"]),
        num_partitions=_count(fields["num_partitions"]),
    )


def timing(samples_us: Sequence[float]) -> Timing:
    """Returns the statistics of runs, as benchmark tools define them."""
    if not samples_us:
        return Timing(count=0)
    ordered = sorted(samples_us)
    count = len(ordered)
    mean_us = math.fsum(ordered) / count
    return Timing(
        count=count,
        first_us=samples_us[0],
        min_us=ordered[0],
        max_us=ordered[-1],
        mean_us=mean_us,
        std_us=math.sqrt(math.fsum((value - mean_us) ** 2 for value in ordered) / count),
        median_us=ordered[count // 2],
        p5_us=ordered[int(0.05 * (count - 1))],
        p95_us=ordered[int(0.95 * (count - 1))],
    )


def _series_us(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(_us(value) for value in values)


def _us(value: Any) -> float:
    if _count(value) > _MAX_NS:
        raise ValueError(f"{value} ns")
    return value / 1000


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"needed a count, got {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"needed a text, got {value!r}")
    return value
