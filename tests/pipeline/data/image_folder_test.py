"""Any folder of pictures, real photographs among them."""

import zipfile

import numpy as np
import pytest

from pipeline import data
from pipeline.data import InputSpec, pictures
from pipeline.errors import DataError

_SPEC = InputSpec(48, 64, 3)


@pytest.fixture(scope="module")
def flowers(shared_dir, tmp_path_factory):
    """Every hundredth photograph: a zip below one common folder, with a train split alone."""
    path = tmp_path_factory.mktemp("flowers") / "flowers.zip"
    with (
        zipfile.ZipFile(shared_dir / "data" / "flowers.zip") as source,
        zipfile.ZipFile(path, "w") as few,
    ):
        for name in source.namelist()[::100]:
            few.writestr(name, source.read(name))
    return path


def test_photographs(flowers):
    dataset = data.load("image_folder", _SPEC, data_dir=flowers, validation_fraction=0.25)
    assert dataset.class_names == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert dataset.num_train + dataset.num_eval == 30
    pixels, labels = data.eval_pixels(dataset)
    assert pixels.shape == (dataset.num_eval, 48, 64, 3)
    assert set(labels) == set(range(5))
    with zipfile.ZipFile(flowers) as source:
        files = {
            pictures.load_image(source.read(name), _SPEC).tobytes(): name.split("/")[2]
            for name in source.namelist()
        }
    for picture, label in zip(pixels, labels, strict=True):
        assert files[picture.tobytes()] == dataset.class_names[label]


def test_training_and_held_out_photographs_are_disjoint(flowers):
    dataset = data.load("image_folder", _SPEC, data_dir=flowers)
    train = {picture.numpy().tobytes() for picture, _ in dataset.train_examples(0)}
    held_out = {picture.tobytes() for picture in data.eval_pixels(dataset)[0]}
    assert len(train) == dataset.num_train
    assert not train & held_out


def test_needs_a_place():
    with pytest.raises(DataError, match="--data_dir"):
        data.load("image_folder", _SPEC)


def test_a_file_of_unknown_suffix_is_named(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(2):
            pixels = np.full((4, 4, 3), number, np.uint8)
            pictures.Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    (tmp_path / "cat" / "notes.txt").write_text("meow")
    with pytest.raises(DataError, match=r"cat/notes\.txt"):
        data.load("image_folder", _SPEC, data_dir=tmp_path)
    dataset = data.load("image_folder", _SPEC, data_dir=tmp_path, skip_bad_images=True)
    assert dataset.bad_images == ("cat/notes.txt",)
