"""Finished cells of a benchmark, a line of JSON each, in a file that only grows.

A cell is appended by one write, so that several processes may append. What a kill cut off is a
line that does not parse, and is left out: its cell is measured again.
"""

import dataclasses
import json
import os
import pathlib
from typing import Any


@dataclasses.dataclass(frozen=True)
class Settings:
    """What figures follow from besides task, seed, method and column.

    Attributes:
      float_epochs: Of the float training.
      qat_steps: Optimizer steps of what trains.
      learning_rate: Its peak in these steps.
      num_test: Test pictures, or all where there are fewer.
    """

    float_epochs: int
    qat_steps: int
    learning_rate: float
    num_test: int


@dataclasses.dataclass(frozen=True)
class Cell:
    """One quantized model's figures.

    Attributes:
      task, seed, method, column: Names in qat_tasks.py; what the model is.
      settings: How it was made.
      share: Of the test pictures that the .tflite model classifies right; None where there is none.
      failure: Why there is none: the first line of the error.
      is_certified: Whether it is integer-only, and its arithmetic sound.
      verdict: The certificate's, in words.
      size_bytes: Of the .tflite model.
      trained_share: Of the first test pictures that the fake-quantized model classifies right; None
        where the method does not train. Never what is compared: it tells a conversion that fails.
      cpu_seconds: Spent on the cell in this process.
    """

    task: str
    seed: int
    method: str
    column: str
    settings: Settings
    share: float | None = None
    failure: str | None = None
    is_certified: bool | None = None
    verdict: str | None = None
    size_bytes: int | None = None
    trained_share: float | None = None
    cpu_seconds: float = 0.0

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two measurements the same cell."""
        return self.task, self.seed, self.method, self.column, self.settings


def append(path: pathlib.Path, cell: Cell) -> None:
    """Adds a cell to the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A newline first, too: a line that was cut off must not swallow this one.
    line = f"\n{json.dumps(dataclasses.asdict(cell), allow_nan=False)}\n".encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: pathlib.Path) -> list[Cell]:
    """Returns the file's cells, none where there is no file."""
    if not path.exists():
        return []
    cells = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            fields: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        settings = Settings(**fields.pop("settings"))
        cells.append(Cell(settings=settings, **fields))
    return cells
