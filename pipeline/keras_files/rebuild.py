"""A Keras 3 model's description as a tf_keras model, without its weights.

tf_keras reads no descriptions of Keras 3: inputs, calls and operators are written otherwise. So the
graph is walked and built anew, call by call; layers keep their names. Sequential models become
functional ones. What the two Keras compute differently under one name is written out with layers
that mean the same in both (_ACTIVATIONS), and the rest is left to the proof that follows.
"""

import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipeline.errors import ModelError, UnsupportedLayerError
from pipeline.legacy_keras import tf_keras

_keras = tf_keras.layers

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": operator.truediv,
    "TrueDivide": operator.truediv,
}
_MERGES = {"Add": _keras.Add, "Subtract": _keras.Subtract, "Multiply": _keras.Multiply}

# Settings that tf_keras lacks, with the value at which they change nothing.
_NEUTRAL: dict[str, Any] = {
    "antialias": False,
    "flash_attention": None,
    "lora_alpha": None,
    "lora_rank": None,
    "optional": False,
    "pad_to_aspect_ratio": False,
    "quantization_config": None,
    "renorm": False,
    "rms_scaling": False,
    "sliding_window": None,
    "use_gate": False,
}
# Such settings that matter only beside another one, whose neutral value is checked above.
_UNUSED = frozenset(("renorm_clipping", "renorm_momentum", "gptq_unpacked_column_size"))
_UNUSED_BY_CLASS = {"Resizing": frozenset(("fill_mode", "fill_value"))}
_WITHOUT_DATA_FORMAT = frozenset(("RandomCrop", "RandomFlip", "Resizing", "ZeroPadding1D"))


