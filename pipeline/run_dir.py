"""The directory of one training run: what lies where, and what was trained on what.

  run.json       the fields of RunDir: configuration, input contract, class names
  float.keras    the trained float model
  qat.keras      the trained quantization-aware model
  history.csv    one line per epoch
  train.json     the report: accuracies, times, provenance
  layers.json    the figures of every layer after QAT; see layer_file.py
  checkpoints/   see checkpoint.py
  tensorboard/   event files, a folder per phase

float.keras and qat.keras are written once, when their phase is done.
"""

import dataclasses
import json
import os
import pathlib
from typing import Any, Literal

from pipeline import files
from pipeline.data.input_spec import InputSpec
from pipeline.errors import RunDirError
from pipeline.train_config import TrainConfig

SCHEMA_VERSION = 1

_RUN_FILE = "run.json"
_PARTIAL = ".*.partial*"  # What files.replacing() leaves behind when its process is killed.


@dataclasses.dataclass(frozen=True)
class RunDir:
    """A run directory.

    Attributes:
      path: Where it is.
      config: How the run was configured.
      input_spec: How a picture becomes an input.
      class_names: Name of each label.
      num_train: Number of training pictures, for noticing that the data has changed.
      model_sha256: Of the user's model that training started from, for noticing that it has
        changed; None for an architecture of ours.
    """

    path: pathlib.Path
    config: TrainConfig
    input_spec: InputSpec
    class_names: tuple[str, ...]
    num_train: int
    model_sha256: str | None = None

    @property
    def num_classes(self) -> int:
        """Number of logits."""
        return len(self.class_names)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the data; a last, smaller one is dropped."""
        return self.num_train // self.config.batch_size

    @property
    def float_model(self) -> pathlib.Path:
        """The trained float model."""
        return self.path / "float.keras"

    @property
    def qat_model(self) -> pathlib.Path:
        """The trained quantization-aware model."""
        return self.path / "qat.keras"

    @property
    def history(self) -> pathlib.Path:
        """One line per epoch."""
        return self.path / "history.csv"

    @property
    def report(self) -> pathlib.Path:
        """The training report."""
        return self.path / "train.json"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def qat_begun(self) -> bool:
        """Whether a checkpoint of the QAT phase was written."""
        return any(self.checkpoints.glob("qat-*"))

    @property
    def tensorboard(self) -> pathlib.Path:
        """Folder of event files."""
        return self.path / "tensorboard"

    @classmethod
    def open(
        cls,
        path: os.PathLike[str] | str,
        needs: Literal["qat_model", "float_model", "nothing"] = "qat_model",
    ) -> "RunDir":
        """Opens the run directory at `path`.

        Args:
          path: Where it is.
          needs: The trained model that must be there.

        Raises:
          RunDirError: No run directory, one of another version, or one without that model.
        """
        run = cls._read(pathlib.Path(path))
        if needs != "nothing" and not getattr(run, needs).exists():
            more = " --qat_epochs=N" if needs == "qat_model" and run.config.qat_epochs == 0 else ""
            raise RunDirError(
                f"{path}: needed a finished run with {getattr(run, needs).name}, which is not "
                f"there; finish it with tools.train --run_dir={path} --resume{more}"
            )
        return run

    def save(self) -> None:
        """Writes run.json."""
        fields = {
            "schema_version": SCHEMA_VERSION,
            "config": dataclasses.asdict(self.config),
            "input_spec": self.input_spec.to_json(),
            "class_names": self.class_names,
            "num_train": self.num_train,
            "model_sha256": self.model_sha256,
        }
        files.write_text(self.path / _RUN_FILE, json.dumps(fields, indent=2) + "\n")

    @classmethod
    def _read(cls, path: pathlib.Path) -> "RunDir":
        file = path / _RUN_FILE
        if not file.is_file():
            raise RunDirError(
                f"{path}: needed a run directory of tools.train, found no {_RUN_FILE}"
            )
        try:
            return cls._from_json(path, json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError, KeyError) as error:
            raise RunDirError(
                f"{file}: is damaged ({error}); train into a new --run_dir"
            ) from error

    @classmethod
    def _from_json(cls, path: pathlib.Path, fields: dict[str, Any]) -> "RunDir":
        if fields["schema_version"] != SCHEMA_VERSION:
            raise RunDirError(
                f"{path}: needed a run directory of version {SCHEMA_VERSION}, got "
                f"{fields['schema_version']}; train into a new --run_dir"
            )
        return cls(
            path,
            TrainConfig(**fields["config"]),
            InputSpec.from_json(fields["input_spec"]),
            tuple(fields["class_names"]),
            fields["num_train"],
            fields.get("model_sha256"),
        )


def is_begun(path: os.PathLike[str] | str) -> bool:
    """Returns whether a run was begun in `path`; False where it is absent or empty.

    What a killed process left half-written there does not count, and is removed.

    Raises:
      RunDirError: `path` holds something else than a run.
    """
    folder = pathlib.Path(path)
    if not folder.exists():
        return False
    begun = (folder / _RUN_FILE).exists()
    partial = {*folder.glob(_PARTIAL), *(folder / "checkpoints").glob(_PARTIAL)}
    if not begun and not partial.issuperset(folder.iterdir()):
        raise RunDirError(
            f"{folder}: holds files but no {_RUN_FILE}, so it is no run directory; choose another "
            "--run_dir"
        )
    for file in partial:
        file.unlink()
    return begun
