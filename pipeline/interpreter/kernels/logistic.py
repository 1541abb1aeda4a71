"""LOGISTIC: int8, by a table of all 256 codes.

  output = clamp(output_zero_point + round(256 / (1 + exp(-input_scale * (input - zero_point)))))

The table is computed in float32 while the op is prepared, ties away from zero; at run time it is
only read.

Constraints (tests are named after these labels):
  C1  input and output are int8.
  C2  input and output have the same shape.
  C3  the output scale is 1 / 256.

Source: SigmoidPrepare and PopulateLookupTable, tensorflow/lite/kernels/activations.cc.
"""

import dataclasses

import numpy as np

from pipeline.interpreter.op_context import OpContext

_OUTPUT_SCALE = 1 / 256
_CODES = np.arange(-128, 128, dtype=np.int32)


@dataclasses.dataclass(frozen=True, eq=False)
class Params:
    """Output codes, int8[256], of the input codes from -128 to 127."""

    table: np.ndarray


def prepare(context: OpContext) -> Params:
    """Checks C1 to C3; computes the table."""
    context.require_dtypes("C1", "int8", "int8")
    context.require_shape("C2", context.input(0).shape)
    input_scale, input_zero_point = context.per_tensor(context.input(0))
    output_scale, output_zero_point = context.per_tensor(context.output)
    context.require(output_scale == _OUTPUT_SCALE, "C3", "output scale 1/256", output_scale)

    with np.errstate(over="ignore"):  # An infinite exponential rightly gives 0.
        reals = np.float32(input_scale) * (_CODES - input_zero_point).astype(np.float32)
        # Through float64, because numpy's own float32 exp is not correctly rounded.
        exponentials = np.exp(-reals.astype(np.float64)).astype(np.float32)
    logistic = np.float32(1) / (np.float32(1) + exponentials)
    codes = np.floor(logistic * np.float32(256) + np.float32(0.5)) + output_zero_point
    return Params(np.clip(codes, -128, 127).astype(np.int8))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns int8 of the input's shape."""
    return params.table[input_.astype(np.int32) + 128]
