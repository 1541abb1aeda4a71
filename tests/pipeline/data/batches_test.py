"""Batches: what they hold, that they repeat, and that errors inside tf.data keep their type."""

import numpy as np
import pytest
from PIL import Image

from pipeline import data
from pipeline.data import Dataset, InputSpec, batches
from pipeline.data.augmentation import shift_and_flip
from pipeline.data.dataset import InMemorySplit
from pipeline.errors import DataError

_SPEC = InputSpec(8, 8, 3, mean=120.0, scale=1 / 64)
_COUNT = 50


@pytest.fixture(scope="module")
def dataset():
    pixels = np.random.default_rng(0).integers(0, 256, (_COUNT, *_SPEC.shape), np.uint8)
    split = InMemorySplit(pixels, np.arange(_COUNT, dtype=np.int32))
    return Dataset("numbered", tuple(map(str, range(_COUNT))), split, split, shift_and_flip)


def _train(dataset, **changes):
    arguments = {"batch_size": 8, "seed": 0, "epoch": 0, **changes}
    found = data.train_batches(dataset, _SPEC, **arguments)
    return [(images.numpy(), labels.numpy()) for images, labels in found]


def test_an_epoch_shows_each_example_at_most_once_and_drops_the_rest(dataset):
    found = _train(dataset)
    assert [images.shape for images, _ in found] == [(8, 8, 8, 3)] * (_COUNT // 8)
    assert {images.dtype for images, _ in found} == {np.dtype(np.float32)}
    assert {labels.dtype for _, labels in found} == {np.dtype(np.int32)}
    labels = np.concatenate([labels for _, labels in found])
    assert len(set(labels)) == len(labels) == 48


def test_without_augmentation_pixels_only_go_through_the_table(dataset):
    for images, labels in _train(dataset, augment=False):
        np.testing.assert_array_equal(images, _SPEC.float_table()[dataset.train.pixels[labels]])


def test_augmentation_changes_pictures_but_not_their_order(dataset):
    plain, augmented = _train(dataset, augment=False), _train(dataset)
    for (images, labels), (others, same) in zip(plain, augmented, strict=True):
        np.testing.assert_array_equal(labels, same)
        assert not np.array_equal(images, others)


@pytest.mark.parametrize("skip", range(7))
def test_skipping_leaves_the_other_batches_alone(dataset, skip):
    whole, rest = _train(dataset), _train(dataset, skip_batches=skip)
    assert len(rest) == len(whole) - skip
    for ours, theirs in zip(whole[skip:], rest, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("change", [{"seed": 1}, {"epoch": 1}])
def test_seed_and_epoch_change_the_order(dataset, change):
    assert not np.array_equal(_train(dataset)[0][1], _train(dataset, **change)[0][1])


@pytest.mark.parametrize(
    "change",
    [{"batch_size": 51}, {"batch_size": 0}, {"skip_batches": -1}, {"seed": -1}, {"epoch": -1}],
)
def test_numbers_out_of_range_are_refused(dataset, change):
    with pytest.raises(DataError):
        _train(dataset, **change)


def test_evaluation_shows_everything_in_one_order(dataset):
    found = list(data.eval_batches(dataset, _SPEC, 16))
    assert [len(labels) for _, labels in found] == [16, 16, 16, 2]
    pixels, labels = data.eval_pixels(dataset)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in found]), labels)
    np.testing.assert_array_equal(
        np.concatenate([images for images, _ in found]), _SPEC.float_table()[pixels]
    )
    assert not np.array_equal(labels, np.sort(labels))


def test_the_first_pictures_are_those_of_the_whole(dataset):
    pixels, labels = data.eval_pixels(dataset, 7)
    np.testing.assert_array_equal(pixels, data.eval_pixels(dataset)[0][:7])
    np.testing.assert_array_equal(pixels, dataset.evaluation.pixels[labels])
    for count in (0, _COUNT + 1):
        with pytest.raises(DataError, match=f"needed {count} held-out"):
            data.eval_pixels(dataset, count)


def _folder(path):
    for name in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (path / name).mkdir(parents=True)
        for number in range(6):
            noise = np.random.default_rng(number).integers(0, 256, (20, 30, 3), np.uint8)
            Image.fromarray(noise).save(path / name / f"{number}.png")
    return path


def test_lazily_decoded_pictures_repeat_and_skip(tmp_path):
    lazy = data.load("image_folder", _SPEC, data_dir=_folder(tmp_path))
    whole = _train(lazy, batch_size=4)
    for ours, theirs in (*zip(whole, _train(lazy, batch_size=4), strict=True),):
        np.testing.assert_array_equal(ours[0], theirs[0])
    rest = _train(lazy, batch_size=4, skip_batches=2)
    np.testing.assert_array_equal(rest[0][0], whole[2][0])
    assert len(rest) == 1


def test_a_picture_that_vanishes_is_still_a_data_error(tmp_path):
    lazy = data.load("image_folder", _SPEC, data_dir=_folder(tmp_path))
    (tmp_path / "test" / "dog" / "3.png").unlink()
    with pytest.raises(DataError, match=r"test/dog/3\.png"):
        data.eval_pixels(lazy)
    with pytest.raises(DataError, match=r"test/dog/3\.png"):
        list(batches.iterate(data.eval_batches(lazy, _SPEC, 4)))
