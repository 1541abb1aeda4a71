"""Pictures sorted into folders: <split>/<class>/* or <class>/*, maybe below one common folder."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from pipeline.data import pictures
from pipeline.data.archive import Archive
from pipeline.errors import DataError

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
# Where both exist, one is for choosing a model and the other for the last word on it.
_HELD_OUT = ("validation", "test")

_LAYOUT = "<split>/<class>/<picture> (split: train, validation, test) or <class>/<picture>"


@dataclasses.dataclass(frozen=True, eq=False)
class Listing:
    """Pictures of one split.

    Attributes:
      names: Names in the archive.
      labels: int32[N], indices of class names.
    """

    names: tuple[str, ...]
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> "Listing":
        """Returns the listing of some pictures, int[M] indices."""
        return Listing(tuple(self.names[index] for index in indices), self.labels[indices])


@dataclasses.dataclass(frozen=True, eq=False)
class ClassFolders:
    """What the folders say.

    Attributes:
      class_names: Sorted folder names.
      train: Training pictures.
      held_out: The validation split, or else the test split, or None if there is neither.
    """

    class_names: tuple[str, ...]
    train: Listing
    held_out: Listing | None


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A file or folder in a class folder, or a class folder itself."""

    split: str
    class_name: str
    name: str


def read_layout(archive: Archive) -> ClassFolders:
    """Sorts the archive's files by split and class.

    A file in a class folder counts as a picture whatever its suffix (decoding it will tell); other
    files above the class folders are ignored, and so are hidden ones.

    Raises:
      DataError: There are no pictures, they lie at unequal depths or in no known layout, a class
        folder is empty, or the splits have different classes.
    """
    files = [name for name in archive.files if not _is_hidden(name)]
    depth = _common_depth(files, archive.path)
    top, has_splits = _top_folder(files, depth, archive.path)

    def entries(names: Sequence[str], class_position: int) -> list[_Entry]:
        found = []
        for name in names:
            parts = name.split("/")
            split = _SPLITS.get(parts[class_position - 1].lower()) if has_splits else "train"
            if parts[: len(top)] == top and split:
                found.append(_Entry(split, parts[class_position], name))
        return found

    class_position = depth - 2
    pictures_ = entries([name for name in files if name.count("/") == depth - 1], class_position)
    folders = [name for name in archive.folders if not _is_hidden(name)]
    class_folders = entries(
        [name for name in folders if name.count("/") == class_position], class_position
    )
    _refuse_empty_folders(class_folders, pictures_, archive.path)
    return _by_split(pictures_, archive.path)


def _is_hidden(name: str) -> bool:
    parts = name.split("/")
    return any(part.startswith(".") or part == "__MACOSX" for part in parts) or parts[-1] in (
        "Thumbs.db",
        "desktop.ini",
    )


def _common_depth(files: Sequence[str], path: pathlib.Path) -> int:
    """Returns the number of name parts of every picture."""
    examples: dict[int, str] = {}
    for name in files:
        if pathlib.PurePosixPath(name).suffix.lower() in pictures.SUFFIXES:
            examples.setdefault(name.count("/") + 1, name)
    if not examples:
        suffixes = ", ".join(sorted(pictures.SUFFIXES))
        raise DataError(f"{path} has no pictures ({suffixes}); needed {_LAYOUT}")
    if len(examples) > 1 or 1 in examples:
        raise DataError(
            f"{path}: needed all pictures as {_LAYOUT}, maybe below one common folder; got "
            + " and ".join(examples.values())
        )
    return next(iter(examples))


def _top_folder(files: Sequence[str], depth: int, path: pathlib.Path) -> tuple[list[str], bool]:
    """Returns the parts above the splits or classes, and whether there are splits."""
    above_class = {tuple(name.split("/")[:-2]) for name in files if name.count("/") == depth - 1}
    with_split = {parts for parts in above_class if parts and parts[-1].lower() in _SPLITS}
    tops = {parts[:-1] for parts in with_split} or above_class
    if (with_split and with_split != above_class) or len(tops) > 1:
        shown = ", ".join(sorted("/".join(parts) for parts in above_class))
        raise DataError(
            f"{path}: needed {_LAYOUT}, maybe below one common folder; got class folders in {shown}"
        )
    return list(tops.pop()), bool(with_split)


def _refuse_empty_folders(
    folders: Sequence[_Entry], pictures_: Sequence[_Entry], path: pathlib.Path
) -> None:
    filled = {(entry.split, entry.class_name) for entry in pictures_}
    empty = [entry.name for entry in folders if (entry.split, entry.class_name) not in filled]
    if empty:
        raise DataError(
            f"{path}: class folders without pictures: {', '.join(empty)}; fill or remove them"
        )


def _by_split(entries: Sequence[_Entry], path: pathlib.Path) -> ClassFolders:
    by_split: dict[str, list[_Entry]] = {}
    for entry in entries:
        by_split.setdefault(entry.split, []).append(entry)
    classes = {
        split: sorted({entry.class_name for entry in found}) for split, found in by_split.items()
    }
    if "train" not in classes:
        raise DataError(f"{path} has no train split, only {', '.join(sorted(classes))}")
    class_names = classes["train"]
    if len(class_names) < 2:
        raise DataError(
            f"{path}: needed at least 2 classes to tell apart, got {class_names}; needed {_LAYOUT}"
        )
    held_out = next((split for split in _HELD_OUT if split in by_split), None)
    if held_out and classes[held_out] != class_names:
        differing = sorted(set(class_names) ^ set(classes[held_out]))
        raise DataError(
            f"{path}: train and {held_out} must have the same classes; in one only: "
            + ", ".join(differing)
        )
    return ClassFolders(
        tuple(class_names),
        _listing(by_split["train"], class_names),
        _listing(by_split[held_out], class_names) if held_out else None,
    )


def _listing(entries: Sequence[_Entry], class_names: Sequence[str]) -> Listing:
    label = {name: index for index, name in enumerate(class_names)}
    return Listing(
        tuple(entry.name for entry in entries),
        np.array([label[entry.class_name] for entry in entries], np.int32),
    )
