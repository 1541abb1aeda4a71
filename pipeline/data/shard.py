"""Which examples one of several processes trains on.

Pictures in memory: every process orders all examples alike and takes its part of each batch, so
that all parts together are the batch that one process would train on. Pictures in files: every
process reads files of its own, the f-th goes to process f modulo their number; each orders the
examples in its files by itself.
"""

import dataclasses

import numpy as np

from pipeline.data import randomness
from pipeline.errors import DataError


@dataclasses.dataclass(frozen=True)
class Shard:
    """One process's part: the index-th of count equal ones."""

    index: int = 0
    count: int = 1


WHOLE = Shard()


def seed_of(order_seed: int, shard: Shard) -> int:
    """Returns the seed of what a process draws by itself; the order's own where it is alone."""
    return order_seed if shard.count == 1 else randomness.mix(order_seed, shard.index)


def part_of_batches(order: np.ndarray, batch_size: int, shard: Shard) -> np.ndarray:
    """Returns a process's part of each whole batch of `order`, int64[N], one after another."""
    num_batches = len(order) // batch_size
    whole = order[: num_batches * batch_size].reshape(num_batches, shard.count, -1)
    return whole[:, shard.index].reshape(-1)


def order_of_files(
    files: np.ndarray, order_seed: int, batch_size: int, shard: Shard, name: str
) -> np.ndarray:
    """Returns the examples in a process's files, shuffled, as many as its part of an epoch takes.

    The epoch has as many batches as all examples fill. Where a process's files hold fewer examples
    than its part of them, it begins again in another order; where they hold more, some wait for
    another epoch.

    Args:
      files: int64[N], which file each example lies in.
      order_seed: Of the epoch.
      batch_size: Of all processes together; a multiple of their number.
      shard: Which process.
      name: Of the data set.

    Raises:
      DataError: There are fewer files than processes.
    """
    own = np.flatnonzero(files % shard.count == shard.index)
    if not len(own):
        raise DataError(
            f"{name}: needed a file of training examples for each of {shard.count} workers, got "
            f"{len(np.unique(files))} files; train on fewer workers, or split the files"
        )
    needed = len(files) // batch_size * (batch_size // shard.count)
    seed = seed_of(order_seed, shard)
    rounds = [
        own[randomness.permutation(randomness.mix(seed, turn), len(own))]
        for turn in range(-(-needed // len(own)))
    ]
    return np.concatenate(rounds)[:needed]
