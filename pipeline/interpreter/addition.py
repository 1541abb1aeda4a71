"""What ADD and SUB share: codes of two scales are brought to one, and summed.

Quantized, in general:

  output = clamp(output_zero_point + round(output_multiplier * (term(input1) +- term(input2))))
  term(input) = round(input_multiplier * ((input - input_zero_point) << L))
  input_multiplier = input_scale / (2 * max(input1_scale, input2_scale))
  output_multiplier = 2 * max(input1_scale, input2_scale) / (2**L * output_scale)

with L = 20 for 8 bits and L = 15 for 16, so that nothing overflows. All multipliers round twice:
ties of the high multiplication go up, ties of the right shift away from zero.

int16 whose three scales are powers of two:

  output = clamp(shifted(input1) +- shifted(input2))
  shifted(input) = round(input * input_scale / output_scale)       ties away from zero

int32 and int64: the sum or difference itself, see plain.py.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import fixed_point, output_stage, plain, real_scales
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding, Requantizer

_LEFT_SHIFTS = {"int8": 20, "uint8": 20, "int16": 15}
_MAX_POT_SHIFT = 15


@dataclasses.dataclass(frozen=True)
class Operand:
    """Integers of one input."""

    zero_point: int
    requantizer: Requantizer

    def __call__(self, input_: np.ndarray, left_shift: int) -> np.ndarray:
        """Returns the rounded terms of codes, int32."""
        centered = input_.astype(np.int32) - self.zero_point
        return self.requantizer(centered << left_shift)


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one sum or difference, in general."""

    first: Operand
    second: Operand
    output: OutputStage
    left_shift: int


@dataclasses.dataclass(frozen=True)
class ShiftParams:
    """Integers of one sum or difference whose scales are powers of two.

    Attributes:
      right_shifts: Of both inputs.
      activation_min: Smallest output code, inclusive.
      activation_max: Largest output code, inclusive.
    """

    right_shifts: tuple[int, int]
    activation_min: int
    activation_max: int


AnyParams = Params | ShiftParams | plain.Params


def prepare(context: OpContext, has_shift_form: bool = True) -> AnyParams:
    """Checks C1 to C6 of ADD and SUB; brings both inputs to half the larger scale.

    Args:
      context: The op.
      has_shift_form: Whether the engine has a form of its own for powers of two.
    """
    dtypes = (*_LEFT_SHIFTS, *plain.DTYPES)
    context.require_one_of("C1", [(dtype, dtype, dtype) for dtype in dtypes])
    context.require_broadcast("C2")
    dtype = context.output.dtype
    if dtype in plain.DTYPES:
        return plain.prepare(context, "C4")
    if dtype == "int16":
        inputs = context.input(0), context.input(1)
        zero_points = [context.per_tensor(tensor)[1] for tensor in (*inputs, context.output)]
        context.require(not any(zero_points), "C5", "zero points of 0 with int16", zero_points)
        if has_shift_form and context.option("pot_scale_int16", bool):
            shifts = _right_shifts(context)
            if shifts is not None:
                return ShiftParams(shifts, *context.fused_activation_bounds("C4"))
    return _prepare_general(context, _LEFT_SHIFTS[dtype])


def evaluate(
    params: AnyParams, first: np.ndarray, second: np.ndarray, combine: np.ufunc
) -> np.ndarray:
    """Returns codes of the broadcast shape; `combine` is np.add or np.subtract."""
    if isinstance(params, plain.Params):
        return params.clamp(combine(first, second))
    if isinstance(params, ShiftParams):
        terms = [
            fixed_point.rounding_divide_by_pot(values.astype(np.int32), shift)
            for values, shift in zip((first, second), params.right_shifts, strict=True)
        ]
        total = combine(*terms)
        return np.clip(total, params.activation_min, params.activation_max).astype(np.int16)
    terms = params.first(first, params.left_shift), params.second(second, params.left_shift)
    return params.output(combine(*terms))


def operands(context: OpContext) -> tuple[Operand, Operand, float]:
    """Returns both inputs, each to be multiplied by its scale over a third: twice the larger."""
    inputs = [context.per_tensor(context.input(position)) for position in (0, 1)]
    twice_max_scale = 2 * max(scale for scale, _ in inputs)
    first, second = (
        Operand(
            zero_point,
            DoubleRounding.from_real([real_scales.double_quotient(scale, twice_max_scale)]),
        )
        for scale, zero_point in inputs
    )
    return first, second, twice_max_scale


def _prepare_general(context: OpContext, left_shift: int) -> Params:
    first, second, twice_max_scale = operands(context)
    output_scale, _ = context.per_tensor(context.output)
    multiplier = real_scales.double_quotient(twice_max_scale, 2**left_shift * output_scale)
    context.require(multiplier < 1, "C3", "output multiplier below 1", multiplier)
    requantizer = DoubleRounding.from_real([multiplier])
    bounds = context.fused_activation_bounds("C4")
    stage = output_stage.prepare(context, requantizer, bounds)
    return Params(first, second, stage, left_shift)


def _right_shifts(context: OpContext) -> tuple[int, int] | None:
    """Checks C6; returns the shifts, or None where a scale is no power of two."""
    tensors = context.input(0), context.input(1), context.output
    exponents = [real_scales.power_of_two(context.per_tensor(tensor)[0]) for tensor in tensors]
    first, second, output = exponents
    if first is None or second is None or output is None:
        return None
    shifts = output - first, output - second
    context.require(
        min(shifts) == 0 and max(shifts) <= _MAX_POT_SHIFT,
        "C6",
        "one input with the output's scale, the other's smaller by 2**15 at most",
        f"ratios of 2**{shifts[0]} and 2**{shifts[1]}",
    )
    return shifts
