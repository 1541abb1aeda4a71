"""The pixel rule: equal to training's contract for every spec, and closed to nonsense."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import InputSpec
from pipeline.errors import BundleError
from pipeline.input_contract import PixelRule
from pipeline.quant_params import QuantParams

_RULE = PixelRule(4, 5, 3, "area", 128, 1 / 128)


@given(
    mean=st.floats(0, 255),
    scale=st.floats(2**-20, 8, width=32),
    zero_point=st.integers(-128, 127),
)
def test_the_table_is_that_of_the_spec(mean, scale, zero_point):
    spec = InputSpec(4, 5, 3, "area", mean, scale)
    rule = PixelRule.from_json(json.loads(json.dumps(spec.pixel_rule().to_json())))
    assert rule == spec.pixel_rule()
    params = QuantParams((0.75,), (zero_point,))
    np.testing.assert_array_equal(rule.table(params, "int8"), spec.table(params, "int8"))
    np.testing.assert_array_equal(rule.table(spec.params, "int8"), np.arange(-128, 128))


@pytest.mark.parametrize(
    "change",
    [
        {"height": 0},
        {"width": True},
        {"width": 2**40},
        {"channels": 2},
        {"channels": "3"},
        {"zero_pixel": 256},
        {"zero_pixel": 1.0},
        {"scale": 0.1},  # Not a float32.
        {"scale": 0.0},
        {"scale": float("nan")},
        {"scale": 1},
        {"resize": 3},
        {"more": 1},
    ],
)
def test_nonsense_is_refused(change):
    with pytest.raises(BundleError):
        PixelRule.from_json(_RULE.to_json() | change)


def test_a_missing_field_is_refused():
    for field in dataclasses.fields(PixelRule):
        fields = _RULE.to_json()
        del fields[field.name]
        with pytest.raises(BundleError, match="has the fields"):
            PixelRule.from_json(fields)
