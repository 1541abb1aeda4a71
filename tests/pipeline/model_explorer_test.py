"""Node data finds its nodes: by what the viewer's adapter once said, and by the viewer itself.

The viewer looks a key up among the names of all output tensors, where the last node of one name
counts, and takes it for a node's id where it is none (genOutputTensorIdToNodeIdMap and
processNodeDataProviderDataForGraph of its web application).
"""

import hashlib
import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

from pipeline import flatbuffer, model_explorer
from tests.pipeline import model_explorer_nodes

_NODES = pathlib.Path(model_explorer_nodes.__file__).with_suffix(".json")
_DB_BY_OP = {0: 31.256, 1: None, 2: 18.0}


@pytest.fixture(scope="module")
def graph():
    return flatbuffer.read(model_explorer_nodes.model()).main


def _needs_the_viewer():
    if importlib.util.find_spec("model_explorer") is None:
        pytest.skip("ai-edge-model-explorer is not installed: pip install ai-edge-model-explorer")


def _run(*arguments: str, stdin: str = "") -> str:
    """In a process of its own: the adapter brings libraries that TensorFlow has as well."""
    done = subprocess.run(
        [sys.executable, *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_nodes_are_of_this_model():
    nodes = json.loads(_NODES.read_text())
    assert nodes["sha256"] == hashlib.sha256(model_explorer_nodes.model()).hexdigest()


def test_every_key_is_the_node_of_its_op(graph):
    ((_, nodes),) = json.loads(_NODES.read_text())["graphs"].items()
    node_of = {name: node for node, shown in nodes.items() for name in shown["outputs"]}
    results = model_explorer.node_data(graph, _DB_BY_OP)["results"]
    found = {node_of[name]: it["value"] for name, it in results.items()}
    assert found == {"0": 31.26, "2": 18.0}
    every = model_explorer.node_data(graph, dict.fromkeys(range(3), 1.0))["results"]
    assert [nodes[node_of[name]]["label"].upper() for name in every] == [
        op.op for op in graph.operators
    ]


def test_the_viewers_adapter_still_names_nodes_so():
    _needs_the_viewer()
    shown = _run("-m", "tests.pipeline.model_explorer_nodes")
    assert json.loads(shown) == json.loads(_NODES.read_text())


def test_the_viewers_own_classes_write_the_same(graph):
    _needs_the_viewer()
    ours = model_explorer.node_data(graph, _DB_BY_OP)
    theirs = _run(
        "-c",
        "import json, sys\n"
        "from model_explorer import node_data_builder as builder\n"
        "given = json.load(sys.stdin)\n"
        "given['results'] = {\n"
        "    key: builder.NodeDataResult(**value) for key, value in given['results'].items()\n"
        "}\n"
        "given['gradient'] = [builder.GradientItem(**it) for it in given['gradient']]\n"
        "print(builder.GraphNodeData(**given).to_json_string())\n",
        stdin=json.dumps(ours),
    )
    known = json.loads(theirs)
    assert {name: known[name] for name in ours} == ours
