"""CIFAR-10: 32x32 pictures of 10 classes, kept decoded in memory.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. Read from a
folder or zip of `train/<class>/*` and `test/<class>/*`, from the official Python batches, or
without a data_dir through tf_keras.datasets.
"""

import io
import pathlib
import pickle
import tarfile
import zlib
from typing import Any

import numpy as np

from pipeline.data import (
    archive,
    augmentation,
    bad_images,
    image_folder,
    jpegs,
    pictures,
    progress,
)
from pipeline.data.archive import Archive
from pipeline.data.dataset import Dataset, InMemorySplit, LoadOptions
from pipeline.data.input_spec import InputSpec
from pipeline.errors import DataError

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

_BATCH_FOLDER = "cifar-10-batches-py"
_TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST_BATCH = "test_batch"
# Pictures decoded in one call; where one of them is odd, all of them take the slow way.
_CHUNK = 250

# What a missing, damaged or cut .tar.gz raises.
_TAR_ERRORS = (OSError, EOFError, tarfile.TarError, zlib.error)

# The official files are pickles, which can run any code: only what they really hold may load.
_ALLOWED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


def load(spec: InputSpec, options: LoadOptions) -> Dataset:
    """Loads all pictures at the spec's size.

    Raises:
      DataError: The data is missing or corrupt, or cannot be downloaded.
    """
    if options.data_dir is None:
        return _from_batches(*_download(), spec)
    path = pathlib.Path(options.data_dir)
    if path.suffixes[-2:] == [".tar", ".gz"]:
        return _from_batches(*_read_batches(_tar_reader(path)), spec)
    folder = path / _BATCH_FOLDER if (path / _BATCH_FOLDER).is_dir() else path
    if (folder / _TEST_BATCH).is_file():
        return _from_batches(*_read_batches(lambda name: (folder / name).read_bytes()), spec)
    return _from_pictures(spec, options)


def _from_pictures(spec: InputSpec, options: LoadOptions) -> Dataset:
    source = archive.open_archive(options.data_dir or "")
    train, held_out, class_names = image_folder.listings(source, options)
    names = train.names + held_out.names
    pixels, errors = _decode_all(source, names, spec)
    bad = bad_images.settle(
        {names[index]: error for index, error in errors.items()},
        len(names),
        skip=options.skip_bad_images,
    )
    good = np.array([index not in errors for index in range(len(names))])
    labels = np.concatenate([train.labels, held_out.labels])

    def split(part: slice) -> InMemorySplit:
        kept = good[part]
        image_folder.refuse_emptied_classes(labels[part][kept], class_names)
        return InMemorySplit(pixels[part][kept], labels[part][kept])

    boundary = len(train.names)
    train_split, evaluation = split(slice(boundary)), split(slice(boundary, None))
    return _dataset(class_names, train_split, evaluation, bad)


def _decode_all(
    source: Archive, names: tuple[str, ...], spec: InputSpec
) -> tuple[np.ndarray, dict[int, DataError]]:
    """Returns uint8[N, H, W, C] and what is wrong with each bad picture, by its index."""
    pixels = np.zeros((len(names), *spec.shape), np.uint8)
    remaining: list[int] = []
    starts = range(0, len(names), _CHUNK)
    for start in progress.track(starts, "decoding CIFAR-10", len(starts)):
        chunk = range(start, min(start + _CHUNK, len(names)))
        decoded = _decode_jpegs(source, [names[index] for index in chunk])
        if decoded is None:
            remaining += chunk
        else:
            pixels[chunk.start : chunk.stop] = pictures.fit_arrays(decoded, spec)

    def decode(position: int) -> None:
        index = remaining[position]
        pixels[index] = pictures.fit(pictures.decode(source.read(names[index])), spec)

    found = bad_images.find(
        [names[index] for index in remaining], decode, title="decoding pictures one by one"
    )
    return pixels, {remaining[position]: error for position, error in found.items()}


def _decode_jpegs(source: Archive, names: list[str]) -> np.ndarray | None:
    try:
        return jpegs.decode([source.read(name) for name in names])
    except DataError:  # named when the pictures are decoded one by one
        return None


def _dataset(
    class_names: tuple[str, ...],
    train: InMemorySplit,
    evaluation: InMemorySplit,
    bad: tuple[str, ...] = (),
) -> Dataset:
    return Dataset(
        name="cifar10",
        class_names=class_names,
        train=train,
        evaluation=evaluation,
        augment=augmentation.shift_and_flip,
        bad_images=bad,
    )


_Arrays = tuple[np.ndarray, np.ndarray]


def _from_batches(train: _Arrays, test: _Arrays, spec: InputSpec) -> Dataset:
    def split(arrays: _Arrays) -> InMemorySplit:
        pixels, labels = arrays
        return InMemorySplit(pictures.fit_arrays(pixels, spec), labels.reshape(-1).astype(np.int32))

    return _dataset(CLASS_NAMES, split(train), split(test))


def _download() -> tuple[_Arrays, _Arrays]:
    from pipeline.legacy_keras import tf_keras

    try:
        return tf_keras.datasets.cifar10.load_data()
    except Exception as error:  # Keras raises bare Exceptions for network failures
        raise DataError(
            "cifar10 without --data_dir is downloaded by tf_keras.datasets, which failed "
            f"({error}); give --data_dir: a folder or zip of train/<class>/* and test/<class>/*, "
            f"or the official {_BATCH_FOLDER} folder or .tar.gz"
        ) from error


def _tar_reader(path: pathlib.Path):
    try:
        tar = tarfile.open(path, "r:gz")  # noqa: SIM115 - read until loading ends.
    except _TAR_ERRORS as error:
        raise DataError(f"cannot read {path} as a .tar.gz: {error}") from error

    def read(name: str) -> bytes:
        try:
            member = tar.extractfile(f"{_BATCH_FOLDER}/{name}")
        except (KeyError, *_TAR_ERRORS) as error:
            raise DataError(f"{path}: needed {_BATCH_FOLDER}/{name}: {error}") from error
        if member is None:
            raise DataError(f"{path}: {_BATCH_FOLDER}/{name} is no file")
        return member.read()

    return read


def _read_batches(read) -> tuple[_Arrays, _Arrays]:
    train = [_read_batch(read, name) for name in _TRAIN_BATCHES]
    pixels, labels = zip(*train, strict=True)
    return (np.concatenate(pixels), np.concatenate(labels)), _read_batch(read, _TEST_BATCH)


def _read_batch(read, name: str) -> _Arrays:
    try:
        batch = _RestrictedUnpickler(io.BytesIO(read(name)), encoding="bytes").load()
        data = np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32)
        labels = np.asarray(batch[b"labels"], np.int32)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error}") from error
    except Exception as error:  # a damaged pickle raises anything
        raise DataError(f"{name}: is no CIFAR-10 batch ({error})") from error
    if len(labels) != len(data) or not ((labels >= 0) & (labels < len(CLASS_NAMES))).all():
        raise DataError(f"{name}: needed one label 0..9 for each of {len(data)} pictures")
    return data.transpose(0, 2, 3, 1), labels


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED_GLOBALS:
            raise DataError(f"refused: the pickle wants to load {module}.{name}")
        return super().find_class(module, name)
