"""The input contract: one table, the same for every quantizer, for all 256 pixels."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.input_spec import InputSpec
from pipeline.errors import DataError
from pipeline.legacy_keras import tf

_PIXELS = np.arange(256)
_MEANS = st.floats(0, 255)
_SCALES = st.floats(2**-12, 2.0)


@given(_MEANS, _SCALES)
def test_a_pixel_step_is_a_code(mean, scale):
    spec = InputSpec(4, 4, 1, mean=mean, scale=scale)
    np.testing.assert_array_equal(spec.table(), _PIXELS - 128)
    np.testing.assert_array_equal(spec.table(dtype="int8").astype(int) + 128, _PIXELS)


@given(_MEANS, _SCALES)
def test_quantizing_the_float_path_gives_the_table(mean, scale):
    spec = InputSpec(4, 4, 1, mean=mean, scale=scale)
    real = spec.float_table()
    np.testing.assert_array_equal(spec.params.quantize(real, "int8"), spec.table())
    scale, zero_point = spec.params.per_tensor
    low, high = (-128 - zero_point) * scale, (127 - zero_point) * scale
    fake = tf.quantization.fake_quant_with_min_max_vars(real, low, high).numpy()
    np.testing.assert_array_equal(np.rint(fake / scale) + zero_point, spec.table())


@given(_MEANS, _SCALES)
def test_float_path_is_within_half_a_step_of_the_formula(mean, scale):
    spec = InputSpec(4, 4, 1, mean=mean, scale=scale)
    exact = (_PIXELS - spec.mean) * spec.scale
    assert np.abs(spec.float_table() - exact).max() <= spec.scale * (0.5 + 1e-4)


def test_tensorflow_computes_the_table():
    spec = InputSpec(4, 4, 1, mean=127.5, scale=1 / 127.5)
    pixels = tf.constant(_PIXELS, tf.uint8)
    np.testing.assert_array_equal(spec.float_pixels(pixels), spec.float_table())
    np.testing.assert_array_equal(spec.quantize_pixels(_PIXELS.astype(np.uint8)), spec.table())


def test_survives_json():
    spec = InputSpec(32, 24, 3, "area", 127.5, 1 / 127.5)
    assert InputSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "change", [{"height": 0}, {"channels": 2}, {"resize": "lanczos"}, {"scale": 0.0}, {"mean": -1}]
)
def test_bad_values_are_refused(change):
    with pytest.raises(DataError):
        dataclasses.replace(InputSpec(4, 4, 1), **change)
