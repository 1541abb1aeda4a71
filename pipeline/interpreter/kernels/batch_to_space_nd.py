"""BATCH_TO_SPACE_ND: any integer type, a copy.

  The inverse of SPACE_TO_BATCH_ND: batches are woven into the spatial axes, which are then
  cropped.

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  input is of rank 3 or 4; block shape and crops are constants for its 1 or 2 spatial axes,
      blocks positive, crops >= 0; blocks divide the batch, crops leave something.
  C3  the output shape follows.

Source: ResizeOutputTensor and Eval, tensorflow/lite/kernels/batch_to_space_nd.cc.
"""

import dataclasses
import itertools
import math

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext


@dataclasses.dataclass(frozen=True)
class Params:
    """Size of a block, and what is cropped before and after, along each spatial axis."""

    block: tuple[int, ...]
    crops: tuple[tuple[int, int], ...]


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
        and shape[0] % math.prod(block) == 0
    )
    context.require(good, "C2", "blocks and crops of spatial axes", (shape, block, flat))
    crops = tuple(zip(flat[::2], flat[1::2], strict=True))
    woven = [size * step for size, step in zip(shape[1:-1], block, strict=True)]
    left = [size - sum(around) for size, around in zip(woven, crops, strict=True)]
    context.require(min(left) >= 0, "C2", f"crops inside {woven}", crops)
    context.require_shape("C3", (shape[0] // math.prod(block), *left, shape[-1]))
    return Params(tuple(block), crops)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape."""
    num_blocks = math.prod(params.block)
    batch, *sizes, depth = input_.shape
    woven_sizes = [size * step for size, step in zip(sizes, params.block, strict=True)]
    woven = np.empty((batch // num_blocks, *woven_sizes, depth), input_.dtype)
    places = itertools.product(*map(range, params.block))
    for part, place in zip(np.split(input_, num_blocks), places, strict=True):
        steps = (slice(first, None, step) for first, step in zip(place, params.block, strict=True))
        woven[(slice(None), *steps)] = part
    kept = [
        slice(before, size - after)
        for (before, after), size in zip(params.crops, woven_sizes, strict=True)
    ]
    return woven[(slice(None), *kept)].copy()
