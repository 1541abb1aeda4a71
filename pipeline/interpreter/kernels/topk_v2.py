"""TOPK_V2: int8, uint8, int16, int32 or int64, along the last axis.

  values, indices = the k largest elements in descending order, and where they lie

Of equal elements the one with the lower index comes first.

Constraints (tests are named after these labels):
  C1  input and values have one of these types, scale and zero point; k and the indices are int16 or
      int32.
  C2  k is one constant, at least 1 and at most the size of the last axis.
  C3  both output shapes are the input's with a last axis of size k.
  C4  indices of int16 reach to the end of the last axis.

Source: Prepare, ResizeOutput and TopKImpl, tensorflow/lite/kernels/topk_v2.cc.
"""

import dataclasses
import itertools

import numpy as np

from pipeline.interpreter.op_context import OpContext

_DTYPES = ("int8", "uint8", "int16", "int32", "int64")
_INDEX_DTYPES = ("int16", "int32")


@dataclasses.dataclass(frozen=True)
class Params:
    """How many elements, and the type of the indices."""

    count: int
    index_dtype: np.dtype


def prepare(context: OpContext) -> Params:
    """Checks C1 to C4."""
    num_outputs = len(context.outputs)
    context.require(num_outputs == 2, "C1", "outputs values and indices", num_outputs)
    rows = itertools.product(_DTYPES, _INDEX_DTYPES, _INDEX_DTYPES)
    context.require_one_of("C1", [(dtype, k, dtype, index) for dtype, k, index in rows])
    input_, (values, indices) = context.input(0), context.outputs
    same = input_.quantization == values.quantization
    got = (input_.quantization, values.quantization)
    context.require(same, "C1", "one scale and zero point", got)
    counts, shape = context.constant(1).reshape(-1).tolist(), input_.shape
    context.require(len(counts) == 1, "C2", "one k", counts)
    context.require(len(shape) >= 1, "C2", "an input with an axis", shape)
    count, size = counts[0], shape[-1]
    context.require(1 <= count <= size, "C2", f"k from 1 to {size}", count)
    needed = (*shape[:-1], count)
    shapes = (values.shape, indices.shape)
    context.require(set(shapes) == {needed}, "C3", f"outputs of shape {needed}", shapes)
    index_dtype = np.dtype(indices.dtype)
    largest = np.iinfo(index_dtype).max
    context.require(size <= largest, "C4", f"a last axis of at most {largest}", size)
    return Params(count, index_dtype)


def evaluate(params: Params, input_: np.ndarray, *_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns values and indices."""
    # The complement turns the order of any integer type around, which leaves equals in place.
    order = np.argsort(~input_, axis=-1, kind="stable")[..., : params.count]
    values = np.take_along_axis(input_, order, axis=-1)
    return values, order.astype(params.index_dtype)
