"""Which held-out pictures a tool means, from its --model, --run_dir, --dataset and --data_dir."""

import dataclasses

import numpy as np

from pipeline import data, evaluate
from pipeline.data import Dataset, InputSpec
from pipeline.graph import Tensor
from pipeline.run_dir import RunDir


def of_run(run_dir: RunDir, name: str | None, data_dir: str | None) -> tuple[InputSpec, Dataset]:
    """Returns the run's input contract, and its own data set split as for training.

    Args:
      run_dir: The run.
      name: Another data set to take instead, in that data set's default split.
      data_dir: Where the data lies now; None for where it was.

    Raises:
      DataError: The data is missing or corrupt.
    """
    config, spec = run_dir.config, run_dir.input_spec
    if name not in (None, config.dataset):
        return spec, data.load(name, spec, data_dir=data_dir)
    dataset = data.load(
        config.dataset,
        spec,
        data_dir=data_dir or config.data_dir,
        seed=config.seed,
        validation_fraction=config.validation_fraction,
        skip_bad_images=config.skip_bad_images,
    )
    return spec, dataset


def of_model(tensor: Tensor, name: str, data_dir: str | None) -> tuple[InputSpec, Dataset]:
    """Returns a data set's default input contract, at the size of a model's input, and the data.

    Args:
      tensor: The model's input, [1, height, width, channels].
      name: The data set.
      data_dir: Where the data lies.

    Raises:
      DataError: The data is missing or corrupt, or has no such number of channels.
    """
    _, height, width, channels = tensor.shape
    spec = dataclasses.replace(
        data.default_spec(name), height=height, width=width, channels=channels
    )
    return spec, data.load(name, spec, data_dir=data_dir)


def codes(
    model: bytes, run_dir: RunDir | None, name: str | None, data_dir: str | None, count: int
) -> np.ndarray:
    """Returns the first held-out pictures as inputs of a model, [N, 1, height, width, channels].

    Args:
      model: The flatbuffer.
      run_dir: The run that it came from, if that says which pictures and how they become inputs.
      name: The data set; None for the run's.
      data_dir: Where the data lies; None for where it was.
      count: How many, or all if there are fewer.

    Raises:
      DataError: The data is missing or corrupt.
      ModelError: The model takes no pictures.
    """
    tensor = evaluate.input_tensor(model)
    if run_dir is not None:
        spec, dataset = of_run(run_dir, name, data_dir)
    else:
        assert name is not None, "without a run, the data set has to be named"
        spec, dataset = of_model(tensor, name, data_dir)
    pixels, _ = data.eval_pixels(dataset, min(count, dataset.num_eval))
    return evaluate.model_inputs(tensor, spec, pixels)[:, np.newaxis]


def pictures(spec: InputSpec, dataset: Dataset, count: int) -> np.ndarray:
    """Returns the first `count` held-out pictures, or all if there are fewer: float32[N, H, W, C].

    Raises:
      DataError: A picture does not decode.
    """
    pixels, _ = data.eval_pixels(dataset, min(count, dataset.num_eval))
    return spec.float_table()[pixels]
