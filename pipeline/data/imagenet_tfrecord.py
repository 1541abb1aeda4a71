"""ImageNet as the usual TFRecord shards: train-*-of-*, validation-*-of-*.

Each record is a tf.train.Example with `image/encoded` (JPEG or PNG) and `image/class/label`, 1 to
1000 (0 is the background class of the original scripts and is refused); labels become 0 to 999.

Training pictures are cropped at random, 8 % to 100 % of the area and 3:4 to 4:3 in shape, as in
Szegedy et al. 2014 (arXiv 1409.4842, section 6); evaluation takes the middle 87.5 % square.
"""

import math
import pathlib
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from pipeline.data import augmentation, bad_images, pictures, randomness
from pipeline.data.dataset import Dataset, LazySplit, LoadOptions
from pipeline.data.input_spec import InputSpec
from pipeline.errors import DataError
from pipeline.lazy_tf import tf

NUM_CLASSES = 1000

_LENGTH_BYTES, _LENGTH_CRC_BYTES, _DATA_CRC_BYTES = 8, 4, 4
_EVAL_SHARE = 0.875
_MIN_AREA, _ASPECTS, _ATTEMPTS = 0.08, (3 / 4, 4 / 3), 10

_Record = tuple[pathlib.Path, int, int]  # (shard, offset of the data, its length)


def load(spec: InputSpec, options: LoadOptions) -> Dataset:
    """Indexes the shards by their record headers; pictures are decoded when they are needed.

    With skip_bad_images every picture is decoded once beforehand; else a bad one fails the run when
    it is met.

    Raises:
      DataError: There is no data_dir, shards are missing or cut off, or a picture does not decode.
    """
    if options.data_dir is None:
        raise DataError("imagenet_tfrecord needs a folder of TFRecord shards: give --data_dir")
    folder = pathlib.Path(options.data_dir)
    train, held_out = _index(folder, "train"), _index(folder, "validation")
    bad: tuple[str, ...] = ()
    if options.skip_bad_images:
        records = train + held_out
        found = bad_images.find(
            [_name(record) for record in records],
            lambda index: _decode(records[index]),
            title="checking pictures",
        )
        errors = {_name(records[index]): error for index, error in found.items()}
        bad = bad_images.settle(errors, len(records), skip=True)
        train = [record for record in train if _name(record) not in errors]
        held_out = [record for record in held_out if _name(record) not in errors]
    return Dataset(
        name="imagenet_tfrecord",
        class_names=tuple(str(label) for label in range(NUM_CLASSES)),
        train=_split(train, spec),
        evaluation=_split(held_out, spec),
        augment=augmentation.flip,
        bad_images=bad,
        train_files=_file_numbers(train),
    )


def random_box(width: int, height: int, seed: int) -> tuple[float, float, float, float]:
    """Returns (left, top, right, bottom) of a random crop, in pixels, fixed by `seed`."""
    draws = randomness.uniform(seed, 4 * _ATTEMPTS).reshape(_ATTEMPTS, 4)
    for share, shape, x, y in draws:
        area = width * height * (_MIN_AREA + (1 - _MIN_AREA) * share)
        low, high = np.log(_ASPECTS)
        aspect = math.exp(low + (high - low) * shape)
        crop_width, crop_height = math.sqrt(area * aspect), math.sqrt(area / aspect)
        if crop_width <= width and crop_height <= height:
            left, top = x * (width - crop_width), y * (height - crop_height)
            return left, top, left + crop_width, top + crop_height
    return central_box(width, height, 1.0)


def central_box(width: int, height: int, share: float) -> tuple[float, float, float, float]:
    """Returns the middle square whose side is `share` of the shorter side, in pixels."""
    side = share * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _file_numbers(records: list[_Record]) -> np.ndarray:
    numbers = {shard: number for number, shard in enumerate(dict.fromkeys(r[0] for r in records))}
    return np.array([numbers[record[0]] for record in records])


def _split(records: list[_Record], spec: InputSpec) -> LazySplit:
    def read(index: int, crop_seed: int | None) -> tuple[np.ndarray, int]:
        image, label = _decode(records[index])
        if crop_seed is None:
            box = central_box(*image.size, _EVAL_SHARE)
        else:
            box = random_box(*image.size, crop_seed)
        return pictures.fit(image, spec, box), label

    return LazySplit(len(records), spec.shape, read)


def _decode(record: _Record) -> tuple[Image.Image, int]:
    shard, offset, length = record
    with shard.open("rb") as file:
        file.seek(offset)
        content = file.read(length)
    try:
        features = tf.train.Example.FromString(content).features.feature
        encoded = features["image/encoded"].bytes_list.value[0]
        label = features["image/class/label"].int64_list.value[0]
    except Exception as error:  # protobuf and a missing feature raise different things
        raise DataError(
            f"{_name(record)}: needed an Example with image/encoded and image/class/label ({error})"
        ) from error
    if not 1 <= label <= NUM_CLASSES:
        raise DataError(f"{_name(record)}: needed a label 1 to {NUM_CLASSES}, got {label}")
    try:
        return pictures.decode(encoded), label - 1
    except DataError as error:
        raise DataError(f"{_name(record)}: {error}") from error


def _name(record: _Record) -> str:
    return f"{record[0].name}@{record[1]}"


def _index(folder: pathlib.Path, split: str) -> list[_Record]:
    shards = sorted(folder.glob(f"{split}-*-of-*"))
    if not shards:
        raise DataError(f"{folder}: needed shards named {split}-*-of-*, got none")
    counts = {shard.name.rpartition("-of-")[2] for shard in shards}
    if len(counts) != 1 or not (count := counts.pop()).isdecimal() or int(count) != len(shards):
        raise DataError(
            f"{folder}: needed all shards of {split}, as many as their names say; got "
            f"{len(shards)}, the last is {shards[-1].name}"
        )
    records = [record for shard in shards for record in _records(shard)]
    if not records:
        raise DataError(f"{folder}: the shards of {split} hold no records")
    return records


def _records(shard: pathlib.Path) -> Iterator[_Record]:
    """Yields the records of a shard from their headers; no data is read."""
    size_bytes = shard.stat().st_size
    position = 0
    with shard.open("rb", buffering=0) as file:  # a buffer would read 8 KiB for each header
        while position < size_bytes:
            file.seek(position)
            header = file.read(_LENGTH_BYTES)
            start = position + _LENGTH_BYTES + _LENGTH_CRC_BYTES
            length = struct.unpack("<Q", header)[0] if len(header) == _LENGTH_BYTES else size_bytes
            position = start + length + _DATA_CRC_BYTES
            if position > size_bytes:
                raise DataError(
                    f"{shard}: is cut off or no TFRecord: a record needs {position} bytes, the "
                    f"file has {size_bytes}"
                )
            yield shard, start, length
