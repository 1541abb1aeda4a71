"""What a user does with a quantization-aware model besides training it."""

import contextlib
import os
from collections.abc import Callable, Generator, Iterable
from typing import Any

import numpy as np

from pipeline import replica_ops
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat.layers import FoldedLayer, QuantizedLayer
from pipeline.qat.phase import CALIBRATION, MEASUREMENT, Phase


def set_phase(model: tf_keras.Model, phase: Phase) -> None:
    """Sets the phase of every quantized layer; functions traced before do not see it."""
    for layer in quantized_layers(model):
        layer.phase = phase
    model.make_train_function(force=True)
    model.make_test_function(force=True)
    model.make_predict_function(force=True)


@contextlib.contextmanager
def in_phase(layers: Iterable[QuantizedLayer], phase: Phase) -> Generator[None, None, None]:
    """Has single layers in a phase for a while; functions traced before do not see it."""
    before = [(layer, layer.phase) for layer in layers]
    try:
        for layer, _ in before:
            layer.phase = phase
        yield
    finally:
        for layer, own in before:
            layer.phase = own


def calibrate(model: tf_keras.Model, batches: Iterable) -> None:
    """Sets the activation ranges from data, so that training starts near the float accuracy.

    Runs with moving batch-norm statistics, quantized weights and unquantized activations; nothing
    but the ranges changes.

    Args:
      model: From `apply`.
      batches: float32 batches as the model takes them; this process's share of each.
    """
    with in_phase(quantized_layers(model), CALIBRATION):
        run = _observer(model)
        for batch in batches:
            run(batch)


def measure_batch_norm(model: tf_keras.Model, batches: Iterable) -> None:
    """Sets the moving statistics of folded batch norms to their mean over batches.

    What training has averaged describes weights of steps ago; what is frozen should describe those
    of now, rounded. Nothing else changes.

    Args:
      model: From `apply`.
      batches: float32 batches as the model takes them, at least one; this process's share of each.
    """
    layers = [it for it in quantized_layers(model) if isinstance(it, FoldedLayer)]
    norms = [it for it in layers if it.learns_batch_norm]
    moving = [variable for it in norms for variable in (it.moving_mean, it.moving_variance)]
    means = [np.zeros(variable.shape) for variable in moving]
    with in_phase(quantized_layers(model), MEASUREMENT):
        run = _observer(model)
        for count, batch in enumerate(batches, 1):
            run(batch)
            for mean, variable in zip(means, moving, strict=True):
                (value, *_) = tf.distribute.get_strategy().experimental_local_results(variable)
                mean += (value.numpy() - mean) / count
    for variable, mean in zip(moving, means, strict=True):
        variable.assign(mean.astype(np.float32))


def _observer(model: tf_keras.Model) -> Callable[[tf.Tensor], None]:
    """Returns a function that calls the model for training on this replica's part of a batch."""

    def observe(batch: tf.Tensor) -> None:
        model(replica_ops.local_part(batch), training=True)

    strategy = tf.distribute.get_strategy()
    run: Any = tf.function(lambda batch: strategy.run(observe, (batch,)), reduce_retracing=True)
    return run


def load(path: os.PathLike[str] | str) -> tf_keras.Model:
    """Loads a quantization-aware model saved with `model.save`; its phase comes with it."""
    model: Any = tf_keras.models.load_model(path, compile=False)
    return model


def ranges(model: tf_keras.Model) -> dict[str, tuple[float, float]]:
    """Returns {layer name: (minimum, maximum)} of all learned ranges, nudged."""
    result = {}
    for layer in quantized_layers(model):
        if layer.output_range is not None and layer.output_range.built:
            grid = np.asarray(layer.output_range.grid())
            result[layer.name] = (float(grid[0]), float(grid[1]))
    return result


def quantized_layers(model: tf_keras.Model) -> list[QuantizedLayer]:
    """Returns the model's quantized layers, in the order of the model."""
    return [layer for layer in model.layers if isinstance(layer, QuantizedLayer)]
