"""Network architectures, one per file, as functional tf_keras models with logits as output.

Every layer is named explicitly, so that names are the same in every process; Keras numbers
unnamed layers as they come. The input is named "input", the last layer "logits".
"""

import difflib
import inspect
import types
from collections.abc import Collection
from typing import Any

from models import mobilenet_v1, resnet_cifar
from pipeline.errors import ModelError
from pipeline.lazy_tf import tf_keras

MODELS: dict[str, types.ModuleType] = {
    "mobilenet_v1": mobilenet_v1,
    "resnet_cifar": resnet_cifar,
}

ModelArg = bool | int | float | str


def build(
    name: str, input_shape: tuple[int, int, int], num_classes: int, /, **model_args: Any
) -> "tf_keras.Model":
    """Builds a freshly initialized model.

    Args:
      name: Key of MODELS.
      input_shape: (height, width, channels) of float32 pictures.
      num_classes: Number of logits.
      **model_args: Arguments of the module's own build().

    Returns:
      Model from float32[B, height, width, channels] to float32[B, num_classes] logits.

    Raises:
      ModelError: No such model or argument, or a value that the architecture has no form for.
    """
    check(name, model_args)
    try:
        return MODELS[name].build(input_shape, num_classes, **model_args)
    except (TypeError, ValueError) as error:
        raise ModelError(f"model {name} cannot be built with {model_args}: {error}") from error


def check(name: str, model_args: Collection[str]) -> None:
    """Checks that there is such a model, with arguments of these names.

    Raises:
      ModelError: There is not; suggests the nearest.
    """
    if name not in MODELS:
        raise ModelError(f"no model is named {name!r}{_suggestion(name, MODELS)}")
    known = list(inspect.signature(MODELS[name].build).parameters)[2:]
    for argument in model_args:
        if argument not in known:
            raise ModelError(
                f"model {name} has no argument {argument!r}{_suggestion(argument, known)}"
            )


def parse_args(text: str) -> dict[str, ModelArg]:
    """Returns the arguments written as "alpha=0.25,activation=relu"; "" has none.

    Values are read as true or false, whole numbers, decimal numbers, or else words.

    Raises:
      ModelError: A part is not of the form name=value, or a name occurs twice.
    """
    arguments: dict[str, ModelArg] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name.isidentifier() and equals and value) or name in arguments:
            raise ModelError(
                f"needed model arguments as name=value,name=value, each name once, got {text!r}"
            )
        arguments[name] = _parse_value(value)
    return arguments


def _parse_value(text: str) -> ModelArg:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _suggestion(name: str, known: Collection[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return f"; did you mean {nearest!r}? There are {', '.join(known)}"
