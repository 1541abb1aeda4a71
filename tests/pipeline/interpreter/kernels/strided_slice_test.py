"""STRIDED_SLICE against worked examples and every engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance, moving
from tests.pipeline.interpreter.one_op import Operand, integers, model
from tests.pipeline.interpreter.oracle import Oracle

ENGINES = {
    "int8": moving.ALL,
    "uint8": moving.TFLITE,
    "int16": moving.ALL,
    "int32": moving.ALL,
    "int64": moving.TFLITE,
    "bool": moving.ALL,
}

_NO_MASKS = {
    **{"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0},
    **{"new_axis_mask": 0, "shrink_axis_mask": 0, "offset": False},
}


def _model(
    begin: list[int], end: list[int], strides: list[int], shape: tuple[int, ...], **masks: object
) -> bytes:
    inputs = [moving.operand((2, 3)), *map(integers, (begin, end, strides))]
    output = moving.operand(shape)
    return model("STRIDED_SLICE", inputs, output, **{**_NO_MASKS, **masks})


_CODES = [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("begin", "end", "strides", "masks", "expected"),
    [
        ([0, 0], [2, 3], [1, 2], {}, [[1, 3], [4, 6]]),
        ([1, -1], [0, 0], [-1, -1], {}, [[6, 5]]),
        ([0, 2], [0, 0], [1, -1], {"begin_mask": 1, "end_mask": 3}, [[3, 2, 1], [6, 5, 4]]),
        ([1, 0], [2, 3], [1, 1], {"shrink_axis_mask": 1}, [4, 5, 6]),
        ([0, -1], [0, 3], [1, 1], {"ellipsis_mask": 1, "shrink_axis_mask": 2}, [3, 6]),
        ([0, 1], [0, 2], [1, 1], {"new_axis_mask": 1}, [[[4, 5, 6]]]),
        ([0, 1], [2, 2], [1, 1], {"offset": True}, [[2, 3], [5, 6]]),
    ],
)
def test_slices_as_python_does(
    begin: list[int], end: list[int], strides: list[int], masks: dict, expected: list
) -> None:
    content = _model(begin, end, strides, np.array(expected).shape, **masks)
    assert conformance.run(content, _CODES) == expected


def test_c1_quantization() -> None:
    inputs = [moving.operand((2, 3)), *(integers(values) for values in ([0], [1], [1]))]
    content = model("STRIDED_SLICE", inputs, Operand((1, 3), 0.25, 3), **_NO_MASKS)
    conformance.refuses("C1", content)


@pytest.mark.parametrize(
    ("begin", "end", "strides", "masks"),
    [
        ([0], [1], [0], {}),
        ([0, 0], [1], [1], {}),
        ([2], [3], [1], {"shrink_axis_mask": 1}),
        ([1], [2], [2], {"shrink_axis_mask": 1}),
        ([0, 0], [1, 1], [1, 1], {"ellipsis_mask": 3}),
        ([0, 0, 0], [1, 1, 1], [1, 1, 1], {}),
    ],
)
def test_c2_bounds(begin: list[int], end: list[int], strides: list[int], masks: dict) -> None:
    conformance.refuses("C2", _model(begin, end, strides, (1, 3), **masks))


def test_c3_shape() -> None:
    conformance.refuses("C3", _model([0, 0], [1, 1], [1, 1], (1, 3)))


@st.composite
def _cases(draw: st.DrawFn, dtype: str) -> conformance.Case:
    rng = draw(conformance.generators())
    shape = draw(moving.shapes(largest=6))
    begin, end, strides, output = [], [], [], []
    masks = {"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0}
    for axis, size in enumerate(shape):
        if draw(st.integers(0, 4)) == 0:
            index = draw(st.integers(-size, size - 1))
            bounds = (index, index + 1, 1)
            masks["shrink_axis_mask"] |= 1 << axis
        else:
            bounds = draw(
                st.tuples(
                    st.integers(-size - 1, size + 1),
                    st.integers(-size - 1, size + 1),
                    st.sampled_from([1, 1, 2, -1, -2]),
                ).filter(lambda each, size=size: len(range(size)[slice(*each)]) > 0)
            )
            opened = [draw(st.booleans()) for _ in range(2)]
            masks["begin_mask"] |= opened[0] << axis
            masks["end_mask"] |= opened[1] << axis
            first, last = (
                None if is_open else b for is_open, b in zip(opened, bounds[:2], strict=True)
            )
            output.append(len(range(size)[slice(first, last, bounds[2])]))
        for values, bound in zip((begin, end, strides), bounds, strict=True):
            values.append(bound)
    inputs = [moving.operand(shape, dtype), *map(integers, (begin, end, strides))]
    return moving.case(rng, "STRIDED_SLICE", inputs, [output], **{**_NO_MASKS, **masks})


@pytest.mark.parametrize("dtype", ENGINES)
@conformance.random_cases
@given(data=st.data())
def test_equals_every_engine(oracle: Oracle, dtype: str, data: st.DataObject) -> None:
    conformance.check(oracle, data.draw(_cases(dtype)), ENGINES[dtype])
