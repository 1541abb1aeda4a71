"""Sums over examples, from which the figures of a layer follow.

Sums of several batches are joined: minima and maxima as such, what is no sum but the same in every
batch as it is, everything else by addition.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.layer_figures import (
    BatchNormFigures,
    LayerFigures,
    NoiseFigures,
    RangeFigures,
    WeightFigures,
)
from pipeline.legacy_keras import tf
from pipeline.qat.layers import FoldedLayer, QuantizedLayer
from pipeline.quant_params import QUANTIZED_LIMITS

Sums = dict[str, Any]  # Name -> tensor.

_LOWEST = ("lowest", "lowest_unrounded")
_HIGHEST = ("highest", "highest_unrounded")
_CONSTANT = ("grid", "weights", "weight_scale")
_MIN_GAMMA = 1e-6  # Below, batch statistics do not reach the output.


def of_output(result: Any, free: tf.Tensor, references: Mapping[str, Any]) -> Sums:
    """Returns sums over a layer's output.

    Args:
      result: What the layer gave: values (float32[batch, ..., channels]), or (values, grid).
      free: The same values activated, but not rounded.
      references: Tensors to compare with, by field of NoiseFigures; None where there is none.
    """
    y = result[0] if isinstance(result, tuple) else result
    axes = _all_but_last(y)
    sums: Sums = {
        "lowest": tf.reduce_min(y, axes),
        "highest": tf.reduce_max(y, axes),
        "lowest_unrounded": tf.reduce_min(references["layer"], axes),
        "highest_unrounded": tf.reduce_max(references["layer"], axes),
    }
    for name, reference in references.items():
        if reference is not None and reference.shape == y.shape:
            signal = tf.cast(reference, tf.float64)
            sums[f"signal_{name}"] = tf.reduce_sum(tf.square(signal))
            sums[f"noise_{name}"] = tf.reduce_sum(tf.square(tf.cast(y, tf.float64) - signal))
    if isinstance(result, tuple):
        minimum, maximum, scale = tf.unstack(result[1])
        codes = tf.cast(tf.round((y - minimum) / scale), tf.int32)
        num_codes = tf.cast(tf.round((maximum - minimum) / scale), tf.int32) + 1
        outside = (free < minimum - scale / 2) | (free > maximum + scale / 2)
        sums |= {
            "grid": result[1],
            "counts": tf.math.bincount(codes, minlength=num_codes),
            "num_saturated": tf.math.count_nonzero(outside),
        }
    return sums


def of_folded(layer: FoldedLayer, x: tf.Tensor, input_scale: tf.Tensor | None) -> Sums:
    """Returns a layer's weights, and sums over its result before the activation.

    Args:
      layer: The layer.
      x: Its input.
      input_scale: Of its input, float32 scalar, or None where that is not quantized.
    """
    weights, scale = layer.rounded_weights(input_scale)
    sums: Sums = {"weights": weights, "weight_scale": scale}
    if layer.batch_norm is not None:
        _, bias = layer.folded_weights()
        y = tf.cast(layer.kernel_op(x, layer.from_channels_last(weights)) + bias, tf.float64)
        sums |= {
            "num_rows": tf.size(y, tf.int64) // y.shape[-1],
            "sum": tf.reduce_sum(y, _all_but_last(y)),
            "sum_of_squares": tf.reduce_sum(tf.square(y), _all_but_last(y)),
        }
    return sums


def add(totals: Sums, more: Mapping[str, Any]) -> None:
    """Joins the sums of another call or batch to `totals`."""
    for name, value in more.items():
        if name not in totals or name in _CONSTANT:
            totals[name] = value
        elif name in _LOWEST:
            totals[name] = tf.minimum(totals[name], value)
        elif name in _HIGHEST:
            totals[name] = tf.maximum(totals[name], value)
        else:
            totals[name] = totals[name] + value


def figures(layer: QuantizedLayer, sums: Sums) -> LayerFigures:
    """Returns what the sums over all batches tell of a layer."""
    values = {name: np.asarray(value) for name, value in sums.items()}
    is_constant = values["lowest"] == values["highest"]
    is_alive_unrounded = values["lowest_unrounded"] != values["highest_unrounded"]
    return LayerFigures(
        layer=layer.name,
        kind=type(layer).__name__.removeprefix("Quantized"),
        output=_range(layer, values) if "grid" in values else None,
        noise=NoiseFigures(*(_decibel(values, it) for it in ("layer", "network", "float_model"))),
        num_channels=len(is_constant),
        dead_channels=_indices(is_constant),
        rounded_to_death=_indices(is_constant & is_alive_unrounded),
        weights=_weights(layer, values) if isinstance(layer, FoldedLayer) else None,
        batch_norm=_batch_norm(layer, values) if "num_rows" in values else None,
    )


def _range(layer: QuantizedLayer, values: Mapping[str, np.ndarray]) -> RangeFigures:
    minimum, maximum, scale = (float(it) + 0.0 for it in values["grid"])  # No -0.0.
    learner = layer.output_range
    return RangeFigures(
        learner=None if learner is None else layer.output_spec.learner,
        updated=learner is None or float(learner.decay_power) < 1.0,
        minimum=minimum,
        maximum=maximum,
        scale=scale,
        # Fewer bits than the type has use the upper end of its codes.
        zero_point=QUANTIZED_LIMITS[layer.output_spec.storage][1] - round(maximum / scale),
        num_codes=len(values["counts"]),
        num_used=int(np.count_nonzero(values["counts"])),
        num_values=int(values["counts"].sum()),
        num_saturated=int(values["num_saturated"]),
    )


def _weights(layer: FoldedLayer, values: Mapping[str, np.ndarray]) -> WeightFigures:
    scale = values["weight_scale"]
    codes = np.rint(values["weights"] / scale).reshape(-1, values["weights"].shape[-1])
    return WeightFigures(
        bits=layer.weight_spec.num_bits,
        per_channel=layer.weight_spec.per_channel,
        smallest_scale=float(scale.min()),
        largest_scale=float(scale.max()),
        weights_per_channel=len(codes),
        codes_used=tuple(len(np.unique(channel)) for channel in codes.T),
    )


def _batch_norm(layer: Any, values: Mapping[str, np.ndarray]) -> BatchNormFigures:
    # y = gamma (x - moving mean) / moving deviation + beta tells x in moving deviations.
    gamma, beta = (np.asarray(it, np.float64) for it in (layer.gamma, layer.beta))
    mean = values["sum"] / values["num_rows"]
    variance = np.maximum(values["sum_of_squares"] / values["num_rows"] - mean**2, 0.0)
    moving_variance = np.asarray(layer.moving_variance, np.float64)
    moving = np.sqrt(moving_variance / (moving_variance + layer.batch_norm.epsilon))
    matters = np.abs(gamma) >= _MIN_GAMMA
    divisor = np.where(matters, gamma, 1.0)
    drift = np.hypot((mean - beta) / divisor, np.sqrt(variance) / np.abs(divisor) - moving)
    return BatchNormFigures(
        tuple(float(it) if known else None for it, known in zip(drift, matters, strict=True))
    )


def _decibel(values: Mapping[str, np.ndarray], name: str) -> float | None:
    signal, noise = (float(values.get(f"{it}_{name}", 0.0)) for it in ("signal", "noise"))
    return 10.0 * float(np.log10(signal / noise)) if signal > 0.0 and noise > 0.0 else None


def _indices(chosen: np.ndarray) -> tuple[int, ...]:
    return tuple(int(index) for index in np.flatnonzero(chosen))


def _all_but_last(values: tf.Tensor) -> list[int]:
    return list(range(values.shape.rank - 1))
