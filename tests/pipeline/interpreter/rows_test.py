"""How the operands of TFLite's optimized kernels are walked over."""

import numpy as np
import pytest

from pipeline.interpreter import rows
from pipeline.interpreter.rows import Form, Rows


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((2, 3), (1, 2, 3), Rows(Form.ALL, 6)),
        ((2, 3), (3,), Rows(Form.TOGETHER, 3)),
        ((1, 3), (2, 3), Rows(Form.TOGETHER, 3)),
        ((2, 3), (1,), Rows(Form.ONE_STANDS, 6)),
        ((2, 1), (2, 3), Rows(Form.ONE_STANDS, 3)),
        ((2, 1), (1, 3), Rows(Form.ONE_STANDS, 3)),
        ((4, 2, 1, 1), (4, 1, 3, 1), Rows(Form.ONE_STANDS, 3)),
        ((1, 2, 1, 2), (2, 1, 2, 1), Rows(Form.NO_ROWS, 1)),
        ((0, 3), (3,), Rows(Form.TOGETHER, 3)),
    ],
)
def test_split(first: tuple[int, ...], second: tuple[int, ...], expected: Rows) -> None:
    assert rows.split(first, second) == expected
    assert rows.split(second, first) == expected


def test_vectors_take_the_front_of_every_row() -> None:
    ones, zeros = np.ones((2, 3), np.int8), np.zeros((2, 3), np.int8)
    assert Rows(Form.TOGETHER, 3).join(2, ones, zeros).tolist() == [[1, 1, 0]] * 2
    assert Rows(Form.TOGETHER, 3).join(8, ones, zeros).tolist() == [[0, 0, 0]] * 2
