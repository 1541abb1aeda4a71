"""How long each cluster ran at each frequency, kept up to date as the kernel would."""

import pathlib
import threading
import time
from collections.abc import Sequence

from tests.fakephone.scenario import Cluster

CPUFREQ = "sys/devices/system/cpu/cpufreq"
THERMAL_STATUS = "fake/thermal_status"
_SEVERE = 3  # From this thermal status on the phone is throttled to a middle frequency.
_TICK_S = 0.01  # The kernel counts in USER_HZ, which is 100.


class Clock:
    """Writes time_in_state and scaling_cur_freq below `root`."""

    def __init__(self, root: pathlib.Path, clusters: Sequence[Cluster]):
        self._root = root
        self._clusters = clusters
        self._ticks = [dict.fromkeys(c.frequencies_khz, 0.0) for c in clusters]
        self._at_s = time.monotonic()
        self._writing = threading.Lock()

    def tick(self) -> None:
        """Counts the time since the last tick and writes the files."""
        with self._writing:
            now_s = time.monotonic()
            elapsed_ticks, self._at_s = (now_s - self._at_s) / _TICK_S, now_s
            is_throttled = int((self._root / THERMAL_STATUS).read_text()) >= _SEVERE
            for cluster, ticks in zip(self._clusters, self._ticks, strict=True):
                khz = _current_khz(cluster, is_throttled)
                ticks[khz] += elapsed_ticks
                policy = self._root / CPUFREQ / f"policy{cluster.cores[0]}"
                lines = (f"{khz} {round(count)}\n" for khz, count in ticks.items())
                _write(policy / "stats" / "time_in_state", "".join(lines))
                _write(policy / "scaling_cur_freq", f"{khz}\n")

    def run(self, period_s: float) -> None:
        """Ticks for ever."""
        while True:
            self.tick()
            time.sleep(period_s)


def _current_khz(cluster: Cluster, is_throttled: bool) -> int:
    frequencies = cluster.frequencies_khz
    return frequencies[(len(frequencies) - 1) // 2] if is_throttled else frequencies[-1]


def _write(path: pathlib.Path, text: str) -> None:
    """A reader sees the old text or the new one."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(text)
    beside.replace(path)
