"""ADD in TFLite's optimized kernels: as the reference, but in vectors (see rows.py).

There, the sum is the same, of other terms:

  term(input) = round(multiplier * 2**shift * ((input - zero_point) << L))
  int8 and int16 of one shape:     shifted first, left by L + shift; then rounded once, ties up
  uint8; int8 beside one scalar:   multiplied first, ties up; then shifted right, rounding down

and 8-bit sums are narrowed to int16 modulo 2**16 before and after the output zero point is added,
then saturated: an overflow of the runtime, for scales at extreme ratios.

An op with the same codes in vectors and outside is left to the reference kernel.

Source: AddElementwise and AddScalarBroadcast, tensorflow/lite/kernels/internal/optimized/
integer_ops/add.h and optimized/optimized_ops.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point, narrowing, rows
from pipeline.interpreter.addition import Operand
from pipeline.interpreter.addition import Params as ReferenceParams
from pipeline.interpreter.kernels import add
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import DoubleRounding
from pipeline.interpreter.rows import Form, Rows

# (type, form of a row) -> elements in a vector, and whether terms are shifted first.
_VECTORS = {
    ("int8", Form.ALL): (16, True),
    ("int8", Form.TOGETHER): (16, True),
    ("int8", Form.ONE_STANDS): (8, False),
    ("uint8", Form.ALL): (8, False),
    ("uint8", Form.TOGETHER): (8, False),
    ("uint8", Form.ONE_STANDS): (8, False),
    ("int16", Form.ALL): (16, True),
}


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one addition.

    Attributes:
      reference: Of the reference kernel.
      rows: How the operands are walked over.
      vector: Elements in a vector.
      shifts_first: Which form terms have in vectors.
    """

    reference: ReferenceParams
    rows: Rows
    vector: int
    shifts_first: bool


def takes(context: OpContext) -> bool:
    """Returns whether vectors give any other code than the reference kernel."""
    params = _prepare(context)
    if params is None or params.rows.num_in_vectors(params.vector) == 0:
        return False
    if context.output.dtype == "int16":
        return True
    codes = narrowing.all_codes(context.output.dtype)
    pair = codes[:, np.newaxis], codes
    expected = add.evaluate(params.reference, *pair)
    return bool(np.any(expected != _in_vectors(params, *pair)))


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel; finds the vectors."""
    params = _prepare(context)
    assert params is not None, "takes() says so"
    return params


def evaluate(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns codes of the broadcast shape."""
    elsewhere = add.evaluate(params.reference, first, second)
    return params.rows.join(params.vector, _in_vectors(params, first, second), elsewhere)


def _prepare(context: OpContext) -> Params | None:
    reference = add.prepare(context)
    if not isinstance(reference, ReferenceParams):
        return None
    split = rows.split(context.input(0).shape, context.input(1).shape)
    vector = _VECTORS.get((context.output.dtype, split.form))
    if vector is None:
        return None
    return Params(reference, split, *vector)


def _in_vectors(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    reference = params.reference
    first_term, second_term = (
        _term(operand, values, reference.left_shift, params.shifts_first)
        for operand, values in ((reference.first, first), (reference.second, second))
    )
    total = first_term + second_term
    if reference.output.dtype == np.int16:
        return reference.output(total)
    return narrowing.wrap(reference.output, reference.output.requantizer(total))


def _term(operand: Operand, values: np.ndarray, left_shift: int, shifts_first: bool) -> np.ndarray:
    requantizer = operand.requantizer
    assert isinstance(requantizer, DoubleRounding)
    centered = values.astype(np.int32) - operand.zero_point
    multiply = fixed_point.saturating_rounding_doubling_high_mul
    shift = requantizer.shift
    if shifts_first:
        return multiply(_shift(centered, left_shift + shift), requantizer.significand)
    return _shift(multiply(centered << left_shift, requantizer.significand), shift)


def _shift(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Returns values, shifted left, or right where `shift` is negative: rounding down."""
    return (values << np.maximum(shift, 0)) >> np.maximum(-shift, 0)
