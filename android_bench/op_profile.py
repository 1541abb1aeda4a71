"""Per-op times: the tables that --enable_op_profiling prints, and the CSV form of them.

A profile is up to three tables (run order, by time, by node type) and a few lines of summary; a log
holds one for initialization and one for the timed runs, more for subgraphs and for the inside of a
delegate. Columns are found by their headings, since a `[start]` column went away about TensorFlow
2.8; they are separated by tabs or, older, by spaces.

Written by StatsCalculator, xla/tsl/util/stats_calculator.cc of TensorFlow, and
tflite/profiling/profile_summary_formatter.cc of LiteRT.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import Any

from android_bench.timing import NUMBER, Timing, parse_count_line
from pipeline.errors import LogError

INITIALIZATION = "initialization"
RUNS = "runs"


@dataclasses.dataclass(frozen=True)
class OpRow:
    """One node of the graph (or step inside a delegate).

    Attributes:
      node_type: Op or kernel name.
      name: The node's own name: its output tensors, and after a colon its index.
      first_ms: The first call.
      mean_ms: Mean over runs.
      percent: Of the time of all nodes; None where the tool printed nan.
      cumulative_percent: Of this row and those above it; None as above.
      memory_kb: As the tool counts it.
      times_called: Calls per run.
      start_ms: Begin within a run; None where the generation has no such column.
    """

    node_type: str
    name: str
    first_ms: float
    mean_ms: float
    percent: float | None
    cumulative_percent: float | None
    memory_kb: float
    times_called: int
    start_ms: float | None = None


@dataclasses.dataclass(frozen=True)
class TypeRow:
    """All nodes of one type together; fields as in OpRow, `count` is their number."""

    node_type: str
    count: int
    mean_ms: float
    percent: float | None
    cumulative_percent: float | None
    memory_kb: float
    times_called: int


@dataclasses.dataclass(frozen=True)
class OpProfile:
    """The tables of one part of a benchmark.

    Attributes:
      part: INITIALIZATION or RUNS.
      graph: "" for the primary graph, else as the tool names it ("Delegate internal", ...).
      run_order: Nodes as executed.
      by_time: Nodes, slowest first; the tool prints a handful.
      by_type: Node types, slowest first.
      total: Time of all nodes of a run.
    """

    part: str = RUNS
    graph: str = ""
    run_order: tuple[OpRow, ...] = ()
    by_time: tuple[OpRow, ...] = ()
    by_type: tuple[TypeRow, ...] = ()
    total: Timing | None = None


def parse(text: str) -> tuple[OpProfile, ...]:
    """Returns the profiles of a file that the tool wrote (--op_profiling_output_file).

    Raises:
      LogError: It holds no table.
    """
    profiles, rest = extract(text.split("\n"))
    if not profiles:
        tail = "\n".join(rest[-10:])
        raise LogError(f"needed op profiling tables, got none; the file ends:\n{tail}")
    return profiles


def extract(lines: Sequence[str]) -> tuple[tuple[OpProfile, ...], list[str]]:
    """Returns the profiles within a log, and the lines that belong to none of them."""
    reader = _Reader()
    rest = [line for line in lines if not reader.take(line.rstrip("\r"))]
    return tuple(reader.profiles), rest


_PARTS = {
    "Profiling Info for Benchmark Initialization:": INITIALIZATION,
    "Operator-wise Profiling Info for Regular Benchmark Runs:": RUNS,
}
_GRAPH = re.compile(r"(?:(Primary graph)|(Subgraph) )\s*\((.*)\) profile:")
_DELEGATE = "Delegate internal:"
_TITLE = re.compile(
    r"=+ (Run Order|Top by Computation Time|Top by Memory Use|Summary by node type) =+"
)
_TOTAL = re.compile(r"(?:Subgraph \(.*\) )?Timings \(microseconds\): (count=.*)")
_COUNTS = re.compile(
    r"Number of nodes executed: [0-9]+|Memory \(bytes\): count=.*|[0-9]+ nodes observed"
)
# Rows separated by spaces are shorter (the names of rows separated by tabs list all outputs of a
# delegate's node); the pattern for them takes quadratic time.
_MAX_SPACED_CHARS = 2000

# Heading -> field; the pretty tables and the CSV spell some differently.
_FIELDS = {
    "node type": "node_type",
    "start": "start_ms",
    "first": "first_ms",
    "avg ms": "mean_ms",
    "avg_ms": "mean_ms",
    "%": "percent",
    "avg %": "percent",
    "cdf%": "cumulative_percent",
    "cdf %": "cumulative_percent",
    "mem kb": "memory_kb",
    "times called": "times_called",
    "count": "count",
    "name": "name",
}


class _Reader:
    """Takes lines one by one; remembers the table that it stands in."""

    def __init__(self) -> None:
        self.profiles: list[OpProfile] = []
        self._part = RUNS
        self._graph = ""
        self._title = ""
        self._fields: tuple[str, ...] = ()
        self._is_csv = False

    def take(self, line: str) -> bool:
        """Returns whether the line belongs to a profile."""
        bare = line.strip()
        if self._heading(bare):
            return True
        if self.profiles and (total := _TOTAL.fullmatch(bare)):
            return self._total(total[1])
        if self.profiles and _COUNTS.fullmatch(bare):
            return True
        if not self._title:
            return False
        if not bare:
            self._title = ""
            return True
        if bare.lower().startswith(("[node type]", "node type,")):
            return self._columns(bare)
        return self._row(line)

    def _heading(self, bare: str) -> bool:
        if bare in _PARTS:
            self._part, self._graph, self._title = _PARTS[bare], "", ""
            return True
        if graph := _GRAPH.fullmatch(bare):
            self._graph = "" if graph[1] else f"Subgraph ({graph[3]})"
            self._title = ""
            return True
        if bare == _DELEGATE:
            self._graph, self._title = "Delegate internal", ""
            return True
        if title := _TITLE.fullmatch(bare):
            self._title, self._fields = title[1], ()
            if self._title == "Run Order" or not self._current():
                self.profiles.append(OpProfile(self._part, self._graph))
            return True
        return False

    def _current(self) -> bool:
        """Returns whether the newest profile is of the part and graph that we stand in."""
        if not self.profiles:
            return False
        newest = self.profiles[-1]
        return (newest.part, newest.graph) == (self._part, self._graph)

    def _total(self, text: str) -> bool:
        total = parse_count_line(text)
        if total is not None:
            self._add(total=total)
        return total is not None

    def _columns(self, bare: str) -> bool:
        self._is_csv = not bare.startswith("[")
        headings = bare.split(",") if self._is_csv else re.findall(r"\[([^\]]*)\]", bare)
        names = [heading.strip().lower() for heading in headings]
        fields = tuple(_FIELDS.get(name, "") for name in names)
        row = TypeRow if self._title.startswith("Summary") else OpRow
        possible = {field.name: field.default for field in dataclasses.fields(row)}
        needed = {name for name, default in possible.items() if default is dataclasses.MISSING}
        known = needed <= set(fields) <= {*possible, ""} and len(set(fields)) == len(fields)
        self._fields = fields if known else ()
        return known

    def _row(self, line: str) -> bool:
        if not self._fields:
            return False
        texts = self._split(line)
        if texts is None:
            return False
        values = {
            field: _value(field, text)
            for field, text in zip(self._fields, texts, strict=True)
            if field
        }
        profile = self.profiles[-1]
        if self._title.startswith("Summary"):
            self._add(by_type=(*profile.by_type, TypeRow(**values)))
        elif self._title == "Run Order":
            self._add(run_order=(*profile.run_order, OpRow(**values)))
        elif self._title == "Top by Computation Time":
            self._add(by_time=(*profile.by_time, OpRow(**values)))
        return True

    def _add(self, **parts: Any) -> None:
        self.profiles[-1] = dataclasses.replace(self.profiles[-1], **parts)

    def _split(self, line: str) -> list[str] | None:
        if not self._is_csv and "\t" not in line:
            match = _spaced_row(self._fields).fullmatch(line[: _MAX_SPACED_CHARS + 1])
            return list(match.groups()) if match and len(line) <= _MAX_SPACED_CHARS else None
        if self._is_csv:
            # A node type may hold ", "; the tool replaces commas of the name by tabs.
            texts = line.rsplit(",", len(self._fields) - 1)
        else:
            texts = line.lstrip("\t ").split("\t")
        texts = [text.strip() for text in texts]
        if len(texts) != len(self._fields):
            return None
        pairs = zip(self._fields, texts, strict=True)
        return texts if all(_fits(field, text) for field, text in pairs) else None


_REAL = rf"(?:{NUMBER}|[-+]?(?:nan|inf))"
_PATTERNS = {
    "node_type": r"(\S.*?)",
    "name": r"(.*?)",
    "percent": rf"({_REAL}%)",
    "cumulative_percent": rf"({_REAL}%)",
    "count": r"([0-9]{1,9})",
    "times_called": r"([0-9]{1,9})",
}
_REAL_PATTERN = rf"({NUMBER})"


def _pattern(field: str) -> str:
    return _PATTERNS.get(field, _REAL_PATTERN)


def _fits(field: str, text: str) -> bool:
    return bool(re.fullmatch(_pattern(field), text))


@functools.cache
def _spaced_row(fields: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"\s*" + r"\s+".join(_pattern(field) for field in fields) + r"\s*")


def _value(field: str, text: str) -> Any:
    if field in ("node_type", "name"):
        return text
    if field in ("count", "times_called"):
        return int(text)
    if field in ("percent", "cumulative_percent"):
        return None if text.strip("+-").startswith(("nan", "inf")) else float(text.rstrip("%"))
    return float(text)
