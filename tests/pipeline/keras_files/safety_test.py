"""What a description may not name, each as an attacker would write it."""

import copy

import pytest

from pipeline.errors import ModelError, UnsupportedLayerError
from pipeline.keras_files import safety

_INPUT = {"class_name": "InputLayer", "config": {"name": "picture"}, "module": "keras.layers"}


def _model(*layers: dict) -> dict:
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {"name": "net", "layers": [_INPUT, *layers]},
        "registered_name": "Functional",
    }


def _layer(kind: str, module: str | None = "keras.layers", registered=None, **config) -> dict:
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": "evil", **config},
        "registered_name": registered,
    }


def _nested(inner: dict) -> dict:
    return {"class_name": "Sequential", "config": {"name": "outer", "layers": [inner]}}


_LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}


@pytest.mark.parametrize(
    "layer",
    [
        _layer("Lambda", function=_LAMBDA),
        _layer("Lambda", function=["4wEAAAAAAAAA", None, None]),
        _nested(_layer("Lambda")),
        _layer("TimeDistributed", layer=_layer("Lambda")),
        _layer("Dense", activation=_LAMBDA),
        # A class of another module, which Keras would import by name (CVE-2025-1550).
        _layer("Popen", module="subprocess", args=["id"]),
        _layer("Dense", module="mine.layers"),
        _layer("Dense", module="kerassubprocess"),
        _layer("Dense", kernel_initializer=_layer("call", module="os")),
        # A function of Keras that writes files (CVE-2025-8747).
        _layer(
            "Dense",
            activation={
                "module": "keras.utils",
                "class_name": "function",
                "config": "get_file",
                "registered_name": "get_file",
            },
        ),
        _layer(
            "Dense",
            activation={"module": "builtins", "class_name": "function", "config": "eval"},
        ),
        _layer("Dense", registered="mine>Dense"),
        _layer("MyLayer", module=None, registered="mine>MyLayer"),
        _layer("MyLayer", module=None),
        # Layers of Keras that load code, or read files.
        _layer("TFSMLayer", filepath="/tmp/model"),
        _layer("TorchModuleWrapper", module_="AAAA"),
        _layer("StringLookup", vocabulary="/etc/passwd"),
        _layer("TextVectorization", vocabulary="/etc/passwd"),
        # Functions of TensorFlow that touch files, or call Python.
        _layer("TFOpLambda", function="io.write_file"),
        _layer("TFOpLambda", function="raw_ops.ReadFile"),
        _layer("TFOpLambda", function=["math.add"]),
        _layer("TFOpLambda", function=None),
        _layer("ClassMethod", cls_symbol="RaggedTensor", method_name="from_row_splits"),
        _layer("InstanceProperty", attr_name="__class__"),
        _layer("Add", module="keras.src.ops.core"),
        _layer("Map", module="keras.src.ops.core"),
        {"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": []},
        {"class_name": ["Dense"], "config": {"name": "evil"}},
        {"class_name": None, "module": "os", "config": {"name": "evil"}},
        {"module": "os", "config": {"name": "evil"}},
    ],
)
def test_refuses_code_and_names_the_layer(layer):
    name = "evil" if "evil" in str(layer) else r"\(the model\)|net"
    with pytest.raises(UnsupportedLayerError, match=f"layer '({name})'.*--allow_unsafe_model"):
        safety.check(_model(layer), "m.keras")


@pytest.mark.parametrize(
    "layer",
    [
        _layer("Dense", activation="relu", dtype=_layer("DTypePolicy", module="keras")),
        _layer("Conv2D", kernel_regularizer=_layer("L2", module="keras.regularizers", l2=0.1)),
        _layer("TFOpLambda", module="tf_keras.layers", function="math.multiply"),
        _layer("Add", module="keras.src.ops.numpy", registered="Add"),
        _nested(_layer("Flatten", module=None)),
        _layer(
            "Activation",
            activation={
                "module": "builtins",
                "class_name": "function",
                "config": "relu6",
                "registered_name": "function",
            },
        ),
    ],
)
def test_takes_what_keras_writes(layer):
    safety.check(_model(layer), "m.keras")


@pytest.mark.parametrize("document", [[], None, "Dense", {}, {"class_name": 3}, {"config": {}}])
def test_other_json(document):
    with pytest.raises(ModelError, match="needed the description of a Keras model"):
        safety.check(document, "m.keras")


def test_endless_nesting():
    document = _layer("Dense")
    for _ in range(5000):
        document = {"class_name": "Sequential", "config": {"layers": [document]}}
    with pytest.raises(ModelError, match="nested too deeply"):
        safety.check(document, "m.keras")


def test_nothing_is_changed():
    document = _model(_layer("Dense", activation="relu"))
    before = copy.deepcopy(document)
    safety.check(document, "m.keras")
    assert document == before
