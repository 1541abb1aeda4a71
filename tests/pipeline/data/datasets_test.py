"""Data sets from what a user has on disk, good and bad."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from pipeline import data
from pipeline.data import InputSpec
from pipeline.errors import DataError
from pipeline.legacy_keras import tf

_SPEC = InputSpec(8, 8, 3)


def _png(value, size=(10, 12)):
    file = io.BytesIO()
    Image.new("RGB", size, (value, 255 - value, 7)).save(file, "PNG")
    return file.getvalue()


def _class_files(splits=("train", "test"), count=4):
    return {
        f"{split}/{name}/{number}.png": _png(40 * number + label)
        for split in splits
        for label, name in enumerate(("cat", "dog"))
        for number in range(count)
    }


def _zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["image_folder", "cifar10"])
@pytest.mark.parametrize("store", [_zip, _folder])
def test_split_class_folders(name, store, tmp_path):
    dataset = data.load(name, _SPEC, data_dir=store(tmp_path / "pictures.zip", _class_files()))
    assert (dataset.num_train, dataset.num_eval) == (8, 8)
    assert dataset.class_names == ("cat", "dog")
    pixels, labels = data.eval_pixels(dataset)
    assert pixels.shape == (8, 8, 8, 3)
    assert sorted(labels) == [0] * 4 + [1] * 4
    assert set(pixels[labels == 1][:, 0, 0, 0]) == {1, 41, 81, 121}


def test_class_folders_are_split_by_fraction(tmp_path):
    files = {name.partition("/")[2]: value for name, value in _class_files(("x",), 10).items()}
    folder = _folder(tmp_path, files)
    first, again, other = (
        data.load("image_folder", _SPEC, data_dir=folder, validation_fraction=0.3, seed=seed)
        for seed in (0, 0, 1)
    )
    assert (first.num_train, first.num_eval) == (14, 6)
    np.testing.assert_array_equal(data.eval_pixels(first)[0], data.eval_pixels(again)[0])
    assert not np.array_equal(data.eval_pixels(first)[0], data.eval_pixels(other)[0])


@pytest.mark.parametrize("name", ["image_folder", "cifar10"])
def test_bad_picture_is_named_or_skipped(name, tmp_path):
    files = _class_files() | {"train/cat/broken.png": b"\x89PNG not really"}
    path = _zip(tmp_path / "pictures.zip", files)
    with pytest.raises(DataError, match=r"1 of 17 .*\n.*train/cat/broken\.png"):
        data.load(name, _SPEC, data_dir=path)
    dataset = data.load(name, _SPEC, data_dir=path, skip_bad_images=True)
    assert dataset.bad_images == ("train/cat/broken.png",)
    assert dataset.num_train == 8


@pytest.mark.parametrize("member", ["../escape.png", "/etc/absolute.png", "train/../../x.png"])
def test_climbing_member_is_refused(member, tmp_path):
    path = _zip(tmp_path / "pictures.zip", _class_files() | {member: b""})
    with pytest.raises(DataError):
        data.load("image_folder", _SPEC, data_dir=path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no zip at all"])
def test_corrupt_zip_is_refused(content, tmp_path):
    (tmp_path / "pictures.zip").write_bytes(content)
    with pytest.raises(DataError):
        data.load("image_folder", _SPEC, data_dir=tmp_path / "pictures.zip")


def test_missing_data_is_refused(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        data.load("cifar10", _SPEC, data_dir=tmp_path / "nowhere.zip")


def test_unknown_data_set_suggests_the_nearest():
    with pytest.raises(DataError, match="'cifar10'"):
        data.load("cifar", _SPEC)


def _batches(count=3):
    rng = np.random.default_rng(0)
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    return {
        name: pickle.dumps(
            {
                b"data": rng.integers(0, 256, (count, 3072), np.uint8),
                b"labels": [int(label) for label in rng.integers(0, 10, count)],
            }
        )
        for name in names
    }


def test_official_batches(tmp_path):
    for name, content in _batches().items():
        (tmp_path / name).write_bytes(content)
    dataset = data.load("cifar10", InputSpec(32, 32, 3), data_dir=tmp_path)
    assert (dataset.num_train, dataset.num_eval) == (15, 3)
    expected = pickle.loads((tmp_path / "test_batch").read_bytes())
    pixels, labels = data.eval_pixels(dataset)
    assert sorted(labels) == sorted(expected[b"labels"])
    planes = {row.reshape(3, 32, 32).transpose(1, 2, 0).tobytes() for row in expected[b"data"]}
    assert {picture.tobytes() for picture in pixels} == planes


def test_official_archive(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in _batches().items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    assert data.load("cifar10", InputSpec(32, 32, 3), data_dir=path).num_train == 15


class _Hostile:
    def __reduce__(self):
        return print, ("code ran",)


def test_pickle_that_carries_code_is_refused(tmp_path, capsys):
    for name in _batches():
        (tmp_path / name).write_bytes(pickle.dumps({b"data": _Hostile(), b"labels": []}))
    with pytest.raises(DataError, match="refused"):
        data.load("cifar10", InputSpec(32, 32, 3), data_dir=tmp_path)
    assert "code ran" not in capsys.readouterr().out


def _shard(path, labels):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for label in labels:
            features = {
                "image/encoded": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[_png(label % 256, (40, 30))])
                ),
                "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def _shards(folder):
    _shard(folder / "train-00000-of-00002", [1, 2, 3])
    _shard(folder / "train-00001-of-00002", [1000, 5])
    _shard(folder / "validation-00000-of-00001", [7, 8])


def test_imagenet_shards(tmp_path):
    _shards(tmp_path)
    dataset = data.load("imagenet_tfrecord", _SPEC, data_dir=tmp_path)
    assert (dataset.num_train, dataset.num_eval) == (5, 2)
    assert set(data.eval_pixels(dataset)[1]) == {6, 7}
    labels = [int(label) for _, label in dataset.train_examples(3, random_crop=True)]
    assert sorted(labels) == [0, 1, 2, 4, 999]


def test_cut_off_shard_is_named(tmp_path):
    _shards(tmp_path)
    shard = tmp_path / "train-00001-of-00002"
    shard.write_bytes(shard.read_bytes()[:-3])
    with pytest.raises(DataError, match="train-00001-of-00002"):
        data.load("imagenet_tfrecord", _SPEC, data_dir=tmp_path)


def test_missing_shard_is_noticed(tmp_path):
    _shards(tmp_path)
    (tmp_path / "train-00000-of-00002").unlink()
    with pytest.raises(DataError, match="shards"):
        data.load("imagenet_tfrecord", _SPEC, data_dir=tmp_path)


def test_digits_split_is_fixed_and_stratified():
    spec = data.default_spec("digits")
    first, again = (data.load("digits", spec, seed=3) for _ in range(2))
    np.testing.assert_array_equal(data.eval_pixels(first)[0], data.eval_pixels(again)[0])
    assert first.num_train + first.num_eval == 1797
    counts = np.bincount(data.eval_pixels(first)[1])
    assert counts.min() >= 34
    assert counts.max() <= 38


def _epoch(dataset, **changes):
    arguments = {"batch_size": 64, "seed": 1, "epoch": 2, **changes}
    batches = data.train_batches(dataset, data.default_spec("digits"), **arguments)
    return [(images.numpy(), labels.numpy()) for images, labels in batches]


def test_skipping_batches_changes_nothing_else():
    dataset = data.load("digits", data.default_spec("digits"))
    whole, again, rest = _epoch(dataset), _epoch(dataset), _epoch(dataset, skip_batches=5)
    assert len(rest) == len(whole) - 5
    for ours, theirs in [*zip(whole, again, strict=True), *zip(whole[5:], rest, strict=True)]:
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert not np.array_equal(whole[0][0], _epoch(dataset, epoch=3)[0][0])
