"""Distances of constants, against exact integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph import Tensor
from pipeline.quant_params import QuantParams
from pipeline.weight_difference import measure


def _tensor(values, dtype, scale=None, axis=None):
    quantization = None if scale is None else QuantParams(scale, (0,) * len(scale), axis)
    array = np.array(values, dtype)
    return Tensor(0, "w", array.shape, dtype, quantization, array)


def test_same_values():
    assert measure(_tensor([1, 2], "int8"), _tensor([1, 2], "int8")) is None
    nan = _tensor([np.nan, 0.0], "float32")
    assert measure(nan, nan) is None


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_extremes_do_not_overflow(dtype):
    limits = np.iinfo(dtype)
    ends = [limits.min, limits.max, 0]
    found = measure(_tensor(ends, dtype), _tensor([*ends[1::-1], 0], dtype))
    assert found is not None
    assert found.num_differing == 2
    assert found.largest == limits.max - limits.min
    assert found.histogram["0"] == 1


@given(st.lists(st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 2), min_size=1))
def test_histogram_counts_every_element(pairs):
    a, b = zip(*pairs, strict=True)
    found = measure(_tensor(a, "int32"), _tensor(b, "int32"))
    distances = [abs(y - x) for x, y in pairs]
    if found is None:
        assert not any(distances)
        return
    assert sum(found.histogram.values()) == len(pairs)
    assert found.largest == max(distances)
    for label, count in found.histogram.items():
        low, _, high = label.partition(" to ")
        assert count == sum(int(low) <= it <= int(high or low) for it in distances)


def test_mean_shows_a_lean():
    found = measure(_tensor([0, 0, 0, 0], "int8"), _tensor([1, 1, 2, 0], "int8"))
    assert found is not None
    assert found.mean_lsb == 1.0


def test_floats():
    found = measure(_tensor([1.0, 2.0], "float32"), _tensor([1.0, 2.5], "float32"))
    assert found is not None
    assert (found.num_differing, found.largest, found.histogram) == (1, 0.5, {})
    infinite = measure(_tensor([1.0], "float32"), _tensor([np.inf], "float32"))
    assert infinite is not None
    assert infinite.largest is None


def test_other_shape_or_type_differs_as_a_whole():
    for other in (_tensor([[1], [2]], "int8"), _tensor([1, 2], "int16")):
        found = measure(_tensor([1, 2], "int8"), other)
        assert found is not None
        assert (found.num_differing, found.histogram) == (2, {})


def test_real_values_in_steps_of_a():
    a = _tensor([[10, 10], [10, 10]], "int8", (0.5, 0.25), 1)
    b = _tensor([[10, 10], [11, 10]], "int8", (0.5, 0.5), 1)
    found = measure(a, b)
    assert found is not None
    assert found.largest == 1
    # Channel 1: 10 * 0.5 - 10 * 0.25 = 2.5, in steps of 0.25.
    assert found.largest_in_steps_of_a == 10.0
