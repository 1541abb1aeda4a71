"""How training spreads over devices and processes: tf.distribute, in three ways.

  one_device    TensorFlow's default
  mirrored      a replica per GPU of this machine; without GPUs, one per logical CPU
  multi_worker  the processes that TF_CONFIG names, with a replica per GPU or one on the CPU

All processes of a multi-worker training run the same steps on their own shares of each batch, and
so hold the same weights after each. The chief alone keeps what it writes: every other process
works on a temporary copy of the run directory (TensorFlow wants all of them to save a model that
they share), so the directory need not be on a shared disk.
"""

import contextlib
import dataclasses
import signal
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from pipeline.cluster import Cluster
from pipeline.errors import StrategyError
from pipeline.lazy_tf import tf

ONE_DEVICE, MIRRORED, MULTI_WORKER = NAMES = ("one_device", "mirrored", "multi_worker")


@dataclasses.dataclass(frozen=True)
class Replicas:
    """Who computes a training step.

    Attributes:
      strategy: TensorFlow's.
      num_workers: Processes.
      worker: Which of them this is; 0 is the chief.
    """

    strategy: Any
    num_workers: int = 1
    worker: int = 0

    @property
    def count(self) -> int:
        """Replicas of all processes."""
        return self.strategy.num_replicas_in_sync

    def check_batch_size(self, batch_size: int) -> None:
        """Checks that a batch can be shared equally.

        Raises:
          StrategyError: It cannot; names the nearest that can.
        """
        below = batch_size // self.count * self.count
        if below != batch_size:
            choices = " or ".join(str(size) for size in (below, below + self.count) if size)
            raise StrategyError(
                f"--batch_size={batch_size} is that of all replicas together, and {self.count} of "
                f"them cannot share it equally; give {choices}"
            )

    def first(self, results: Any) -> Any:
        """Returns what this process's first replica returned; results of strategy.run."""
        return tf.nest.map_structure(
            lambda result: self.strategy.experimental_local_results(result)[0], results
        )

    def read(self, variable: Any) -> np.ndarray:
        """Returns a variable's value in this process, without asking other replicas."""
        return self.first(variable).numpy()

    def total(self, numbers: Sequence[int]) -> list[int]:
        """Returns each number summed over the processes; all of them have to call it."""
        if self.num_workers == 1:
            return list(numbers)
        from pipeline import replica_ops  # Here: it needs TensorFlow at once.

        def summed(values: "tf.Tensor") -> "tf.Tensor":
            is_first = replica_ops.position() % replica_ops.num_local() == 0
            return replica_ops.total(tf.where(is_first, values, tf.zeros_like(values)))

        run: Any = tf.function(lambda values: self.strategy.run(summed, (values,)))
        return [int(number) for number in self.first(run(tf.constant(numbers, tf.int64)))]

    def check_agreement(self, what: str, number: int) -> None:
        """Checks that all processes have the same number; all of them have to call it.

        Raises:
          StrategyError: They have not; the same on all of them.
        """
        numbers = self.total([number if at == self.worker else 0 for at in range(self.num_workers)])
        differing = [at for at, other in enumerate(numbers) if other != numbers[0]]
        if differing:
            raise StrategyError(
                f"needed the same {what} on all workers, but worker "
                f"{', '.join(map(str, differing))} has another than the chief; give all of them "
                "the same data"
            )

    @contextlib.contextmanager
    def together(self) -> Generator[None, None, None]:
        """What is built and run inside is distributed; a lost process is told as such.

        Raises:
          StrategyError: Another process of the cluster is gone.
        """
        try:
            with self.strategy.scope():
                yield
        except _lost() as error:
            if self.num_workers == 1:
                raise
            reason = str(error).strip().partition("\nThe error could be")[0][-300:]
            raise StrategyError(
                f"worker {self.worker}: needed all {self.num_workers} processes of TF_CONFIG to "
                f"the end, but lost one: {reason}; see the lost one's own message, and start all "
                "of them again with --resume, which goes on from the last checkpoint"
            ) from error


def _lost() -> tuple[type[Exception], ...]:
    """Returns what collectives end with when a peer is gone.

    Its connection breaks, or its heartbeats stop.
    """
    return (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.FailedPreconditionError,
    )


def single() -> Replicas:
    """Returns one replica on TensorFlow's default device."""
    return Replicas(tf.distribute.get_strategy())


def check(name: str, cluster: Cluster | None) -> None:
    """Checks that a strategy and TF_CONFIG agree; nothing of TensorFlow is started.

    Raises:
      StrategyError: They do not.
    """
    if name == MULTI_WORKER and cluster is None:
        raise StrategyError(
            "--strategy=multi_worker: needed the cluster in the environment variable TF_CONFIG, "
            "which is not set; set it for each process, or train with another --strategy"
        )
    if name != MULTI_WORKER and cluster is not None and cluster.size > 1:
        raise StrategyError(
            f"TF_CONFIG names {cluster.size} processes, but --strategy={name} trains in one, so "
            "that all of them would train the same; give --strategy=multi_worker to each, or unset "
            "TF_CONFIG"
        )


def create(name: str, cluster: Cluster | None, timeout_s: float) -> Replicas:
    """Returns the replicas of a strategy.

    To be called before TensorFlow is used for anything else, and with a cluster right after its
    processes have met (see rendezvous.py).

    Args:
      name: One of NAMES.
      cluster: The processes, where there are several.
      timeout_s: A process whose peers vanish while TensorFlow connects them ends itself, by
        SIGALRM, after so long: that call cannot be left otherwise.

    Raises:
      StrategyError: The devices cannot be used, or the port is taken.
    """
    check(name, cluster)
    if name == ONE_DEVICE:
        return single()
    if name == MIRRORED:
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return Replicas(tf.distribute.MirroredStrategy([device.name for device in devices]))
    assert cluster is not None
    signal.alarm(max(1, round(timeout_s)))
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError) as error:
        raise StrategyError(
            f"worker {cluster.index}: TensorFlow could not listen on "
            f"{cluster.addresses[cluster.index]} or reach the others ({error}); end what uses the "
            "port, and start all of them again"
        ) from error
    finally:
        signal.alarm(0)
        # TensorFlow catches it to tell of preemption, and then nothing would end this process.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return Replicas(strategy, cluster.size, cluster.index)
