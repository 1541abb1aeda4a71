"""ImageNet shards that the test writes: crops, order, and records that cannot be used."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline import data
from pipeline.data import InputSpec, imagenet_tfrecord
from pipeline.errors import DataError
from pipeline.legacy_keras import tf

_SPEC = InputSpec(8, 8, 3, "nearest")


def _picture(kind="PNG"):
    columns = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None], (32, 64, 3))
    file = io.BytesIO()
    Image.fromarray(columns.copy()).save(file, kind)
    return file.getvalue()


def _bytes(value):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _record(encoded, label):
    features = {"image/encoded": _bytes(encoded), "image/class/label": _int(label)}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


@pytest.fixture
def folder(tmp_path):
    _write(tmp_path / "train-00000-of-00002", [_record(_picture(), n) for n in range(1, 6)])
    _write(tmp_path / "train-00001-of-00002", [_record(_picture("JPEG"), n) for n in range(6, 9)])
    _write(tmp_path / "validation-00000-of-00001", [_record(_picture(), 1000)])
    return tmp_path


def _load(folder, **options):
    return data.load("imagenet_tfrecord", _SPEC, data_dir=folder, **options)


def test_evaluation_takes_the_middle(folder):
    pixels, labels = data.eval_pixels(_load(folder))
    assert labels.tolist() == [999]
    # The middle square of 28 columns begins at 18 and has 3.5 columns a pixel.
    expected = np.floor(18 + 3.5 * (np.arange(8) + 0.5))
    np.testing.assert_array_equal(pixels[0, 0, :, 0], expected)


def _epoch(dataset, **changes):
    arguments = {"batch_size": 2, "seed": 0, "epoch": 0, **changes}
    return [
        (images.numpy(), labels.numpy())
        for images, labels in data.train_batches(dataset, _SPEC, **arguments)
    ]


def test_random_crops_repeat_and_skip(folder):
    dataset = _load(folder)
    whole, again = _epoch(dataset), _epoch(dataset)
    rest = _epoch(dataset, skip_batches=2)
    for ours, theirs in [*zip(whole, again, strict=True), *zip(whole[2:], rest, strict=True)]:
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    plain = _epoch(dataset, augment=False)
    assert [batch[1].tolist() for batch in plain] == [batch[1].tolist() for batch in whole]
    assert not np.array_equal(plain[0][0], whole[0][0])


def test_an_epoch_mixes_the_shards(folder):
    dataset = _load(folder)
    orders = [[int(label) for _, label in dataset.train_examples(seed)] for seed in range(3)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len(set(map(tuple, orders))) == 3


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(0, 2**62))
def test_random_box_lies_inside_and_keeps_its_bounds(width, height, seed):
    left, top, right, bottom = imagenet_tfrecord.random_box(width, height, seed)
    assert 0 <= left < right <= width + 1e-9
    assert 0 <= top < bottom <= height + 1e-9
    aspect = (right - left) / (bottom - top)
    assert 0.75 - 1e-9 <= aspect <= 4 / 3 + 1e-9


def test_random_boxes_cover_sizes_evenly():
    boxes = [imagenet_tfrecord.random_box(100, 100, seed) for seed in range(500)]
    areas = np.array([(right - left) * (bottom - top) for left, top, right, bottom in boxes]) / 1e4
    assert areas.min() < 0.1
    assert areas.max() > 0.9
    assert abs(np.median(areas) - 0.5) < 0.08


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (_record(b"no picture", 1), "does not decode"),
        (_record(_picture(), 0), "label 1 to 1000, got 0"),
        (_record(_picture(), 1001), "label 1 to 1000, got 1001"),
        (b"\xff\xff", "needed an Example"),
        (b"", "needed an Example"),
    ],
    # By name: the bytes of a record follow Python's hashes, and every worker must know the same.
    ids=["no picture", "label 0", "label 1001", "no record", "empty"],
)
def test_a_bad_record_is_named_or_skipped(record, message, folder):
    shard = folder / "validation-00000-of-00001"
    _write(shard, [_record(_picture(), 5), record])
    with pytest.raises(DataError, match=rf"validation-00000-of-00001@\d+: .*{message}"):
        data.eval_pixels(_load(folder))
    dataset = _load(folder, skip_bad_images=True)
    assert len(dataset.bad_images) == 1
    assert data.eval_pixels(dataset)[1].tolist() == [4]


@pytest.mark.parametrize("size_bytes", [1, 7, 11, 12, 100])
def test_a_shard_cut_anywhere_is_named(size_bytes, folder):
    shard = folder / "validation-00000-of-00001"
    shard.write_bytes(shard.read_bytes()[:size_bytes])
    with pytest.raises(DataError, match="validation-00000-of-00001: is cut off"):
        _load(folder)


def test_empty_shards_are_refused(folder):
    (folder / "validation-00000-of-00001").write_bytes(b"")
    with pytest.raises(DataError, match="no records"):
        _load(folder)


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(DataError, match="train-"):
        _load(tmp_path)
    with pytest.raises(DataError, match="--data_dir"):
        data.load("imagenet_tfrecord", _SPEC)
