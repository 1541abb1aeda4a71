"""REDUCE_PROD: int8 or int16, or any plain integer, over constant axes.

int8 and int16, quantized: with the elements x_1, x_2, ..., x_n of a product in row-major order,

  acc_1 = x_1 - input_zero_point
  acc_k = round(multiplier * (acc_(k-1) * (x_k - input_zero_point)))      k = 2 to n
  output = clamp(output_zero_point + round(multiplier * acc_n))
  multiplier = input_scale / output_scale ** (1 / n)

where acc_k are int32 and wrap, products are int64, and the multiplier is rounded to 15 bits; ties
of either rounding go up.

Without a scale: the product, which wraps in its own type.

Constraints (tests are named after these labels):
  C1  input and output have one type, quantized int8 or int16, or int8, uint8, int16, int32 or int64
      without scales; zero points of int16 are 0; axes are int32.
  C2  axes are a constant and exist in the input; negative ones count from the back.
  C3  the reduced axes hold at least one element.
  C4  the output shape is the input's without the axes, or with 1 in their place (keep_dims).
  C5  the multiplier is below 2**7; no quantized product has more than 2**14 elements.

Source: PrepareProd and EvalImpl, tensorflow/lite/kernels/reduce.cc; QuantizedReduceProd,
tensorflow/lite/kernels/internal/reference/reduce.h; MultiplyByQuantizedMultiplier of int64,
tensorflow/lite/kernels/internal/common.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import reductions
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.reductions import Reduction
from pipeline.interpreter.requantizers import LongRounding
from pipeline.quant_params import QUANTIZED_LIMITS

_QUANTIZED = ("int8", "int16")
_PLAIN = (*_QUANTIZED, "uint8", "int32", "int64")
_MAX_ELEMENTS = 2**14


@dataclasses.dataclass(frozen=True)
class Scaling:
    """The multiplier, and what it leads from and to."""

    requantizer: LongRounding
    input_zero_point: int
    output_zero_point: int


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one product; without a scaling, integers are multiplied as they are."""

    reduction: Reduction
    scaling: Scaling | None


def prepare(context: OpContext) -> Params:
    """Checks C1 to C5; turns scales into a multiplier."""
    if context.input(0).quantization is None:
        context.require_one_of("C1", [(dtype, "int32", dtype) for dtype in _PLAIN])
        return Params(reductions.prepare(context), None)
    context.require_one_of("C1", [(dtype, "int32", dtype) for dtype in _QUANTIZED])
    reduction = reductions.prepare(context)
    return Params(reduction, _scaling(context, reduction.num_elements))


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type; the axes were read by prepare()."""
    reduction, scaling = params.reduction, params.scaling
    if scaling is None:
        return reduction.apply(np.multiply, input_)
    first, *others = reduction.elements(input_.astype(np.int64) - scaling.input_zero_point)
    acc = first.astype(np.int32)
    for factor in others:
        acc = scaling.requantizer(acc * factor)
    codes = scaling.requantizer(acc) + np.array(scaling.output_zero_point, np.int32)
    return np.clip(codes, *QUANTIZED_LIMITS[input_.dtype.name]).astype(input_.dtype)


def _scaling(context: OpContext, num_elements: int) -> Scaling:
    context.require(num_elements <= _MAX_ELEMENTS, "C5", "up to 2**14 elements", num_elements)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    if context.output.dtype == "int16":
        zero_points = (input_zero_point, output_zero_point)
        context.require(zero_points == (0, 0), "C1", "zero points of 0 for int16", zero_points)
    real = input_scale / output_scale ** (1 / num_elements)
    context.require(real < LongRounding.LIMIT, "C5", "a multiplier below 2**7", real)
    return Scaling(LongRounding.from_real([real]), input_zero_point, output_zero_point)
