"""Refuses model descriptions that carry code, before any Keras sees them.

A Keras file describes a model in JSON. Keras builds whatever objects that names: a module and a
class, imported by name; marshalled bytecode of a Lambda layer; any symbol of TensorFlow's API. Its
own safe mode stops only some of these. Hence only the names of plain_names.py pass here: layers and
functions of Keras itself that compute from their inputs and weights alone.
"""

from collections.abc import Collection
from typing import Any, NoReturn

from pipeline.errors import ModelError, UnsupportedLayerError
from pipeline.keras_files import plain_names

_KERAS_PACKAGES = ("keras", "tf_keras")
_OPERATIONS = "keras.src.ops."
_PLAIN_OPERATIONS = "keras.src.ops.numpy"


def check(document: Any, what: str) -> None:
    """Checks the description of a model: {"class_name": ..., "config": ...}.

    Args:
      document: Parsed JSON.
      what: What messages call the file.

    Raises:
      UnsupportedLayerError: It names code; says which layer does.
      ModelError: It is no description of a model.
    """
    if not isinstance(document, dict) or not isinstance(document.get("class_name"), str):
        raise ModelError(f"{what}: needed the description of a Keras model, got other JSON")
    try:
        _Walk(what).value(document, "(the model)")
    except RecursionError as error:
        raise ModelError(f"{what}: the model's description is nested too deeply") from error


class _Walk:
    """One walk over a description; `layer` is the innermost named object around a value."""

    def __init__(self, what: str) -> None:
        self._what = what

    def value(self, value: Any, layer: str) -> None:
        if isinstance(value, list):
            for item in value:
                self.value(item, layer)
        elif isinstance(value, dict):
            if "class_name" in value or "module" in value:
                layer = self._object(value, layer)
            for item in value.values():
                self.value(item, layer)

    def _object(self, fields: dict[str, Any], layer: str) -> str:
        """Checks what an object is; returns its name, or `layer` where it has none."""
        config = fields.get("config")
        if isinstance(config, dict) and isinstance(config.get("name"), str):
            layer = config["name"]
        kind = fields.get("class_name")
        if not isinstance(kind, str):
            self._refuse(layer, f"an object of no class ({kind!r})")
        if kind in plain_names.VALUES:
            return layer
        module = fields.get("module")
        if kind == "function":
            if module != "builtins" or not _is_among(config, plain_names.FUNCTIONS):
                self._refuse(layer, f"the function {config!r} of {module!r}")
            return layer
        if module is not None and not _is_keras(module):
            self._refuse(layer, f"the class {kind!r} of the module {module!r}")
        if fields.get("registered_name") not in (None, kind):
            self._refuse(layer, f"the registered class {fields['registered_name']!r}")
        if kind in plain_names.TF_FUNCTION_LAYERS:
            function = config.get("function") if isinstance(config, dict) else None
            if not _is_among(function, plain_names.TF_FUNCTIONS):
                self._refuse(layer, f"a call of TensorFlow's {function!r}")
        elif isinstance(module, str) and module.startswith(_OPERATIONS):
            if module != _PLAIN_OPERATIONS or kind not in plain_names.KERAS_3_OPERATIONS:
                self._refuse(layer, f"a call of Keras's operation {kind!r} of {module!r}")
        elif kind not in plain_names.LAYERS | plain_names.MODELS | plain_names.PARTS:
            self._refuse(layer, f"{kind!r}")
        return layer

    def _refuse(self, layer: str, got: str) -> NoReturn:
        raise UnsupportedLayerError(
            f"{self._what}: layer {layer!r}: needed layers and functions of Keras itself that "
            f"carry no code and read no files, got {got}; build the model from those, or, if you "
            "trust whoever made the file, load it with --allow_unsafe_model"
        )


def _is_keras(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in _KERAS_PACKAGES


def _is_among(name: Any, names: Collection[str]) -> bool:
    return isinstance(name, str) and name in names
