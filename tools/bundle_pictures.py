"""What a run or a data set adds to a bundle: pictures, their contract, class names, training."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from pipeline import data, evaluate
from pipeline.input_contract import PixelRule
from pipeline.run_dir import RunDir
from pipeline.train_config import FREE
from tools import held_out


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
    """What a model was trained and measured on.

    Attributes:
      model: The .tflite model, without metadata.
      rule: How a picture becomes an input.
      class_names: Name of each label.
      vectors: Held-out pictures as inputs, [N, 1, height, width, channels].
      dataset: Name of the data set.
      training: How the run was configured, without the paths of one machine; empty without a run.
    """

    model: bytes
    rule: PixelRule
    class_names: tuple[str, ...]
    vectors: np.ndarray
    dataset: str
    training: dict[str, Any]


def of(
    model_path: str | None, run_path: str | None, name: str | None, data_dir: str | None, count: int
) -> Pictures:
    """Returns the first `count` held-out pictures of a run or of a data set.

    Args:
      model_path: The .tflite model; None converts the run's.
      run_path: The run; None takes the data set with its default contract.
      name: The data set; None for the run's own.
      data_dir: Where the data lies; None for where it was.
      count: How many, or all if there are fewer.

    Raises:
      DataError: The data is missing or corrupt.
      InputError: The model takes no such pictures.
      RunDirError: There is no such run, or it is not finished.
      OSError: The model cannot be read.
    """
    needs = "qat_model" if model_path is None else "nothing"
    run_dir = None if run_path is None else RunDir.open(run_path, needs)
    model = _model(model_path, run_dir)
    tensor = evaluate.input_tensor(model)
    if run_dir is not None:
        spec, dataset = held_out.of_run(run_dir, name, data_dir)
    else:
        assert name is not None, "the caller has a run or a data set"
        spec, dataset = held_out.of_model(tensor, name, data_dir)
    pixels, _ = data.eval_pixels(dataset, min(count, dataset.num_eval))
    codes = evaluate.model_inputs(tensor, spec, pixels)[:, np.newaxis]
    return Pictures(
        model,
        spec.pixel_rule(),
        tuple(dataset.class_names),
        codes,
        dataset.name,
        {} if run_dir is None else _training(run_dir),
    )


def _model(path: str | None, run_dir: RunDir | None) -> bytes:
    if path is not None:
        return pathlib.Path(path).read_bytes()
    assert run_dir is not None, "the caller has a model or a run"
    from pipeline import convert, qat  # here: tfmot takes seconds to import

    return convert.convert(qat.load(run_dir.qat_model))


def _training(run_dir: RunDir) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in vars(run_dir.config).items():
        if value not in (None, "", [], {}, ()) and name not in FREE:
            is_path = isinstance(value, str) and "/" in value
            told[name] = pathlib.Path(value).name if is_path else value
    return told
