"""Random quantization of ops that multiply by a filter: two convolutions and FULLY_CONNECTED."""

import dataclasses

import numpy as np
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, constant

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


@dataclasses.dataclass(frozen=True, eq=False)
class Operands:
    """Inputs and output of such an op, and the values of its input."""

    input_: Operand
    filter_: Operand
    bias: Operand
    output: Operand
    values: np.ndarray


@st.composite
def operands(
    draw: st.DrawFn,
    input_shape: tuple[int, ...],
    filter_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    channel_axis: int,
) -> Operands:
    """Quantizes an op whose shapes are known.

    In half of the cases all products are 0 and the bias lies near rounding ties.
    """
    rng = draw(conformance.generators())
    channels = filter_shape[channel_axis]
    depth = int(np.prod(filter_shape)) // channels
    input_scale = draw(conformance.scales())
    num_scales = draw(st.sampled_from([1, channels]))
    spread = draw(st.sampled_from([0.0, 2.0]))
    filter_scales = np.float32(draw(conformance.scales()) * 2 ** rng.uniform(0, spread, num_scales))
    # At a zoom of 0 the spread of random accumulators fills about the range of codes.
    zoom = draw(st.floats(-6, 8))
    output_scale = np.float32(input_scale * filter_scales.mean() * np.sqrt(depth) * 100 * 2.0**zoom)
    multipliers = input_scale * filter_scales.astype(np.float64) / output_scale

    input_zero_point = draw(conformance.zero_points())
    extreme = draw(st.booleans())
    if draw(st.booleans()):
        values = np.full(input_shape, input_zero_point, np.int8)
        bias = conformance.accumulators_near_ties(rng, multipliers, channels)
    else:
        values = conformance.codes(rng, input_shape, extreme=extreme)
        bias = rng.integers(-(2**15), 2**15, channels).astype(np.int32)
    filter_ = np.maximum(conformance.codes(rng, filter_shape, extreme=extreme), -127)
    return Operands(
        input_=Operand(input_shape, input_scale, input_zero_point),
        filter_=constant(filter_, filter_scales.tolist(), channel_axis),
        # FULLY_CONNECTED refuses a bias whose scale is not this product.
        bias=constant(bias, (input_scale * filter_scales).tolist(), 0),
        output=Operand(output_shape, float(output_scale), draw(conformance.zero_points())),
        values=values,
    )
