"""How the processes of one training meet: all do what the chief says, each in its own folder."""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Generator

from pipeline import rendezvous, run_copy, strategy, train_config
from pipeline.cluster import Cluster
from pipeline.run_dir import RunDir
from pipeline.train_config import TrainConfig

# From a folder to the run that was begun there, if any, and the settings to train by.
Settle = Callable[[pathlib.Path], tuple[RunDir | None, TrainConfig]]


@contextlib.contextmanager
def met(
    path: pathlib.Path,
    processes: Cluster | None,
    settle: Settle,
    strategy_name: str,
    timeout_s: float,
) -> Generator[tuple[pathlib.Path, RunDir | None, TrainConfig], None, None]:
    """Yields the folder to train in, and what settle() says of it.

    Of several processes, each but the chief gets a temporary copy of the chief's folder.

    Args:
      path: The run directory that the user named.
      processes: None where there is one alone.
      settle: Reads a folder and this process's flags.
      strategy_name: As the flags say it: checked before the chief's settings are known.
      timeout_s: How long the processes wait for each other.

    Raises:
      IntonlyError: Of settle(); or they did not meet, or were given other settings.
    """
    if processes is None or processes.is_chief:
        begun, config = settle(path)
        strategy.check(config.strategy, processes)
        if processes is not None and processes.size > 1:
            message = run_copy.pack(path, dataclasses.asdict(config))
            rendezvous.lead(processes, message, timeout_s)
        yield path, begun, config
        return
    strategy.check(strategy_name, processes)
    with tempfile.TemporaryDirectory(prefix="intonly-worker-") as folder:
        copy = pathlib.Path(folder) / path.name

        def accept(message: bytes) -> tuple[RunDir | None, TrainConfig]:
            chief = run_copy.unpack(message, copy)
            begun, config = settle(copy)
            run_copy.check_same(dataclasses.asdict(config), chief, train_config.FREE)
            return begun, config

        begun, config = rendezvous.follow(processes, accept, timeout_s)
        yield copy, begun, config
