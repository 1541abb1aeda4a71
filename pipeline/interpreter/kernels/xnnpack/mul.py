"""MUL as XNNPACK computes it: the product of centered codes, requantized.

A tensor times itself is another op there, a square by table, like TANH: ties to even, after the
zero point is added.

On x86-64 in float32 (SinglePrecision); on arm64 by a 31-bit multiplier with two shifts:

  high = (saturate((product << pre)) * multiplier * 2) >> 32
  output = clamp(output_zero_point + ((high + 2**(post - 1)) >> post))

Source: xnn_init_qs8_mul_minmax_* parameters, XNNPACK src/microparams-init.c; the kernels
qs8-vmul/*-fp32 and qs8-vmul/*-rndnu; the rewriting of multiply to square in src/subgraph.c;
VisitMulNode, xnnpack_delegate.cc.
"""

import dataclasses
import math

import numpy as np

from pipeline.interpreter import delegate, fixed_point, lookup, output_stage, real_scales
from pipeline.interpreter.kernels import mul
from pipeline.interpreter.kernels.mul import Params
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.requantizers import SinglePrecision

_SMALLEST_SCALE, _SCALE_LIMIT = 2.0**-16, 256.0


@dataclasses.dataclass(frozen=True)
class TwoShifts:
    """Rounds down in the high multiplication, then ties up in the last shift.

    Attributes:
      multiplier: Of 31 bits.
      left_shift: Before the multiplication, saturating.
      right_shift: After it.
    """

    multiplier: int
    left_shift: int
    right_shift: int

    @classmethod
    def from_real(cls, scale: float) -> "TwoShifts":
        """Takes a scale, exactly a float32, apart."""
        fraction, exponent = math.frexp(scale)
        shift = -exponent
        right_shift = max(shift, 1)
        return cls(int(fraction * 2**31), right_shift - shift, right_shift)

    def __call__(self, accumulator: np.ndarray) -> np.ndarray:
        """Returns the rounded products as int32."""
        shifted = np.clip(
            accumulator.astype(np.int64) << self.left_shift,
            fixed_point.INT32_MIN,
            fixed_point.INT32_MAX,
        )
        high = (shifted * self.multiplier) >> 31
        return ((high + (1 << (self.right_shift - 1))) >> self.right_shift).astype(np.int32)


def takes(context: OpContext) -> bool:
    """Returns whether the delegate takes it: one 8-bit type, the product of scales in range."""
    return (
        delegate.has_one_8_bit_type(context, 2)
        and _SMALLEST_SCALE <= _scale(context) < _SCALE_LIMIT
    )


def prepare(context: OpContext) -> Params | lookup.Params:
    """Turns scales into a multiplier, as the target does, or computes the table of a square."""
    context.require_broadcast("C2")
    if context.input(0).index == context.input(1).index:
        return _square(context)
    scale = _scale(context)
    if context.target == "arm64":
        requantizer = TwoShifts.from_real(scale)
    else:
        requantizer = SinglePrecision.from_real([scale])
    bounds = context.fused_activation_bounds("C3")
    first, second = (context.per_tensor(context.input(position))[1] for position in (0, 1))
    return Params((first, second), output_stage.prepare(context, requantizer, bounds))


def evaluate(params: Params | lookup.Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns codes of the broadcast shape."""
    if isinstance(params, lookup.Params):
        return lookup.evaluate(params, first)
    return mul.evaluate(params, first, second)


def _square(context: OpContext) -> lookup.Params:
    table = lookup.prepare_delegated(context, np.square).table
    return lookup.Params(np.clip(table, *context.fused_activation_bounds("C3")).astype(table.dtype))


def _scale(context: OpContext) -> float:
    scales = [context.per_tensor(context.input(position))[0] for position in (0, 1)]
    return real_scales.float32_product(*scales, context.per_tensor(context.output)[0])
