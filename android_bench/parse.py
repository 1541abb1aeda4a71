"""What a benchmark binary printed -> typed results.

Two tools share the name benchmark_model. TFLite's prints microseconds, LiteRT's
(benchmark_litert_model) milliseconds; letters are the generations that the tests are named after:

  A  2018-20  Average inference timings in us: Warmup: 86184.3, Init: 1892, no stats: 115062
  B  2020+    Inference timings in us: Init: 855, First inference: 49060, Warmup (avg): ..., ...
  C  2021+    Memory footprint delta from the start of the tool (MB): init=.. overall=..
  D           INFO: / VERBOSE: / ERROR: before each line; the APK's lines through logcat
  E  2024+    count= lines end in p5= median= p95=
  F           INFO: [benchmark_litert_model.h:100] Inference (avg):      7430.20 ms (10 runs)

Results go to standard output, but what a delegate took to standard error: read both. The first of
two `count=` lines is the warm-up. A log without the line that ends a benchmark is of a process
that did not get there, and its figures are refused.

Sources: tflite/tools/benchmark/{benchmark_model,benchmark_tflite_model,
benchmark_performance_options}.cc, tflite/core/subgraph.cc and litert/tools/benchmark_litert_model.h
of LiteRT at f67457790c9c.
"""

import dataclasses
import re
from collections.abc import Mapping

from android_bench import op_profile
from android_bench.op_profile import OpProfile
from android_bench.timing import NUMBER, Timing, parse_count_line
from pipeline.errors import LogError

TFLITE = "tflite"
LITERT = "litert"

FULL = "full"
PARTIAL = "partial"
NONE = "none"

_TAIL_LINES = 15
_TAIL_CHARS = 2000
_MAX_LINE_CHARS = 4000  # No line that we know is longer.


@dataclasses.dataclass(frozen=True)
class Memory:
    """Memory in units of 2**20 bytes ("MB" to the tools), None where not printed.

    Attributes:
      init_mb: Growth from the start of the tool to the end of initialization.
      overall_mb: Growth from the start of the tool to the end of the last run.
      peak_mb: Largest seen, by --report_peak_memory_footprint.
    """

    init_mb: float | None = None
    overall_mb: float | None = None
    peak_mb: float | None = None


@dataclasses.dataclass(frozen=True)
class Delegation:
    """What one line says a delegate took.

    Attributes:
      delegate: As the line names it: TfLiteXNNPackDelegate, LITERT_CL, ..., or XNNPACK, GPU, NNAPI,
        EXTERNAL in the lines of the tool itself.
      extent: FULL, PARTIAL or NONE.
      nodes_taken: Nodes replaced; None where the line does not count them.
      nodes_total: Of this many.
      partitions: Pieces that the graph fell into, the delegate's and the others; where the line is
        of the tool itself, the delegate's alone.
      subgraph: Index; None where the line does not say.
    """

    delegate: str
    extent: str
    nodes_taken: int | None = None
    nodes_total: int | None = None
    partitions: int | None = None
    subgraph: int | None = None


@dataclasses.dataclass(frozen=True)
class NamedRun:
    """One line of a multi-run summary; `timing` is None where it says `failed!`."""

    name: str
    timing: Timing | None


@dataclasses.dataclass(frozen=True)
class BenchmarkLog:
    """What one process printed.

    Attributes:
      tool: TFLITE or LITERT.
      parameters: Echoed flags, {"Num threads": "4", ...}, as the tool words them.
      init_us: Load and initialization.
      first_inference_us: The first run of all.
      warm_up: Untimed runs.
      inference: Timed runs. Of a multi-run log all None: see `runs`.
      memory: Footprints.
      delegations: Lines about delegates, in order.
      created_delegates: Delegates that were created, whatever they then took.
      runs: The multi-run summary; empty for a single run.
      op_profiles: Tables of --enable_op_profiling.
      warnings: Lines of severity WARN and ERROR, without the prefix.
      unconsumed_flags: Flags that the tool did not know.
      unknown_lines: Lines that fit nothing above.
    """

    tool: str
    parameters: Mapping[str, str]
    init_us: float | None
    first_inference_us: float | None
    warm_up: Timing | None
    inference: Timing
    memory: Memory
    delegations: tuple[Delegation, ...]
    created_delegates: tuple[str, ...]
    runs: tuple[NamedRun, ...]
    op_profiles: tuple[OpProfile, ...]
    warnings: tuple[str, ...]
    unconsumed_flags: tuple[str, ...]
    unknown_lines: tuple[str, ...]


