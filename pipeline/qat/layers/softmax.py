"""Softmax over the last axis; SOFTMAX, whose output range is fixed to [0, 255/256]."""

import functools
from typing import Any

import numpy as np

from pipeline.interpreter import lut16, softmax16
from pipeline.legacy_keras import tf, tf_keras
from pipeline.qat import fake_quant
from pipeline.qat.layers.fixed_range import FixedRange

_STEPS = 65535  # Of a table of the int16 kernel.
_EXP_STEP = 10.0 / _STEPS  # That of exp(x) spans [-10, 0].


@tf_keras.utils.register_keras_serializable("intonly")
class QuantizedSoftmax(FixedRange):
    """float32[..., classes] -> float32[..., classes] with scale 1/256, of int16 1/32768.

    The int16 kernel takes 2/32768 for every exponential beyond -10, so that of a thousand classes
    all but one together keep up to 6 % whatever their logits are. See interpreter/softmax16.py.
    """

    eight_bits = (0.0, 255.0 / 256.0, 1.0 / 256.0)

    def function(self, x):
        return tf.nn.softmax(x)

    def int16_function(self, x, input_scale):
        exp, one_over_one_plus_x = _tables()

        def look_up(table: np.ndarray, position: Any) -> Any:
            index = tf.clip_by_value(tf.cast(position, tf.int32), 0, _STEPS)
            return tf.cast(tf.gather(table, index), tf.float64)

        codes = tf.round((x - tf.reduce_max(x, -1, keepdims=True)) / input_scale)
        steps_per_code = tf.cast(input_scale, tf.float64) / _EXP_STEP
        shift = fake_quant.right_shift(tf.cast(steps_per_code, tf.float32))
        steps = fake_quant.round_reference(tf.cast(codes, tf.float64) * steps_per_code, shift)
        exponentials = look_up(exp, steps + _STEPS)
        total = tf.reduce_sum(exponentials, -1, keepdims=True)
        bits = -fake_quant.right_shift(tf.cast(total, tf.float32)) - 1
        power = tf.cast(tf.bitwise.left_shift(1, bits), tf.float64)
        position = tf.floor((total / power - 1.0) * (_STEPS + 1) + 0.5)
        reciprocal = look_up(one_over_one_plus_x, position)
        shares = tf.floor(exponentials * reciprocal / power + 0.5) / 32768.0
        return tf.cast(shares, tf.float32)


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Returns what the kernel looks up at each of its 65,536 positions: int16."""
    positions = np.arange(-(2**15), 2**15).astype(np.int16)
    exp, reciprocal = (lut16.look_up(table, positions) for table in softmax16.tables(double=True))
    return exp, reciprocal
