"""Makes a user's model one that the trainer takes: from pictures to logits."""

from typing import Any

import numpy as np

from pipeline.errors import ModelError
from pipeline.legacy_keras import tf_keras

_keras = tf_keras.layers
_SUM_TOLERANCE = 1e-4


def picture_shape(model: tf_keras.Model, path: str) -> tuple[int, int, int]:
    """Returns (height, width, channels) of the one input of a model.

    Raises:
      ModelError: It takes something else than a batch of float32 pictures of one size.
    """
    tensors: Any = model.inputs
    inputs = [(tuple(tensor.shape), tensor.dtype.name) for tensor in tensors]
    (shape, dtype), *others = inputs
    if others or len(shape) != 4 or shape[0] is not None or dtype != "float32":
        raise ModelError(
            f"{path}: needed a model of one float32 input [None, height, width, channels], got "
            f"{', '.join(f'{dtype} {list(shape)}' for shape, dtype in inputs)}"
        )
    height, width, channels = shape[1:]
    if None in shape[1:]:
        raise ModelError(
            f"{path}: needed an input of known size, got {list(shape)}; save the model with the "
            "height, width and channels that it is to run with"
        )
    return height, width, channels


def with_logits(model: tf_keras.Model, num_classes: int, path: str) -> tuple[tf_keras.Model, bool]:
    """Returns the model without a softmax at its end, and whether it had one.

    The trainer's loss takes logits, and the largest logit is the largest probability. An activation
    inside the last layer is changed in place.

    Raises:
      ModelError: The model does not give one number per class, or ends in another activation.
    """
    last = _last_layer(model)
    had_softmax = _is_softmax(last)
    if had_softmax and isinstance(last, _keras.Softmax | _keras.Activation):
        if last is not model.layers[-1]:
            raise ModelError(
                f"{path}: layer {last.name!r}: needed a softmax that the outer model ends in, got "
                "one inside a nested model; leave it out, or call it in the outer model"
            )
        model = tf_keras.Model(model.inputs, last.input, name=model.name)
    elif had_softmax:
        last.activation = tf_keras.activations.linear
    _check_outputs(model, num_classes, path)
    return model, had_softmax


def _last_layer(model: tf_keras.Model) -> tf_keras.layers.Layer:
    last = model.layers[-1]
    return _last_layer(last) if isinstance(last, tf_keras.Model) else last


def _is_softmax(layer: tf_keras.layers.Layer) -> bool:
    if isinstance(layer, _keras.Softmax):
        return True
    return getattr(layer, "activation", None) is tf_keras.activations.softmax


def _check_outputs(model: tf_keras.Model, num_classes: int, path: str) -> None:
    tensors: Any = model.outputs
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if shapes != [(None, num_classes)]:
        raise ModelError(
            f"{path}: needed one output of {num_classes} numbers, one per class of the data set, "
            f"got {', '.join(map(str, map(list, shapes)))}; give the model a new last layer"
        )
    last = _last_layer(model)
    function = getattr(last, "activation", None) or tf_keras.activations.linear
    if isinstance(last, _keras.ReLU) or function is not tf_keras.activations.linear:
        raise ModelError(
            f"{path}: layer {last.name!r}: needed logits or softmax at the end, got "
            f"{getattr(function, '__name__', function)}; leave that activation out"
        )
    if _gives_probabilities(model):
        raise ModelError(
            f"{path}: needed logits, or softmax in the last layer, got a model whose outputs are "
            "probabilities though it ends otherwise; leave out its softmax"
        )


def _gives_probabilities(model: tf_keras.Model) -> bool:
    pictures = np.random.default_rng(0).standard_normal((4, *model.input_shape[1:]))
    outputs = np.asarray(model(pictures.astype(np.float32), training=False))
    sums = outputs.sum(axis=-1)
    return bool((outputs >= 0).all() and (np.abs(sums - 1) < _SUM_TOLERANCE).all())
