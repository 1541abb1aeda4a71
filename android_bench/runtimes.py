"""Which engine a benchmark asks for, and proof from the log that it ran.

A delegate that cannot take a model leaves it to the CPU without an error, so a latency is a number
of a runtime only with evidence: lines that say what the delegate took (parse.Delegation).
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from android_bench import echo
from android_bench.parse import FULL, LITERT, NONE, PARTIAL, TFLITE, BenchmarkLog, Delegation
from pipeline.errors import DelegationError

_EXTERNAL = "external"


@dataclasses.dataclass(frozen=True)
class Runtime:
    """One way to run a model.

    Attributes:
      name: As the user asks for it.
      flags: {tool: flags that choose it}; a tool that is not there cannot.
      delegate: Regular expression of the names that logs give the delegate; "" for none at all.
      may_be_partial: Whether nodes left to the CPU's builtin kernels are normal.
    """

    name: str
    flags: Mapping[str, tuple[str, ...]]
    delegate: str
    may_be_partial: bool = False

    def flags_for(self, tool: str) -> tuple[str, ...]:
        """Returns the flags for a tool.

        Raises:
          DelegationError: The tool has no such runtime.
        """
        if tool not in self.flags:
            raise DelegationError(
                f"runtime {self.name!r} needs a benchmark binary of kind "
                f"{' or '.join(sorted(self.flags))}, got {tool!r}; give another --benchmark_binary"
            )
        return self.flags[tool]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the log proves.

    Attributes:
      delegate: Name of the delegate in the log; "" where none took part, as asked.
      extent: parse.FULL, PARTIAL or NONE.
      nodes_taken: Nodes that the delegate runs, over all subgraphs; None where only its extent is
        printed.
      nodes_total: Of this many.
      partitions: Pieces that the graph fell into; None where not printed.
      others: Further delegates that took nodes.
    """

    delegate: str
    extent: str
    nodes_taken: int | None
    nodes_total: int | None
    partitions: int | None
    others: tuple[str, ...] = ()


# Delegate names: xnnpack_delegate.cc, gpu/delegate.cc, gpu/gl_delegate.cc, nnapi_delegate.cc and
# GetName() in tflite/tools/delegates/*_provider.cc; LITERT_CL and LITERT_OPENGL as logs have them.
_XNNPACK = r"TfLiteXNNPackDelegate|XNNPACK"
_GPU = r"TfLiteGpuDelegate(V2)?|GPU|LITERT_(?!NPU)[A-Z]+"
_NNAPI = r"TfLiteNnapiDelegate|NNAPI"
_FLEX = r"TfLiteFlexDelegate"

RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        # Said aloud, for then TFLite's tool says what the delegate took. LiteRT's CPU is XNNPACK.
        Runtime(
            "xnnpack",
            {TFLITE: ("--use_xnnpack=true",), LITERT: ("--use_cpu=true",)},
            _XNNPACK,
            may_be_partial=True,
        ),
        # TFLite's builtin kernels (ruy); LiteRT's tool has no such switch.
        Runtime("no_xnnpack", {TFLITE: ("--use_xnnpack=false",)}, ""),
        Runtime("gpu", {TFLITE: ("--use_gpu=true",), LITERT: ("--use_gpu=true",)}, _GPU),
        Runtime("nnapi", {TFLITE: ("--use_nnapi=true",)}, _NNAPI),
    )
}


def external(path: str, options: str = "") -> Runtime:
    """Returns the runtime of a delegate in a shared library.

    Args:
      path: Of the library, on the device.
      options: "key1:value1;key2:value2", as the library knows them.
    """
    flags = [f"--external_delegate_path={path}"]
    if options:
        flags.append(f"--external_delegate_options={options}")
    name = f"{_EXTERNAL}:{path}" + (f"?{options}" if options else "")
    # The library names its nodes as it likes.
    return Runtime(name, {TFLITE: tuple(flags)}, rf"(?!(?:{_XNNPACK}|{_FLEX})$).+")


def from_name(name: str) -> Runtime:
    """Returns the runtime of a name: one of RUNTIMES, or external:PATH[?OPTIONS].

    Raises:
      DelegationError: There is no such runtime.
    """
    if name.startswith(f"{_EXTERNAL}:"):
        path, _, options = name.removeprefix(f"{_EXTERNAL}:").partition("?")
        if path:
            return external(path, options)
    if name not in RUNTIMES:
        raise DelegationError(
            f"needed a runtime, one of {', '.join(RUNTIMES)} or external:PATH[?KEY:VALUE;...], "
            f"got {name!r}"
        )
    return RUNTIMES[name]


