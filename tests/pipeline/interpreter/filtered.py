"""Random quantization of ops that multiply by a filter: three convolutions, FULLY_CONNECTED."""

import dataclasses

import numpy as np
from hypothesis import strategies as st

from tests.pipeline.interpreter import conformance
from tests.pipeline.interpreter.one_op import Operand, constant

_FILTER_LIMITS = {"int8": (-127, 127), "int4": (-7, 7), "int2": (-2, 1), "uint8": (0, 255)}

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


@dataclasses.dataclass(frozen=True)
class Types:
    """Of data, filter and bias; and what else tells runtimes so."""

    data: str
    filter_: str
    bias: str

    @property
    def options(self) -> dict[str, object]:
        """Options of the op."""
        is_narrow = (self.data, self.bias) == ("int16", "int32")
        return {"quantized_bias_type": "INT32"} if is_narrow else {}


# As the tests' ENGINES name them.
TYPES = {
    "int8": Types("int8", "int8", "int32"),
    "int8, int4 filter": Types("int8", "int4", "int32"),
    "int8, int2 filter": Types("int8", "int2", "int32"),
    "uint8": Types("uint8", "uint8", "int32"),
    "int16": Types("int16", "int8", "int64"),
    "int16, int32 bias": Types("int16", "int8", "int32"),
}


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
    types: Types,
) -> Operands:
    """Quantizes an op whose shapes are known.

    In half of the cases all products are 0 and the bias lies near rounding ties; half of those have
    multipliers with many exact ties.
    """
    rng = draw(conformance.generators())
    channels = filter_shape[channel_axis]
    depth = int(np.prod(filter_shape)) // channels
    input_scale = draw(conformance.scales())
    num_scales = 1 if types.data == "uint8" else draw(st.sampled_from([1, channels]))
    spread = draw(st.sampled_from([0.0, 2.0]))
    filter_scales = np.float32(draw(conformance.scales()) * 2 ** rng.uniform(0, spread, num_scales))
    # At a zoom of 0 the spread of random accumulators fills about the range of codes.
    zoom = draw(st.floats(-6, 8))
    output_scale = np.float32(input_scale * filter_scales.mean() * np.sqrt(depth) * 100 * 2.0**zoom)
    ties = draw(st.booleans())
    if ties and draw(st.booleans()):
        input_scale, output_scale = 1.0, np.float32(1)
        filter_scales = np.float32(rng.integers(1, 20, num_scales) / 2 ** rng.integers(3, 9))
    multipliers = input_scale * filter_scales.astype(np.float64) / output_scale

    zero_points = st.just(0) if types.data == "int16" else conformance.zero_points(types.data)
    input_zero_point = draw(zero_points)
    extreme = draw(st.booleans())
    if ties:
        values = np.full(input_shape, input_zero_point, types.data)
        bias = conformance.accumulators_near_ties(rng, multipliers, channels, types.data)
    else:
        values = conformance.codes(rng, input_shape, types.data, extreme=extreme)
        bias = rng.integers(-(2**15), 2**15, channels)
    limits = _FILTER_LIMITS[types.filter_]
    codes = rng.choice(limits, filter_shape) if extreme else rng.integers(*limits, filter_shape)
    filter_ = Operand(
        filter_shape,
        filter_scales.tolist(),
        draw(zero_points) if types.filter_ == "uint8" else 0,
        types.filter_,
        codes.astype("uint8" if types.filter_ == "uint8" else "int8"),
        channel_axis,
    )
    return Operands(
        input_=Operand(input_shape, input_scale, input_zero_point, types.data),
        filter_=filter_,
        # FULLY_CONNECTED refuses a bias whose scale is not this product.
        bias=constant(bias.astype(types.bias), (input_scale * filter_scales).tolist(), 0),
        output=Operand(output_shape, float(output_scale), draw(zero_points), types.data),
        values=values,
    )
