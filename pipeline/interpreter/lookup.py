"""Functions of one variable as tables: computed from reals while an op is prepared, then only read.

8 bits have a table of all 256 codes, int16 an interpolated one (lut16.py).

Real functions are evaluated in float64 and then rounded: numpy's own float32 functions are not
correctly rounded.

Source: LUTPopulate, tensorflow/lite/kernels/internal/common.h.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from pipeline.errors import UnsupportedOpError
from pipeline.interpreter import float_sums, lut16
from pipeline.interpreter.op_context import OpContext
from pipeline.quant_params import QUANTIZED_LIMITS

# Takes and returns an array of one float type.
Function = Callable[[np.ndarray], np.ndarray]

# Less than 2**31 by more than any zero point.
_INT32_LIMIT = 2**31 - 2**9


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Output codes: of all input codes in order, or int16[513] to interpolate between."""

    table: np.ndarray


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape and type."""
    if input_.dtype == np.int16:
        return lut16.look_up(params.table, input_)
    low, _ = QUANTIZED_LIMITS[input_.dtype.name]
    return params.table[input_.astype(np.int32) - low]


def prepare(context: OpContext, function: Function) -> Params:
    """Returns the table of an op as TFLite computes it, in float32; ties go away from zero."""
    if context.output.dtype == "int16":
        input_ = context.per_tensor(context.input(0))
        output = context.per_tensor(context.output)
        return Params(lut16.build(function, input_, output, fuses=context.fuses))
    _, zero_point = context.per_tensor(context.output)
    # Exact: to add a half, float64 has bits to spare.
    exact = steps(context, function).astype(np.float64)
    return of_codes(context, np.copysign(np.floor(np.abs(exact) + 0.5), exact) + zero_point)


def prepare_delegated(context: OpContext, function: Function) -> Params:
    """Returns the table of an 8-bit op as XNNPACK computes it: ties to even, after the zero point.

    On arm64 the division by the output scale and the addition are a fused multiply-add.

    Source: xnn_create_elu_nc_qs8 and its like, XNNPACK src/operators/unary-elementwise-nc.c.
    """
    _, zero_point = context.per_tensor(context.output)
    product_sum = float_sums.fused if context.fuses else float_sums.separate
    with np.errstate(all="ignore"):
        sums = product_sum(*_factors(context, function), np.float32(zero_point))
    return of_codes(context, np.rint(sums))


def of_codes(context: OpContext, codes: np.ndarray) -> Params:
    """Returns the table of these output codes, one per input code in order, clamped."""
    dtype = context.output.dtype
    if np.isnan(codes).any():
        raise UnsupportedOpError(
            f"{context.where}: needed scales under which every code has a value, got inf - inf or "
            f"0 * inf under {context.per_tensor(context.input(0))} and "
            f"{context.per_tensor(context.output)}"
        )
    return Params(np.clip(codes, *QUANTIZED_LIMITS[dtype]).astype(dtype))


def steps(context: OpContext, function: Function) -> np.ndarray:
    """Returns function / output scale, in float32, of each input code of 8 bits in order."""
    with np.errstate(all="ignore"):
        return np.multiply(*_factors(context, function))


def _factors(context: OpContext, function: Function) -> tuple[np.ndarray, np.float32]:
    """Returns the function of each input code of 8 bits in order, and 1 / output scale."""
    scale, zero_point = context.per_tensor(context.input(0))
    output_scale, _ = context.per_tensor(context.output)
    low, high = QUANTIZED_LIMITS[context.input(0).dtype]
    with np.errstate(all="ignore"):
        reals = np.float32(scale) * (np.arange(low, high + 1) - zero_point).astype(np.float32)
        return function(reals), np.float32(1) / np.float32(output_scale)


def require_int32(label: str, context: OpContext, function: Function) -> None:
    """Checks that an op on 8 bits converts no number to int32 that does not fit.

    TFLite on uint8, and tflite-micro, convert before they clamp; what comes of a number that does
    not fit depends on the machine.

    Raises:
      UnsupportedOpError: One does not fit.
    """
    largest = np.abs(steps(context, function)).max()
    needed = "an output scale of at least 2**-31 of the largest output"
    context.require(largest < _INT32_LIMIT, label, needed, context.per_tensor(context.output))


def require_zero_points(label: str, context: OpContext) -> None:
    """Checks that an op on int16 has zero points of 0.

    Raises:
      UnsupportedOpError: Its input or its output has another.
    """
    points = [context.per_tensor(tensor)[1] for tensor in (context.input(0), context.output)]
    is_fine = context.output.dtype != "int16" or points == [0, 0]
    context.require(is_fine, label, "zero points of 0 on int16", points)


def rounded(function: Function, reals: np.ndarray) -> np.ndarray:
    """Returns a function evaluated in float64, in the float type of `reals`."""
    with np.errstate(all="ignore"):  # Infinities and their like are what the runtime gets too.
        return function(reals.astype(np.float64)).astype(reals.dtype)
