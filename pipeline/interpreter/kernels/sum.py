"""SUM: int8, uint8, int32 or int64, over constant axes.

uint8, quantized:

  output = clamp(output_zero_point + round(multiplier * acc))
  acc = sum of (input - input_zero_point) over the axes
  multiplier = input_scale / output_scale

where acc is int32 and wraps, and rounds twice: ties of the high multiplication go up, ties of the
right shift away from zero.

int32 and int64: the sum, which wraps in its own type; scales do not count.

int8: BUILTIN_REF takes the codes for uint8. Its sums are those of the formula for uint8 over the
same bytes, with the zero points of int8, and so are far from any mean of the reals, as a warning
says. int16 it takes for uint8 as well, but reads half the bytes of the input and fills half of the
output.

Constraints (tests are named after these labels):
  C1  input and output have one of these types, axes are int32.
  C2  axes are a constant and exist in the input; negative ones count from the back.
  C3  the reduced axes hold at least one element.
  C4  the output shape is the input's without the axes, or with 1 in their place (keep_dims).

Source: EvalSum and QuantizedMeanOrSum, tensorflow/lite/kernels/reduce.cc; QuantizedMeanOrSum and
ReduceGeneric, tensorflow/lite/kernels/internal/reference/reduce.h.
"""

import dataclasses
import warnings

import numpy as np

from pipeline.interpreter import output_stage, real_scales, reductions
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.reductions import Reduction
from pipeline.interpreter.requantize import DoubleRounding
from pipeline.quant_params import QUANTIZED_LIMITS

_PLAIN = ("int32", "int64")


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one sum.

    Attributes:
      reduction: Axes and how they stay.
      input_zero_point: Of a quantized input; else 0.
      output: Multiplier, bounds and the type that codes are taken for; None for plain integers.
    """

    reduction: Reduction
    input_zero_point: int
    output: OutputStage | None


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4; turns scales into a multiplier."""
    dtypes = ("int8", "uint8", *_PLAIN)
    context.require_one_of("C1", [(dtype, "int32", dtype) for dtype in dtypes])
    if context.input(0).dtype in _PLAIN:
        return Params(reductions.prepare(context), 0, None)
    if context.input(0).dtype == "int8":
        warnings.warn(
            f"{context.where}: BUILTIN_REF takes int8 for uint8 here, a bug: its sums are wrong, "
            "and so are ours with kernels='reference'",
            stacklevel=2,
        )
    return prepare_as(context, "uint8")


def prepare_as(context: OpContext, dtype: str) -> Params:
    """Checks C2 to C4 of quantized sums whose codes are taken for `dtype`."""
    reduction = reductions.prepare(context)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, _ = context.per_tensor(context.output)
    multiplier = real_scales.double_quotient(input_scale, output_scale)
    requantizer = DoubleRounding.from_real([multiplier])
    stage = output_stage.prepare(context, requantizer, QUANTIZED_LIMITS[dtype])
    return Params(reduction, input_zero_point, dataclasses.replace(stage, dtype=np.dtype(dtype)))


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type; the axes were read by prepare()."""
    if params.output is None:
        return params.reduction.apply(np.add, input_)
    codes = input_.view(params.output.dtype)
    acc = params.reduction.centered_sum(codes, params.input_zero_point)
    return params.output(acc).view(input_.dtype)
