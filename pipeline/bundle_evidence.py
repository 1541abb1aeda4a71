"""Figures for a model card, from the reports of other tools, if they are about the same model."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from pipeline import report
from pipeline.errors import InputError, ReportError

_ACCURACY_FIELDS = ("num_correct", "num_images", "share", "low", "high")


def accuracy(path: os.PathLike[str] | str, source_sha256: str) -> list[dict[str, Any]]:
    """Returns the rows of a report of tools.evaluate, as bundle.Statement has them.

    Args:
      path: The report.
      source_sha256: Of the model that is bundled; Keras models beside it may be in the report too.

    Raises:
      ReportError: It is no such report.
      InputError: It is about another .tflite model.
      OSError: It cannot be read.
    """
    document = report.read(path, "evaluate")
    _check_model(path, document, source_sha256, may_have_none=True)
    return [
        {"model": name, **{field: row[field] for field in _ACCURACY_FIELDS}}
        for name, row in document["results"].items()
    ]


def latency(path: os.PathLike[str] | str, source_sha256: str) -> list[dict[str, Any]]:
    """Returns the rows of a report of tools.benchmark, as bundle.Statement has them.

    Args:
      path: The report, of this machine or of phones.
      source_sha256: Of the model that is bundled; others may be in the report too.

    Raises:
      ReportError: It is no such report.
      InputError: The model is not in it, or no latency at all, as where phones are emulated.
      OSError: It cannot be read.
    """
    document = report.read(path, "benchmark")
    _check_model(path, document, source_sha256, may_have_none=False)
    results = document["results"]
    if "phones" not in results:
        return [_host_row(results, measured) for measured in results["models"]]
    cells = [(phone["header"], cell) for phone in results["phones"] for cell in phone["cells"]]
    rows = [_phone_row(header, cell) for header, cell in cells if cell["latency"] is not None]
    if not rows:
        reasons = sorted({cell["no_latency_because"] for _, cell in cells})
        raise InputError(f"{path}: needed a latency, got none: {'; '.join(reasons) or 'no cell'}")
    return rows


def kind(path: os.PathLike[str] | str) -> str:
    """Returns "evaluate" or "benchmark", whichever tool wrote a report.

    Raises:
      ReportError: Neither did.
      OSError: It cannot be read.
    """
    for name in ("evaluate", "benchmark"):
        try:
            report.read(path, name)
        except ReportError:
            continue
        return name
    raise ReportError(f"{path}: needed a report of tools.evaluate or tools.benchmark")


def _host_row(results: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": pathlib.Path(measured["model"]).name,
        "device": results["device"],
        "cluster": "",
        "runtime": results["runtime"],
        "num_threads": results["settings"]["num_threads"],
        **_interval(measured["latency"]),
    }


def _phone_row(header: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    cell = measured["cell"]
    return {
        "model": pathlib.Path(cell["model"]).name,
        "device": header["phone"],
        "cluster": cell["cluster"],
        "runtime": cell["runtime"],
        "num_threads": cell["num_threads"],
        **_interval(measured["latency"]),
    }


def _interval(latency: Mapping[str, Any]) -> dict[str, float]:
    median = latency["median_us"]
    return {"median_us": median["median"], "low_us": median["low"], "high_us": median["high"]}


def _check_model(
    path: os.PathLike[str] | str,
    document: Mapping[str, Any],
    source_sha256: str,
    *,
    may_have_none: bool,
) -> None:
    digests = document["provenance"]["inputs"]
    if source_sha256 in digests.values() or (may_have_none and not digests):
        return
    raise InputError(
        f"{path}: needed figures of the model with sha256 {source_sha256}, got those of {digests}: "
        "measure the model that is bundled"
    )
