"""Figures of a model from the reports of other tools, if they are about the same model."""

import contextlib
import os
import pathlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from pipeline import report
from pipeline.errors import InputError, ReportError

_ACCURACY_FIELDS = ("num_correct", "num_images", "share", "low", "high")


def read(
    path: os.PathLike[str] | str, kinds: Sequence[str] = ("benchmark", "evaluate")
) -> dict[str, Any]:
    """Returns a report of one of these kinds.

    Raises:
      ReportError: It is none of them.
      OSError: It cannot be read.
    """
    for kind in kinds:
        with contextlib.suppress(ReportError):
            return report.read(path, kind)
    tools = ", ".join(f"tools.{'certify' if kind == 'certificate' else kind}" for kind in kinds)
    raise ReportError(f"{path}: needed a report of one of {tools}")


@contextlib.contextmanager
def as_written(path: os.PathLike[str] | str) -> Generator[None, None, None]:
    """What fails inside because a report lacks something, fails with a ReportError.

    Raises:
      ReportError: A field is missing or of another type.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ReportError(
            f"{path}: lacks what its figures need ({type(error).__name__}: {error}): run the tool "
            "that writes it again"
        ) from error


def accuracy(
    path: os.PathLike[str] | str, document: Mapping[str, Any], source_sha256: str
) -> list[dict[str, Any]]:
    """Returns the rows of a report of tools.evaluate, as bundle.Statement has them.

    Args:
      path: Of the report, for messages.
      document: The report.
      source_sha256: Of the model; a report of a run's Keras models names none.

    Raises:
      ReportError: It is damaged.
      InputError: It is about another .tflite model.
    """
    check_model(path, document, source_sha256, may_have_none=True)
    with as_written(path):
        return [
            {"model": name, **{field: row[field] for field in _ACCURACY_FIELDS}}
            for name, row in document["results"].items()
        ]


def latency(
    path: os.PathLike[str] | str, document: Mapping[str, Any], source_sha256: str
) -> list[dict[str, Any]]:
    """Returns the rows of a report of tools.benchmark, as bundle.Statement has them.

    Emulated phones, whose times are no latency, have none.

    Args:
      path: Of the report, for messages.
      document: The report.
      source_sha256: Of the model; others may be in the report too.

    Raises:
      ReportError: It is damaged.
      InputError: The model is not in it.
    """
    check_model(path, document, source_sha256)
    with as_written(path):
        results = document["results"]
        if "phones" in results:
            return [
                _latency(cell["cell"]["model"], _device(phone, cell), cell["latency"])
                for phone, cell in _cells(results)
                if cell["latency"] is not None
            ]
        device = f"{results['device']}, {results['runtime']}"
        return [_latency(row["model"], device, row["latency"]) for row in results["models"]]


def op_times(
    path: os.PathLike[str] | str, document: Mapping[str, Any], source_sha256: str
) -> list[dict[str, Any]]:
    """Returns where a model's time went, for each profiled cell of a report of tools.benchmark.

    Rows are {"device": ..., "ms_by_op": {op: mean milliseconds of a run}}.

    Args:
      path: Of the report, for messages.
      document: The report.
      source_sha256: Of the model; others are left out.

    Raises:
      ReportError: It is damaged.
    """
    with as_written(path):
        return [
            {
                "device": _device(phone, cell),
                "ms_by_op": {str(op): float(ms) for op, ms in cell["ms_by_op"].items()},
            }
            for phone, cell in _cells(document["results"])
            if cell["ms_by_op"] and cell["model_sha256"] == source_sha256
        ]


def check_model(
    path: os.PathLike[str] | str,
    document: Mapping[str, Any],
    source_sha256: str,
    *,
    may_have_none: bool = False,
) -> None:
    """Checks that a report is about a model.

    Args:
      path: Of the report, for messages.
      document: The report.
      source_sha256: Of the model.
      may_have_none: Whether it may be about no file at all.

    Raises:
      ReportError: It is damaged.
      InputError: It is about another model.
    """
    with as_written(path):
        digests = dict(document["provenance"]["inputs"])
    if source_sha256 in digests.values() or (may_have_none and not digests):
        return
    raise InputError(
        f"{path}: needed figures of the model with sha256 {source_sha256}, got those of {digests}: "
        "measure this model"
    )


def _cells(results: Mapping[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(phone, cell) for phone in results.get("phones", ()) for cell in phone["cells"]]


def _device(phone: Mapping[str, Any], cell: Mapping[str, Any]) -> str:
    setting = cell["cell"]
    threads = f"{setting['num_threads']} thread{'s' if setting['num_threads'] > 1 else ''}"
    where = f"{phone['header']['phone']}, {setting['cluster']}"
    return f"{where}, {setting['runtime']}, {threads}"


def _latency(model: str, device: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": pathlib.Path(model).name,
        "device": device,
        "median_us": found["median_us"]["median"],
        "low_us": found["median_us"]["low"],
        "high_us": found["median_us"]["high"],
    }
