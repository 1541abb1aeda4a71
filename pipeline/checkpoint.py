"""Checkpoints: where training stands, in one file that is whole or absent.

  checkpoints/float-00000450.npz      phase and steps done in it
  checkpoints/qat-00000000.npz        calibrated, before the first step

The names sort by age, since "float" < "qat". The last two are kept.
"""

import dataclasses
import json
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Literal

import numpy as np

from pipeline import files
from pipeline.errors import RunDirError

PhaseName = Literal["float", "qat"]

_NUM_KEPT = 2


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One line of the history.

    Attributes:
      phase: "float" or "qat".
      epoch: From 1, in this phase.
      step: Steps done in this phase.
      loss: Mean over the epoch's batches of what training minimizes, regularization included.
      accuracy: Share of the epoch's training pictures, as augmented, that were classified right.
      eval_accuracy: Share of the held-out pictures, after the epoch.
      learning_rate: Of the epoch's last step.
      seconds: Training time, interruptions and evaluation left out.
    """

    phase: PhaseName
    epoch: int
    step: int
    loss: float
    accuracy: float
    eval_accuracy: float
    learning_rate: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where training stands.

    Attributes:
      phase: "float" or "qat".
      step: Steps done in this phase.
      epochs: All finished ones, of both phases.
      calibrated_accuracy: Of the fake-quantized model after calibration, before QAT.
      given_accuracy: Of the float model as it was given; None where it was trained here.
      loss_sum: Of the unfinished epoch's steps.
      num_correct: Training pictures classified right in the unfinished epoch.
      seconds: Spent in the unfinished epoch.
    """

    phase: PhaseName
    step: int = 0
    epochs: tuple[Epoch, ...] = ()
    calibrated_accuracy: float | None = None
    given_accuracy: float | None = None
    loss_sum: float = 0.0
    num_correct: int = 0
    seconds: float = 0.0


def save(
    folder: pathlib.Path,
    progress: Progress,
    weights: Sequence[np.ndarray],
    optimizer_state: Sequence[np.ndarray],
) -> None:
    """Writes a checkpoint, then removes all but the last two.

    Args:
      folder: Of the checkpoints.
      progress: Where training stands.
      weights: Of the model, in its order.
      optimizer_state: In the optimizer's order.

    Raises:
      OSError: The disk is full or not writable; the earlier checkpoints are untouched.
    """
    arrays = {
        "progress": np.array(json.dumps(dataclasses.asdict(progress))),
        **{f"weight_{index:04d}": array for index, array in enumerate(weights)},
        **{f"optimizer_{index:04d}": array for index, array in enumerate(optimizer_state)},
    }
    with files.replacing(folder / f"{progress.phase}-{progress.step:08d}.npz") as path:
        np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]
    for old in _paths(folder)[:-_NUM_KEPT]:
        old.unlink()


def latest(folder: pathlib.Path) -> pathlib.Path | None:
    """Returns the last checkpoint's file, None where there is none."""
    return next(reversed(_paths(folder)), None)


def load(path: pathlib.Path) -> tuple[Progress, list[np.ndarray], list[np.ndarray]]:
    """Returns progress, weights and optimizer state as they were saved.

    Raises:
      RunDirError: The file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            fields = json.loads(str(arrays["progress"]))
            fields["epochs"] = tuple(Epoch(**epoch) for epoch in fields["epochs"])
            progress = Progress(**fields)
            names = sorted(arrays.files)
            weights = [arrays[name] for name in names if name.startswith("weight_")]
            optimizer_state = [arrays[name] for name in names if name.startswith("optimizer_")]
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise RunDirError(
            f"{path}: the checkpoint is damaged ({error}); remove it, and --resume goes on from "
            "the one before"
        ) from error
    return progress, weights, optimizer_state


def _paths(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.glob("[a-z]*.npz"))
