"""What every data set is to the later stages: two splits of (uint8 picture, label) examples."""

import concurrent.futures
import dataclasses
import os
from collections.abc import Callable
from typing import Protocol

import numpy as np

from pipeline.data import randomness, shard
from pipeline.data.shard import WHOLE, Shard
from pipeline.lazy_tf import tf

# Evaluation runs in one fixed, mixed order, so that the first few examples are a fair sample.
_EVAL_ORDER_SEED = 0


@dataclasses.dataclass(frozen=True)
class LoadOptions:
    """What a user may say about any data set.

    Attributes:
      data_dir: Where the data lies: a folder or a zip. None where the data set needs none.
      seed: Fixes the split, where the data set has none of its own; >= 0.
      validation_fraction: Share of each class held out for evaluation, where the data set has no
        split of its own; inside (0, 1).
      skip_bad_images: Go on without pictures that do not decode, instead of failing.
    """

    data_dir: os.PathLike[str] | str | None = None
    seed: int = 0
    validation_fraction: float = 0.2
    skip_bad_images: bool = False


class Split(Protocol):
    """One side of a data set."""

    @property
    def num_examples(self) -> int:
        """Number of examples."""
        ...

    def examples(self, order: np.ndarray, skip: int, crop_seed: int | None) -> "tf.data.Dataset":
        """Yields (uint8[H, W, C], int32 label) of order[skip:], indices of examples.

        With a crop_seed, pictures that are cropped on decoding are cropped at random, fixed by
        crop_seed and the position in `order`.
        """
        ...

    def arrays(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns uint8[N, H, W, C] and int32[N] of the examples of these indices, as evaluated.

        Raises:
          DataError: A picture does not decode.
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class InMemorySplit:
    """Decoded pictures.

    Attributes:
      pixels: uint8[N, H, W, C].
      labels: int32[N].
    """

    pixels: np.ndarray
    labels: np.ndarray

    @property
    def num_examples(self) -> int:
        """N."""
        return len(self.labels)

    def examples(self, order: np.ndarray, skip: int, crop_seed: int | None) -> "tf.data.Dataset":
        """Yields the pictures as they are; see Split."""
        del crop_seed
        # One gather here costs less than a gather per example in tf.data: 0.5 against 5 ms/batch.
        order = order[skip:]
        return tf.data.Dataset.from_tensor_slices(self.arrays(order))

    def arrays(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the pictures as they are; see Split."""
        return self.pixels[order], self.labels[order]


@dataclasses.dataclass(frozen=True, eq=False)
class LazySplit:
    """Pictures decoded when they are needed, in parallel, in a fixed order.

    Attributes:
      num_examples: Number of examples.
      shape: (H, W, C) of the pixels that `read` returns.
      read: (example index, crop seed or None) -> (uint8[H, W, C], label); called from several
        threads; raises DataError naming the picture.
    """

    num_examples: int
    shape: tuple[int, int, int]
    read: Callable[[int, int | None], tuple[np.ndarray, int]]

    def examples(self, order: np.ndarray, skip: int, crop_seed: int | None) -> "tf.data.Dataset":
        """Yields decoded pictures; see Split."""

        def read(position: np.int64, index: np.int64) -> tuple[np.ndarray, np.int32]:
            seed = None if crop_seed is None else randomness.mix(crop_seed, int(position))
            pixels, label = self.read(int(index), seed)
            return pixels, np.int32(label)

        def load(position: "tf.Tensor", index: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
            # Deterministic TensorFlow calls functions with state one at a time; this has none.
            pixels, label = tf.numpy_function(
                read, [position, index], (tf.uint8, tf.int32), stateful=False
            )
            return tf.ensure_shape(pixels, self.shape), tf.ensure_shape(label, [])

        positions = np.arange(skip, len(order))
        return tf.data.Dataset.from_tensor_slices((positions, order[skip:])).map(
            load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )

    def arrays(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns decoded pictures; see Split."""
        pixels = np.empty((len(order), *self.shape), np.uint8)
        labels = np.empty(len(order), np.int32)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            examples = pool.map(lambda index: self.read(int(index), None), order)
            for position, example in enumerate(examples):
                pixels[position], labels[position] = example
        return pixels, labels


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A classification data set at an InputSpec's size.

    Attributes:
      name: Key of pipeline.data.DATASETS.
      class_names: Name of each label.
      train: Training examples.
      evaluation: Held-out examples.
      augment: (uint8[B, H, W, C], int64[2] seed, the part of a batch that it is) ->
        uint8[B, H, W, C], for training batches.
      bad_images: Names of the pictures that were skipped because they do not decode.
      train_files: int64[N], which file each training example lies in; None where all of them are
        in memory.
    """

    name: str
    class_names: tuple[str, ...]
    train: Split
    evaluation: Split
    augment: "Callable[[tf.Tensor, tf.Tensor, Shard], tf.Tensor]"
    bad_images: tuple[str, ...] = ()
    train_files: np.ndarray | None = None

    @property
    def num_train(self) -> int:
        """Number of training examples."""
        return self.train.num_examples

    @property
    def num_eval(self) -> int:
        """Number of held-out examples."""
        return self.evaluation.num_examples

    def train_examples(
        self,
        order_seed: int,
        skip: int = 0,
        *,
        random_crop: bool = False,
        batch_size: int = 1,
        part: Shard = WHOLE,
    ) -> "tf.data.Dataset":
        """Yields (uint8[H, W, C], int32 label) of the training examples, shuffled.

        Args:
          order_seed: Fixes the order; see batches.order_seed.
          skip: Number of examples left out at the beginning; the others stay the same.
          random_crop: Crop at random where the data set crops on decoding (imagenet_tfrecord).
          batch_size: Of all processes together, where several share each batch.
          part: Which process's examples.

        Raises:
          DataError: There are not enough files for the processes to share.
        """
        crop_seed = shard.seed_of(order_seed, part) if random_crop else None
        return self.train.examples(self._train_order(order_seed, batch_size, part), skip, crop_seed)

    def _train_order(self, order_seed: int, batch_size: int, part: Shard) -> np.ndarray:
        if part.count > 1 and self.train_files is not None:
            return shard.order_of_files(self.train_files, order_seed, batch_size, part, self.name)
        order = randomness.permutation(order_seed, self.num_train)
        return order if part.count == 1 else shard.part_of_batches(order, batch_size, part)

    def eval_examples(self, part: Shard = WHOLE) -> "tf.data.Dataset":
        """Yields (uint8[H, W, C], int32 label) of all held-out examples, in one fixed order.

        Of several processes each gets every so-many-th.
        """
        return self.evaluation.examples(self._eval_order()[part.index :: part.count], 0, None)

    def eval_arrays(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns uint8[N, H, W, C] and int32[N] of the first `count` of the held-out examples.

        Raises:
          DataError: A picture does not decode.
        """
        return self.evaluation.arrays(self._eval_order()[:count])

    def _eval_order(self) -> np.ndarray:
        return randomness.permutation(_EVAL_ORDER_SEED, self.num_eval)
