"""STRIDED_SLICE: any integer type, a copy.

  output = input[begin : end : stride] along each axis, as Python slices

A bit of begin_mask or end_mask stands for a bound left out, one of shrink_axis_mask for a single
index whose axis goes away, one of new_axis_mask for an axis of size 1 put in, one of ellipsis_mask
for all axes that are not named. With the offset option, an end counts from its begin.

Constraints (tests are named after these labels):
  C1  input and output have one type, scale and zero point.
  C2  begin, end and strides are constants of one length; strides are not 0 and, with
      shrink_axis_mask, 1; single indices lie inside the input; at most one ellipsis.
  C3  the output shape follows.

Source: StridedSliceParams and BuildStridedSliceParams, tensorflow/lite/kernels/strided_slice.cc;
internal/strided_slice_logic.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import copying
from pipeline.interpreter.op_context import OpContext

_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


@dataclasses.dataclass(frozen=True)
class Params:
    """What is taken.

    Attributes:
      slices: (start, stop, step) of each axis of the input; a stop of None goes past the first.
      shape: Of the output.
    """

    slices: tuple[tuple[int, int | None, int], ...]
    shape: tuple[int, ...]


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3."""
    copying.check(context, "C1")
    shape = context.input(0).shape
    begin, end, strides = (copying.constants(context, position, "C2") for position in (1, 2, 3))
    lengths = {len(begin), len(end), len(strides)}
    context.require(len(lengths) == 1, "C2", "one length", lengths)
    context.require(0 not in strides, "C2", "strides that are not 0", strides)
    masks = [context.option(name, int) for name in _MASKS]
    entries = [
        _Entry(*bounds, *(bool(mask >> place & 1) for mask in masks))
        for place, bounds in enumerate(zip(begin, end, strides, strict=True))
    ]
    ellipses = sum(entry.is_ellipsis for entry in entries)
    context.require(ellipses <= 1, "C2", "at most one ellipsis", ellipses)
    is_offset = context.option("offset", bool)
    slices: list[tuple[int, int | None, int]] = []
    result: list[int] = []
    named = sum(not entry.is_ellipsis and not entry.is_new for entry in entries)
    context.require(named <= len(shape), "C2", f"at most {len(shape)} axes", named)
    for entry in entries:
        if entry.is_ellipsis:
            for _ in range(len(shape) - named):
                result.append(shape[len(slices)])
                slices.append((0, shape[len(slices)], 1))
        elif entry.is_new:
            result.append(1)
        else:
            size = shape[len(slices)]
            taken = entry.single(context, size) if entry.is_single else entry.range(size, is_offset)
            slices.append(taken)
            if not entry.is_single:
                result.append(len(range(size)[slice(*taken)]))
    for size in shape[len(slices) :]:
        result.append(size)
        slices.append((0, size, 1))
    context.require_shape("C3", tuple(result))
    return Params(tuple(slices), tuple(result))


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One position of begin, end and strides, with its bits of the masks."""

    begin: int
    end: int
    stride: int
    is_open_at_begin: bool
    is_open_at_end: bool
    is_ellipsis: bool
    is_new: bool
    is_single: bool

    def single(self, context: OpContext, size: int) -> tuple[int, int | None, int]:
        index = 0 if self.is_open_at_begin else self.begin
        context.require(self.stride == 1, "C2", "stride 1 of a single index", self.stride)
        context.require(-size <= index < size, "C2", f"an index inside {size}", index)
        return index % size, index % size + 1, 1

    def range(self, size: int, is_offset: bool) -> tuple[int, int | None, int]:
        end = self.begin + self.end if is_offset else self.end
        bounds = slice(
            None if self.is_open_at_begin else self.begin,
            None if self.is_open_at_end else end,
            self.stride,
        )
        start, stop, step = bounds.indices(size)
        return start, None if stop < 0 else stop, step


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """Returns the input's type, of the output's shape."""
    return input_[tuple(slice(*bounds) for bounds in params.slices)].reshape(params.shape).copy()
