"""The order of a session: rounds over all cells, each round shuffled anew.

A slow moment then hits all cells alike instead of the one that was next in the list.
"""

import dataclasses
import random
from collections.abc import Iterable, Sequence

from android_bench.journal import Record

SAMPLE, FAILURE, PROFILE = "sample", "failure", "profile"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination that is measured.

    Attributes:
      model: Path of the .tflite file, as given.
      runtime: Name in runtimes.RUNTIMES.
      num_threads: Of the runtime, each on a core of its own.
      cluster: Name of a cluster, or several joined ("big+prime").
    """

    model: str
    runtime: str
    num_threads: int
    cluster: str


@dataclasses.dataclass(frozen=True)
class Turn:
    """One process: `cell` as number `position` of round `round`, both from 0."""

    round: int
    position: int
    cell: Cell


def turns(cells: Sequence[Cell], num_rounds: int, seed: int) -> tuple[Turn, ...]:
    """Returns num_rounds * len(cells) turns; the same for the same arguments."""
    rng = random.Random(seed)
    return tuple(
        Turn(round_, position, cell)
        for round_ in range(num_rounds)
        for position, cell in enumerate(rng.sample(cells, len(cells)))
    )


def left(planned: Iterable[Turn], records: Sequence[Record]) -> tuple[Turn, ...]:
    """Returns the turns without an accepted sample, of cells that did not fail, in their order."""
    done = {
        (record["round"], Cell(**record["cell"]))
        for record in records
        if record["kind"] == SAMPLE and record["accepted"]
    }
    failed = _cells(records, FAILURE)
    return tuple(
        turn for turn in planned if (turn.round, turn.cell) not in done and turn.cell not in failed
    )


def unprofiled(cells: Iterable[Cell], records: Sequence[Record]) -> tuple[Cell, ...]:
    """Returns the cells whose ops were not profiled yet, without those that failed."""
    done = _cells(records, PROFILE) | _cells(records, FAILURE)
    return tuple(cell for cell in cells if cell not in done)


def _cells(records: Sequence[Record], kind: str) -> set[Cell]:
    return {Cell(**record["cell"]) for record in records if record["kind"] == kind}
