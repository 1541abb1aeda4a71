"""Random changes to a batch of training pictures: stateless, and one gather per batch.

Each function takes uint8[B, H, W, C], an int64[2] seed and the part of a larger batch that the
pictures are, and returns uint8[B, H, W, C]; equal seeds give equal pictures, in parts or whole.
"""

from typing import Any

from pipeline.data.shard import WHOLE, Shard
from pipeline.lazy_tf import tf

# 4 pixels at 32, the usual shift for CIFAR-10 (He et al. 2015, section 4.2).
_SHIFT_DIVISOR = 8


def shift_and_flip(pixels: "tf.Tensor", seed: "tf.Tensor", part: Shard = WHOLE) -> "tf.Tensor":
    """Photographs: shifts by up to an eighth of the size, edges mirrored; half are flipped."""
    _, height, width, _ = _shape(pixels)
    draws = _draws(pixels, seed, part, 3)
    rows = _mirrored(_shifted(draws[0], height), height)
    columns = _flipped(_mirrored(_shifted(draws[1], width), width), draws[2])
    return _take(pixels, rows, columns)


def shift(pixels: "tf.Tensor", seed: "tf.Tensor", part: Shard = WHOLE) -> "tf.Tensor":
    """Digits: shifts by up to an eighth of the size; black comes in at the edges."""
    _, height, width, _ = _shape(pixels)
    draws = _draws(pixels, seed, part, 2)
    top, left = height // _SHIFT_DIVISOR, width // _SHIFT_DIVISOR
    padded = tf.pad(pixels, [[0, 0], [top, top], [left, left], [0, 0]])
    return _take(padded, _shifted(draws[0], height) + top, _shifted(draws[1], width) + left)


def flip(pixels: "tf.Tensor", seed: "tf.Tensor", part: Shard = WHOLE) -> "tf.Tensor":
    """Photographs that were cropped at random already: half are flipped."""
    _, height, width, _ = _shape(pixels)
    draws = _draws(pixels, seed, part, 1)
    rows = tf.zeros_like(draws[0], tf.int32)[:, None] + tf.range(height)
    columns = tf.zeros_like(rows[:, :1]) + tf.range(width)
    return _take(pixels, rows, _flipped(columns, draws[0]))


def _shape(pixels: "tf.Tensor") -> Any:
    """Returns the static shape (B, H, W, C); TensorFlow's types let each be None."""
    return pixels.shape.as_list()


def _draws(pixels: "tf.Tensor", seed: "tf.Tensor", part: Shard, count: int) -> "tf.Tensor":
    """Returns float32[count, B] in [0, 1)."""
    # The algorithm is named: left to choose, TensorFlow draws other numbers on other devices.
    size = tf.shape(pixels)[0]
    shape = tf.stack([count, part.count * size])
    draws = tf.random.stateless_uniform(shape, seed, alg="philox")
    return draws[:, part.index * size : (part.index + 1) * size]


def _shifted(draws: "tf.Tensor", size: int) -> "tf.Tensor":
    """Returns int32[B, size]: 0..size-1 plus one whole shift per picture; may leave the range."""
    limit = size // _SHIFT_DIVISOR
    shifts = tf.cast(tf.floor(draws * (2 * limit + 1)), tf.int32) - limit
    return shifts[:, None] + tf.range(size)


def _mirrored(positions: "tf.Tensor", size: int) -> "tf.Tensor":
    """Folds positions back into 0..size-1 at the centers of the first and the last pixel."""
    return size - 1 - tf.abs(size - 1 - tf.abs(positions))


def _flipped(columns: "tf.Tensor", draws: "tf.Tensor") -> "tf.Tensor":
    return tf.where(draws[:, None] < 0.5, tf.reverse(columns, [1]), columns)


def _take(pixels: "tf.Tensor", rows: "tf.Tensor", columns: "tf.Tensor") -> "tf.Tensor":
    """Returns uint8[B, h, w, C]: pixels[b, rows[b, i], columns[b, j]] for int32 [B, h], [B, w]."""
    _, height, width, channels = _shape(pixels)
    rows += height * tf.range(tf.shape(pixels)[0])[:, None]
    positions = rows[:, :, None] * width + columns[:, None, :]
    return tf.gather(tf.reshape(pixels, [-1, channels]), positions)
