"""What the weights alone prove about an op that multiplies and accumulates.

CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and TRANSPOSE_CONV compute, for output channel c,

  acc[c] = bias[c] + sum over i of (weight[c, i] - weight_zero_point) * (input[i] - zero_point)
  output = output_zero_point + multiplier[c] * acc[c]      multiplier = s_in * s_weight[c] / s_out

in the integers of Jacob et al. 2018, eq. 7. The largest partial sum follows exactly from the signs
of the weights and the range of the input's codes, whatever the order of summation. That range is
the type's, or what a run on data saw of it (measured_ranges.py).
"""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

from pipeline.finding import Finding, Place, at_op
from pipeline.graph import Operator, Tensor
from pipeline.quant_params import QUANTIZED_LIMITS, QuantParams


@dataclasses.dataclass(frozen=True)
class _Signature:
    """Positions of an op's operands, and the axis of its weights that is the output channel."""

    input: int
    weights: int
    bias: int
    channel_axis: int


_SIGNATURES = {
    "CONV_2D": _Signature(input=0, weights=1, bias=2, channel_axis=0),
    "DEPTHWISE_CONV_2D": _Signature(input=0, weights=1, bias=2, channel_axis=3),
    "FULLY_CONNECTED": _Signature(input=0, weights=1, bias=2, channel_axis=0),
    "TRANSPOSE_CONV": _Signature(input=2, weights=1, bias=3, channel_axis=0),
}

# Ops that accumulate in ways not analysed here.
UNPROVED_OPS = frozenset(
    {"BATCH_MATMUL", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "LSTM", "MEAN", "SUM"}
)

_OPERAND_DTYPES = frozenset({"int2", "int4", "int8", "uint8", "int16"})

_INT32_MAX = 2**31 - 1
# XNNPACK converts accumulators to float32, which holds integers up to here exactly.
_FLOAT32_EXACT_MAX = 2**24
# Requantization of int64 accumulators multiplies by 16 bits, which leaves 47 for the value
# (MultiplyByQuantizedMultiplier(int64_t, ...) of tensorflow/lite/kernels/internal/common.cc).
_INT64_ACCUMULATOR_MAX = 2**47 - 1
_SMALLEST_SHIFT = -31  # QuantizeMultiplier makes anything smaller 0.
_LARGEST_SHIFT = 30

# TFLite refuses a bias whose scale is off by more than this share of the output's scale
# (GetQuantizedConvolutionMultipler of tensorflow/lite/kernels/kernel_util.cc).
_BIAS_SCALE_RUNTIME_TOLERANCE = 0.02
# Two roundings to float32 stay within this; more means somebody else chose the bias scale.
_BIAS_SCALE_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class AccumulatorBound:
    """Largest magnitude that an accumulator of an op can reach, partial sums included.

    Attributes:
      subgraph, op_index, op, tensor, layer: The op, and its weights.
      channel: The output channel that reaches furthest.
      bound: Largest |partial sum| over all inputs.
      limit: Largest magnitude the accumulator can hold.
    """

    subgraph: int
    op_index: int
    op: str
    tensor: str
    layer: str | None
    channel: int
    bound: int
    limit: int

    @property
    def is_exact_in_float32(self) -> bool:
        """Whether XNNPACK's conversion to float32 never rounds an accumulator of this op."""
        return self.bound <= _FLOAT32_EXACT_MAX

    @property
    def headroom_bits(self) -> float:
        """Bits left, negative when it can overflow."""
        return math.log2(self.limit / max(self.bound, 1))


@dataclasses.dataclass(frozen=True)
class RangeProof:
    """What was found about one op; `bound` is None where its weights are not constant."""

    bound: AccumulatorBound | None = None
    defects: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


def data_operand(op: Operator) -> tuple[int, ...]:
    """Returns the index of the tensor that an op multiplies by its weights; () of other ops."""
    signature = _SIGNATURES.get(op.op)
    return () if signature is None else op.inputs[signature.input : signature.input + 1]


