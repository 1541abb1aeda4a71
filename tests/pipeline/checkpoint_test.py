"""Checkpoints: exact round trip, retention, damage."""

import errno

import numpy as np
import pytest

from pipeline import checkpoint
from pipeline.checkpoint import Epoch, Progress
from pipeline.errors import RunDirError

_EPOCH = Epoch("float", 1, 5, 0.1 + 0.2, 1 / 3, 0.5, 1e-3, 7.25)
_PROGRESS = Progress("qat", 3, (_EPOCH, _EPOCH), 0.875, 1 / 7, 12, 0.5)


def test_round_trip_is_exact(tmp_path):
    weights = [np.float32([[1e-45, -0.0], [3.4e38, 1 / 3]]), np.zeros((), np.float32)] * 6
    optimizer_state = [np.int64(7), np.ones((2, 0, 3), np.float32)]
    checkpoint.save(tmp_path, _PROGRESS, weights, optimizer_state)
    progress, got_weights, got_state = checkpoint.load(checkpoint.latest(tmp_path))
    assert progress == _PROGRESS
    for got, saved in zip([*got_weights, *got_state], [*weights, *optimizer_state], strict=True):
        assert got.dtype == saved.dtype
        assert got.tobytes() == saved.tobytes()


def test_the_last_two_are_kept_and_qat_counts_as_later(tmp_path):
    assert checkpoint.latest(tmp_path) is None
    for phase, step in (("float", 99), ("float", 100), ("qat", 0), ("qat", 20), ("qat", 100)):
        checkpoint.save(tmp_path, Progress(phase, step), [], [])
        assert checkpoint.latest(tmp_path).stem == f"{phase}-{step:08d}"
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["qat-00000020", "qat-00000100"]


def test_a_full_disk_leaves_the_earlier_ones(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, Progress("float", 1), [np.zeros(3)], [])

    def half_written(path, **arrays):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", half_written)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(tmp_path, Progress("float", 2), [np.zeros(3)], [])
    assert [path.name for path in tmp_path.iterdir()] == ["float-00000001.npz"]


@pytest.mark.parametrize("length", [0, 10, 300])
def test_damage_is_named(tmp_path, length):
    checkpoint.save(tmp_path, _PROGRESS, [np.zeros(100, np.float32)], [])
    file = checkpoint.latest(tmp_path)
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(RunDirError, match=r"qat-00000003\.npz: the checkpoint is damaged"):
        checkpoint.load(file)


def test_flipped_bits_are_noticed(tmp_path):
    checkpoint.save(tmp_path, _PROGRESS, [np.zeros(1000, np.float32)], [])
    file = checkpoint.latest(tmp_path)
    content = bytearray(file.read_bytes())
    content[content.find(bytes(500)) + 250] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunDirError, match="damaged"):
        checkpoint.load(file)