def parse(text: str) -> BenchmarkLog:
    """Returns the results in the output of one process, standard error included.

    Raises:
      LogError: The benchmark failed, did not get to its end, or contradicts itself; carries the
        log's tail.
    """
    reader = _Reader(text)
    problem = reader.problem()
    if problem is not None:
        raise LogError(f"unusable benchmark log: {problem}; it ends:\n{tail(text)}")
    return reader.log()


def scan(text: str) -> BenchmarkLog:
    """Returns whatever can be read in a log, be it unusable: never report figures from here."""
    return _Reader(text).log()


def tail(text: str) -> str:
    """Returns the last lines of a log, for messages."""
    return "\n".join(text.rstrip().split("\n")[-_TAIL_LINES:])[-_TAIL_CHARS:]


_LOGCAT = re.compile(
    r"(?:[0-9]{2}-[0-9]{2} [0-9:.]+\s+[0-9]+\s+[0-9]+ [VDIWEF] .{1,60}?\s*: ?)"
    r"|(?:[VDIWEF]/.{1,60}?\s*\(\s*[0-9]+\): ?)"
)
_SEVERITY = re.compile(r"(VERBOSE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL): ?")
_SOURCE = re.compile(r"\[([^\[\]]{1,200}\.(?:h|cc):[0-9]+)\] ?")

_FAILED = "Benchmarking failed."
_STARTING = "STARTING!"
_RUNNING = re.compile(r"Running benchmark for at least .*")
_PARAMETER = re.compile(r"(.{1,120}?) ?: \[(.*)\]")
_UNCONSUMED = "Unconsumed cmdline flags: "
_DUPLICATE = "Duplicate flags: "
_SUMMARY = re.compile(r"=+Summary of All Runs w/ Different Performance Options=+")
_SUMMARY_ROW = re.compile(r"(.{1,200}?): (count=.*|\s*failed!)")
_INIT_MS = re.compile(rf"Initialized session in ({NUMBER})ms\.?")
_END = re.compile(r"(?:Average inference|Inference) timings in us: (.*)")
_END_FIELD = re.compile(rf"([A-Za-z][A-Za-z ()]*): ({NUMBER})(?:, |$)")
_END_MEANS = ("Inference (avg)", "Inference", "no stats")
_MEMORY = re.compile(
    rf"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): "
    rf"init=({NUMBER}) overall=({NUMBER})"
)
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: ({NUMBER})")
_REPLACING = re.compile(
    r"Replacing ([0-9]{1,9}) out of ([0-9]{1,9}) node\(s\) with delegate \((.{1,200}?)\) node, "
    r"yielding ([0-9]{1,9}) partitions(?: for subgraph ([0-9]{1,9})(?: \(.*\))?)?\.?"
)
_EXPLICIT = re.compile(
    r"(?:Explicitly a|A)pplied (.{1,200}?) delegate, and the model graph will be "
    r"(completely|partially) executed(?: by the delegate)?"
    r"(?: w/ ([0-9]{1,9}) delegate kernels)?\.?"
)
# Logcat cuts long lines.
_NOT_EXECUTED = re.compile(
    r"Though (.{1,200}?) delegate is explicitly applied, the model graph will no.*"
)
_CREATED = re.compile(
    r"(?:Created TensorFlow Lite (?:delegate for )?(.{1,60}?)(?: delegate for CPU)?\.?"
    r"|(.{1,60}?) delegate created\.?)"
)
_LITERT_MS = re.compile(
    rf"(Model initialization|Warmup \(first\)|Warmup \(avg\)|"
    rf"Inference \((?:avg|min|max|std)\)):\s+({NUMBER})( ms)?(?: \(([0-9]{{1,9}}) runs\))?"
)
# What follows the times in every generation of LiteRT's tool.
_LITERT_END = re.compile(r"Throughput: .*|No throughput data available .*")
_LITERT_MB = re.compile(rf"(Init footprint|Overall footprint|Peak memory):\s+({NUMBER}) MB")
# Known lines that say nothing we report.
_IDLE = re.compile(
    r"|=+ BENCHMARK RESULTS =+|=+|Memory Usage:|Note: as the benchmark tool itself affects .*"
    r"|Loaded model .*|Loading model from: .*|Initialized TensorFlow Lite runtime\."
    rf"|The input model file size \(MB\): {NUMBER}|Signature name: .*"
)

