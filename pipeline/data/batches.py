"""Batches of a data set as the stages use them: float32 for Keras, uint8 for integer networks."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.data import randomness
from pipeline.data.dataset import Dataset
from pipeline.data.input_spec import InputSpec
from pipeline.data.shard import WHOLE, Shard
from pipeline.errors import DataError
from pipeline.lazy_tf import tf


def order_seed(seed: int, epoch: int) -> int:
    """Returns the seed of one epoch's order and augmentation; seed and epoch are >= 0."""
    return randomness.mix(seed, epoch)


def train_batches(
    dataset: Dataset,
    spec: InputSpec,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    skip_batches: int = 0,
    augment: bool = True,
    part: Shard = WHOLE,
) -> "tf.data.Dataset":
    """Yields (float32[B, H, W, C], int32[B]) of one epoch; a last, smaller batch is dropped.

    Every batch follows from (seed, epoch, its number, batch_size, part) alone, so that
    skip_batches=k yields the same batches as leaving out the first k. Where several processes share
    a batch, batch_size is that of all, a multiple of their number, and each gets its part (see
    shard.py).

    Raises:
      DataError: batch_size exceeds the number of training examples, a number is negative, or there
        are not enough files for the processes to share.
    """
    if not 1 <= batch_size <= dataset.num_train:
        raise DataError(
            f"batch_size must lie in [1, {dataset.num_train}], the number of training examples of "
            f"{dataset.name}, got {batch_size}"
        )
    if skip_batches < 0:
        raise DataError(f"skip_batches must be >= 0, got {skip_batches}")
    epoch_seed = order_seed(seed, epoch)

    def prepare(
        number: "tf.Tensor", example: "tuple[tf.Tensor, tf.Tensor]"
    ) -> "tuple[tf.Tensor, tf.Tensor]":
        pixels, labels = example
        if augment:
            batch_seed = tf.stack([tf.constant(epoch_seed, tf.int64), number])
            pixels = dataset.augment(pixels, batch_seed, part)
        return spec.float_pixels(pixels), labels

    part_size = batch_size // part.count
    examples = dataset.train_examples(
        epoch_seed,
        skip_batches * part_size,
        random_crop=augment,
        batch_size=batch_size,
        part=part,
    )
    batches = examples.batch(part_size, drop_remainder=True).enumerate(start=skip_batches)
    return batches.map(prepare).prefetch(tf.data.AUTOTUNE)


def eval_batches(
    dataset: Dataset, spec: InputSpec, batch_size: int, part: Shard = WHOLE
) -> "tf.data.Dataset":
    """Yields (float32[B, H, W, C], int32[B]) of all held-out examples; the last may be smaller.

    Of several processes each gets every so-many-th example.
    """
    batches = dataset.eval_examples(part).batch(batch_size)
    return batches.map(lambda pixels, labels: (spec.float_pixels(pixels), labels)).prefetch(1)


def eval_pixels(dataset: Dataset, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8[N, H, W, C] and int32[N] of the first `count` held-out examples (None: all).

    Raises:
      DataError: There are fewer than `count`, or a picture does not decode.
    """
    count = dataset.num_eval if count is None else count
    if not 1 <= count <= dataset.num_eval:
        raise DataError(
            f"needed {count} held-out examples of {dataset.name}; it has {dataset.num_eval}"
        )
    return dataset.eval_arrays(count)


def iterate(batches: "tf.data.Dataset") -> Iterator[Any]:
    """Yields the elements, and hands on a DataError that was raised inside tf.data as itself.

    Raises:
      DataError: A picture that is read lazily does not decode.
    """
    try:
        yield from batches
    except tf.errors.UnknownError as error:
        reason = re.search(r"DataError: (.*?)\nTraceback", error.message, re.DOTALL)
        if reason is None:
            raise
        raise DataError(reason[1]) from error
