"""The bundled scans."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn import datasets

from pipeline import data
from pipeline.data import digits
from pipeline.errors import DataError


def test_scan_values_become_pixels_exactly():
    values = np.arange(17)
    expected = [int(Fraction(int(value) * 255, 16) + Fraction(1, 2)) for value in values]
    pixels = digits.to_pixels(values.astype(np.float64))
    assert pixels.tolist() == expected
    assert (pixels[0], pixels[8], pixels[16]) == (0, 128, 255)


def test_native_size_is_not_resized():
    dataset = data.load("digits", data.InputSpec(8, 8, 1))
    assert set(np.unique(dataset.train.pixels)) == set(digits.to_pixels(np.arange(17)).tolist())


def test_scans_and_labels_are_those_of_scikit_learn():
    bunch = datasets.load_digits()
    dataset = data.load("digits", data.InputSpec(8, 8, 1), validation_fraction=0.2)
    pixels = np.concatenate([dataset.train.pixels, dataset.evaluation.pixels])
    labels = np.concatenate([dataset.train.labels, dataset.evaluation.labels])
    got = {(picture.tobytes(), int(label)) for picture, label in zip(pixels, labels, strict=True)}
    scans = digits.to_pixels(bunch.images)
    assert len(labels) == len(scans)
    assert got == {
        (scan.tobytes(), int(label)) for scan, label in zip(scans, bunch.target, strict=True)
    }


def test_a_scikit_learn_without_the_scans(monkeypatch):
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="needs the scans that scikit-learn brings"):
        data.load("digits", data.InputSpec(8, 8, 1))


def test_takes_no_data_dir(tmp_path):
    with pytest.raises(DataError, match="takes no data_dir"):
        data.load("digits", data.default_spec("digits"), data_dir=tmp_path)
