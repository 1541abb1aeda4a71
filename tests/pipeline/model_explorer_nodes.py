"""What Model Explorer's own adapter makes of a small model: which node is what, by which names.

  python -m tests.pipeline.model_explorer_nodes > tests/pipeline/model_explorer_nodes.json

Needs the packages ai-edge-model-explorer and ai-edge-model-explorer-adapter; prints JSON.
"""

import hashlib
import json
import pathlib
import tempfile
from typing import Any

import numpy as np

from pipeline import flatbuffer
from pipeline.graph import Graph, Operator, Subgraph, Tensor
from pipeline.quant_params import QuantParams


def model() -> bytes:
    """Returns a model with constants, and with an op of two outputs."""
    values, weights = QuantParams((0.5,), (3,)), QuantParams((0.25,), (0,))
    tensors = (
        Tensor(0, "net/input", (1, 4), "int8", values),
        Tensor(1, "net/dense/MatMul", (6, 4), "int8", weights, np.ones((6, 4), np.int8)),
        Tensor(2, "net/dense/bias", (6,), "int32", None, np.arange(6, dtype=np.int32)),
        Tensor(3, "net/dense/MatMul;net/dense/BiasAdd", (1, 6), "int8", values),
        Tensor(4, "net/split/axis", (), "int32", None, np.array(1, np.int32)),
        Tensor(5, "net/split/split", (1, 3), "int8", values),
        Tensor(6, "net/split/split1", (1, 3), "int8", values),
        Tensor(7, "net/add/add", (1, 3), "int8", values),
    )
    none = {"fused_activation_function": "NONE"}
    operators = (
        Operator(0, "FULLY_CONNECTED", 4, (0, 1, 2), (3,), none),
        Operator(1, "SPLIT", 2, (4, 3), (5, 6), {"num_splits": 2}),
        Operator(2, "ADD", 2, (5, 6), (7,), none),
    )
    return flatbuffer.write(Graph((Subgraph("main", tensors, (0,), (7,), operators),)))


def main() -> None:
    """Prints the graphs that the viewer would show, of each node its label and tensors."""
    from model_explorer import builtin_tflite_flatbuffer_adapter  # pyright: ignore

    content = model()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.tflite"
        path.write_bytes(content)
        adapter = builtin_tflite_flatbuffer_adapter.BuiltinTfliteFlatbufferAdapter()
        (collection,) = adapter.convert(str(path), {})["graphCollections"]
    graphs = {
        graph["id"]: {
            node["id"]: {"label": node["label"], "outputs": _tensor_names(node)}
            for node in graph["nodes"]
        }
        for graph in collection.graphs
    }
    print(json.dumps({"sha256": hashlib.sha256(content).hexdigest(), "graphs": graphs}, indent=2))


def _tensor_names(node: dict[str, Any]) -> list[str]:
    return [
        attribute["value"]
        for output in node["outputsMetadata"]
        for attribute in output["attrs"]
        if attribute["key"] == "tensor_name"
    ]


if __name__ == "__main__":
    main()
