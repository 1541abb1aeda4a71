"""MUL in TFLite's optimized kernels: as the reference, but in vectors (see rows.py).

There, 8-bit results are narrowed to int16 before the output zero point is added: saturating, but
modulo 2**16 with uint8 beside one scalar. The sum wraps modulo 2**16, then it is saturated. So
large products give codes at the wrong end: an overflow of the runtime.

An op whose results all fit int16 is left to the reference kernel, which has the same codes.

Source: MulElementwise and MulSimpleBroadcast, tensorflow/lite/kernels/internal/optimized/
integer_ops/mul.h and optimized/optimized_ops.h.
"""

import dataclasses

import numpy as np

from pipeline.interpreter import narrowing, real_scales, rows
from pipeline.interpreter.kernels import mul
from pipeline.interpreter.kernels.mul import Params as ReferenceParams
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.rows import Form, Rows

_LIMIT = 2**15 - 256  # With room for the zero point.
_VECTORS = {"int8": 16, "uint8": 8}


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one multiplication.

    Attributes:
      reference: Of the reference kernel.
      rows: How the operands are walked over.
      vector: Elements in a vector.
      wraps: Whether the first narrowing in vectors is modulo 2**16; else it saturates.
    """

    reference: ReferenceParams
    rows: Rows
    vector: int
    wraps: bool


def takes(context: OpContext) -> bool:
    """Returns whether vectors may give other codes than the reference kernel."""
    params = _prepare(context)
    if params is None or params.rows.num_in_vectors(params.vector) == 0:
        return False
    dtype = params.reference.output.dtype
    ends = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max])
    products = mul.centered_product(params.reference, ends[:, np.newaxis], ends)
    scales = [context.per_tensor(context.input(position))[0] for position in (0, 1)]
    multiplier = real_scales.double_product(*scales, context.per_tensor(context.output)[0])
    return int(np.abs(products).max()) * multiplier >= _LIMIT


def prepare(context: OpContext) -> Params:
    """Checks the constraints of the reference kernel; finds the vectors."""
    params = _prepare(context)
    assert params is not None, "takes() says so"
    return params


def evaluate(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns codes of the broadcast shape."""
    elsewhere = mul.evaluate(params.reference, first, second)
    return params.rows.join(params.vector, _in_vectors(params, first, second), elsewhere)


def _prepare(context: OpContext) -> Params | None:
    reference = mul.prepare(context)
    dtype = context.output.dtype
    split = rows.split(context.input(0).shape, context.input(1).shape)
    if dtype not in _VECTORS or split.form is Form.NO_ROWS:
        return None
    assert isinstance(reference, ReferenceParams)
    return Params(
        reference,
        split,
        _VECTORS[dtype],
        dtype == "uint8" and split.form is Form.ONE_STANDS,
    )


def _in_vectors(params: Params, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    stage = params.reference.output
    scaled = stage.requantizer(mul.centered_product(params.reference, first, second))
    return (narrowing.wrap if params.wraps else narrowing.saturate)(stage, scaled)
