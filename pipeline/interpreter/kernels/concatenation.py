"""CONCATENATION: any integer type, a copy; uint8 of any scales.

  output = code(input1), code(input2), ... one after the other along an axis

A uint8 input with another scale or zero point than the output is requantized, in float32:

  code(q) = clamp(round(q * scale + bias) + output_zero_point, 0, 255)     ties away from zero
  scale = input_scale * (1 / output_scale), bias = -input_zero_point * scale

which prepare() computes once for all 256 codes. All other inputs are copied.

Constraints (tests are named after these labels):
  C1  all inputs and the output have one type.
  C2  all inputs have the output's scale and zero point, except with uint8.
  C3  the axis exists; shapes agree elsewhere, and along it sum to the output's.
  C4  no fused activation.
  C5  input_scale / output_scale < 2**22: products fit int32.

Source: ConcatenationWithScaling, tensorflow/lite/kernels/internal/reference/concatenation.h;
Prepare in tensorflow/lite/kernels/concatenation.cc.
"""

import dataclasses

import numpy as np

from pipeline.graph import Tensor
from pipeline.interpreter import copying, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

_RATIO_LIMIT = 2.0**22


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Integers of one concatenation.

    Attributes:
      axis: Counted from the front.
      tables: uint8[256] per input, the output code of each code; None where they are the same.
    """

    axis: int
    tables: tuple[np.ndarray | None, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C5; computes what requantized codes become."""
    inputs = [context.input(position) for position in range(len(context.inputs))]
    dtype = context.output.dtype
    context.require(dtype in copying.DTYPES, "C1", "an integer type", dtype)
    context.require_dtypes("C1", *[dtype] * len(inputs), dtype)
    rank = len(context.output.shape)
    axis = context.axis(context.option("axis", int), "C3", rank)
    shapes = [input_.shape for input_ in inputs]
    others = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    context.require(
        len(others) == 1 and {len(shape) for shape in shapes} == {rank}, "C3", "one shape", shapes
    )
    size = sum(shape[axis] for shape in shapes)
    context.require_shape("C3", (*shapes[0][:axis], size, *shapes[0][axis + 1 :]))
    context.require_no_activation("C4")
    return Params(axis, tuple(_table(context, input_) for input_ in inputs))


def _table(context: OpContext, input_: Tensor) -> np.ndarray | None:
    output = context.output
    if input_.quantization == output.quantization:
        return None
    needed, got = output.quantization, input_.quantization
    context.require(output.dtype == "uint8", "C2", f"{input_.name!r} quantized as {needed}", got)
    scaled = context.per_tensor(input_), context.per_tensor(output)
    ratio = scaled[0][0] / scaled[1][0]
    context.require(ratio < _RATIO_LIMIT, "C5", f"a ratio below {_RATIO_LIMIT}", ratio)
    codes = real_scales.float32_codes(np.arange(256), *scaled)
    return np.clip(codes, *QUANTIZED_LIMITS["uint8"]).astype(np.uint8)


def evaluate(params: Params, *inputs: np.ndarray) -> np.ndarray:
    """Returns the inputs' type, of the output's shape."""
    parts = [
        input_ if table is None else table[input_]
        for input_, table in zip(inputs, params.tables, strict=True)
    ]
    return np.concatenate(parts, axis=params.axis)
