"""SOFTMAX: int8, uint8 (output of the same type or int16) and int16, over the last axis.

  output = qmin + round(exp(beta * input_scale * (input - max)) / sum of the same / output_scale)

Of 8-bit inputs all of it is in gemmlowp's fixed point: differences in Q5.26, exponentials in Q0.31,
their sum in Q12.19, its reciprocal by Newton's method, the last division with ties away from zero.
An exponential depends on one of 256 differences, so prepare() tabulates them. Exponentials below
exp(-31) or so count as 0. int16 inputs: see softmax16.py.

Of rows of 8,192 classes and more the sum of exponentials can reach 2**13; the runtime has room for
no more and goes on with the sum modulo 2**13, which gives too large outputs. This kernel does the
same. Where an 8-bit output follows on a (wrapped) sum of 512 or more, the runtime's last shift
would pass 31 and it ends its process; this kernel gives qmin, as every output is under half a step.

Constraints (tests are named after these labels):
  C1  input and output are of one of these types and of the same shape, of rank 1 or more.
  C2  the output has the scale and zero point of its type: 1 / 256 and -128 (int8), 1 / 256 and 0
      (uint8), 1 / 65536 and -32768 (int16 of 8 bits), 1 / 32768 and 0 (int16 of int16); an int16
      input has zero point 0.
  C3  0 < beta * input_scale < 2**15; for 8-bit inputs also 2**-26 < beta * input_scale.
  C4  an int16 input has at most 2**16 classes and rank 4.

Source: Softmax, tensorflow/lite/kernels/internal/reference/softmax.h; SoftmaxPrepare in
tensorflow/lite/kernels/activations.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import exponentials, fixed_point, softmax16
from pipeline.interpreter.exponentials import Exponentials
from pipeline.interpreter.op_context import OpContext

_SUM_INTEGER_BITS = 12
_LOW_32_BITS = 2**32 - 1
_NEEDED_OUTPUTS = {
    ("int8", "int8"): (1 / 256, -128),
    ("uint8", "uint8"): (1 / 256, 0),
    ("int8", "int16"): (1 / 65536, -(2**15)),
    ("uint8", "int16"): (1 / 65536, -(2**15)),
    ("int16", "int16"): (1 / 32768, 0),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Integers of one op on 8-bit codes.

    Attributes:
      exponentials: int32[256], Q0.31: exp(beta * input_scale * -difference), of 0 to 255.
      dtype: Of the output.
    """

    exponentials: np.ndarray
    dtype: np.dtype


def prepare(context: OpContext) -> Params | softmax16.Params:
    """Checks C1 to C4; tabulates the exponentials."""
    context.require_one_of("C1", list(_NEEDED_OUTPUTS))
    shape = context.input(0).shape
    context.require(len(shape) > 0 and shape[-1] > 0, "C1", "at least one class", shape)
    context.require_shape("C1", shape)
    output = context.per_tensor(context.output)
    needed = _NEEDED_OUTPUTS[context.input(0).dtype, context.output.dtype]
    context.require(output == needed, "C2", f"output (scale, zero point) {needed}", output)
    input_scale, _ = context.per_tensor(context.input(0))
    factor = context.option("beta", float) * input_scale
    context.require(0 < factor < 2**15, "C3", "beta * input scale in (0, 2**15)", factor)
    if context.input(0).dtype == "int16":
        return _prepare16(context)
    tables = Exponentials.of(context, "C3", factor)
    return Params(tables.values, np.dtype(context.output.dtype))


def evaluate(params: Params | softmax16.Params, input_: np.ndarray) -> np.ndarray:
    """Returns codes of the input's shape."""
    if isinstance(params, softmax16.Params):
        return softmax16.evaluate(params, input_)
    limits = np.iinfo(params.dtype)
    codes = input_.astype(np.int32)
    exponential = params.exponentials[codes.max(axis=-1, keepdims=True) - codes]
    total = exponentials.total(exponential) & _LOW_32_BITS
    headroom = 32 - fixed_point.bit_length(total)
    normalized = ((total << headroom) - 2**31).astype(np.int32)
    reciprocal = fixed_point.one_over_one_plus_x(normalized)
    product = fixed_point.saturating_rounding_doubling_high_mul(reciprocal, exponential)
    shift = _SUM_INTEGER_BITS - headroom + 31 - limits.bits
    quotient = np.where(
        shift > 31, 0, fixed_point.rounding_divide_by_pot(product, np.clip(shift, 0, 31))
    )
    return np.clip(quotient + limits.min, limits.min, limits.max).astype(params.dtype)


def _prepare16(context: OpContext) -> softmax16.Params:
    _, zero_point = context.per_tensor(context.input(0))
    context.require(zero_point == 0, "C2", "input zero point 0", zero_point)
    shape = context.input(0).shape
    context.require(
        shape[-1] <= 2**16 and len(shape) <= 4, "C4", "at most 65,536 classes, rank 4", shape
    )
    return softmax16.prepare(context)
