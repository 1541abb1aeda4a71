"""Which layouts are understood, and what is said about the others."""

import pathlib

import numpy as np
import pytest

from pipeline.data import class_folders
from pipeline.data.archive import Archive
from pipeline.errors import DataError


def _archive(files, folders=()):
    parents = {str(parent) for name in files for parent in pathlib.PurePosixPath(name).parents}
    every_folder = sorted({*folders, *parents} - {"."})
    return Archive(pathlib.Path("pets.zip"), tuple(sorted(files)), tuple(every_folder), bytes)


def _layout(files, folders=()):
    return class_folders.read_layout(_archive(files, folders))


def _files(*prefixes):
    return [
        f"{prefix}/{name}/{n}.jpg" for prefix in prefixes for name in ("cat", "dog") for n in "12"
    ]


@pytest.mark.parametrize("prefixes", [("train", "test"), ("pets/Train", "pets/Test")])
def test_splits(prefixes):
    layout = _layout(_files(*prefixes))
    assert layout.class_names == ("cat", "dog")
    assert layout.train.names[0] == f"{prefixes[0]}/cat/1.jpg"
    np.testing.assert_array_equal(layout.train.labels, [0, 0, 1, 1])
    assert layout.held_out is not None
    assert layout.held_out.names[-1] == f"{prefixes[1]}/dog/2.jpg"


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_validation_comes_before_test(name):
    layout = _layout(_files("train", "test", name))
    assert layout.held_out is not None
    assert layout.held_out.names[0] == f"{name}/cat/1.jpg"


@pytest.mark.parametrize("prefix", ["train", "dataset/train", "pets"])
def test_no_held_out_split(prefix):
    layout = _layout(_files(prefix))
    assert layout.held_out is None
    assert len(layout.train.names) == 4


def test_classes_alone():
    assert _layout(["cat/1.jpg", "dog/1.png"]).class_names == ("cat", "dog")


def test_hidden_and_loose_files_are_ignored():
    others = ["README.txt", "pets/LICENSE", "__MACOSX/pets/cat/._1.jpg", "pets/cat/.DS_Store"]
    assert _layout([*_files("pets"), *others]).train.names == tuple(sorted(_files("pets")))


def test_an_unknown_suffix_in_a_class_counts_as_a_picture():
    assert "pets/cat/notes.txt" in _layout([*_files("pets"), "pets/cat/notes.txt"]).train.names


@pytest.mark.parametrize(
    ("files", "folders", "message"),
    [
        ([], (), "no pictures"),
        (["cat/1.txt"], (), "no pictures"),
        (["1.jpg", "2.jpg"], (), "needed all pictures as"),
        ([*_files("pets"), "pets/cat/more/3.jpg"], (), "needed all pictures as"),
        (_files("one", "two"), (), "got class folders in one, two"),
        (_files("train", "extra"), (), "got class folders in extra, train"),
        (_files("a/train", "b/test"), (), "got class folders in a/train, b/test"),
        (_files("test"), (), "no train split, only test"),
        (["pets/cat/1.jpg"], (), "at least 2 classes"),
        ([*_files("train", "test"), "test/eel/1.jpg"], (), "in one only: eel"),
        (_files("pets"), ("pets/eel",), "without pictures: pets/eel"),
        (_files("train", "test"), ("test/eel",), "without pictures: test/eel"),
    ],
)
def test_what_is_wrong_is_said(files, folders, message):
    with pytest.raises(DataError, match=message) as caught:
        _layout(files, folders)
    assert "pets.zip" in str(caught.value)
