"""Any folder or zip of pictures in class folders, decoded when they are needed."""

import numpy as np

from pipeline.data import archive, augmentation, bad_images, class_folders, pictures, randomness
from pipeline.data.archive import Archive
from pipeline.data.class_folders import Listing
from pipeline.data.dataset import Dataset, LazySplit, LoadOptions, Split
from pipeline.data.input_spec import InputSpec
from pipeline.errors import DataError


def load(spec: InputSpec, options: LoadOptions) -> Dataset:
    """Loads `<split>/<class>/<picture>`, or `<class>/<picture>` split by validation_fraction.

    Every picture is decoded once beforehand, so that a bad one is known before training starts.

    Raises:
      DataError: There is no data_dir, it has no such layout, or a picture does not decode.
    """
    if options.data_dir is None:
        raise DataError("image_folder needs a folder or zip of pictures: give --data_dir")
    source = archive.open_archive(options.data_dir)
    train, held_out, class_names = listings(source, options)
    names = train.names + held_out.names
    found = bad_images.find(
        names, lambda index: pictures.decode(source.read(names[index])), title="checking pictures"
    )
    bad = bad_images.settle(
        {names[index]: error for index, error in found.items()},
        len(names),
        skip=options.skip_bad_images,
    )
    train, held_out = _without(train, bad), _without(held_out, bad)
    for listing in (train, held_out):
        refuse_emptied_classes(listing.labels, class_names)
    return Dataset(
        name="image_folder",
        class_names=class_names,
        train=_split(source, train, spec),
        evaluation=_split(source, held_out, spec),
        augment=augmentation.shift_and_flip,
        bad_images=bad,
        train_files=np.arange(len(train.names)),
    )


def listings(source: Archive, options: LoadOptions) -> tuple[Listing, Listing, tuple[str, ...]]:
    """Returns training and held-out pictures and the class names of an archive."""
    folders = class_folders.read_layout(source)
    if folders.held_out is not None:
        return folders.train, folders.held_out, folders.class_names
    train, held_out = randomness.stratified_split(
        folders.train.labels, folders.class_names, options.validation_fraction, options.seed
    )
    return folders.train.take(train), folders.train.take(held_out), folders.class_names


def refuse_emptied_classes(labels: np.ndarray, class_names: tuple[str, ...]) -> None:
    """Refuses a split that skipping bad pictures left without some class; labels is int32[N].

    Raises:
      DataError: A class has no pictures left.
    """
    counts = np.bincount(labels, minlength=len(class_names))
    empty = [name for name, count in zip(class_names, counts, strict=True) if count == 0]
    if empty:
        raise DataError(
            f"without its bad pictures a split has none of: {', '.join(empty)}; repair them"
        )


def _without(listing: Listing, bad: tuple[str, ...]) -> Listing:
    refused = set(bad)
    return listing.take(
        np.array([i for i, name in enumerate(listing.names) if name not in refused], np.int64)
    )


def _split(source: Archive, listing: Listing, spec: InputSpec) -> Split:
    def read(index: int, crop_seed: int | None) -> tuple[np.ndarray, int]:
        del crop_seed
        name = listing.names[index]
        try:
            pixels = pictures.fit(pictures.decode(source.read(name)), spec)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
        return pixels, int(listing.labels[index])

    return LazySplit(len(listing.names), spec.shape, read)