def prove(
    runtime: Runtime,
    log: BenchmarkLog,
    *,
    arguments: Sequence[str] = (),
    allow_partial: bool = False,
) -> Evidence:
    """Returns what shows that the runtime ran.

    Args:
      runtime: What was asked for.
      log: What the process printed, standard error included.
      arguments: The process's `--flag=value`, compared with what the tool says it took.
      allow_partial: Accept a delegate that left nodes to the CPU.

    Raises:
      DelegationError: The delegate took nothing, or less than all, or another one took nodes.
      LogError: The tool did not understand a flag.
    """
    echo.check(arguments, log)
    if not runtime.delegate:
        return _prove_absence(runtime, log)
    own = [line for line in log.delegations if re.fullmatch(runtime.delegate, line.delegate)]
    took = [line for line in own if line.extent != NONE]
    if not took:
        raise DelegationError(
            f"runtime {runtime.name!r} was asked for, but {_none_took(runtime, log, own)}: the "
            f"model ran elsewhere. {_seen(log)}"
        )
    evidence = _evidence(took, log)
    if evidence.extent == PARTIAL and not (runtime.may_be_partial or allow_partial):
        raise DelegationError(
            f"runtime {runtime.name!r} was asked for, but {evidence.delegate} took only "
            f"{_amount(evidence)}; the CPU ran the rest. Allow partial delegation, or change the "
            "model's ops"
        )
    return evidence


def _prove_absence(runtime: Runtime, log: BenchmarkLog) -> Evidence:
    took = [line for line in log.delegations if line.extent != NONE]
    if took or log.created_delegates:
        raise DelegationError(
            f"runtime {runtime.name!r} is the CPU's builtin kernels, but a delegate was there. "
            f"{_seen(log)}"
        )
    if log.parameters.get("Use xnnpack") != "0":
        raise DelegationError(
            f"runtime {runtime.name!r} needs 'Use xnnpack: [0]' in the log as proof that XNNPACK "
            "was off, got none"
        )
    return Evidence("", NONE, 0, None, None)


def _evidence(took: Sequence[Delegation], log: BenchmarkLog) -> Evidence:
    counted = [line for line in took if line.nodes_total is not None]
    names = {line.delegate for line in took}
    others = [line.delegate for line in log.delegations if line.extent != NONE]
    taken = sum(line.nodes_taken or 0 for line in counted)
    # A second line about one subgraph counts what the first left over.
    totals: dict[int | None, int] = {}
    for line in counted:
        totals.setdefault(line.subgraph, line.nodes_total or 0)
    total = sum(totals.values())
    is_full = all(line.extent == FULL for line in took) or (counted and taken == total)
    partitions = [line.partitions for line in counted or took if line.partitions is not None]
    return Evidence(
        delegate=(counted or took)[0].delegate,
        extent=FULL if is_full else PARTIAL,
        nodes_taken=taken if counted else None,
        nodes_total=total if counted else None,
        partitions=sum(partitions) if partitions else None,
        others=tuple(dict.fromkeys(name for name in others if name not in names)),
    )


def _none_took(runtime: Runtime, log: BenchmarkLog, own: Sequence[Delegation]) -> str:
    if own:
        return f"{own[0].delegate} took no node"
    created = [name for name in log.created_delegates if re.fullmatch(runtime.delegate, name)]
    what = "was created, but no line says that it took a node" if created else "is not in the log"
    return f"its delegate {what}"


def _amount(evidence: Evidence) -> str:
    if evidence.nodes_total is None:
        return "a part of the nodes"
    return (
        f"{evidence.nodes_taken} of {evidence.nodes_total} nodes in {evidence.partitions} "
        "partitions"
    )


def _seen(log: BenchmarkLog) -> str:
    lines = [
        f"{line.delegate} took {line.extent}"
        + (f" ({line.nodes_taken} of {line.nodes_total} nodes)" if line.nodes_total else "")
        for line in log.delegations
    ]
    seen = lines or [f"{name} was created" for name in log.created_delegates]
    complaints = f"; it warns: {' | '.join(log.warnings)}" if log.warnings else ""
    return f"The log says: {', '.join(seen) or 'nothing of delegates'}{complaints}"
