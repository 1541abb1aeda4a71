"""Data sets, one per file, and the input contract that turns their pictures into tensors."""

import difflib
import os
from collections.abc import Callable

from pipeline.data import cifar10, digits, image_folder, imagenet_tfrecord
from pipeline.data.batches import eval_batches, eval_pixels, iterate, train_batches
from pipeline.data.dataset import Dataset, LoadOptions
from pipeline.data.input_spec import InputSpec
from pipeline.data.shard import Shard
from pipeline.errors import DataError

__all__ = [
    "DATASETS",
    "Dataset",
    "InputSpec",
    "LoadOptions",
    "Shard",
    "default_spec",
    "eval_batches",
    "eval_pixels",
    "iterate",
    "load",
    "train_batches",
]

DATASETS: dict[str, Callable[[InputSpec, LoadOptions], Dataset]] = {
    "cifar10": cifar10.load,
    "digits": digits.load,
    "image_folder": image_folder.load,
    "imagenet_tfrecord": imagenet_tfrecord.load,
}

_DEFAULT_SPECS = {
    "cifar10": InputSpec(32, 32, 3),
    "digits": InputSpec(16, 16, 1),
    "image_folder": InputSpec(96, 96, 3),
    "imagenet_tfrecord": InputSpec(224, 224, 3),
}


def default_spec(name: str) -> InputSpec:
    """Returns the natural input of a data set.

    Raises:
      DataError: No data set has this name; suggests the nearest.
    """
    _check_name(name)
    return _DEFAULT_SPECS[name]


def load(
    name: str,
    spec: InputSpec,
    *,
    data_dir: os.PathLike[str] | str | None = None,
    seed: int = 0,
    validation_fraction: float = 0.2,
    skip_bad_images: bool = False,
) -> Dataset:
    """Loads a data set at the spec's size; see LoadOptions for the arguments.

    Raises:
      DataError: No data set has this name, or its data is missing or corrupt.
    """
    _check_name(name)
    return DATASETS[name](spec, LoadOptions(data_dir, seed, validation_fraction, skip_bad_images))


def _check_name(name: str) -> None:
    if name not in DATASETS:
        nearest = difflib.get_close_matches(name, DATASETS, n=1, cutoff=0.0)[0]
        raise DataError(
            f"no data set is named {name!r}; did you mean {nearest!r}? "
            f"There are {', '.join(DATASETS)}"
        )
