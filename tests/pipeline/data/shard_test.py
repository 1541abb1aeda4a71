"""Parts of a batch are the batch; files are shared."""

import numpy as np
import pytest

from pipeline import data
from pipeline.data import shard
from pipeline.data.shard import Shard
from pipeline.errors import DataError

_SPEC = data.InputSpec(8, 8, 1)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits", _SPEC)


def _batches(dataset, part, skip=0):
    batches = data.train_batches(
        dataset, _SPEC, batch_size=96, seed=1, epoch=2, skip_batches=skip, part=part
    )
    return [(pictures.numpy(), labels.numpy()) for pictures, labels in batches]


@pytest.mark.parametrize("count", [2, 3])
def test_parts_in_memory_are_the_batch_of_one_process(digits, count):
    whole = _batches(digits, shard.WHOLE)
    parts = [_batches(digits, Shard(index, count)) for index in range(count)]
    for number, batch in enumerate(whole):
        for position in (0, 1):
            together = np.concatenate([part[number][position] for part in parts])
            np.testing.assert_array_equal(together, batch[position])
    assert all(len(part) == len(whole) == 14 for part in parts)


def test_a_part_goes_on_where_it_was_left(digits):
    whole, rest = _batches(digits, Shard(1, 2)), _batches(digits, Shard(1, 2), skip=11)
    for batch, expected in zip(rest, whole[11:], strict=True):
        np.testing.assert_array_equal(batch[0], expected[0])


def test_every_held_out_picture_is_judged_once(digits):
    labels = [
        np.concatenate([y for _, y in data.eval_batches(digits, _SPEC, 50, Shard(index, 2))])
        for index in range(2)
    ]
    assert sum(map(len, labels)) == digits.num_eval
    everything = np.concatenate([y for _, y in data.eval_batches(digits, _SPEC, 50)])
    np.testing.assert_array_equal(np.sort(np.concatenate(labels)), np.sort(everything))


def _order(files, part, seed=5, batch_size=4):
    return shard.order_of_files(np.asarray(files), seed, batch_size, part, "name")


def test_files_are_shared_and_every_epoch_shuffles_them():
    files = [0, 0, 0, 1, 1, 1, 2, 3, 3]
    orders = [_order(files, Shard(index, 2)) for index in range(2)]
    assert {files[example] for example in orders[0]} <= {0, 2}
    assert {files[example] for example in orders[1]} <= {1, 3}
    assert [len(order) for order in orders] == [4, 4]  # Two batches of two.
    assert not np.array_equal(orders[0], _order(files, Shard(0, 2), seed=6))
    np.testing.assert_array_equal(orders[0], _order(files, Shard(0, 2)))


def test_a_process_with_few_examples_begins_again():
    files = [0] * 2 + [1] * 10
    order = _order(files, Shard(0, 2))
    assert sorted(order) == [0, 0, 0, 1, 1, 1]
    assert len(_order(files, Shard(1, 2))) == 6


def test_more_processes_than_files():
    with pytest.raises(DataError, match="for each of 3 workers, got 2 files; train on fewer"):
        _order([0, 0, 1, 1], Shard(2, 3))