_MEAN_TOLERANCE = 1e-5  # Means have six significant digits.
_MS_TOLERANCE_US = 5.001  # Of figures printed as %.2f ms.


class _Reader:
    """One pass over a log: collects figures and, for problem(), how it began and ended."""

    def __init__(self, text: str) -> None:
        self._failures: list[str] = []
        self._num_starts = 0
        self._is_litert = False
        self._in_summary = False
        self._parameters: dict[str, str] = {}
        self._warnings: list[str] = []
        self._unconsumed: list[str] = []
        self._unknown: list[str] = []
        self._delegations: list[Delegation] = []
        self._created: list[str] = []
        self._runs: list[NamedRun] = []
        self._series: list[Timing] = []
        self._ends: list[dict[str, float]] = []
        self._litert_ms: dict[str, float] = {}
        self._litert_counts: dict[str, int] = {}
        self._has_litert_end = False
        self._init_ms: float | None = None
        self._memory = Memory()
        lines = [self._strip(line) for line in text.split("\n")]
        self._profiles, rest = op_profile.extract(lines)
        for line in rest:
            self._take(line.strip())

    def problem(self) -> str | None:
        """Returns why the log cannot be used, None where it can."""
        if self._failures:
            return f"the benchmark failed: {self._failures[0]}"
        if self._num_starts > 1:
            return f"needed the output of one process, got {self._num_starts} starts"
        if self._runs:
            timings = [run.timing for run in self._runs if run.timing is not None]
            return next(filter(None, (timing.contradiction() for timing in timings)), None)
        has_litert_results = self._has_litert_end and "Inference (avg)" in self._litert_ms
        if not self._ends and not has_litert_results:
            return "the line with the results is missing, so the process did not get to its end"
        return self._disagreement()

    def _disagreement(self) -> str | None:
        """Returns how figures that are printed twice differ, or cannot be true at all."""
        if len(self._ends) > 1:
            return f"needed one line of results, got {len(self._ends)}"
        if len(self._series) not in (0, 2):
            return f"needed two count= lines, warm-up and runs, got {len(self._series)}"
        inference, warm_up = self._inference(), self._warm_up()
        if inference.count == 0 or inference.mean_us is None:
            return "no timed run took place"
        for timing in (inference, warm_up):
            contradiction = timing and timing.contradiction()
            if contradiction:
                return contradiction
        if not self._series:
            return None
        for mean_us, slack_us in self._printed_means():
            if abs(mean_us - inference.mean_us) > slack_us:
                return f"its mean is {inference.mean_us:g} us in one line, {mean_us:g} in another"
        count = self._litert_counts.get("Inference (avg)", inference.count)
        if count != inference.count:
            return f"it counts {inference.count} runs in one line, {count} in another"
        return None

    def _printed_means(self) -> list[tuple[float, float]]:
        means = []
        if (mean_us := self._end(*_END_MEANS)) is not None:
            means.append((mean_us, mean_us * _MEAN_TOLERANCE))
        if (mean_ms := self._litert_ms.get("Inference (avg)")) is not None:
            means.append((mean_ms * 1e3, _MS_TOLERANCE_US + mean_ms * 1e3 * _MEAN_TOLERANCE))
        return means

    def log(self) -> BenchmarkLog:
        """Returns what was read."""
        warm_up = self._warm_up()
        if warm_up is not None and warm_up.count == 0:
            first_us = self._inference().first_us  # The tool prints 0 for the first of no run.
        else:
            first_us = self._first(
                self._end("First inference"),
                self._litert_us("Warmup (first)"),
                warm_up and warm_up.first_us,
            )
        init_us = self._first(
            self._end("Init"),
            self._litert_us("Model initialization"),
            None if self._init_ms is None else self._init_ms * 1e3,
        )
        return BenchmarkLog(
            tool=LITERT if self._is_litert else TFLITE,
            parameters=dict(self._parameters),
            init_us=init_us,
            first_inference_us=first_us,
            warm_up=warm_up,
            inference=self._inference(),
            memory=self._memory,
            delegations=tuple(self._delegations),
            created_delegates=tuple(self._created),
            runs=tuple(self._runs),
            op_profiles=self._profiles,
            warnings=tuple(self._warnings),
            unconsumed_flags=tuple(self._unconsumed),
            unknown_lines=tuple(self._unknown),
        )

    @staticmethod
    def _first(*values: float | None) -> float | None:
        return next((value for value in values if value is not None), None)

    def _end(self, *names: str) -> float | None:
        if not self._ends:
            return None
        return self._first(*(self._ends[-1].get(name) for name in names))

    def _litert_us(self, name: str) -> float | None:
        value_ms = self._litert_ms.get(name)
        return None if value_ms is None else value_ms * 1e3

    def _inference(self) -> Timing:
        if self._runs:
            return Timing()
        if len(self._series) == 2:
            return self._series[1]
        if "Inference (avg)" in self._litert_ms:
            return Timing(
                count=self._litert_counts.get("Inference (avg)"),
                min_us=self._litert_us("Inference (min)"),
                max_us=self._litert_us("Inference (max)"),
                mean_us=self._litert_us("Inference (avg)"),
                std_us=self._litert_us("Inference (std)"),
            )
        return Timing(mean_us=self._end(*_END_MEANS))

    def _warm_up(self) -> Timing | None:
        if self._runs:
            return None
        if self._series:
            return self._series[0]
        if "Warmup (avg)" in self._litert_ms:
            return Timing(
                count=self._litert_counts.get("Warmup (avg)"),
                first_us=self._litert_us("Warmup (first)"),
                mean_us=self._litert_us("Warmup (avg)"),
            )
        mean_us = self._end("Warmup (avg)", "Warmup")
        return None if mean_us is None else Timing(mean_us=mean_us)

    def _strip(self, line: str) -> str:
        """Returns the message of a line; notes its severity and source."""
        line = line.rstrip("\r")
        if logcat := _LOGCAT.match(line):
            line = line[logcat.end() :]
        severity = _SEVERITY.match(line)
        if severity:
            line = line[severity.end() :]
        source = _SOURCE.match(line)
        if source:
            line = line[source.end() :]
            self._is_litert |= "benchmark_litert_model" in source[1]
        if severity and severity[1] in ("WARN", "WARNING", "ERROR", "FATAL"):
            self._warnings.append(line)
            if severity[1] == "FATAL":
                self._failures.append(line)
        return line

    def _take(self, line: str) -> None:
        if len(line) > _MAX_LINE_CHARS or not self._known(line):
            self._unknown.append(line)

    def _known(self, line: str) -> bool:
        return (
            bool(_IDLE.fullmatch(line))
            or self._take_course(line)
            or self._take_series(line)
            or self._take_end(line)
            or self._take_memory(line)
            or self._take_delegation(line)
            or self._take_litert(line)
            or self._take_flags(line)
            or line in self._warnings
        )

    def _take_course(self, line: str) -> bool:
        if line == _FAILED:
            self._failures.append(_failure(self._warnings))
        elif line == _STARTING:
            self._num_starts += 1
        elif initialized := _INIT_MS.fullmatch(line):
            self._init_ms = float(initialized[1])
        else:
            return bool(_RUNNING.fullmatch(line))
        return True

    def _take_series(self, line: str) -> bool:
        if _SUMMARY.fullmatch(line):
            self._in_summary = True
            return True
        if self._in_summary and (row := _SUMMARY_ROW.fullmatch(line)):
            timing = parse_count_line(row[2])
            if timing is None and "failed!" not in row[2]:
                return False
            self._runs.append(NamedRun(row[1], timing))
            return True
        timing = parse_count_line(line)
        if timing is not None:
            self._series.append(timing)
        return timing is not None

    def _take_end(self, line: str) -> bool:
        end = _END.fullmatch(line)
        if not end:
            return False
        fields = {name.strip(): float(value) for name, value in _END_FIELD.findall(end[1])}
        if not fields.keys() & set(_END_MEANS):
            return False
        self._ends.append(fields)
        return True

    def _take_memory(self, line: str) -> bool:
        if match := _MEMORY.fullmatch(line):
            self._memory = dataclasses.replace(
                self._memory, init_mb=float(match[1]), overall_mb=float(match[2])
            )
        elif match := _PEAK.fullmatch(line):
            self._memory = dataclasses.replace(self._memory, peak_mb=float(match[1]))
        return match is not None

    def _take_delegation(self, line: str) -> bool:
        if match := _REPLACING.fullmatch(line):
            taken, total = int(match[1]), int(match[2])
            extent = NONE if taken == 0 else FULL if taken == total else PARTIAL
            subgraph = None if match[5] is None else int(match[5])
            self._delegations.append(
                Delegation(match[3], extent, taken, total, int(match[4]), subgraph)
            )
        elif match := _EXPLICIT.fullmatch(line):
            extent = FULL if match[2] == "completely" else PARTIAL
            kernels = None if match[3] is None else int(match[3])
            self._delegations.append(Delegation(match[1], extent, partitions=kernels))
        elif match := _NOT_EXECUTED.fullmatch(line):
            self._delegations.append(Delegation(match[1], NONE))
        elif match := _CREATED.fullmatch(line):
            self._created.append(match[1] or match[2])
        return match is not None

    def _take_litert(self, line: str) -> bool:
        if _LITERT_END.fullmatch(line):
            self._has_litert_end = True
            return True
        if match := _LITERT_MS.fullmatch(line):
            name, value, unit, runs = match.groups()
            # All but std have a unit, both means a count: a line cut short lacks them.
            if bool(unit) == ("std" in name) or bool(runs) != ("avg" in name):
                return False
            self._is_litert = True
            self._litert_ms[name] = float(value)
            if runs:
                self._litert_counts[name] = int(runs)
        elif match := _LITERT_MB.fullmatch(line):
            field = {"Init footprint": "init_mb", "Overall footprint": "overall_mb"}.get(
                match[1], "peak_mb"
            )
            self._memory = dataclasses.replace(self._memory, **{field: float(match[2])})
        return match is not None

    def _take_flags(self, line: str) -> bool:
        if line.startswith(_UNCONSUMED):
            self._unconsumed += line.removeprefix(_UNCONSUMED).split()
            if line not in self._warnings:
                self._warnings.append(line)
        elif line.startswith(_DUPLICATE):
            if line not in self._warnings:
                self._warnings.append(line)
        elif parameter := _PARAMETER.fullmatch(line):
            self._parameters[parameter[1].strip()] = parameter[2]
        else:
            return False
        return True


def _failure(warnings: list[str]) -> str:
    """Returns what the tool said before it gave up."""
    said = [warning for warning in warnings if warning != _FAILED]
    return said[0] if said else _FAILED
