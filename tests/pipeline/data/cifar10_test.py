"""CIFAR-10 in each of its forms; what is refused."""

import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from pipeline import data
from pipeline.data import InputSpec, cifar10, pictures
from pipeline.errors import DataError
from pipeline.legacy_keras import tf_keras

_SPEC = InputSpec(32, 32, 3)


def _jpeg(seed, **options):
    noise = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", **options)
    return file.getvalue()


def _files(count=2):
    return {
        f"{split}/{name}/{number}.jpg": _jpeg(number)
        for split in ("train", "test")
        for name in cifar10.CLASS_NAMES
        for number in range(count)
    }


def _zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("spec", [_SPEC, InputSpec(28, 20, 1, "area")])
def test_pictures_are_those_of_load_image(spec, tmp_path):
    files = _files()
    turned = Image.Exif()
    turned[0x0112] = 6
    files["train/cat/turned.jpg"] = _jpeg(9, exif=turned)
    dataset = data.load("cifar10", spec, data_dir=_zip(tmp_path / "c.zip", files))
    assert dataset.class_names == cifar10.CLASS_NAMES
    for split, prefix in ((dataset.train, "train/"), (dataset.evaluation, "test/")):
        expected = [
            pictures.load_image(files[name], spec) for name in sorted(files) if prefix in name
        ]
        np.testing.assert_array_equal(split.pixels, expected)
        assert (np.diff(split.labels) >= 0).all()


def test_bad_pictures_are_left_out_with_their_labels(tmp_path):
    files = _files()
    names = ["test/dog/1.jpg", "train/cat/0.jpg"]
    for name in names:
        files[name] = files[name][:200]
    path = _zip(tmp_path / "c.zip", files)
    with pytest.raises(DataError, match="2 of 40"):
        data.load("cifar10", _SPEC, data_dir=path)
    dataset = data.load("cifar10", _SPEC, data_dir=path, skip_bad_images=True)
    assert list(dataset.bad_images) == names
    assert (dataset.num_train, dataset.num_eval) == (19, 19)
    assert np.bincount(dataset.train.labels).tolist() == [2, 2, 2, 1, 2, 2, 2, 2, 2, 2]
    np.testing.assert_array_equal(
        dataset.train.pixels[6], pictures.load_image(files["train/cat/1.jpg"], _SPEC)
    )


@pytest.mark.parametrize("name", ["cifar10", "image_folder"])
def test_a_class_left_without_pictures_is_named(name, tmp_path):
    files = _files(1) | {"test/frog/0.jpg": b"no picture"}
    with pytest.raises(DataError, match="frog"):
        data.load(name, _SPEC, data_dir=_zip(tmp_path / "c.zip", files), skip_bad_images=True)


def test_offline_says_what_to_do(monkeypatch):
    def fail():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(tf_keras.datasets.cifar10, "load_data", fail)
    with pytest.raises(DataError, match=r"URL fetch failure.*--data_dir"):
        data.load("cifar10", _SPEC)


def test_downloaded_arrays(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    labels = np.array([[3], [1], [0], [9]], np.uint8)
    both = ((pixels, labels), (pixels[:2], labels[:2]))
    monkeypatch.setattr(tf_keras.datasets.cifar10, "load_data", lambda: both)
    dataset = data.load("cifar10", _SPEC)
    np.testing.assert_array_equal(dataset.train.labels, [3, 1, 0, 9])
    np.testing.assert_array_equal(dataset.evaluation.pixels, pixels[:2])


def _batch(**changes):
    batch = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 9], **changes}
    return {key.encode(): value for key, value in batch.items()}


def _write_batches(folder, last, protocol):
    for number in range(1, 6):
        (folder / f"data_batch_{number}").write_bytes(pickle.dumps(_batch(), protocol))
    (folder / "test_batch").write_bytes(last)
    return folder


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL))
def test_batches_of_every_pickle_protocol_that_copies(protocol, tmp_path):
    folder = _write_batches(tmp_path, pickle.dumps(_batch(), protocol), protocol)
    assert data.load("cifar10", _SPEC, data_dir=folder).num_train == 10


@pytest.mark.parametrize(
    "last",
    [
        b"",
        pickle.dumps(_batch(), 2)[:-50],
        pickle.dumps([1, 2], 2),
        pickle.dumps(_batch(labels=[0]), 2),
        pickle.dumps(_batch(labels=[0, 10]), 2),
        pickle.dumps(_batch(data=np.zeros((2, 7), np.uint8)), 2),
    ],
)
def test_damaged_batch_is_named(last, tmp_path):
    with pytest.raises(DataError, match="test_batch"):
        data.load("cifar10", _SPEC, data_dir=_write_batches(tmp_path, last, 2))


def test_missing_batch_is_named(tmp_path):
    folder = _write_batches(tmp_path, pickle.dumps(_batch(), 2), 2)
    (folder / "data_batch_3").unlink()
    with pytest.raises(DataError, match="data_batch_3"):
        data.load("cifar10", _SPEC, data_dir=folder)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00 cut"])
def test_corrupt_archive_is_refused(content, tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cifar-10-python\.tar\.gz"):
        data.load("cifar10", _SPEC, data_dir=path)


def test_an_archive_cut_in_the_middle_is_refused(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    noise = np.random.default_rng(0).integers(0, 256, (50, 3072), np.uint8)
    with tarfile.open(path, "w:gz") as tar:
        for name in ("data_batch_1", "test_batch"):
            content = pickle.dumps(_batch(data=noise, labels=[0] * 50), 2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(DataError, match="data_batch_1"):
        data.load("cifar10", _SPEC, data_dir=path)
