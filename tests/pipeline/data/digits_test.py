"""The bundled scans."""

from fractions import Fraction

import numpy as np
import pytest

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


def test_takes_no_data_dir(tmp_path):
    with pytest.raises(DataError, match="takes no data_dir"):
        data.load("digits", data.default_spec("digits"), data_dir=tmp_path)
