"""The road of a model at a glance: what each stage found, or the command that would tell."""

import dataclasses
import shlex
from typing import Literal

from pipeline import layer_warnings
from pipeline.certificate import Certificate
from pipeline.html_report import texts
from pipeline.html_report.evidence import Accuracy, Evidence

# "done" is measured, but nothing was judged; "warned" is good but for warnings.
Status = Literal["good", "warned", "bad", "done", "missing"]


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of the road.

    Attributes:
      name: Of its tool.
      status: Its verdict.
      verdict: The same in a few words.
      figure: Its key figure; "" where it is missing.
      note: What else to know in one line.
      command: What would run it; "" where it was run.
    """

    name: str
    status: Status
    verdict: str
    figure: str = ""
    note: str = ""
    command: str = ""


@dataclasses.dataclass(frozen=True)
class Names:
    """How the commands of missing stages call what they are about.

    Attributes:
      model: Path of the .tflite model.
      run_dir: Path of the run; None where none was given.
    """

    model: str
    run_dir: str | None

    def run_flag(self, placeholder: str) -> str:
        """Returns --run_dir, or what stands where there is no run."""
        return placeholder if self.run_dir is None else f"--run_dir={self.run_dir}"


def stages(
    evidence: Evidence, certified: Certificate, size_bytes: int, names: Names
) -> tuple[Stage, ...]:
    """Returns all stages, in their order.

    Args:
      evidence: Of the reports.
      certified: The model's certificate.
      size_bytes: Of the model.
      names: For commands.
    """
    return (
        _train(evidence, names),
        _convert(certified, size_bytes),
        _certify(certified),
        _verify(evidence, names),
        _evaluate(evidence, names),
        _benchmark(evidence, names),
        _debug(evidence, names),
    )


def profile_command(names: Names) -> str:
    """Returns the command that times ops."""
    flags = ("--device=all", "--benchmark_binary=PATH", "--profile_ops", "--report=phones.json")
    return shlex.join(("python", "-m", "tools.benchmark", f"--model={names.model}", *flags))


def _missing(name: str, *arguments: str) -> Stage:
    command = shlex.join(("python", "-m", f"tools.{name}", *filter(None, arguments)))
    return Stage(name, "missing", "not run", command=command)


def _train(evidence: Evidence, names: Names) -> Stage:
    training = evidence.training
    if training is None:
        if names.run_dir is not None:
            return _missing("train", names.run_flag(""), "--resume")
        return _missing("train", "--model=NAME", "--dataset=NAME", "--run_dir=DIR")
    shares = [it for it in (training.float_accuracy, training.qat_accuracy) if it is not None]
    warnings = () if evidence.layers is None else layer_warnings.check(evidence.layers.layers)
    figure = " → ".join(texts.percent(share) for share in shares) or "trained"
    kinds = ", ".join(
        kind
        for kind, share in (
            ("float", training.float_accuracy),
            ("fake-quant", training.qat_accuracy),
        )
        if share is not None
    )
    if warnings:
        verdict = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
        return Stage("train", "warned", verdict, figure, f"accuracy: {kinds}")
    verdict = "done" if evidence.layers is None else "no warnings"
    return Stage("train", "done", verdict, figure, f"accuracy: {kinds}" if kinds else "")


def _convert(certified: Certificate, size_bytes: int) -> Stage:
    num_ops = sum(certified.op_counts.values())
    return Stage("convert", "done", "done", texts.size(size_bytes), f"{num_ops} ops")


def _certify(certified: Certificate) -> Stage:
    tightest = certified.tightest
    note = (
        "no accumulators of constant weights"
        if tightest is None
        else f"tightest accumulator: {tightest.headroom_bits:.1f} bits left"
    )
    if certified.passes:
        return Stage("certify", "good", "passes", "integer-only", note)
    what = "NOT sound" if certified.is_integer_only else "NOT integer-only"
    return Stage("certify", "bad", "fails", what, f"{len(certified.failures)} findings")


def _verify(evidence: Evidence, names: Names) -> Stage:
    found = evidence.verification
    if found is None:
        flags = (names.run_flag(""), "--report=verify.json")
        return _missing("verify", f"--model={names.model}", *flags)
    num_elements = sum(match.num_elements for match in found.tensors)
    num_equal = sum(match.num_equal for match in found.tensors)
    figure = texts.nearly_all(num_equal / num_elements) if num_elements else "nothing compared"
    note = f"of {num_elements:,} elements equal {found.oracle}"
    if found.is_good:
        return Stage("verify", "good", "bit-exact", figure, note)
    verdict = "layers unfaithful" if found.is_exact else "differs"
    return Stage("verify", "bad", verdict, figure, note)


def _evaluate(evidence: Evidence, names: Names) -> Stage:
    own = next((row for row in evidence.accuracies if row.is_of_model), None)
    if own is None:
        data = names.run_flag("--dataset=NAME")
        return _missing("evaluate", f"--model={names.model}", data, "--report=evaluate.json")
    return Stage("evaluate", "done", "measured", texts.percent(own.share), _interval(own))


def _interval(row: Accuracy) -> str:
    return (
        f"{texts.percent(row.low)} to {texts.percent(row.high)} (95 %), {row.num_images:,} pictures"
    )


def _benchmark(evidence: Evidence, names: Names) -> Stage:
    own = [row for row in evidence.latencies if row.is_of_model]
    if not own:
        flags = ("--device=host", "--report=benchmark.json")
        return _missing("benchmark", f"--model={names.model}", *flags)
    more = f"; {len(own) - 1} more below" if len(own) > 1 else ""
    return Stage(
        "benchmark", "done", "measured", texts.latency(own[0].median_us), f"{own[0].device}{more}"
    )


def _debug(evidence: Evidence, names: Names) -> Stage:
    if not evidence.noise:
        run = names.run_flag("--run_dir=DIR")
        return _missing("debug", f"--model={names.model}", run, "--report=debug.json")
    known = [(it.integer_db, it) for it in evidence.noise if it.integer_db is not None]
    if not known:
        return Stage("debug", "done", "measured", "no noise")
    worst_db, worst = min(known, key=lambda pair: pair[0])
    cause = f", mostly {worst.cause}" if worst.cause else ""
    return Stage(
        "debug", "done", "measured", texts.decibel(worst_db), f"least: {worst.layer}{cause}"
    )
