"""Digits: 1,797 scans of handwritten digits, 8x8, bundled with scikit-learn (offline).

Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998.
"""

import importlib.util
import pathlib

import numpy as np

from pipeline.data import augmentation, pictures, randomness
from pipeline.data.dataset import Dataset, InMemorySplit, LoadOptions
from pipeline.data.input_spec import InputSpec
from pipeline.errors import DataError

CLASS_NAMES = tuple("0123456789")


def load(spec: InputSpec, options: LoadOptions) -> Dataset:
    """Loads the scans, split class by class.

    Raises:
      DataError: A data_dir was given, which these scans do not have.
    """
    if options.data_dir is not None:
        raise DataError(
            f"digits is bundled and takes no data_dir, got {options.data_dir}; leave it out, or "
            "name the data set that lies there"
        )
    scans, labels = _read_scans()
    pixels = pictures.fit_arrays(scans, spec)
    train, held_out = randomness.stratified_split(
        labels, CLASS_NAMES, options.validation_fraction, options.seed
    )
    return Dataset(
        name="digits",
        class_names=CLASS_NAMES,
        train=InMemorySplit(pixels[train], labels[train]),
        evaluation=InMemorySplit(pixels[held_out], labels[held_out]),
        augment=augmentation.shift,
    )


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Returns uint8 pixels 255 * value / 16 of scan values 0..16, nearest, ties up."""
    return ((values.astype(np.int32) * 255 + 8) // 16).astype(np.uint8)


def _read_scans() -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8[1797, 8, 8, 1] and int32[1797].

    Raises:
      DataError: scikit-learn is not installed, or has the scans no more where they were.
    """
    # As sklearn.datasets.load_digits does, whose import takes a second.
    found = importlib.util.find_spec("sklearn")
    folders = (found.submodule_search_locations if found else None) or ["."]
    path = pathlib.Path(folders[0], "datasets", "data", "digits.csv.gz")
    try:
        rows = np.loadtxt(path, np.int32, delimiter=",")
    except (OSError, ValueError) as error:
        raise DataError(f"digits needs the scans that scikit-learn brings: {error}") from error
    return to_pixels(rows[:, :-1]).reshape(-1, 8, 8, 1), rows[:, -1]
