"""Strategies: what is refused before anything starts, and what a lost process is told as."""

import pytest

from pipeline import batch_norm, strategy
from pipeline.cluster import Cluster
from pipeline.errors import StrategyError, UnsupportedLayerError
from pipeline.legacy_keras import tf, tf_keras
from pipeline.run_copy import check_same, pack, unpack
from pipeline.strategy import Replicas

_TWO = Cluster(("a:1", "b:1"), 0, (("worker", 2),))


class _Of:
    """A strategy of so many replicas, for what asks no more of it."""

    def __init__(self, count):
        self.num_replicas_in_sync = count

    def scope(self):
        return tf.distribute.get_strategy().scope()


@pytest.mark.parametrize(
    ("size", "count", "choices"), [(65, 2, "64 or 66"), (3, 4, "4"), (64, 3, "63 or 66")]
)
def test_a_batch_that_cannot_be_shared(size, count, choices):
    with pytest.raises(StrategyError, match=f"--batch_size={size} .* {count} of .*give {choices}$"):
        Replicas(_Of(count)).check_batch_size(size)
    Replicas(_Of(count)).check_batch_size(count * 5)


def test_strategy_and_environment_have_to_agree():
    with pytest.raises(StrategyError, match="needed the cluster in the environment variable"):
        strategy.check("multi_worker", None)
    for name in ("one_device", "mirrored"):
        with pytest.raises(StrategyError, match="TF_CONFIG names 2 processes, but --strategy="):
            strategy.check(name, _TWO)
        strategy.check(name, None)
    strategy.check("multi_worker", _TWO)


def test_one_device_is_tensorflows_default():
    replicas = strategy.create("one_device", None, 1.0)
    assert (replicas.count, replicas.num_workers, replicas.worker) == (1, 1, 0)
    assert replicas.total([3, 4]) == [3, 4]


@pytest.mark.parametrize("kind", [tf.errors.UnavailableError, tf.errors.AbortedError])
def test_a_lost_process_is_told(kind):
    text = "Collective ops is aborted by: task:1 is gone\nThe error could be from before"
    with (
        pytest.raises(StrategyError, match=r"lost one: .*task:1 is gone; .*again with --resume"),
        Replicas(_Of(2), 2, 1).together(),
    ):
        raise kind(None, None, text)
    with pytest.raises(kind), Replicas(_Of(1)).together():  # There is none to lose.
        raise kind(None, None, text)


def test_unequal_data_is_told_alike_on_all(monkeypatch):
    replicas = Replicas(_Of(3), 3, 1)
    monkeypatch.setattr(Replicas, "total", lambda _, numbers: [5, numbers[1], 5])
    replicas.check_agreement("data set", 5)
    with pytest.raises(StrategyError, match="the same data set on all workers, but worker 1 has"):
        replicas.check_agreement("data set", 6)


@pytest.mark.parametrize("arguments", [{"axis": 1}, {"renorm": True}])
def test_batch_norms_that_only_one_replica_can_do(monkeypatch, arguments):
    inputs = tf_keras.Input((4, 4, 3))
    norm = tf_keras.layers.BatchNormalization(name="odd", **arguments)
    model = tf_keras.Model(inputs, norm(inputs))
    batch_norm.synchronize(model)  # One replica: nothing to do.
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: _Of(2))
    with pytest.raises(UnsupportedLayerError, match="'odd': needed batch normalization over"):
        batch_norm.synchronize(model)


def test_a_worker_gets_what_the_chief_has(tmp_path):
    chief, worker = tmp_path / "chief", tmp_path / "worker"
    (chief / "checkpoints").mkdir(parents=True)
    for name in ("run.json", "float.keras", "history.csv"):
        (chief / name).write_bytes(name.encode())
    for step in (1, 2):
        (chief / "checkpoints" / f"float-{step:08d}.npz").write_bytes(bytes([step]))
    assert unpack(pack(chief, {"seed": 3}), worker) == {"seed": 3}
    names = {str(path.relative_to(worker)) for path in worker.rglob("*") if path.is_file()}
    assert names == {"run.json", "float.keras", "checkpoints/float-00000002.npz"}
    assert (worker / "checkpoints" / "float-00000002.npz").read_bytes() == b"\2"
    assert unpack(pack(tmp_path / "nothing", {}), tmp_path / "new") == {}


def test_other_flags_than_the_chiefs():
    chief = {"seed": 1, "data_dir": "a", "model_args": {"depth": 8}}
    check_same({**chief, "data_dir": "b"}, chief, frozenset(("data_dir",)))
    with pytest.raises(StrategyError, match=r"got --seed=2 \(the chief has 1\); start all"):
        check_same({**chief, "seed": 2}, chief, frozenset())
