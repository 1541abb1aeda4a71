"""What the stages' reports say of one model, as typed values; no rendering, no TensorFlow."""

import dataclasses
import os
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipeline import bundle_evidence, layer_file, report
from pipeline.errors import InputError
from pipeline.layer_file import LayerFile
from pipeline.range_proof import AccumulatorBound
from pipeline.run_dir import RunDir

KINDS = ("benchmark", "evaluate", "verify", "certificate", "debug")


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """A row of tools.evaluate.

    Attributes:
      model: What was evaluated, in that tool's words.
      is_of_model: Whether it is the .tflite model.
      is_keras: Whether it is a Keras model of its run; else it is a .tflite model.
      num_images: Pictures.
      share, low, high: Accuracy and its interval, 0 to 1.
    """

    model: str
    is_of_model: bool
    is_keras: bool
    num_images: int
    share: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Latency:
    """A row of tools.benchmark: a model's median over rounds, and its interval."""

    model: str
    is_of_model: bool
    device: str
    median_us: float
    low_us: float
    high_us: float


@dataclasses.dataclass(frozen=True)
class OpTimes:
    """Mean milliseconds of a run by op, on one device."""

    device: str
    ms_by_op: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Match:
    """How far one op's codes agree with something.

    Attributes:
      op_index: The op.
      num_elements, num_equal: Elements compared, and those that are equal.
      max_abs_difference: Largest difference of codes.
    """

    op_index: int
    num_elements: int
    num_equal: int
    max_abs_difference: float

    @property
    def equal_share(self) -> float:
        """Share of the elements that are equal."""
        return self.num_equal / self.num_elements if self.num_elements else 1.0


@dataclasses.dataclass(frozen=True)
class Fidelity:
    """Fake-quantized layers against integer ops, on the same inputs.

    Attributes:
      holds: Whether every layer is faithful.
      layers: By op.
      num_examples: Pictures.
      argmax_agreement, outputs_within_one: Shares, end to end.
    """

    holds: bool
    layers: tuple[Match, ...]
    num_examples: int
    argmax_agreement: float
    outputs_within_one: float


@dataclasses.dataclass(frozen=True)
class Verification:
    """What tools.verify found; `fidelity` is None without a run."""

    is_exact: bool
    reason: str
    oracle: str
    num_examples: int
    tensors: tuple[Match, ...]
    fidelity: Fidelity | None

    @property
    def is_good(self) -> bool:
        """Whether everything that was compared agrees."""
        return self.is_exact and (self.fidelity is None or self.fidelity.holds)


@dataclasses.dataclass(frozen=True)
class LayerNoise:
    """What tools.debug says of one layer; None and "" are unknown or none."""

    layer: str
    op_index: int
    integer_db: float | None
    fake_quant_db: float | None
    cosine: float | None
    parts: Mapping[str, float]
    worst_channels: tuple[tuple[int, float], ...]
    cause: str


@dataclasses.dataclass(frozen=True)
class Training:
    """What tools.train left in the run directory; accuracies are None where it has none."""

    config: Mapping[str, Any]
    num_parameters: int
    float_accuracy: float | None
    qat_accuracy: float | None


