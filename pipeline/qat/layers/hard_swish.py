"""x * relu6(x + 3) / 6; HARD_SWISH, which rescales to a range of its own.

Howard et al. 2019, Searching for MobileNetV3, section 5.2.
"""

from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.layers.base import QuantizedLayer

_FINE = 2.0**7  # Parts of an input step in which the kernel counts.
_UNIT = 2.0**15  # Its fixed-point numbers are multiples of 1 / _UNIT.


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedHardSwish(QuantizedLayer):
    """float32[...] -> float32[...]."""

    def call(self, x, input_grid=None, training=False):
        result = self.finish(x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0), training)
        if training or self.phase.rounding != "reference":
            return result
        if input_grid is None or self.output_range is None or not self.phase.quantize_activations:
            return result
        grid = self.output_range.grid()
        return _reference(x, input_grid, grid), grid


def _reference(x: tf.Tensor, input_grid: tf.Tensor, grid: tf.Tensor) -> tf.Tensor:
    """Computes what the reference kernel does in 16 bits; float64 holds its integers exactly."""
    minimum, maximum, scale = tf.unstack(grid)
    fine_scale = input_grid[2] / _FINE
    fine = tf.round(tf.cast(x / input_grid[2], tf.float64)) * _FINE
    significand, shift = _multiplier(fine_scale / scale)
    value = _round_up(fine * significand / _UNIT)
    gate = tf.floor((_UNIT + _ramp(fine, *_multiplier(fine_scale * (_UNIT / 3.0)))) / 2.0)
    product = gate * value / _UNIT
    codes = _round_away(tf.sign(product) * tf.floor(tf.abs(product)) * tf.pow(_two(), shift))
    return tf.clip_by_value(tf.cast(codes, tf.float32) * scale, minimum, maximum)


def _ramp(fine: tf.Tensor, significand: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Returns x / 3 in units of 1 / _UNIT; left shifts saturate, all but the last one first."""
    shifted = _saturate(fine * tf.pow(_two(), tf.maximum(shift - 1.0, 0.0)))
    high = _round_up(shifted * significand / _UNIT)
    return tf.where(shift > 0.0, _saturate(high * 2.0), _round_away(high * tf.pow(_two(), shift)))


def _multiplier(real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns (significand of 15 bits, shift): real = significand * 2**shift / _UNIT."""
    shift = tf.cast(-fake_quant.right_shift(real), tf.float64)
    significand = _round_up(tf.cast(real, tf.float64) * tf.pow(_two(), -shift) * _UNIT)
    return tf.minimum(significand, _UNIT - 1.0), shift


def _two() -> tf.Tensor:
    return tf.constant(2.0, tf.float64)


def _saturate(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, -_UNIT, _UNIT - 1.0)


def _round_up(x: tf.Tensor) -> tf.Tensor:
    """Ties up."""
    return tf.floor(x + 0.5)


def _round_away(x: tf.Tensor) -> tf.Tensor:
    """Ties away from zero."""
    return tf.sign(x) * tf.floor(tf.abs(x) + 0.5)
