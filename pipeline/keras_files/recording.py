"""What every layer of a Keras model computes; the same for tf_keras and Keras 3."""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np


def named_layers(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields ("outer/inner", layer) of all layers, those of nested models after their model."""
    for layer in getattr(model, "operations", None) or model.layers:
        path = prefix + layer.name
        yield path, layer
        if hasattr(layer, "layers"):
            yield from named_layers(layer, path + "/")


def is_leaf(layer: Any) -> bool:
    """Whether weights are the layer's own, not those of layers in it."""
    return not hasattr(layer, "layers")


def outputs(model: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns the outputs in evaluation, flattened."""
    values = list(inputs)
    return _arrays(model(values[0] if len(values) == 1 else values, training=False))


def layer_outputs(model: Any, inputs: Sequence[np.ndarray]) -> list[tuple[str, list[np.ndarray]]]:
    """Runs the model; returns (path, outputs) of each call of a layer, in order of execution.

    A shared layer occurs several times, the later ones as "path:1", "path:2".
    """
    recorded: list[tuple[str, list[np.ndarray]]] = []
    counts: dict[str, int] = {}

    def recording_call(path: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            count = counts[path] = counts.get(path, -1) + 1
            recorded.append((f"{path}:{count}" if count else path, _arrays(result)))
            return result

        return call

    with contextlib.ExitStack() as stack:
        for path, layer in named_layers(model):
            stack.enter_context(_replaced_call(layer, recording_call(path, layer.call)))
        outputs(model, inputs)
    return recorded


@contextlib.contextmanager
def _replaced_call(layer: Any, call: Callable[..., Any]) -> Generator[None, None, None]:
    # A function that the layer itself holds (as tf_keras's TFOpLambda does), not its class.
    own = vars(layer).get("call")
    layer.call = call
    try:
        yield
    finally:
        if own is None:
            del layer.call
        else:
            layer.call = own


def _arrays(structure: Any) -> list[np.ndarray]:
    if isinstance(structure, dict):
        return [array for key in sorted(structure) for array in _arrays(structure[key])]
    if isinstance(structure, list | tuple):
        return [array for item in structure for array in _arrays(item)]
    return [] if structure is None else [np.asarray(structure)]