def prove(place: Place) -> RangeProof:
    """Returns what the weights of `place` prove; nothing for ops without integer weights."""
    signature = _SIGNATURES.get(place.op.op)
    if signature is None:
        return RangeProof()
    operands = _operands(place, signature)
    if isinstance(operands, RangeProof):
        return operands
    return operands.prove()


def bound_within(place: Place, lowest: np.ndarray, highest: np.ndarray) -> AccumulatorBound | None:
    """Returns the bound for inputs of a narrower range; None where prove() has none.

    Args:
      place: The op.
      lowest: The input's codes by channel, its last axis: int64[channels].
      highest: Likewise.
    """
    signature = _SIGNATURES.get(place.op.op)
    operands = None if signature is None else _operands(place, signature)
    return operands.bound_within(lowest, highest) if isinstance(operands, _Operands) else None


def _operands(place: Place, signature: _Signature) -> "_Operands | RangeProof":
    """Collects what a proof needs, or says why there is nothing to prove or nothing to be used."""
    values, weights = place.operand(signature.input), place.operand(signature.weights)
    if values is None or weights is None or not place.outputs:
        where = (*place.outputs, *place.inputs)[:1]
        return RangeProof(
            defects=tuple(at_op(place, tensor, "an operand is missing") for tensor in where)
        )
    output = place.outputs[0]
    dtypes = {values.dtype, weights.dtype, output.dtype}
    if not dtypes <= _OPERAND_DTYPES:
        return RangeProof()
    if values.quantization is None or weights.quantization is None or output.quantization is None:
        return RangeProof()  # Reported as missing quantization by the certificate.
    bias = place.operand(signature.bias)
    axis = signature.channel_axis
    for tensor in (values, output):
        if tensor.quantization is not None and tensor.quantization.quantized_dimension is not None:
            return _defect(place, tensor, "an activation needs one scale, got one per channel")
    if axis >= len(weights.shape):
        return _defect(
            place, weights, f"weights of shape {list(weights.shape)} have no axis {axis}"
        )
    if weights.quantization.quantized_dimension not in (None, axis):
        return _defect(
            place,
            weights,
            f"weight scales must run along dimension {axis}, they run along "
            f"{weights.quantization.quantized_dimension}",
        )
    if bias is not None and bias.shape != (weights.shape[axis],):
        return _defect(
            place,
            bias,
            f"needed one bias for each of {weights.shape[axis]} channels, got {list(bias.shape)}",
        )
    return _Operands(
        place,
        axis,
        values,
        weights,
        output,
        bias,
        values.quantization,
        weights.quantization,
        output.quantization,
    )


def _defect(place: Place, tensor: Tensor, reason: str) -> RangeProof:
    return RangeProof(defects=(at_op(place, tensor, reason),))


