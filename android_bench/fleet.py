"""Sessions on several phones side by side, each with a journal of its own.

What ends one phone's session does not touch the others'.
"""

import concurrent.futures
import dataclasses
import pathlib
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence

from android_bench import adb, cores, device, session
from android_bench.benchmark_binary import Binary
from android_bench.device import Facts
from android_bench.journal import Record
from android_bench.plan import Cell
from android_bench.session import Endurance, Settings
from pipeline import errors

_POLL_S = 0.2

OnRecord = Callable[[str, Record], None]


@dataclasses.dataclass(frozen=True)
class Request:
    """What to measure on each phone: every combination.

    Attributes:
      models: Paths of .tflite files, as given.
      runtimes: Names in runtimes.RUNTIMES.
      num_threads: Numbers of threads.
      clusters: Names of clusters; none is each phone's fastest with a core for every thread.
    """

    models: tuple[str, ...]
    runtimes: tuple[str, ...]
    num_threads: tuple[int, ...]
    clusters: tuple[str, ...]

    def cells(self, facts: Facts) -> tuple[Cell, ...]:
        """Returns the cells for a phone."""
        clusters = self.clusters or (cores.fastest(facts.clusters, max(self.num_threads)),)
        return tuple(
            Cell(model, runtime, threads, cluster)
            for model in self.models
            for runtime in self.runtimes
            for threads in self.num_threads
            for cluster in clusters
        )


def journal_path(folder: pathlib.Path, serial: str) -> pathlib.Path:
    """Returns where a phone's journal is; a wireless phone's serial has a colon."""
    return folder / f"{urllib.parse.quote(serial, safe='')}.jsonl"


def run(
    serials: Sequence[str],
    request: Request,
    binary: Binary,
    settings: Settings,
    folder: pathlib.Path,
    *,
    endurance: Endurance,
    on_record: OnRecord,
) -> dict[str, Exception]:
    """Measures on all phones at once; returns what ended the sessions that did not reach their end.

    Args:
      serials: Of the phones.
      request: What to measure.
      binary: The program that measures.
      settings: How to measure.
      folder: Of the journals.
      endurance: What to put up with.
      on_record: Called with a serial and each record of its session, from the session's thread.

    Raises:
      KeyboardInterrupt: Once every session has cleaned up.
    """
    stop = threading.Event()

    def session_of(serial: str) -> Iterator[Record]:
        (phone,) = adb.select([serial])
        cells = request.cells(device.read_facts(phone))
        path = journal_path(folder, serial)
        return session.run(phone, cells, binary, settings, path, endurance=endurance, stop=stop)

    def measure(serial: str) -> None:
        for record in session_of(serial):
            on_record(serial, record)

    with concurrent.futures.ThreadPoolExecutor(len(serials)) as pool:
        running = {serial: pool.submit(measure, serial) for serial in serials}
        try:
            # In pieces: a wait without end would not be interrupted on every system.
            while concurrent.futures.wait(running.values(), timeout=_POLL_S).not_done:
                pass
        except BaseException:
            stop.set()
            raise
    ended: dict[str, Exception] = {}
    for serial, future in running.items():
        error = future.exception()
        if isinstance(error, (errors.IntonlyError, OSError)):
            ended[serial] = error
        elif error is not None:
            raise error
    return ended
