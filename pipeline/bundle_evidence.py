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
      path: The report.
      source_sha256: Of the model that is bundled; others may be in the report too.

    Raises:
      ReportError: It is no such report.
      InputError: The model is not in it.
      OSError: It cannot be read.
    """
    document = report.read(path, "benchmark")
    _check_model(path, document, source_sha256, may_have_none=False)
    results = document["results"]
    return [
        {
            "model": pathlib.Path(row["model"]).name,
            "device": f"{results['device']}, {results['runtime']}",
            "median_us": row["latency"]["median_us"]["median"],
            "low_us": row["latency"]["median_us"]["low"],
            "high_us": row["latency"]["median_us"]["high"],
        }
        for row in results["models"]
    ]


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