@dataclasses.dataclass(frozen=True)
class _Operands:
    """The operands of one op, known to be there, to be integers and to fit each other."""

    place: Place
    channel_axis: int
    values: Tensor
    weights: Tensor
    output: Tensor
    bias: Tensor | None
    values_params: QuantParams
    weights_params: QuantParams
    output_params: QuantParams

    def bound_within(self, lowest: np.ndarray, highest: np.ndarray) -> AccumulatorBound | None:
        """Returns the bound for codes of the input between two, given by channel."""
        bounds = self._bounds(self._by_weight(lowest, np.min), self._by_weight(highest, np.max))
        return None if bounds is None or not bounds.size else self._accumulator_bound(bounds)

    def prove(self) -> RangeProof:
        bounds = self._bounds(*QUANTIZED_LIMITS[self.values.dtype])
        defects = [*self._bias_codes()]
        warnings = [*self._narrow_range()]
        for finding, is_defect in (
            *self._weight_zero_points(),
            *self._bias_scales(),
            *self._multipliers(bounds),
        ):
            (defects if is_defect else warnings).append(finding)
        bound = None
        if bounds is not None and bounds.size:
            bound = self._accumulator_bound(bounds)
            if bound.bound > bound.limit:
                defects.append(
                    self._finding(
                        self.weights,
                        f"the accumulator of channel {bound.channel} can reach {bound.bound}, its "
                        f"type holds {bound.limit}",
                    )
                )
        return RangeProof(bound, tuple(defects), tuple(warnings))

    def _finding(self, tensor: Tensor, reason: str) -> Finding:
        return at_op(self.place, tensor, reason)

    def _limit(self) -> int:
        """int16 inputs accumulate in int64, unless an int32 bias asks for int32."""
        narrow_bias = self.bias is not None and self.bias.dtype == "int32"
        if self.values.dtype == "int16" and not narrow_bias:
            return _INT64_ACCUMULATOR_MAX
        return _INT32_MAX

    def _accumulator_bound(self, bounds: np.ndarray) -> AccumulatorBound:
        channel = int(bounds.argmax())
        return AccumulatorBound(
            subgraph=self.place.subgraph_index,
            op_index=self.place.op.index,
            op=self.place.op.op,
            tensor=self.weights.name,
            layer=self.place.layer,
            channel=channel,
            bound=int(bounds[channel]),
            limit=self._limit(),
        )

    def _by_weight(
        self, codes: np.ndarray, reduce: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Returns what broadcasts to [channels, weights of one]: of each weight's input channel."""
        channels = self.weights.shape[self.channel_axis]
        if self.place.op.op == "DEPTHWISE_CONV_2D":
            return np.repeat(codes, channels // max(codes.size, 1))[:, np.newaxis]
        if self.weights.shape[-1] == codes.size:
            return np.tile(codes, math.prod(self.weights.shape) // channels // codes.size)
        return reduce(codes)  # Inputs that FULLY_CONNECTED flattens.

    def _bounds(self, low: int | np.ndarray, high: int | np.ndarray) -> np.ndarray | None:
        """Returns int64[channels]: the largest |partial sum|, None when weights are computed.

        Runtimes start from the bias or add it last; the bound holds for either.

        Args:
          low: The input's codes, one for all weights or as _by_weight() has them.
          high: Likewise.
        """
        if self.weights.data is None:
            return None
        bias = np.zeros(1, np.int64) if self.bias is None else self.bias.data
        if bias is None:
            return None
        channels = self.weights.shape[self.channel_axis]
        weights = np.moveaxis(self.weights.data, self.channel_axis, 0).reshape(channels, -1)
        weight_zero_point = np.asarray(self.weights_params.zero_point, np.int32)
        centred = weights.astype(np.int32) - weight_zero_point[:, np.newaxis]
        zero_point = self.values_params.zero_point[0]
        # Padding, and what a partial sum leaves out, counts as the zero point.
        least = np.minimum(low - np.int64(zero_point), 0)
        most = np.maximum(high - np.int64(zero_point), 0)
        positive, negative = np.maximum(centred, 0), np.minimum(centred, 0)
        largest = (positive * most + negative * least).sum(axis=1, dtype=np.int64)
        smallest = (positive * least + negative * most).sum(axis=1, dtype=np.int64)
        # An int64 bias near the end of its type must not wrap here; clipped, it is far too large.
        bias = np.clip(bias.astype(np.int64), -(2**62), 2**62)
        return np.maximum(largest + np.maximum(bias, 0), -(smallest + np.minimum(bias, 0)))

    def _weight_zero_points(self) -> Iterator[tuple[Finding, bool]]:
        """Yields a finding on asymmetric weights, with whether TFLite refuses them.

        TFLite's specification asks for symmetric int8 weights everywhere; its FULLY_CONNECTED
        computes with a zero point all the same.
        """
        if self.weights.dtype != "uint8" and any(self.weights_params.zero_point):
            reason = (
                f"{self.weights.dtype} weights need zero points of 0, got "
                f"{sorted(set(self.weights_params.zero_point))[:4]}"
            )
            yield self._finding(self.weights, reason), self.place.op.op != "FULLY_CONNECTED"

    def _narrow_range(self) -> Iterator[Finding]:
        smallest = QUANTIZED_LIMITS[self.weights.dtype][0]
        if self.weights.dtype == "uint8" or self.weights.data is None:
            return
        count = int(np.count_nonzero(self.weights.data == smallest))
        if count:
            yield self._finding(
                self.weights,
                f"{count} weights have the code {smallest}, which a narrow range leaves out "
                "(Jacob et al. 2018, appendix B, needs it out for int16 products)",
            )

    def _bias_codes(self) -> Iterator[Finding]:
        if self.bias is None or self.bias.data is None or self.bias.dtype != "int32":
            return
        clipped = np.flatnonzero(np.abs(self.bias.data.astype(np.int64)) >= _INT32_MAX)
        if clipped.size:
            yield self._finding(
                self.bias,
                f"{clipped.size} biases are clipped at the end of int32, the first in channel "
                f"{clipped[0]}: its weights' scale is too small for its bias",
            )

    def _bias_scales(self) -> Iterator[tuple[Finding, bool]]:
        """Yields findings on bias scales, with whether TFLite refuses them."""
        if self.bias is None or self.bias.quantization is None:
            return
        needed = self.values_params.scale[0] * np.asarray(self.weights_params.scale)
        got = np.asarray(self.bias.quantization.scale)
        if got.size not in (1, needed.size) and needed.size != 1:
            yield self._finding(self.bias, f"{got.size} scales for {needed.size} channels"), True
            return
        error = np.abs(got - needed)
        relative = float(np.max(error / needed))
        of_output = float(np.max(error)) / self.output_params.scale[0]
        if relative > _BIAS_SCALE_TOLERANCE:
            reason = (
                f"bias scale must be input scale * weight scale within {_BIAS_SCALE_TOLERANCE}, it "
                f"is off by {relative:.3g}; that is {of_output:.3g} of the output's scale, and "
                f"TFLite refuses more than {_BIAS_SCALE_RUNTIME_TOLERANCE}"
            )
            yield self._finding(self.bias, reason), of_output > _BIAS_SCALE_RUNTIME_TOLERANCE

    def _multipliers(self, bounds: np.ndarray | None) -> Iterator[tuple[Finding, bool]]:
        """Yields findings on s_in * s_weight / s_out, with whether results are wrong."""
        scales = self.values_params.scale[0] * np.asarray(self.weights_params.scale)
        multipliers = scales / self.output_params.scale[0]
        shifts = np.frexp(multipliers)[1]
        vanishing = np.flatnonzero(shifts < _SMALLEST_SHIFT)
        if vanishing.size:
            yield (
                self._finding(
                    self.weights,
                    f"the requantization multiplier of {vanishing.size} channels rounds to 0, the "
                    f"first is channel {vanishing[0]}: their output is constant",
                ),
                False,
            )
        left = np.maximum(shifts, 0)
        if left.max() > _LARGEST_SHIFT:
            yield (
                self._finding(
                    self.weights,
                    f"the requantization multiplier {multipliers.max():.3g} needs a left shift of "
                    f"{left.max()}, at most {_LARGEST_SHIFT} is possible",
                ),
                True,
            )
        elif bounds is not None and bounds.size and self._limit() == _INT32_MAX:
            # Shifted left in int32 before the multiplication.
            wrapping = np.flatnonzero((bounds > _INT32_MAX >> left) & (left > 0))
            if wrapping.size:
                yield (
                    self._finding(
                        self.weights,
                        f"the accumulator of {wrapping.size} channels can wrap when shifted left "
                        f"for a multiplier above 1, the first is channel {wrapping[0]}",
                    ),
                    True,
                )