def from_keras_3(document: Mapping[str, Any], path: str) -> tf_keras.Model:
    """Returns the model that a Keras 3 description means, freshly initialized.

    Args:
      document: {"class_name": "Functional" or "Sequential", "config": ...}.
      path: What messages call the file.

    Raises:
      UnsupportedLayerError: tf_keras has no such layer; names it.
      ModelError: The description does not hold together.
    """
    try:
        return _model(document)
    except (UnsupportedLayerError, ModelError) as error:
        raise type(error)(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelError(
            f"{path}: the model's description does not hold together "
            f"({type(error).__name__}: {error})"
        ) from error


def split_layers(document: Any) -> frozenset[str]:
    """Returns the names of layers whose activation became layers of its own.

    Under their names, the rebuilt model computes what the activation reads.
    """
    if isinstance(document, list):
        return frozenset().union(*map(split_layers, document))
    if not isinstance(document, dict):
        return frozenset()
    config = document.get("config")
    inner = frozenset().union(*map(split_layers, document.values()))
    if isinstance(config, dict) and document.get("class_name") != "Activation":
        function = config.get("activation")
        if isinstance(function, str) and function in _ACTIVATIONS:
            return inner | {config["name"]}
    return inner


def _model(entry: Mapping[str, Any]) -> tf_keras.Model:
    kind, config = entry["class_name"], entry["config"]
    if kind == "Sequential":
        return _sequential(entry)
    if kind in ("Functional", "Model"):
        return _Functional(config).run()
    raise UnsupportedLayerError(
        f"model {config.get('name')!r}: needed a Functional or Sequential model, got {kind}"
    )


def _sequential(entry: Mapping[str, Any]) -> tf_keras.Model:
    config = entry["config"]
    entries = list(config["layers"])
    if entries and entries[0]["class_name"] == "InputLayer":
        value = inputs = _input(entries.pop(0)["config"])
    else:
        shape = config.get("build_input_shape") or entry["build_config"]["input_shape"]
        value = inputs = tf_keras.Input(shape[1:], name=f"{config['name']}_input")
    for layer in entries:
        value = _callable(layer)(value)
    return tf_keras.Model(inputs, value, name=config["name"])


class _Functional:
    """One walk over the calls of a functional model."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._tensors: dict[tuple[str, int, int], Any] = {}

    def run(self) -> tf_keras.Model:
        pending: list[tuple[str, int, Any, Mapping[str, Any]]] = []
        for entry in self._config["layers"]:
            if entry["class_name"] == "InputLayer":
                self._tensors[entry["name"], 0, 0] = _input(entry["config"])
                continue
            layer = _callable(entry)
            for number, node in enumerate(entry["inbound_nodes"]):
                pending.append((entry["name"], number, layer, node))
        while pending:
            waiting = [call for call in pending if not self._try(*call)]
            if len(waiting) == len(pending):
                raise ModelError(f"layer {pending[0][0]!r}: reads what no layer computes")
            pending = waiting
        return tf_keras.Model(
            self._boundary(self._config["input_layers"]),
            self._boundary(self._config["output_layers"]),
            name=self._config["name"],
        )

    def _try(self, name: str, number: int, layer: Any, node: Mapping[str, Any]) -> bool:
        """Calls a layer if all that it reads is there; returns whether it was."""
        try:
            args = [self._value(argument) for argument in node["args"]]
            kwargs = {
                key: self._value(argument)
                for key, argument in node["kwargs"].items()
                if argument is not None
            }
        except _NotYetError:
            return False
        result = layer(*args, **kwargs)
        results = result if isinstance(result, list | tuple) else [result]
        for index, tensor in enumerate(results):
            self._tensors[name, number, index] = tensor
        return True

    def _value(self, argument: Any) -> Any:
        if isinstance(argument, list):
            return [self._value(item) for item in argument]
        if not isinstance(argument, dict):
            return argument
        kind = argument.get("class_name")
        if kind == "__keras_tensor__":
            name, number, index = argument["config"]["keras_history"]
            if (name, number, index) not in self._tensors:
                raise _NotYetError
            return self._tensors[name, number, index]
        if kind in ("__tensor__", "__numpy__"):
            return np.array(argument["config"]["value"], argument["config"]["dtype"])
        if kind == "__tuple__":
            return tuple(self._value(item) for item in argument["items"])
        raise ModelError(f"needed a tensor or a number as a layer's argument, got {argument!r}")

    def _boundary(self, structure: Any) -> Any:
        """Returns the tensors that [layer, call, index], or a structure of such, stands for."""
        if isinstance(structure, dict):
            return [self._boundary(structure[key]) for key in sorted(structure)]
        if structure and isinstance(structure[0], str):
            return self._tensors[tuple(structure)]
        return [self._boundary(item) for item in structure]


class _NotYetError(Exception):
    """A call reads a tensor that is still to be computed."""


def _input(config: Mapping[str, Any]) -> Any:
    batch_size, *shape = config["batch_shape"]
    return tf_keras.Input(shape, batch_size=batch_size, dtype=config["dtype"], name=config["name"])


def _callable(entry: Mapping[str, Any]) -> Any:
    """Returns what a layer, operator or nested model becomes: something to call on tensors."""
    kind = entry["class_name"]
    if str(entry.get("module")).startswith("keras.src.ops."):
        return _operator(kind, entry["config"]["name"])
    if kind in ("Functional", "Sequential", "Model"):
        return _model(entry)
    return _layer(kind, entry["config"])


def _operator(kind: str, name: str) -> Callable[..., Any]:
    if kind not in _OPERATORS:
        raise UnsupportedLayerError(
            f"operation {name!r}: needed one of {', '.join(_OPERATORS)}, got {kind}; use a layer"
        )

    def call(x1: Any, x2: Any) -> Any:
        if kind not in _MERGES or any(isinstance(x, float | int | np.ndarray) for x in (x1, x2)):
            return _OPERATORS[kind](x1, x2)
        return _MERGES[kind](name=name)([x1, x2])

    return call


def _layer(kind: str, config: Mapping[str, Any]) -> Any:
    name = config["name"]
    layer_class = getattr(_keras, kind, None)
    if layer_class is None:
        raise UnsupportedLayerError(f"layer {name!r}: tf_keras has no layer {kind}; replace it")
    translated = _translated(kind, config)
    function = translated.get("activation")
    if not isinstance(function, str) or function not in _ACTIVATIONS:
        return _constructed(layer_class, translated, name)
    activate = _activation(function, name)
    if kind == "Activation":
        return activate
    layer = _constructed(layer_class, {**translated, "activation": "linear"}, name)
    return lambda *args, **kwargs: activate(layer(*args, **kwargs))


def _constructed(layer_class: Any, config: dict[str, Any], name: str) -> Any:
    try:
        return layer_class.from_config(config)
    except (TypeError, ValueError) as error:
        raise UnsupportedLayerError(
            f"layer {name!r}: tf_keras's {layer_class.__name__} does not take the settings of "
            f"Keras 3's ({error}); leave that setting at its default"
        ) from error


def _translated(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a layer's settings as tf_keras names them."""
    unused = _UNUSED | _UNUSED_BY_CLASS.get(kind, frozenset())
    translated: dict[str, Any] = {}
    for key, value in config.items():
        if key.endswith("_initializer") or key in unused:
            continue  # Weights are copied, so how they began is of no use.
        if key in _NEUTRAL or (key == "data_format" and kind in _WITHOUT_DATA_FORMAT):
            if value != _NEUTRAL.get(key, "channels_last"):
                raise UnsupportedLayerError(
                    f"layer {config.get('name')!r}: tf_keras's {kind} has no {key}, got {value!r}"
                )
            continue
        translated[key] = _nested(value)
    if kind == "LeakyReLU":
        translated["alpha"] = translated.pop("negative_slope")
    return translated


def _nested(value: Any) -> Any:
    """Translates what a setting holds: a policy, a wrapped layer, other objects as they are."""
    if isinstance(value, list):
        return [_nested(item) for item in value]
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    if value["class_name"] == "DTypePolicy":
        return value["config"]["name"]
    if not isinstance(value.get("config"), dict):
        return value
    return {**value, "config": _translated(value["class_name"], value["config"])}


def _hard_sigmoid(x: Any, name: str) -> Any:
    return _keras.ReLU(6.0, name=f"{name}_relu6")(x + 3.0) * (1.0 / 6.0)


# Keras 3's functions that tf_keras lacks or (hard_sigmoid) computes differently.
_ACTIVATIONS: dict[str, Callable[[Any, str], Any]] = {
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda x, name: _keras.Multiply(name=f"{name}_multiply")(
        [x, _hard_sigmoid(x, name)]
    ),
    "leaky_relu": lambda x, name: _keras.LeakyReLU(0.2, name=f"{name}_leaky_relu")(x),
}
_ACTIVATIONS["hard_swish"] = _ACTIVATIONS["hard_silu"]


def _activation(function: str, name: str) -> Callable[[Any], Any]:
    """Returns what to call for each use of an activation; names of later uses are numbered."""
    names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(1)))
    return lambda x: _ACTIVATIONS[function](x, next(names))
