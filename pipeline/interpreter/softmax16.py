"""The softmax of int16 codes, by tables of exp(x) and 1 / (1 + x) with lines between entries.

  exponential = exp(beta * input_scale * (input - max)), Q0.15; exp(-10) beyond -10
  output = clamp(round(exponential * reciprocal / 2**(31 - headroom))), ties up
  reciprocal = 1 / sum of the exponentials, the sum normalized to 17 bits, ties up

Source: SoftmaxInt16, tensorflow/lite/kernels/internal/reference/softmax.h; SoftmaxPrepare in
tensorflow/lite/kernels/activations.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point, lut16
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import DoubleRounding

_INT16_MIN, _INT16_MAX = -(2**15), 2**15 - 1
# The table of exp(x) spans [-10, 0], that of 1 / (1 + x) spans [0, 1], their values [-1, 1].
_EXP_INPUT = (10 / 65535, _INT16_MAX)
_RECIPROCAL_INPUT = (1 / 65535, _INT16_MIN)
_TABLE_OUTPUT = (2 / 65535, 0)
_NORMALIZED_BITS = 17


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Integers of one op: differences to steps of the table of exp(x), and both tables."""

    requantizer: DoubleRounding
    tables: tuple[np.ndarray, np.ndarray]


def prepare(context: OpContext) -> Params:
    """Computes the tables; the types, shapes and scales were checked."""
    input_scale, _ = context.per_tensor(context.input(0))
    factor = input_scale * context.option("beta", float)
    if not context.arithmetic.double_scales:
        factor = float(np.float32(factor))
    requantizer = DoubleRounding.from_real([factor / _EXP_INPUT[0]])
    return Params(requantizer, tables(double=True))


def tables(*, double: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the tables of exp(x) and 1 / (1 + x), computed in double or in float32."""
    return (
        # Through float64, because numpy's own float32 exp is not correctly rounded.
        lut16.build(
            lambda x: np.exp(x.astype(np.float64)).astype(x.dtype),
            *(_EXP_INPUT, _TABLE_OUTPUT),
            double=double,
        ),
        lut16.build(lambda x: 1 / (1 + x), _RECIPROCAL_INPUT, _TABLE_OUTPUT, double=double),
    )


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns int16 of the input's shape."""
    codes = input_.astype(np.int32)
    steps = params.requantizer(codes - codes.max(axis=-1, keepdims=True)) + _INT16_MAX
    exp, one_over_one_plus_x = params.tables
    exponentials = lut16.look_up(exp, _saturated(steps)).astype(np.int64)
    total = exponentials.sum(axis=-1, keepdims=True)
    headroom = 32 - fixed_point.bit_length(total)
    dropped = 31 - _NORMALIZED_BITS
    normalized = ((total << (headroom - 1)) + (1 << (dropped - 1))) >> dropped
    centered = normalized - (1 << (_NORMALIZED_BITS - 1)) + _INT16_MIN
    reciprocal = lut16.look_up(one_over_one_plus_x, _saturated(centered))
    shift = 31 - headroom
    product = exponentials * reciprocal.astype(np.int64)
    result = (product + ((np.int64(1) << shift) >> 1)) >> shift
    return np.clip(result, 0, _INT16_MAX).astype(np.int16)


def _saturated(x: np.ndarray) -> np.ndarray:
    return np.clip(x, _INT16_MIN, _INT16_MAX).astype(np.int16)
