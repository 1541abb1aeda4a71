import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from android_bench import equality
from android_bench.equality import Expected, TensorDifference
from pipeline.errors import DeviceError


def _int8(*values, step=0, name="t"):
    return Expected(name, np.array(values, np.int8), step)


def _content(*arrays: np.ndarray) -> bytes:
    return b"".join(array.tobytes() for array in arrays)


def test_equal():
    outputs = [_int8(1, -2, 3), Expected("f", np.array([[1.5], [np.nan]], np.float32))]
    comparison = equality.compare(_content(*(output.values for output in outputs)), outputs)
    assert comparison.is_equal
    assert comparison.first is None
    assert comparison.num_tensors == 2


def test_the_first_difference_is_that_of_the_earliest_op():
    outputs = [_int8(1, 2, step=9, name="own"), _int8(3, 4, step=2, name="conv"), _int8(5, step=1)]
    comparison = equality.compare(bytes([1, 0, 3, 7, 5]), outputs)
    assert [difference.name for difference in comparison.differences] == ["conv", "own"]
    assert comparison.first == TensorDifference("conv", 2, 2, 1, 3.0, (1,), 4.0, 7.0)
    assert not comparison.is_equal


def test_how_many_and_by_how_much():
    expected = Expected("t", np.array([[-128, 0], [5, 127]], np.int8))
    got = np.array([[127, 0], [6, 127]], np.int8)
    (difference,) = equality.compare(got.tobytes(), [expected]).differences
    assert (difference.num_elements, difference.num_different) == (4, 2)
    assert difference.max_difference == 255.0
    assert (difference.first_index, difference.expected, difference.got) == ((0, 0), -128.0, 127.0)


def test_bits_count_not_values():
    expected = Expected("t", np.array([0.0, 1.0], np.float32))
    got = np.array([-0.0, 1.0], np.float32)
    (difference,) = equality.compare(got.tobytes(), [expected]).differences
    assert (difference.num_different, difference.max_difference) == (1, 0.0)


@pytest.mark.parametrize(
    ("expected", "got"), [(1.0, np.nan), (np.nan, 1.0), (np.inf, -np.inf), (np.inf, 1.0)]
)
def test_no_numbers_are_infinitely_far(expected, got):
    values = np.array([3.0, expected, np.inf], np.float32)
    content = np.array([3.0, got, np.inf], np.float32).tobytes()
    (difference,) = equality.compare(content, [Expected("t", values)]).differences
    assert (difference.num_different, difference.max_difference) == (1, np.inf)


def test_scalars_and_empty_tensors():
    outputs = [Expected("empty", np.zeros((0, 3), np.int8)), Expected("s", np.int16(7).reshape(()))]
    assert equality.compare(np.int16(7).tobytes(), outputs).is_equal
    assert equality.compare(np.int16(8).tobytes(), outputs).first.first_index == ()


@pytest.mark.parametrize("size", [0, 2, 4])
def test_another_size_is_an_error(size):
    with pytest.raises(DeviceError, match=f"3 bytes for 1 outputs, got {size}"):
        equality.compare(bytes(size), [_int8(1, 2, 3)])


@hypothesis.given(st.data())
def test_what_is_changed_is_what_is_found(data):
    dtype = data.draw(st.sampled_from(["int8", "uint8", "int16", "int32", "int64", "float32"]))
    count = data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    values = rng.integers(0, 100, (count, 2)).astype(dtype)
    changed = data.draw(st.sets(st.integers(0, values.size - 1)))
    got = values.copy()
    for position in changed:
        got.reshape(-1)[position] += position % 3 + 1
    comparison = equality.compare(got.tobytes(), [Expected("t", values)])
    assert comparison.is_equal == (not changed)
    if changed:
        assert comparison.first.num_different == len(changed)
        assert comparison.first.first_index == tuple(divmod(min(changed), 2))
        assert comparison.first.max_difference == max(position % 3 + 1 for position in changed)