@dataclasses.dataclass(frozen=True)
class Source:
    """A report that the page rests on.

    Attributes:
      name: Of its file.
      stage: Which tool wrote it.
      provenance: As it stands there.
    """

    name: str
    stage: str
    provenance: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All of it; None and empty are what was not measured.

    Attributes:
      training, layers: From the run directory.
      verification, accuracies, latencies, op_times, noise: From reports.
      measured_accumulators: Bounds within the codes that pictures reached.
      sources: Of every figure here, in the order of the road.
    """

    training: Training | None = None
    layers: LayerFile | None = None
    verification: Verification | None = None
    accuracies: tuple[Accuracy, ...] = ()
    latencies: tuple[Latency, ...] = ()
    op_times: tuple[OpTimes, ...] = ()
    noise: tuple[LayerNoise, ...] = ()
    measured_accumulators: tuple[AccumulatorBound, ...] = ()
    sources: tuple[Source, ...] = ()


def read(
    model_path: os.PathLike[str] | str,
    model_sha256: str,
    run_dir: RunDir | None,
    reports: Sequence[os.PathLike[str] | str],
) -> Evidence:
    """Returns what a run directory and reports say of a model.

    Args:
      model_path: Of the .tflite model; its name tells its rows from those of others.
      model_sha256: Of its content.
      run_dir: The run that it came from.
      reports: Of the tools in KINDS; at most one of tools.verify, certify and debug each. Those of
        tools.evaluate may be about models that a benchmark compared with this one.

    Raises:
      ReportError: A report is damaged, or of another kind.
      InputError: One is about another model, or there are two of a kind that a page has once.
      OSError: A file cannot be read.
    """
    found: dict[str, Any] = {"sources": []}
    if run_dir is not None:
        _add_run(found, run_dir)
    documents = [(path, bundle_evidence.read(path, KINDS)) for path in reports]
    compared = {digest for path, it in documents for digest in _benchmarked(path, it)}
    for path, document in documents:
        found["sources"].append(_source(path, document))
        kind = document["kind"]
        if kind == "evaluate":
            rows = _accuracies(path, document, model_sha256, compared)
            found["accuracies"] = (*found.get("accuracies", ()), *rows)
        elif kind == "benchmark":
            name = pathlib.Path(model_path).name
            _add_benchmark(found, path, document, model_sha256, name)
        else:
            bundle_evidence.check_model(path, document, model_sha256)
            name, convert = _ONCE[kind]
            if name in found:
                raise InputError(f"{path}: needed one report of kind {kind!r}, got a second one")
            with bundle_evidence.as_written(path):
                found[name] = convert(document["results"])
    found["sources"] = tuple(found["sources"])
    return Evidence(**found)


def _add_run(found: dict[str, Any], run_dir: RunDir) -> None:
    if run_dir.report.exists():
        document = report.read(run_dir.report, "train")
        found["sources"].append(_source(run_dir.report, document))
        with bundle_evidence.as_written(run_dir.report):
            results = document["results"]
            found["training"] = Training(
                config=dict(results["config"]),
                num_parameters=int(results["num_parameters"]),
                float_accuracy=results.get("float_accuracy"),
                qat_accuracy=results.get("qat_accuracy"),
            )
    if run_dir.qat_model.exists():
        found["layers"] = layer_file.read(run_dir.path, run_dir.qat_model)


def _source(path: os.PathLike[str] | str, document: Mapping[str, Any]) -> Source:
    with bundle_evidence.as_written(path):
        return Source(pathlib.Path(path).name, document["kind"], dict(document["provenance"]))


def _accuracies(
    path: os.PathLike[str] | str,
    document: Mapping[str, Any],
    model_sha256: str,
    compared: Collection[str],
) -> tuple[Accuracy, ...]:
    digests = _inputs(path, document)
    other = next((it for it in digests if it in compared), model_sha256)
    digest = model_sha256 if model_sha256 in digests else other
    rows = bundle_evidence.accuracy(path, document, digest)
    return tuple(
        Accuracy(
            str(row["model"]),
            model_sha256 in digests,
            not digests,
            int(row["num_images"]),
            float(row["share"]),
            float(row["low"]),
            float(row["high"]),
        )
        for row in rows
    )


def _inputs(path: os.PathLike[str] | str, document: Mapping[str, Any]) -> list[str]:
    """Returns the SHA-256 of what a report is about."""
    with bundle_evidence.as_written(path):
        return [str(digest) for digest in document["provenance"]["inputs"].values()]


def _benchmarked(path: os.PathLike[str] | str, document: Mapping[str, Any]) -> list[str]:
    """Returns the SHA-256 of what a benchmark compared; nothing of other reports."""
    return _inputs(path, document) if document["kind"] == "benchmark" else []


def _add_benchmark(
    found: dict[str, Any],
    path: os.PathLike[str] | str,
    document: Mapping[str, Any],
    model_sha256: str,
    model_name: str,
) -> None:
    latencies = tuple(
        Latency(
            row["model"],
            row["model"] == model_name,
            row["device"],
            float(row["median_us"]),
            float(row["low_us"]),
            float(row["high_us"]),
        )
        for row in bundle_evidence.latency(path, document, model_sha256)
    )
    times = tuple(
        OpTimes(row["device"], row["ms_by_op"])
        for row in bundle_evidence.op_times(path, document, model_sha256)
    )
    found["latencies"] = (*found.get("latencies", ()), *latencies)
    found["op_times"] = (*found.get("op_times", ()), *times)


def _verification(results: Mapping[str, Any]) -> Verification:
    compared, fidelity = results["verification"], results.get("fidelity")
    return Verification(
        is_exact=bool(results["is_exact"]),
        reason=str(results["reason"]),
        oracle=str(compared["oracle"]),
        num_examples=int(compared["num_examples"]),
        tensors=_matches(compared["tensors"]),
        fidelity=None
        if fidelity is None
        else Fidelity(
            holds=bool(results["fidelity_holds"]),
            layers=_matches(fidelity["layers"]),
            num_examples=int(fidelity["num_examples"]),
            argmax_agreement=float(fidelity["argmax_agreement"]),
            outputs_within_one=float(fidelity["outputs_within_one"]),
        ),
    )


def _matches(rows: Sequence[Mapping[str, Any]]) -> tuple[Match, ...]:
    return tuple(
        Match(
            int(row["op_index"]),
            int(row["num_elements"]),
            int(row["num_equal"]),
            float(row["max_abs_difference"]),
        )
        for row in rows
    )


def _measured_accumulators(results: Mapping[str, Any]) -> tuple[AccumulatorBound, ...]:
    return tuple(AccumulatorBound(**bound) for bound in results["measured_accumulators"])


def _noise(results: Mapping[str, Any]) -> tuple[LayerNoise, ...]:
    return tuple(
        LayerNoise(
            layer=str(row["layer"]),
            op_index=int(row["op_index"]),
            integer_db=row["integer_db"],
            fake_quant_db=row["fake_quant_db"],
            cosine=row["cosine"],
            parts={str(name): float(share) for name, share in row["parts"].items()},
            worst_channels=tuple((int(it), float(share)) for it, share in row["worst_channels"]),
            cause=str(row["cause"]),
        )
        for row in results["layers"]
    )


# Kind of a report that a page has once -> (field of Evidence, what makes it of the results).
_ONCE = {
    "verify": ("verification", _verification),
    "certificate": ("measured_accumulators", _measured_accumulators),
    "debug": ("noise", _noise),
}
