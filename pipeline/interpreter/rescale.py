"""Codes of one scale and zero point become codes of another: RELU and its kin, and QUANTIZE."""

import dataclasses

import numpy as np

from pipeline.interpreter import output_stage
from pipeline.interpreter.op_context import OpContext
from pipeline.interpreter.output_stage import OutputStage
from pipeline.interpreter.requantizers import DoubleRounding


@dataclasses.dataclass(frozen=True)
class Params:
    """Integers of one rescaling op."""

    input_zero_point: int
    output: OutputStage


def prepare(context: OpContext, multiplier: float, bounds: tuple[int, int]) -> Params:
    """Returns the integers; `multiplier` is the real input_scale / output_scale."""
    _, input_zero_point = context.per_tensor(context.input(0))
    requantizer = DoubleRounding.from_real([multiplier])
    return Params(input_zero_point, output_stage.prepare(context, requantizer, bounds))


def check_activation(context: OpContext, *dtypes: str) -> None:
    """Checks C1 to C3 of RELU and its kin, which take these types."""
    context.require_one_of("C1", [(dtype, dtype) for dtype in dtypes])
    context.require_shape("C2", context.input(0).shape)
    context.require_int16_symmetric("C3")


def prepare_activation(context: OpContext, activation: str) -> Params:
    """Returns the integers of `activation`, RELU or its kin."""
    input_scale, _ = context.per_tensor(context.input(0))
    output_scale, _ = context.per_tensor(context.output)
    multiplier = context.arithmetic.scale_quotient(input_scale, output_scale)
    return prepare(context, multiplier, context.activation_bounds("C1", activation))


def evaluate(params: Params, input_: np.ndarray) -> np.ndarray:
    """Returns output codes of the input's shape."""
    return params.output(input_.astype(np.int32) - params.input_zero_point)
