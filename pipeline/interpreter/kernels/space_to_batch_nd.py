"""SPACE_TO_BATCH_ND: any integer type, a copy.

  The spatial axes are padded with the zero point and cut into blocks; each place in a block becomes
  a batch of its own, in row-major order of places.

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  input is of rank 3 or 4; block shape and paddings are constants for its 1 or 2 spatial axes,
      blocks positive, paddings >= 0, and blocks divide the padded axes.
  C3  the output shape follows.

Source: ResizeOutputTensor and Eval, tensorflow/lite/kernels/space_to_batch_nd.cc.
"""

import dataclasses
import itertools
import math

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one op.

    Attributes:
      block: Size of a block along each spatial axis.
      paddings: Before and after each spatial axis.
      fill: What padding holds.
    """

    block: tuple[int, ...]
    paddings: tuple[tuple[int, int], ...]
    fill: int


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape = context.input(0).shape
    num_spatial = len(shape) - 2
    block = copying.constants(context, 1, "C2")
    flat = copying.constants(context, 2, "C2")
    good = (
        num_spatial in (1, 2)
        and len(block) == num_spatial
        and len(flat) == 2 * num_spatial
        and min(block) > 0
        and min(flat) >= 0
    )
    context.require(good, "C2", "blocks and paddings of spatial axes", (shape, block, flat))
    paddings = tuple(zip(flat[::2], flat[1::2], strict=True))
    padded = [size + sum(around) for size, around in zip(shape[1:-1], paddings, strict=True)]
    divides = all(size % step == 0 for size, step in zip(padded, block, strict=True))
    context.require(divides, "C2", f"axes {padded} that divide into blocks", block)
    cut = [size // step for size, step in zip(padded, block, strict=True)]
    context.require_shape("C3", (shape[0] * math.prod(block), *cut, shape[-1]))
    quantization = context.output.quantization
    fill = 0 if quantization is None else quantization.zero_point[0]
    return Params(tuple(block), paddings, fill)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape."""
    padded = np.pad(input_, ((0, 0), *params.paddings, (0, 0)), constant_values=params.fill)
    places = itertools.product(*map(range, params.block))
    return np.concatenate([padded[_every(params.block, place)] for place in places])


def _every(block: tuple[int, ...], place: tuple[int, ...]) -> tuple[slice, ...]:
    """Returns where one place of all blocks lies."""
    steps = (slice(first, None, step) for first, step in zip(place, block, strict=True))
    return (slice(None), *steps)
