"""Counts what a scenario's faults wait for, and says when one strikes."""

import threading
from collections.abc import Callable, Sequence

from tests.fakephone.scenario import Fault

Strike = Callable[[Fault], None]


class Operation:
    """A push, a pull or a command, with the faults that will strike in it."""

    def __init__(self, faults: Sequence[Fault], strike: Strike):
        self._waiting = list(faults)
        self._strike = strike
        self._num_bytes = 0

    def count(self, num_bytes: int) -> None:
        """So many more bytes went by; 0 at the beginning."""
        self._num_bytes += num_bytes
        self._strike_those(lambda fault: self._num_bytes >= fault.after_bytes)

    def end(self) -> None:
        """No more bytes will come."""
        self._strike_those(lambda fault: True)

    def _strike_those(self, is_due: Callable[[Fault], bool]) -> None:
        for fault in [fault for fault in self._waiting if is_due(fault)]:
            self._waiting.remove(fault)
            self._strike(fault)


class Faults:
    """All faults of a phone."""

    def __init__(self, faults: Sequence[Fault]):
        self._faults = faults
        self._num_matched = [0] * len(faults)
        self._counting = threading.Lock()

    def begin(self, on: str, text: str, strike: Strike) -> Operation:
        """Returns the operation on that path or with that command line."""
        striking: list[Fault] = []
        with self._counting:
            for number, fault in enumerate(self._faults):
                if fault.on == on and fault.matching in text:
                    self._num_matched[number] += 1
                    if self._num_matched[number] == fault.nth:
                        striking.append(fault)
        return Operation(striking, strike)
