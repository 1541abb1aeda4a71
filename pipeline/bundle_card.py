"""The model card of a bundle: what follows from the model, and all of it as Markdown."""

import collections
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import summary, tensor_data
from pipeline.graph import Graph, Tensor

_PURPOSE = {
    "model.tflite": "the model, with TFLite Metadata",
    "labels.txt": "the name of each class, one a line",
    "input_contract.json": "what goes in; for pictures the code of each pixel value",
    "certificate.json": "why it is integer-only, and how far accumulators are from overflow",
    "model_card.json": "this page as data",
    "MODEL_CARD.md": "this page",
}


def measure(graph: Graph, model: bytes, verdict: str) -> dict[str, Any]:
    """Returns what the model's own bytes say about it."""
    ops = list(summary.ops(graph))
    constants = {
        (number, tensor.index): tensor
        for number, subgraph in enumerate(graph.subgraphs)
        for tensor in subgraph.tensors
        if tensor.data is not None
    }
    return {
        "sha256": hashlib.sha256(model).hexdigest(),
        "size_bytes": len(model),
        "constant_bytes": sum(map(_bytes, constants.values())),
        "constant_elements": sum(math.prod(tensor.shape) for tensor in constants.values()),
        "macs": sum(op.macs or 0 for op in ops),
        "peak_activation_bytes": summary.peak_activation_bytes(graph.main),
        "ops": dict(sorted(collections.Counter(op.op for op in ops).items())),
        "verdict": verdict,
    }


def markdown(card: Mapping[str, Any], facts: Mapping[str, str], names: Sequence[str]) -> str:
    """Returns a model card for people.

    Args:
      card: The content of model_card.json.
      facts: What the bundle's other files say, by what it is.
      names: The files of the bundle.
    """
    stated, measured = card["stated"], card["measured"]
    ops = ", ".join(f"{op} {count}" for op, count in measured["ops"].items())
    rows = {
        "version": stated["version"],
        "author": stated["author"],
        "licence": stated["license"],
        "data": stated["data"],
        "integer-only": measured["verdict"],
        "file": f"{measured['size_bytes']:,} bytes, sha256 `{measured['sha256']}`",
        "constants": f"{measured['constant_elements']:,} in {measured['constant_bytes']:,} bytes",
        "multiply-accumulates": f"{measured['macs']:,} per run",
        "peak of activations": f"{measured['peak_activation_bytes']:,} bytes; a runtime's arena is "
        "at least this large",
        "ops": ops,
        **facts,
    }
    parts = [
        f"# {stated['name']}",
        stated["description"] or "No description was given.",
        _table(("", ""), [(name, value or "not stated") for name, value in rows.items()]),
        "## Accuracy",
        _accuracy(stated["accuracy"]),
        "## Latency",
        _latency(stated["latency"]),
        "## Using it",
        "Copy the files of `android/` into `app/src/androidTest/java/intonly/bundle/` and the rest "
        "of the bundle into `app/src/androidTest/assets/`; the tests run the model on the phone "
        "and fail on the first byte that differs from `golden/xnnpack_arm64/`. `golden/reference/` "
        "is what TFLite's reference kernels answer, for engines that promise those bits.",
        "## Files",
        _table(("file", "what"), [(name, _purpose(name)) for name in names]),
        "## Provenance",
        _table(
            ("", ""),
            [
                ("model before metadata", f"sha256 `{stated['source_sha256']}`"),
                *((str(key), str(value)) for key, value in sorted(stated["provenance"].items())),
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _accuracy(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "Not measured."
    return _table(
        ("model", "accuracy", "95 % interval", "pictures"),
        [
            (
                row["model"],
                f"{100 * row['share']:.2f} %",
                f"{100 * row['low']:.2f} to {100 * row['high']:.2f} %",
                f"{row['num_images']:,}",
            )
            for row in rows
        ],
    )


def _latency(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "Not measured."
    return _table(
        ("device", "cluster", "runtime", "threads", "model", "median", "95 % interval"),
        [
            (
                row["device"],
                row["cluster"],
                row["runtime"],
                str(row["num_threads"]),
                row["model"],
                f"{row['median_us']:.1f} us",
                f"{row['low_us']:.1f} to {row['high_us']:.1f} us",
            )
            for row in rows
        ],
    )


def _purpose(name: str) -> str:
    if name.startswith("golden/"):
        return "golden vectors: inputs, and the bytes that have to come out"
    if name.startswith("android/"):
        return "instrumented test"
    return _PURPOSE[name]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["--"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _bytes(tensor: Tensor) -> int:
    if tensor.dtype not in tensor_data.NUMPY_DTYPES or tensor.dtype == "string":
        return 0
    return tensor_data.size_bytes(tensor.dtype, tensor.shape)
